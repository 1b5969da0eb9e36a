"""Registry files are written by hand: all faults are told at once; loading twice changes nothing."""

import unicodedata
from collections import Counter
from dataclasses import fields
from datetime import date
from importlib.resources import files

import pytest

from services.board import registry_file
from services.board.changes import Change, plan
from services.board.list_files import Source, read_files
from services.board.people_commands import LISTS
from services.notifier.drop_rule import Rule
from sipas.codes import normalise, with_check
from sipas.methods import load_methods
from sipas.provinces import load_provinces
from sipas.registry import Agency, Problem, Registry
from sipas.tables.lists import Fault

METHODS = {"quick-5@1", "overall-1@1"}
TODAY = date(2026, 11, 22)
AGENCY = "agency/so-noi-vu"
REVOKED = "    replaced_by: {}\n    status: revoked\n    sectors:"
CODE, OTHER = with_check("7K3M9QX2T"), with_check("000000001")

GOOD = f"""
blocks:
  - {{id: so, name: {{vi: Sở, en: Departments}}, order: 1}}
agencies:
  - {{id: so-noi-vu, name: {{vi: Sở Nội vụ, en: Home Affairs}}, block: so, kind: SO}}
  - {{id: so-tu-phap, name: {{vi: Sở Tư pháp, en: Justice}}, block: so, kind: SO}}
places:
  - {{id: tt, name: {{vi: Trung tâm, en: Centre}}, contact: {{vi: Văn phòng, en: Office}}, hotline: 1900 0000}}
counters:
  - code: "{CODE}"
    label: {{vi: Quầy 1, en: Counter 1}}
    place: tt
    agencies: [so-noi-vu, so-tu-phap]
    sectors:
      - {{id: ho-tich, name: {{vi: Hộ tịch, en: Civil status}}, agency: so-tu-phap}}
    method: quick-5@1
targets:
  - {{scope: block/so, method: quick-5@1, percent: 85}}
rules:
  - {{method: quick-5@1, unit: 1.0, smallest_drop_points: 5, lag: 15}}
"""

SECOND_COUNTER = f"""\
  - code: "{OTHER}"
    label: {{vi: Quầy 2, en: Counter 2}}
    place: tt
    agencies: [so-noi-vu]
    method: quick-5@1
"""


def faults_of(content: str) -> list[Fault]:
    wanted, faults = registry_file.read([Source("f.yaml", content.encode())], METHODS, load_provinces())
    if faults:
        return faults
    changes, problems = plan(Registry.fold(()), wanted, TODAY)
    registry = Registry.fold(change.entry for change in changes)
    return registry_file.references(wanted, [*problems, *registry.problems])


def load(registry: Registry, content: str, today: date = TODAY) -> tuple[Registry, list[Change], list[Problem]]:
    wanted, faults = registry_file.read([Source("f.yaml", content.encode())], METHODS, load_provinces())
    assert not faults
    changes, problems = plan(registry, wanted, today)
    return registry.updated(change.entry for change in changes), changes, problems


