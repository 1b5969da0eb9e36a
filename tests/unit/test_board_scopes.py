"""Which agencies a scope adds up, and which sums the public may read."""

from datetime import date

import pytest
from holidays import country_holidays
from hypothesis import given
from hypothesis import strategies as st

from services.board.scopes import Scope, is_published, readable_part, scope_of
from sipas.events import Entry
from sipas.periods import Period
from sipas.registry import Registry
from tests.integration.board_stack import agency, block
from tests.unit.linear import isolated

COUNTER = Entry(
    kind="counter",
    id="7K3M9QX2TB",
    history=(
        {
            "label": {"vi": "Quầy 1", "en": "Counter 1"},
            "place": "tt",
            "agencies": ["a", "b"],
            "sectors": [{"id": "dat-dai", "name": {"vi": "Đất đai", "en": "Land"}, "agency": "b"}],
            "method": "quick-5@1",
        },
    ),
)
MOVED = Entry(
    kind="agency",
    id="moved",
    history=(
        {"name": {"vi": "M", "en": "M"}, "block": "one", "kind": "SO", "valid_to": "2026-06-30"},
        {"name": {"vi": "M", "en": "M"}, "block": "two", "kind": "SO", "valid_from": "2026-07-01"},
    ),
)
REGISTRY = Registry.fold(
    [
        block("one", "Một", 1),
        block("two", "Hai", 2),
        agency("a", "A", "one"),
        agency("b", "B", "one"),
        agency("c", "C", "two"),
        agency("old", "Cũ", "two", status="merged", merged_into="a"),
        agency("older", "Cũ hơn", "two", status="merged", merged_into="old"),
        MOVED,
        COUNTER,
    ]
)


@pytest.mark.parametrize(
    ("name", "agencies"),
    [
        ("province", {"a", "b", "c", "old", "older", "moved"}),
        ("block:one", {"a", "b"}),
        ("kind:SO", {"a", "b", "c", "old", "older", "moved"}),
        ("agency:a", {"a", "old", "older"}),
        ("agency:c", {"c"}),
        ("counter:7K3M9QX2TB", {"a", "b"}),
        ("place:tt", {"a", "b"}),
        ("sector:dat-dai", {"b"}),
    ],
)
def test_a_scope_adds_up_its_agencies(name: str, agencies: set[str]) -> None:
    found = scope_of(name, REGISTRY)
    assert found is not None
    assert set(found.agencies) == agencies


def test_what_was_merged_into_an_agency_is_named() -> None:
    found = scope_of("agency:a", REGISTRY)
    assert found is not None
    assert found.merged == ("old", "older")


def test_an_agency_belongs_to_the_block_of_its_time() -> None:
    before = scope_of("block:one", REGISTRY.as_of(date(2026, 6, 30)))
    after = scope_of("block:one", REGISTRY.as_of(date(2026, 7, 1)))
    assert before is not None
    assert after is not None
    assert set(before.agencies) - set(after.agencies) == {"moved"}


def test_a_registry_without_agencies_has_no_province_to_add_up() -> None:
    assert scope_of("province", Registry.fold([block("one", "Một", 1)])) is None


@pytest.mark.parametrize(
    "name", ["", "province:x", "block:three", "kind:XX", "agency:z", "counter:X", "place:x", "x:y"]
)
def test_a_name_that_is_no_scope_is_none(name: str) -> None:
    assert scope_of(name, REGISTRY) is None


def test_counters_wait_for_the_next_working_day() -> None:
    holidays, friday = country_holidays("VN"), date(2026, 11, 20)
    monday = date(2026, 11, 23)
    week = Period.parse("2026-W47", monday)
    assert readable_part(week, friday, holidays) == Period("2026-W47", date(2026, 11, 16), date(2026, 11, 19))
    assert readable_part(week, monday, holidays) == week
    assert readable_part(Period.parse("2026-11-23", monday), monday, holidays) is None


counts = st.integers(0, 8)


@given(st.lists(st.tuples(counts, st.sampled_from(["one", "two", "three"]), st.sampled_from("SX")), max_size=7))
def test_from_all_published_sums_nobody_gets_back_few_sheets(drawn: list[tuple[int, str, str]]) -> None:
    """The reader solves the linear system of agencies, blocks, kinds, merged agencies and the province."""
    names = [f"a{number}" for number in range(len(drawn))]
    registry = Registry.fold(
        [
            *(block(name, name, 1) for name in ("one", "two", "three")),
            *(
                agency(name, name, of, kind=kind, merged_into=names[0] if number % 3 == 2 else None)
                for number, (name, (_, of, kind)) in enumerate(zip(names, drawn, strict=True))
            ),
        ]
    )
    sheets = {name: count for name, (count, _, _) in zip(names, drawn, strict=True)}
    asked = ["province", "block:one", "block:two", "block:three", "kind:S", "kind:X", *(f"agency:{n}" for n in names)]
    published = [[int(name == other) for other in names] for name in names if not 0 < sheets[name] < 5]
    published += [
        [int(name in scope.agencies) for name in names]
        for scope in (scope_of(name, registry) for name in asked)
        if scope and is_published(scope, registry, sheets, 5)
    ]
    assert isolated(published, list(sheets.values()), 5) == []


def test_a_block_is_published_where_its_small_agencies_hide_each_other() -> None:
    registry = Registry.fold([block("one", "Một", 1), *(agency(name, name, "one") for name in "abc")])
    one = scope_of("block:one", registry)
    assert one is not None
    assert is_published(one, registry, {"a": 30, "b": 3, "c": 2}, 5)
    assert not is_published(one, registry, {"a": 30, "b": 3, "c": 0}, 5)


def test_a_part_of_an_agency_is_never_public() -> None:
    assert not is_published(Scope("counter:x", ("a",), ("counter=x",)), REGISTRY, {"a": 500}, 5)
