"""The registry is a fold over dated entries: nothing published disappears, and any day can be asked for."""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipas.events import Entry, encode
from sipas.people import People
from sipas.registry import (
    Erased,
    Item,
    NamespaceFacts,
    Registry,
    RuleSettings,
    Unreadable,
    WrongNamespace,
    check_namespace,
    read_item,
    token_hash,
)

NAMES = {"vi": "Tên", "en": "Name"}
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
METHOD = "quick-5@1"
CODE = "ABCDEFGHJK"


def entry(kind: str, entry_id: str, /, *versions: dict, **fields) -> Entry:
    return Entry(kind=kind, id=entry_id, history=versions or (fields,))


def block(entry_id: str = "so") -> Entry:
    return entry("block", entry_id, name=NAMES, order=1)


def agency(entry_id: str = "so-noi-vu", **fields) -> Entry:
    return entry("agency", entry_id, **{"name": NAMES, "block": "so", "kind": "SO"} | fields)


def place(entry_id: str = "tt") -> Entry:
    return entry("place", entry_id, name=NAMES)


def counter(code: str = CODE, **fields) -> Entry:
    fields = {"label": NAMES, "place": "tt", "agencies": ["so-noi-vu"], "method": METHOD} | fields
    return entry("counter", code, **fields)


def target(scope: str, percent: float, **fields) -> Entry:
    return entry("target", f"{scope}/{METHOD}", scope=scope, method=METHOD, percent=percent, **fields)


WORKING = (block(), agency(), place(), counter())


@dataclass
class Record:
    key: bytes | None
    value: bytes | None
    offset: int = 7