class TestCheck:
    def test_a_good_file_has_no_fault(self) -> None:
        assert faults_of(GOOD) == []

    @pytest.mark.parametrize(
        ("right", "wrong", "field", "said"),
        [
            ("id: so-noi-vu", "id: Sở_Nội_vụ", "agencies[0].id", "lower-case"),
            ("id: so-noi-vu", "id: province", "agency/province id", "whole province"),
            ("id: so-tu-phap, name", "id: so-noi-vu, name", "agency/so-noi-vu", "stands already at line 5"),
            ("{vi: Sở Nội vụ, en: Home Affairs}", "{vi: Sở Nội vụ}", "agencies[0].name.en", "missing"),
            ("vi: Sở Nội vụ", "vi: ", "agencies[0].name.vi", "empty"),
            ("{vi: Sở Nội vụ, en: Home Affairs}", "Sở Nội vụ", "agencies[0].name", "fields vi, en"),
            ("kind: SO}", "kind: SỞ}", "agencies[0].kind", "must be BO or TINH"),
            ("kind: SO}", "kind: SO, colour: red}", "agencies[0].colour", "not one of"),
            ("kind: SO}", "kind: SO, kind: XA}", "agencies[0].kind", "twice"),
            ("kind: SO}", "kind: SO, status: merged}", "agency/so-noi-vu merged_into", "goes together"),
            ("kind: SO}", "kind: SO, gso_code: x1}", "agencies[0].gso_code", "digits"),
            ("kind: SO}", "kind: SO, valid_from: 2026-13-01}", "agencies[0].valid_from", "a day such as"),
            ("kind: SO}", "kind: SO, valid_from: 2026-02-01, valid_to: 2026-01-01}", f"{AGENCY} valid_to", "before"),
            ("Home Affairs}, block: so", "Home Affairs}, block: zz", f"{AGENCY} block", "no block zz"),
            ("order: 1", "order: first", "blocks[0].order", "whole number"),
            ("order: 1", "order: 1.5", "blocks[0].order", "whole number"),
            (CODE, CODE[:-1] + ("0" if CODE[-1] != "0" else "1"), "counters[0].code", "no counter code"),
            ("en: Office}, hotline", "en: }, hotline", "places[0].contact.en", "empty"),
            ("hotline: 1900 0000", "hotline: [1900]", "places[0].hotline", "must be a text"),
            ("place: tt", "place: zz", f"counter/{CODE} place", "no place zz"),
            ("place: tt\n", "place:\n", "counters[0].place", "is empty"),
            ("place: tt\n", "plaec: tt\n", "counters[0].plaec", "not one of"),
            ("[so-noi-vu, so-tu-phap]", "[so-noi-vu, zz]", f"counter/{CODE} agencies[1]", "no agency zz"),
            ("[so-noi-vu, so-tu-phap]", "[]", "counters[0].agencies", "at least 1"),
            ("[so-noi-vu, so-tu-phap]", "so-noi-vu", "counters[0].agencies", "must be a list"),
            ("[so-noi-vu, so-tu-phap]", "[so-tu-phap, so-tu-phap]", f"counter/{CODE} agencies[1]", "twice"),
            (", agency: so-tu-phap", "", f"counter/{CODE} sectors[0].agency", "several agencies"),
            ("agency: so-tu-phap", "agency: zz", f"counter/{CODE} sectors[0].agency", "does not serve zz"),
            ("method: quick-5@1\n", "method: quick-6@1\n", "counters[0].method", "overall-1@1 or quick-5@1"),
            ("    sectors:", f"    replaced_by: {OTHER}\n    sectors:", f"counter/{CODE} replaced_by", "revoked"),
            ("    sectors:", REVOKED.format(CODE), f"counter/{CODE} replaced_by", "itself"),
            ("    sectors:", REVOKED.format(OTHER), f"counter/{CODE} replaced_by", "no counter"),
            ("scope: block/so", "scope: block/zz", "target/block/zz/quick-5@1 scope", "no block/zz"),
            ("percent: 85", "percent: 101", "targets[0].percent", "from 1 to 100"),
            ("percent: 85", "percent: .nan", "targets[0].percent", "from 1 to 100"),
            ("percent: 85", "percent: true", "targets[0].percent", "from 1 to 100"),
            ("lag: 15", "lag: -1", "rules[0].lag", "from 0 to 100"),
            ("lag: 15", "lags: 15", "rules[0].lags", "not one of"),
            ("places:", "placs:", "placs", "not one of"),
        ],
    )  # fmt: skip
    def test_a_fault_is_told_with_its_line_and_field(self, right: str, wrong: str, field: str, said: str) -> None:
        content = GOOD.replace(right, wrong, 1)
        lines = zip(GOOD.splitlines(), content.splitlines(), strict=False)
        changed = next(number for number, (one, other) in enumerate(lines, 1) if one != other)
        found = [fault for fault in faults_of(content) if fault.field == field]
        assert [fault.spot.line for fault in found] == [changed], faults_of(content)
        assert said in found[0].why

    def test_a_missing_field_is_told_at_the_element_that_lacks_it(self) -> None:
        (fault,) = faults_of(GOOD.replace("    place: tt\n", ""))
        assert str(fault) == "f.yaml:10: counters[0].place: is missing"

    def test_all_faults_are_told_at_once(self) -> None:
        content = (
            GOOD.replace("order: 1", "order: x").replace("kind: SO", "kind: Z").replace("percent: 85", "percent: 0")
        )
        assert [fault.spot.line for fault in faults_of(content)] == [3, 5, 6, 18]

    def test_all_that_points_nowhere_is_told_at_once(self) -> None:
        content = GOOD.replace("block: so,", "block: a,").replace("place: tt", "place: b")
        assert [fault.spot.line for fault in faults_of(content)] == [5, 6, 12]

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "just words",
            "- a\n- b",
            "a: [",
            "a: b: c",
            "\t",
            "x: 1\n---\ny: 2",
            "blocks: 3",
            "agencies: [3]",
            "a: *b",
            "\x00",
        ],
    )
    def test_what_is_no_registry_is_told_and_never_raises(self, content: str) -> None:
        _, faults = registry_file.read([Source("f.yaml", content.encode())], METHODS, load_provinces())
        assert faults
        assert all(fault.spot.line >= 1 for fault in faults)

    def test_a_text_is_what_stands_in_the_file(self) -> None:
        content = GOOD.replace("kind: SO}", "kind: SO, gso_code: 01}", 1).replace("vi: Sở Tư pháp", "vi: no")
        registry, _, _ = load(Registry.fold(()), content)
        assert registry.agency("so-noi-vu").gso_code == "01"
        assert registry.agency("so-tu-phap").name.vi == "no"

    def test_texts_are_stored_in_one_unicode_form(self) -> None:
        decomposed = GOOD.replace("Sở Nội vụ", unicodedata.normalize("NFD", "Sở Nội vụ"))
        registry, _, _ = load(Registry.fold(()), decomposed)
        assert registry.agency("so-noi-vu").name.vi == "Sở Nội vụ"

    def test_a_code_may_stand_as_on_the_poster(self) -> None:
        registry, _, _ = load(Registry.fold(()), GOOD.replace(CODE, f"{CODE[:3]}-{CODE[3:6]}-{CODE[6:]}".lower()))
        assert set(registry.counters) == {CODE}


