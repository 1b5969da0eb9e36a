"""Ranks inside a block: exact, shared by ties, and none for a few sheets."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipas.index import Index
from sipas.ranking import name_key, rank


def an_index(agency, satisfied, answers, responses=100, **changes):
    made = Index(
        agency=agency,
        method="quick-5@1",
        aggregation="pooled",
        period="2026-11",
        percent=None,
        responses=responses,
        answers=answers,
        satisfied=satisfied,
        interval=None,
        excluded=0,
        as_of=None,
        rebuilding=False,
    )
    return replace(made, **changes)


def ranks(*indices, **options):
    return [(line.index.agency, line.rank) for line in rank(indices, **options)]


def test_ties_share_a_rank_and_the_next_is_skipped():
    block = [an_index(agency, k, 10_000) for agency, k in (("d", 7539), ("c", 8810), ("a", 9039), ("b", 8810))]
    assert ranks(*block) == [("a", 1), ("b", 2), ("c", 2), ("d", 4)]


def test_equal_shares_of_different_sizes_are_a_tie():
    assert ranks(an_index("a", 2, 3), an_index("b", 400, 600)) == [("a", 1), ("b", 1)]


def test_what_rounds_to_the_same_percentage_is_not_a_tie():
    """Both show 66.67."""
    assert ranks(an_index("a", 66_666, 100_000), an_index("b", 2, 3)) == [("b", 1), ("a", 2)]


def test_agencies_below_the_minimum_stand_at_the_end_by_name_without_a_rank():
    block = [an_index("z", 29, 29, responses=29), an_index("b", 1, 30, responses=30), an_index("a", 9, 9, responses=9)]
    assert ranks(*block) == [("b", 1), ("a", None), ("z", None)]


def test_the_minimum_is_a_setting():
    assert ranks(an_index("a", 9, 9, responses=5), minimum=5) == [("a", 1)]


def test_an_agency_without_an_answer_has_no_rank():
    assert ranks(an_index("a", 0, 0), an_index("b", 0, 5), minimum=0) == [("b", 1), ("a", None)]


def test_every_line_says_out_of_how_many():
    lines = rank([an_index("a", 9, 10), an_index("b", 8, 10), an_index("c", 1, 1, responses=1)])
    assert [line.of for line in lines] == [2, 2, 2]


def test_an_empty_block_has_an_empty_ranking():
    assert rank([]) == ()


def test_ties_stand_in_the_order_of_their_names():
    names = {"x": "Phường Đà Nẵng", "y": "Phường Dân Hòa", "z": "Phường An"}
    assert [a for a, _ in ranks(*(an_index(agency, 1, 2) for agency in "xyz"), names=names)] == ["z", "y", "x"]


@pytest.mark.parametrize(
    ("other", "says"),
    [
        pytest.param(an_index("b", 1, 2, method="overall-1@1"), "methods", id="another method"),
        pytest.param(an_index("b", 1, 2, period="2026-10"), "periods", id="another period"),
        pytest.param(an_index("b", 1, 2, aggregation="mean_of_factors"), "pooled", id="another aggregation"),
        pytest.param(an_index("a", 1, 2), "once, not twice: a", id="the same agency"),
    ],
)
def test_what_cannot_be_compared_is_not_ranked(other, says):
    with pytest.raises(ValueError, match=says):
        rank([an_index("a", 1, 2), other])


blocks = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 8), st.integers(28, 32)), max_size=9).map(
    lambda rows: [an_index(f"a{i}", min(k, m), m, responses=n) for i, (k, m, n) in enumerate(rows)]
)


@given(blocks)
def test_a_rank_is_one_more_than_the_number_of_better_agencies(block):
    lines = rank(block)
    ranked = [line for line in lines if line.rank is not None]
    for line in ranked:
        better = [
            other
            for other in ranked
            if other.index.satisfied * line.index.answers > line.index.satisfied * other.index.answers
        ]
        assert line.rank == len(better) + 1


@given(blocks, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(block, random):
    shuffled = random.sample(block, len(block))
    assert rank(shuffled) == rank(block)


@given(blocks)
def test_nobody_is_lost(block):
    assert sorted(line.index.agency for line in rank(block)) == sorted(index.agency for index in block)


@pytest.mark.parametrize(
    "in_order",
    [
        pytest.param(["Dân Hòa", "Đà Bắc"], id="Đ is a letter after D"),
        pytest.param(["An", "Ăn", "Ân", "Ba"], id="hats are letters"),
        pytest.param(["Co", "Cô", "Cơ", "Cu", "Cư", "Cy"], id="horns are letters"),
        pytest.param(["ma", "mà", "mả", "mã", "má", "mạ"], id="tones: level, huyền, hỏi, ngã, sắc, nặng"),
        pytest.param(["má b", "ma c"], id="letters before tones"),
        pytest.param(["Sở Nội vụ", "Sở Y tế", "sở z"], id="case aside"),
    ],
)
def test_names_are_sorted_as_in_a_vietnamese_dictionary(in_order):
    backwards = in_order[::-1]
    assert sorted(backwards, key=name_key) == in_order


@given(st.text(alphabet="aáàâấậăđĐoôốơờuưựyỵ SBX1", max_size=12))
def test_decomposed_and_composed_names_have_the_same_key(name):
    assert name_key(unicodedata.normalize("NFD", name)) == name_key(name)
