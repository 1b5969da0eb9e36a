"""Tallies are integers that add up in any order, and that can be checked."""

from collections import Counter
from functools import reduce
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipas.tally import EXCLUDED_FIELDS, Tally, sheet_fields

codes = st.sampled_from(["ACCESS", "PROC", "STAFF_1", "STAFF_2"])
sheets = st.dictionaries(codes, st.sampled_from([None, 1, 2, 3, 4, 5]), min_size=1).filter(
    lambda answers: any(level is not None for level in answers.values())
)


def tally_of(counted):
    """Count sheets as the aggregator does; None stands for a flagged sheet."""
    fields = Counter()
    for answers in counted:
        fields.update(EXCLUDED_FIELDS if answers is None else sheet_fields(answers))
    return Tally.from_fields(fields)


tallies = st.lists(st.one_of(sheets, st.none()), max_size=8).map(tally_of)


def test_a_sheet_raises_one_field_per_criterion_and_one_cell():
    answers = {"ACCESS": 4, "PROC": 5, "STAFF": 3, "RESULT": 1, "FEEDBACK": None}
    assert sheet_fields(answers) == (
        "responses",
        "ACCESS:4",
        "PROC:5",
        "STAFF:3",
        "RESULT:1",
        "FEEDBACK:-",
        "2/4",
    )


def test_a_criterion_that_was_not_asked_has_no_field():
    assert sheet_fields({"ACCESS": 2}) == ("responses", "ACCESS:2", "0/1")


def test_a_flagged_sheet_raises_excluded_and_nothing_else():
    tally = tally_of([None, {"ACCESS": 5}, None])
    assert (tally.excluded, tally.responses, tally.answers) == (2, 1, 1)


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        pytest.param({}, "without any answer", id="nothing asked"),
        pytest.param({"ACCESS": None}, "without any answer", id="only null"),
        pytest.param({"ACCESS": 6}, "ACCESS=6", id="above the scale"),
        pytest.param({"ACCESS": 5, "PROC": 0}, "PROC=0", id="below the scale"),
    ],
)
def test_a_sheet_that_cannot_be_counted_is_an_error(answers, says):
    with pytest.raises(ValueError, match=says):
        sheet_fields(answers)


@given(sheets)
def test_every_sheet_alone_makes_a_valid_tally(answers):
    tally = tally_of([answers])
    given_levels = [level for level in answers.values() if level is not None]
    assert tally.problems() == ()
    assert tally.answers == len(given_levels)
    assert tally.satisfied == sum(level >= 4 for level in given_levels)


@given(tallies)
def test_fields_and_back_is_the_same_tally(tally):
    assert Tally.from_fields(tally.fields()) == tally


@given(tallies)
def test_no_stored_field_is_zero(tally):
    assert all(tally.fields().values())


def test_zero_fields_read_as_if_they_were_absent():
    assert Tally.from_fields({"responses": 0, "ACCESS:4": 0, "1/1": 0, "excluded": 0}) == Tally.EMPTY


@pytest.mark.parametrize(
    "name", ["response", "ACCESS:6", "ACCESS:", "access:4", "4/5/6", "04/5", "-1/5", "4/", "", "A:4\n"]
)
def test_a_field_of_another_name_is_refused(name):
    with pytest.raises(ValueError, match="is not a field of a tally"):
        Tally.from_fields({name: 1})


@given(tallies, tallies)
def test_merging_is_commutative(one, other):
    assert one + other == other + one


@given(tallies, tallies, tallies)
def test_merging_is_associative(a, b, c):
    assert (a + b) + c == a + (b + c)


@given(tallies)
def test_the_empty_tally_changes_nothing(tally):
    assert tally + Tally.EMPTY == tally == Tally.EMPTY + tally


@given(st.lists(sheets, max_size=12), st.randoms(use_true_random=False))
def test_shards_merged_equal_one_count_of_everything(counted, random):
    shards = [[], [], []]
    for answers in counted:
        random.choice(shards).append(answers)
    assert reduce(add, map(tally_of, shards)) == tally_of(counted)


@given(tallies)
def test_tallies_of_whole_sheets_have_no_problem(tally):
    assert tally.problems() == ()


def test_a_tally_cannot_be_changed():
    tally = tally_of([{"ACCESS": 4}])
    with pytest.raises(TypeError):
        tally.cells[1, 1] = 7


WHOLE = {"responses": 2, "ACCESS:4": 1, "ACCESS:2": 1, "PROC:-": 1, "PROC:5": 1, "2/2": 1, "0/1": 1}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"responses": 3}, "the cells hold 2 sheets, the counts 3", id="a sheet without a cell"),
        pytest.param({"ACCESS:4": 0, "ACCESS:3": 1}, "the cells hold 2 satisfied answers, the counts 1", id="a level"),
        pytest.param({"PROC:5": 0}, "the cells hold 3 answers, the counts 2", id="an answer lost"),
        pytest.param({"ACCESS:2": 2}, "ACCESS was asked on 3 sheets, but only 2", id="an answer twice"),
        pytest.param({"0/1": -1}, "0/1 is negative: -1", id="a negative number"),
        pytest.param({"0/1": 0, "2/1": 1}, "cell 2/1 cannot come", id="more satisfied than answered"),
        pytest.param({"0/1": 0, "0/3": 1}, "cell 0/3 cannot come", id="more answers than criteria"),
        pytest.param({"0/1": 0, "0/0": 1}, "cell 0/0 cannot come", id="a sheet without answers"),
    ],
)
def test_integers_that_cannot_come_from_sheets_are_named(change, says):
    assert Tally.from_fields(WHOLE).problems() == ()
    assert any(says in problem for problem in Tally.from_fields(WHOLE | change).problems())