class TestLoad:
    def test_everything_is_new_at_first(self) -> None:
        registry, changes, problems = load(Registry.fold(()), GOOD)
        assert (len(changes), problems, registry.problems) == (7, [], ())
        assert {change.before for change in changes} == {None}
        assert registry.rules["quick-5@1"].overrides == {"smallest_drop": 0.05, "lag": 15}

    @pytest.mark.parametrize("later", [TODAY, date(2027, 5, 1)], ids=["the same day", "months later"])
    def test_the_same_file_again_changes_nothing(self, later: date) -> None:
        registry, _, _ = load(Registry.fold(()), GOOD)
        assert load(registry, GOOD, later)[1:] == ([], [])

    def test_the_same_file_with_dates_again_changes_nothing(self) -> None:
        dated = GOOD.replace("kind: SO}", "kind: SO, valid_from: 2026-01-01, valid_to: 2027-01-01}")
        registry, _, _ = load(Registry.fold(()), dated)
        assert load(registry, dated, date(2027, 5, 1))[1:] == ([], [])

    def test_a_change_holds_from_today_and_keeps_what_was(self) -> None:
        registry, _, _ = load(Registry.fold(()), GOOD)
        registry, changes, _ = load(registry, GOOD.replace("percent: 85", "percent: 90"))
        assert [str(change) for change in changes] == [
            "changed  target/block/so/quick-5@1  from 2026-11-22: percent 85.0 -> 90.0"
        ]
        before, after = (registry.target_on("so-noi-vu", "quick-5@1", date(2026, 11, d)) for d in (21, 22))
        assert (before.percent, after.percent) == (85, 90)

    def test_only_what_differs_is_written(self) -> None:
        registry, _, _ = load(Registry.fold(()), GOOD)
        _, changes, _ = load(registry, GOOD.replace("Home Affairs", "Internal Affairs"))
        assert [(change.kind, change.id) for change in changes] == [("agency", "so-noi-vu")]

    def test_a_change_may_be_planned_for_a_day(self) -> None:
        registry, _, _ = load(Registry.fold(()), GOOD)
        planned = GOOD.replace("percent: 85", "percent: 90, valid_from: 2027-01-01")
        registry, _, _ = load(registry, planned)
        days = (date(2026, 12, 31), date(2027, 1, 1))
        assert [registry.target_on("so-noi-vu", "quick-5@1", day).percent for day in days] == [85, 90]
        assert load(registry, planned)[1] == []

    def test_the_newest_version_may_be_corrected_on_its_own_day(self) -> None:
        registry, _, _ = load(Registry.fold(()), GOOD)
        registry, _, _ = load(registry, GOOD.replace("percent: 85", "percent: 9"))
        registry, _, _ = load(registry, GOOD.replace("percent: 85", "percent: 90"))
        assert [version.value.percent for version in registry.histories["target"]["block/so/quick-5@1"]] == [85, 90]

    def test_recorded_history_is_not_rewritten(self) -> None:
        registry, _, _ = load(Registry.fold(()), GOOD.replace("percent: 85", "percent: 85, valid_from: 2026-06-01"))
        same, changes, problems = load(registry, GOOD.replace("percent: 85", "percent: 90, valid_from: 2026-05-31"))
        assert (changes, same) == ([], registry)
        assert [problem.field for problem in problems] == ["valid_from"]

    def test_an_end_may_be_set_later(self) -> None:
        registry, _, _ = load(Registry.fold(()), GOOD)
        registry, changes, _ = load(registry, GOOD.replace("percent: 85", "percent: 85, valid_to: 2026-12-31"))
        assert len(changes) == 1
        assert registry.target_on("so-noi-vu", "quick-5@1", date(2027, 1, 1)) is None

    def test_what_the_file_leaves_out_stays(self) -> None:
        registry, _, _ = load(Registry.fold(()), GOOD)
        only = f"targets:\n{GOOD.split('targets:')[1]}".replace("85", "86")
        later, changes, _ = load(registry, only)
        assert [change.kind for change in changes] == ["target"]
        assert later.counters == registry.counters

    def test_a_counter_is_revoked_and_names_its_successor(self) -> None:
        registry, _, _ = load(Registry.fold(()), GOOD)
        two = GOOD.replace("targets:", SECOND_COUNTER + "targets:")
        registry, _, problems = load(registry, two.replace("    sectors:", REVOKED.format(OTHER), 1))
        assert (problems, registry.problems) == ([], ())
        assert registry.counter(CODE).status == "revoked"
        assert [counter.code for counter in registry.serving("so-noi-vu")] == [OTHER]


