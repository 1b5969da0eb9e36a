"""A tally in few bytes and back: nothing is lost, nothing is guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipas.packed import Layout, added, layouts
from sipas.tally import Tally, sheet_fields

METHODS = sorted(layouts())


def sheets_of(layout: Layout) -> st.SearchStrategy[dict[str, int]]:
    """The fields of some sheets of a method."""
    answers = st.fixed_dictionaries({code: st.sampled_from((None, 1, 2, 3, 4, 5)) for code in layout.codes})
    answered = answers.filter(lambda sheet: any(sheet.values()))

    def summed(sheets: list[dict[str, int | None]]) -> dict[str, int]:
        fields: dict[str, int] = {}
        for sheet in sheets:
            for name in sheet_fields(sheet):
                fields[name] = fields.get(name, 0) + 1
        return fields

    return st.lists(answered, max_size=6).map(summed)


tallies = st.sampled_from(METHODS).flatmap(
    lambda method: st.tuples(st.just(layouts()[method]), sheets_of(layouts()[method]), st.integers(1, 10**7))
)


@given(tallies)
def test_what_was_packed_is_unpacked(case: tuple[Layout, dict[str, int], int]) -> None:
    layout, fields, times = case
    large = {name: number * times for name, number in fields.items()}
    assert layout.named(layout.unpack(layout.pack(layout.vector(large)))) == large


@given(tallies)
def test_a_tally_is_that_of_the_named_fields(case: tuple[Layout, dict[str, int], int]) -> None:
    layout, fields, _ = case
    assert layout.tally(layout.vector(fields)) == Tally.from_fields(fields)
    assert layout.cells_alone(layout.vector(fields)).cells == Tally.from_fields(fields).cells


@given(st.lists(sheets_of(layouts()["quick-5@1"]), min_size=1, max_size=4))
def test_adding_vectors_is_adding_tallies(several: list[dict[str, int]]) -> None:
    layout = layouts()["quick-5@1"]
    whole = sum((Tally.from_fields(fields) for fields in several), Tally.EMPTY)
    assert layout.tally(added([layout.vector(fields) for fields in several])) == whole


@given(st.dictionaries(st.sampled_from(("counter=A", "counter=B", "channel=qr")), sheets_of(layouts()["quick-5@1"])))
def test_parts_come_back_also_the_one_that_is_the_whole(parts: dict[str, dict[str, int]]) -> None:
    layout = layouts()["quick-5@1"]
    vectors = {name: layout.vector(fields) for name, fields in parts.items()}
    total = next(iter(vectors.values()), layout.unpack(None))
    found = layout.unpack_parts(layout.pack_parts(vectors, total), total)
    assert {name: layout.named(vector) for name, vector in found.items()} == parts


def test_what_is_not_stored_is_nothing() -> None:
    layout = layouts()["quick-5@1"]
    assert layout.named(layout.unpack(None)) == {}
    assert layout.unpack_parts(None, layout.unpack(None)) == {}


def test_a_value_of_another_method_is_refused() -> None:
    one, other = layouts()["quick-5@1"], layouts()["overall-1@1"]
    with pytest.raises(ValueError, match="a tally of"):
        one.unpack(other.pack(other.vector({"responses": 1})))


def test_a_negative_number_is_no_tally() -> None:
    layout = layouts()["quick-5@1"]
    with pytest.raises(OverflowError):
        layout.pack([-1, *layout.vector({})[1:]])


def test_a_day_of_five_questions_stays_small_enough_for_a_compact_hash() -> None:
    layout = layouts()["quick-5@1"]
    assert len(layout.pack([255] * len(layout.fields))) <= 64
