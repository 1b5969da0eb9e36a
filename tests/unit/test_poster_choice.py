"""Which counters get a poster, and the names of the files."""

from pathlib import Path

import pytest

from services.board.posters.content import poster_of
from services.board.posters.selection import NothingToPrint, by_codes, of_agency, of_all, of_place
from services.board.posters.targets import WrongTarget, targets
from sipas.codes import printed
from sipas.events import Entry
from sipas.registry import Registry
from tests.posters import DAY, URL, codes, province
from tests.survey_stack import entry, names

CODES = codes(23)
WHOLE = Registry.fold(province(23))


def with_more(*entries: Entry) -> Registry:
    return WHOLE.updated(entries)


def counter(code: str, **changes: object) -> Entry:
    fields = {"label": names("Quầy số 1"), "place": "xa-0", "agencies": ["xa-0"], "method": "quick-5@1"}
    return entry("counter", code, **fields | changes)


class TestChoice:
    def test_a_province_is_ordered_by_place_and_counter_as_people_count(self) -> None:
        assert [one.code for one in of_all(WHOLE, WHOLE).counters] == CODES

    def test_a_place_has_its_counters(self) -> None:
        assert [one.code for one in of_place(WHOLE, WHOLE, "xa-1").counters] == CODES[10:20]

    def test_an_agency_has_the_counters_that_serve_it_wherever_they_are(self) -> None:
        assert [one.code for one in of_agency(WHOLE, WHOLE, "so-2").counters] == [CODES[9], CODES[19]]

    def test_a_code_may_be_typed_as_it_is_printed(self) -> None:
        assert [one.code for one in by_codes(WHOLE, WHOLE, [printed(CODES[3]).lower()]).counters] == [CODES[3]]

    @pytest.mark.parametrize("typed", ["7H7ZGPHX44", "nothing", CODES[0] + "0"])
    def test_a_code_of_no_counter_is_named(self, typed: str) -> None:
        with pytest.raises(NothingToPrint, match=typed):
            by_codes(WHOLE, WHOLE, [typed])

    def test_an_unknown_agency_or_place_is_named(self) -> None:
        with pytest.raises(NothingToPrint, match="no agency so-9"):
            of_agency(WHOLE, WHOLE, "so-9")
        with pytest.raises(NothingToPrint, match="no place xa-9"):
            of_place(WHOLE, WHOLE, "xa-9")

    def test_a_revoked_counter_is_left_out_and_its_replacement_named(self) -> None:
        registry = with_more(counter(CODES[0], status="revoked", replaced_by=CODES[1]))
        choice = of_place(registry, registry, "xa-0")
        assert [one.code for one in choice.counters] == CODES[1:10]
        (said,) = choice.left_out
        assert printed(CODES[0]) in said
        assert f"replacement {printed(CODES[1])}" in said

    def test_a_revoked_counter_that_was_asked_for_is_refused(self) -> None:
        registry = with_more(counter(CODES[0], status="revoked", replaced_by=CODES[1]))
        with pytest.raises(NothingToPrint, match=f"replacement {printed(CODES[1])}"):
            by_codes(registry, registry, [CODES[0]])

    def test_a_counter_that_will_be_revoked_is_no_longer_printed(self) -> None:
        fields = {"label": names("Quầy số 1"), "place": "xa-0", "agencies": ["xa-0"], "method": "quick-5@1"}
        now = {"valid_from": None, "valid_to": "2026-12-31", "status": "active", **fields}
        then = {"valid_from": "2027-01-01", "valid_to": None, "status": "revoked", **fields}
        newest = with_more(Entry(kind="counter", id=CODES[0], history=(now, then)))
        today = newest.as_of(DAY)
        assert today.counters[CODES[0]].status == "active"
        assert CODES[0] not in [one.code for one in of_all(newest, today).counters]

    def test_an_agency_without_counters_says_what_it_was_merged_into(self) -> None:
        merged = entry("agency", "cu", name=names("Cũ"), block="xa", kind="XA", status="merged", merged_into="xa-0")
        registry = with_more(merged)
        with pytest.raises(NothingToPrint, match="merged into xa-0"):
            of_agency(registry, registry, "cu")

    def test_a_counter_whose_place_or_agency_is_missing_stops_all_and_is_named(self) -> None:
        registry = with_more(counter(CODES[0], place="nowhere", agencies=["nobody"]))
        with pytest.raises(NothingToPrint, match=r"place nowhere[\s\S]*agency nobody"):
            of_all(registry, registry)

    def test_an_empty_registry_says_so(self) -> None:
        empty = Registry.fold(())
        with pytest.raises(NothingToPrint, match="no active counter"):
            of_all(empty, empty)


class TestContent:
    def test_the_symbol_says_the_public_address_and_the_code_and_nothing_else(self) -> None:
        poster = poster_of(WHOLE.counters[CODES[0]], WHOLE, public_url=URL, printed_on=DAY)
        assert poster.url == f"{URL}/{CODES[0]}"
        assert poster.site == "khaosat.tinhmau.example"

    def test_names_written_letter_by_letter_are_put_together(self) -> None:
        registry = with_more(counter(CODES[0], label=names("Qua\u0302\u0300y\n so\u0302\u0301  1")))
        poster = poster_of(registry.counters[CODES[0]], registry, public_url=URL, printed_on=DAY)
        assert poster.counter.vi == "Quầy số 1"


class TestTargets:
    def paths(self, output: str | None, counters: int = 2, file_format: str = "pdf", *, together: bool = True) -> list:
        some = [WHOLE.counters[code] for code in CODES[:counters]]
        return [str(path) for path in targets(output, "all", some, "a4", file_format, together=together)]

    def test_a_pdf_of_many_is_one_file(self) -> None:
        assert self.paths(None) == ["posters-all-a4.pdf"]
        assert self.paths("out/mine.pdf") == ["out/mine.pdf"]
        assert self.paths("out") == ["out/posters-all-a4.pdf"]

    def test_files_apart_are_named_by_place_and_code(self) -> None:
        names_ = [f"xa-0-{code}-a4.png" for code in CODES[:2]]
        assert self.paths("out/", file_format="png", together=False) == [f"out/{name}" for name in names_]
        assert self.paths(None, file_format="png", together=False) == [f"posters-all-a4/{name}" for name in names_]

    def test_one_poster_may_go_to_a_file_of_any_name(self) -> None:
        assert self.paths("out/mine.svg", 1, "svg", together=False) == ["out/mine.svg"]

    def test_many_files_do_not_go_into_one(self) -> None:
        with pytest.raises(WrongTarget, match="directory"):
            self.paths("mine.svg", 2, "svg", together=False)

    def test_a_name_of_another_format_is_a_mistake(self) -> None:
        with pytest.raises(WrongTarget, match="png"):
            self.paths("mine.png")

    def test_a_directory_may_be_called_as_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "all.pdf").mkdir()
        assert self.paths(str(tmp_path / "all.pdf")) == [str(tmp_path / "all.pdf/posters-all-a4.pdf")]