class TestRevoked:
    REVOKED_FILE = GOOD.replace("    sectors:", "    status: revoked\n    sectors:", 1)

    def test_a_file_that_says_nothing_of_it_is_refused(self) -> None:
        registry, _, _ = load(Registry.fold(()), self.REVOKED_FILE)
        later, changes, problems = load(registry, GOOD, date(2027, 5, 1))
        assert (changes, later) == ([], registry)
        assert [(problem.entry, problem.field) for problem in problems] == [(f"counter/{CODE}", "status")]

    def test_a_file_that_says_active_brings_it_back(self) -> None:
        registry, _, _ = load(Registry.fold(()), self.REVOKED_FILE)
        registry, _, problems = load(registry, self.REVOKED_FILE.replace("status: revoked", "status: active"))
        assert not problems
        assert registry.counter(CODE).status == "active"


@pytest.mark.parametrize(
    ("gso_code", "name", "said"),
    [
        ("04", "Ủy ban nhân dân tỉnh Cao Bằng", ""),
        ("56", "UBND tỉnh Khánh Hoà", ""),
        ("05", "Ủy ban nhân dân tỉnh Cao Bằng", "no province has the code 05"),
        ("01", "Ủy ban nhân dân tỉnh Cao Bằng", "is the code of Hà Nội"),
    ],
    ids=["right", "another spelling", "a code that there is not", "another province's code"],
)
def test_a_province_has_its_own_code(gso_code: str, name: str, said: str) -> None:
    province = f"  - {{id: ubnd-tinh, name: {{vi: {name}, en: P}}, block: so, kind: TINH, gso_code: '{gso_code}'}}\n"
    found = faults_of(GOOD.replace("places:", f"{province}places:", 1))
    assert [fault.field for fault in found] == (["agency/ubnd-tinh gso_code"] if said else [])
    assert all(said in fault.why for fault in found)


def test_every_parameter_of_the_drop_rule_can_be_set_and_only_those() -> None:
    """The board may not import the notifier, so its table is held to the rule here."""
    apart = {"smallest_drop", "unit", "target"}
    assert set(registry_file.RULE_BOUNDS) == {field.name for field in fields(Rule)} - apart