class TestFold:
    def test_the_last_record_of_an_entry_wins(self) -> None:
        registry = Registry.fold([*WORKING, agency(kind="XA")])
        assert registry.agency("so-noi-vu").kind == "XA"
        assert not registry.problems

    @given(
        st.lists(
            st.sampled_from(
                [
                    *WORKING,
                    agency(kind="XA"),
                    Erased("target", f"province/{METHOD}"),
                    target("province", 80),
                    Unreadable("agency/x", "no"),
                    agency("x"),
                    Erased("agency", "x"),
                ]
            )
        ),
        st.integers(0, 12),
    )
    def test_folding_in_parts_is_folding_at_once(self, items: list[Item], cut: int) -> None:
        assert Registry.fold(items[:cut]).updated(items[cut:]) == Registry.fold(items)

    @pytest.mark.parametrize(("kind", "entry_id"), [("agency", "so-noi-vu"), ("counter", CODE), ("block", "so")])
    def test_what_was_published_is_never_erased(self, kind: str, entry_id: str) -> None:
        registry = Registry.fold([*WORKING, Erased(kind, entry_id)])
        assert (kind, entry_id) in registry.entries
        assert [problem.entry for problem in registry.problems] == [f"{kind}/{entry_id}"]

    def test_a_target_can_be_erased(self) -> None:
        assert not Registry.fold([*WORKING, target("province", 80), Erased("target", f"province/{METHOD}")]).targets

    def test_an_entry_that_makes_no_sense_is_a_problem_and_the_rest_works(self) -> None:
        registry = Registry.fold([*WORKING, agency("b", kind=3), entry("agency", "c", name=NAMES)])
        assert set(registry.agencies) == {"so-noi-vu"}
        assert [problem.entry for problem in registry.problems] == ["agency/b", "agency/c"]

    def test_a_mended_entry_is_no_problem_any_more(self) -> None:
        assert not Registry.fold([*WORKING, agency("b", kind=3), agency("b")]).problems

    def test_fields_and_kinds_of_newer_programs_are_ignored(self) -> None:
        registry = Registry.fold([block(), agency(colour="red"), entry("shift", "s", hours=8)])
        assert registry.agency("so-noi-vu") is not None
        assert not registry.problems

    @pytest.mark.parametrize(
        ("broken", "field"),
        [
            (agency(block="zzz"), "block"),
            (agency(parent="zzz"), "parent"),
            (agency(merged_into="zzz"), "merged_into"),
            (counter(place="zzz"), "place"),
            (counter(agencies=["so-noi-vu", "zzz"]), "agencies[1]"),
            (counter(sectors=[{"id": "s", "name": NAMES, "agency": "zzz"}]), "sectors[0].agency"),
            (counter(replaced_by="zzz"), "replaced_by"),
            (target("block/zzz", 80), "scope"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_what_points_nowhere_is_a_problem_with_its_field(self, broken: Entry, field: str) -> None:
        assert [problem.field for problem in Registry.fold([*WORKING, broken]).problems] == [field]

    def test_a_snapshot_does_not_change_when_more_is_folded(self) -> None:
        before = Registry.fold(WORKING)
        before.updated([agency("b")])
        assert before.agency("b") is None
        with pytest.raises(TypeError):
            before.agencies["b"] = before.agencies["so-noi-vu"]  # type: ignore[index]


class TestRecords:
    @pytest.mark.parametrize(
        "record",
        [
            Record(None, b"{}"),
            Record(b"agency", b"{}"),
            Record(b"agency/x", b"not json"),
            Record(b"agency/x", encode(agency("y"))),
            Record(b"\xff/x", encode(agency("x"))),
        ],
        ids=["no key", "key without id", "not json", "another entry's value", "key not utf-8"],
    )
    def test_a_bad_record_is_told_and_stops_nobody(self, record: Record) -> None:
        item = read_item(record)
        assert isinstance(item, Unreadable)
        assert len(Registry.fold([*WORKING, item]).problems) == 1

    def test_ids_may_hold_a_slash(self) -> None:
        made = target("block/so", 80)
        assert read_item(Record(f"target/{made.id}".encode(), encode(made))) == made
        assert read_item(Record(f"target/{made.id}".encode(), None)) == Erased("target", made.id)


class TestDays:
    MOVED = entry(
        "agency",
        "so-noi-vu",
        {"valid_from": "2025-07-01", "valid_to": "2026-06-30", "name": NAMES, "block": "so", "kind": "SO"},
        {"valid_from": "2026-07-01", "valid_to": None, "name": NAMES, "block": "nganh-doc", "kind": "SO"},
    )

    @pytest.mark.parametrize(
        ("day", "expected"),
        [("2024-01-01", "so"), ("2025-07-01", "so"), ("2026-06-30", "so"), ("2026-07-01", "nganh-doc"),
         ("2030-01-01", "nganh-doc")],
        ids=["before all", "first day", "last day", "next version", "open end"],
    )  # fmt: skip
    def test_an_agency_is_what_it_was_on_that_day(self, day: str, expected: str) -> None:
        registry = Registry.fold([block(), block("nganh-doc"), self.MOVED])
        assert registry.as_of(date.fromisoformat(day)).agency("so-noi-vu").block == expected

    def test_an_agency_stays_findable_after_its_end(self) -> None:
        ended = agency(valid_to="2025-06-30", status="merged", merged_into="so-noi-vu")
        assert Registry.fold([block(), ended]).as_of(date(2026, 1, 1)).agency("so-noi-vu") is not None

    def test_a_target_holds_only_on_its_days(self) -> None:
        registry = Registry.fold([*WORKING, target("province", 80, valid_from="2026-01-01", valid_to="2026-12-31")])
        held = [bool(registry.as_of(date(year, 6, 1)).targets) for year in (2025, 2026, 2027)]
        assert held == [False, True, False]

    def test_the_nearest_target_counts(self) -> None:
        day = date(2026, 11, 22)
        registry = Registry.fold([*WORKING, target("province", 80)])
        assert registry.target_on("so-noi-vu", METHOD, day).percent == 80
        registry = registry.updated([target("block/so", 85)])
        assert registry.target_on("so-noi-vu", METHOD, day).percent == 85
        registry = registry.updated([target("so-noi-vu", 90)])
        assert registry.target_on("so-noi-vu", METHOD, day).percent == 90
        assert registry.target_on("so-noi-vu", "overall-1@1", day) is None
        assert registry.target_on("nobody", METHOD, day) is None

    def test_rule_settings_change_on_their_day_and_are_defaults_before(self) -> None:
        rule = entry("rule", METHOD, method=METHOD, unit=2.9, overrides={"lag": 10}, valid_from="2026-03-01")
        registry = Registry.fold([rule])
        assert registry.rule_on(METHOD, date(2026, 2, 28)) == RuleSettings(method=METHOD)
        assert registry.rule_on(METHOD, date(2026, 3, 1)) == RuleSettings(
            method=METHOD, unit=2.9, overrides={"lag": 10}
        )


class TestKeys:
    TOKEN = "sipas_submit_" + "x" * 43

    def key(self, *, revoked: bool = False) -> Entry:
        return entry(
            "key", "k-1", scope="submit", hash=token_hash(self.TOKEN), revoked=revoked, valid_from="2026-11-22"
        )

    def test_a_token_finds_its_key(self) -> None:
        assert Registry.fold([self.key()]).key_for(self.TOKEN).scope == "submit"

    @pytest.mark.parametrize("token", ["", "sipas_submit_", TOKEN[:-1], TOKEN.upper(), token_hash(TOKEN)])
    def test_nothing_else_does(self, token: str) -> None:
        assert Registry.fold([self.key()]).key_for(token) is None

    def test_a_revoked_key_is_worthless_on_any_day(self) -> None:
        registry = Registry.fold([self.key(), self.key(revoked=True)])
        assert registry.key_for(self.TOKEN) is None
        assert registry.as_of(date(2000, 1, 1)).key_for(self.TOKEN) is None

    def test_the_token_itself_is_nowhere(self) -> None:
        assert self.TOKEN not in repr(Registry.fold([self.key()]))


@dataclass(frozen=True)
class Settings:
    namespace: str = "tinh-mau"
    zone: ZoneInfo = HANOI


class TestNamespace:
    FACTS = NamespaceFacts(timezone="Asia/Ho_Chi_Minh", partitions=12)

    def test_agreement_passes(self) -> None:
        assert check_namespace(self.FACTS, Settings(), 12) == self.FACTS

    @pytest.mark.parametrize(
        ("facts", "settings", "count", "said"),
        [
            (None, Settings(), 12, "topics create"),
            (FACTS, Settings(zone=ZoneInfo("UTC")), 12, "SIPAS_TIMEZONE"),
            (FACTS, Settings(), 48, "48"),
        ],
        ids=["never set up", "another time zone", "another partition count"],
    )
    def test_disagreement_stops_with_what_is_wrong(self, facts, settings, count, said) -> None:
        with pytest.raises(WrongNamespace, match=said):
            check_namespace(facts, settings, count)

    def test_the_registry_carries_the_facts(self) -> None:
        recorded = entry("namespace", "tinh-mau", timezone="Asia/Ho_Chi_Minh", partitions=12)
        assert Registry.fold([recorded]).facts == self.FACTS


class TestPeople:
    def person(self, entry_id: str, *leads: str) -> Entry:
        return entry("person", entry_id, name="Bà Mẫu", email="ba@mau.example", language="vi", leads=list(leads))

    def test_an_erased_person_is_gone(self) -> None:
        people = People.fold([self.person("one", "province"), Erased("person", "one")])
        assert not people.by_id
        assert not people.entries
        assert "Bà Mẫu" not in repr(people)

    def test_a_person_that_cannot_be_read_is_a_problem(self) -> None:
        people = People.fold([self.person("one", "province"), entry("person", "one", name=3)])
        assert not people.by_id
        assert len(people.problems) == 1
