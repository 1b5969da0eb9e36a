"""What a frozen result is made of: its bytes, its numbers, its parts."""

import hashlib
import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator import frozen
from services.aggregator.frozen import Cut, Frozen, Series, canonical, numbers, parts_of, results_in, versions_of
from sipas.events import Entry
from sipas.methods import load_methods
from sipas.periods import Period

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text() | st.decimals(0, 100, places=2).map(float),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
QUARTER = Period.parse("2026-Q3", date(2026, 11, 22))
DAY = {"responses": 2, "STAFF:5": 1, "STAFF:2": 1, "1/1": 1, "0/1": 1}


def result(content: str, version: int = 1, previous: str | None = None) -> Frozen:
    hashed = hashlib.sha256(content.encode()).hexdigest()
    return Frozen("2026-Q3", version, hashed, previous, None, content.encode())


@given(JSON)
def test_canonical_bytes_say_the_same_and_are_made_again_from_themselves(value) -> None:
    content = canonical(value)
    assert json.loads(content) == value
    assert canonical(json.loads(content)) == content


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ({"b": 1, "a": [80.0, 87.46, None]}, '{"a":[80,87.46,null],"b":1}'),
        ({"tên": "Sở Nội vụ\n"}, '{"tên":"Sở Nội vụ\\n"}'),
    ],
)
def test_canonical_bytes_are_those_of_rfc_8785(value, content: str) -> None:
    assert canonical(value) == content.encode()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(1, 7))
def test_a_result_comes_back_from_its_parts_whatever_was_told_in_between(text: str, size: int) -> None:
    first, second = result(text), result(text + "!", 2, "before")
    told = [*parts_of(first, size), *parts_of(second, size), *parts_of(first, size)]
    assert versions_of("2026-Q3", results_in(told)) == [first, second]


def test_the_first_complete_version_stands() -> None:
    ours, theirs = result("ours"), result("theirs")
    assert results_in([*parts_of(ours), *parts_of(theirs)]) == {("2026-Q3", 1): ours}


def test_a_number_has_the_integers_that_it_follows_from() -> None:
    at = datetime(2026, 10, 2, 3, 15, tzinfo=UTC)
    cut = Cut(9, {Series("so-a", "quick-5@1"): {"2026-07-01": DAY, "2026-09-30": DAY}}, {"so-a": at})
    [number] = numbers([cut], QUARTER, load_methods())
    assert (number["percent"], number["responses"], number["satisfied"], number["answers"]) == (50.0, 4, 2, 4)
    assert number["tally"] == {name: 2 * count for name, count in DAY.items()}
    assert number["as_of"] == "2026-10-02T03:15:00Z"


def test_the_registry_snapshot_has_no_keys_and_its_own_hash() -> None:
    entries = [Entry(kind=kind, id="x", history=({"name": kind},)) for kind in ("key", "block", "agency")]
    snapshot = frozen.registry_snapshot(entries)
    assert [entry["kind"] for entry in snapshot["entries"]] == ["agency", "block"]
    assert snapshot["sha256"] == hashlib.sha256(canonical(snapshot["entries"])).hexdigest()


def test_a_difference_is_named_by_agency_and_field() -> None:
    before = {"numbers": [{"agency": "so-a", "method": "quick-5@1", "responses": 4}]}
    after = {"numbers": [{"agency": "so-a", "method": "quick-5@1", "responses": 5}]}
    assert list(frozen.differences(before, after)) == ["numbers[so-a quick-5@1].responses: frozen 4, the log gives 5"]