@pytest.mark.parametrize("name", list(registry_file.RULE_BOUNDS))
def test_whatever_a_file_may_say_the_drop_rule_takes(name: str) -> None:
    low, high, _ = registry_file.RULE_BOUNDS[name]
    for value in (low, high):
        Rule(**{name: value})


SAMPLE = (files("services.board.sample") / "registry.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sample() -> Registry:
    wanted, faults = registry_file.read([Source("sample", SAMPLE.encode())], load_methods(), load_provinces())
    assert not faults
    return Registry.fold(change.entry for change in plan(Registry.fold(()), wanted, TODAY)[0])


def active(registry: Registry) -> list[Agency]:
    return [agency for agency in registry.agencies.values() if agency.status == "active"]


class TestSample:
    def test_it_is_a_province_of_four_blocks(self, sample) -> None:
        assert not sample.problems
        sizes = Counter(agency.block for agency in active(sample))
        assert sizes == {"so-ban-nganh": 14, "cap-xa": 36, "nganh-doc": 13, "dang-ky-dat-dai": 6}
        assert set(sample.blocks) == set(sizes)

    def test_every_agency_that_was_not_merged_can_be_answered_about(self, sample) -> None:
        assert [agency.id for agency in active(sample) if not sample.serving(agency.id)] == []

    def test_what_was_merged_names_its_successor_and_the_day(self, sample) -> None:
        merged = [agency for agency in sample.agencies.values() if agency.status == "merged"]
        assert len(merged) == 2
        for agency in merged:
            assert sample.agency(agency.merged_into).status == "active"
            assert sample.entries["agency", agency.id].history[-1]["valid_from"]
            assert not sample.serving(agency.id)

    def test_one_code_is_revoked_and_names_the_same_counter_under_another(self, sample) -> None:
        (old,) = [counter for counter in sample.counters.values() if counter.status == "revoked"]
        new = sample.counter(old.replaced_by)
        assert (new.status, new.label, new.place, new.agencies) == ("active", old.label, old.place, old.agencies)

    def test_citizens_are_told_everywhere_whom_to_ask(self, sample) -> None:
        assert all(place.contact and place.hotline for place in sample.places.values())

    def test_no_code_of_a_commune_is_a_real_one(self, sample) -> None:
        communes = [agency for agency in sample.agencies.values() if agency.kind == "XA" and agency.status == "active"]
        assert all(agency.gso_code.startswith("99") for agency in communes)

    @pytest.mark.parametrize("agency", ["so-noi-vu", "so-tu-phap", "so-y-te"])
    def test_the_agencies_of_the_tour_ask_one_method(self, sample, agency: str) -> None:
        assert {counter.method for counter in sample.serving(agency)} == {"quick-5@1"}

    def test_counters_of_the_centre_serve_several_departments(self, sample) -> None:
        several = [c for c in sample.counters.values() if c.place == "tt-pvhcc" and len(c.agencies) > 1]
        assert len(several) >= 5
        assert all(2 <= len(c.agencies) <= 5 for c in several)
        assert all({sector.agency for sector in c.sectors} == set(c.agencies) for c in several)

    def test_each_commune_has_a_place_of_its_own_with_a_few_counters(self, sample) -> None:
        for agency in active(sample):
            if agency.block == "cap-xa":
                counters = sample.serving(agency.id)
                assert {c.place for c in counters} == {f"pvhcc-{agency.id}"}
                assert 2 <= len(counters) <= 4

    def test_its_codes_are_right_and_every_method_for_counters_is_in_use(self, sample) -> None:
        assert all(normalise(code) == code for code in sample.counters)
        used = Counter(counter.method for counter in sample.counters.values())
        assert set(used) == {"quick-5@1", "qd2640@1", "nd118@1"}
        assert used.most_common(1)[0][0] == "quick-5@1"

    def test_it_says_that_it_is_made_up(self) -> None:
        assert SAMPLE.startswith("# DỮ LIỆU MẪU")

    def test_every_agency_has_a_leader_who_reaches_nobody_real(self, sample) -> None:
        content = (files("services.board.sample") / "people.yaml").read_text(encoding="utf-8")
        things, faults = read_files([Source("people", content.encode())], LISTS)
        assert not faults
        assert {scope for thing in things for scope in thing.fields["leads"]} == {
            "province",
            *(a.id for a in active(sample)),
        }
        assert all(thing.fields["email"].endswith("@tinhmau.example") for thing in things)
