"""Files of other surveys become the same sheets however they are written, or are refused with row and reason."""

import csv
import io
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from services.survey.imports.mapping import FileMapping, read_mapping
from services.survey.imports.report import as_plain, lines
from services.survey.imports.rows import SWAPPED, Rows, read_rows, read_table
from services.survey.imports.sheets import documents, probes
from sipas.codes import with_check
from sipas.methods import load_methods

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
METHODS = load_methods()
TODAY = date(2026, 11, 22)
COUNTER = with_check("7K3M9QX2T")

FORM = """
source: form-1
method: quick-5@1
agency: {column: Đơn vị, values: {Sở Hòa: so-a, Sở B: so-b}}
answered_on: {column: Ngày, format: dd/mm/yyyy hh:mm}
answers:
  STAFF: {column: Thái độ, scale: ba mức}
  RESULT: {column: Kết quả, scale: ba mức}
scales:
  ba mức: {Hài lòng: 4, Bình thường: 3, Không hài lòng: 2, Không ý kiến: null}
"""
HEADER = ("Ngày", "Họ tên", "Đơn vị", "Thái độ", "Kết quả", "Email")
ONE = ("05/11/2026 08:30", "Người Bí Mật", "Sở Hòa", "Hài lòng", "Bình thường", "bimat@example.org")
TWO = ("06/11/2026 09:00", "Người Bí Mật", "Sở B", "Không hài lòng", "Không ý kiến", "bimat@example.org")
THREE = ("06/11/2026 09:01", "", "Sở B", "Hài lòng", "", "")

LEVELS = """
kind: tallies
source: paper
method: overall-1@1
agency: so-a
answered_on: {column: Tháng, format: mm/yyyy}
levels: {Tốt: 5, Vừa: 3, Kém: 1}
"""
PATTERNS = """
kind: tallies
source: paper
method: quick-5@1
agency: so-a
answered_on: {column: Ngày, format: dd/mm/yyyy}
answers: {STAFF: {column: Thái độ, scale: s}, PROC: {column: Thủ tục, scale: s}}
scales: {s: {5: 5, 4: 4, 3: 3, 2: 2, 1: 1}}
times: {column: Số phiếu}
"""

Cells = Sequence[Sequence[Any]]


@cache
def mapping_of(text: str) -> FileMapping:
    mapping, faults = read_mapping(text.encode(), "map.yaml", METHODS)
    assert mapping is not None, faults
    return mapping


def faults_of_mapping(text: str) -> list[str]:
    mapping, faults = read_mapping(text.encode(), "map.yaml", METHODS)
    assert mapping is None
    return [str(fault) for fault in faults]


def as_csv(rows: Cells, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows(rows)
    return written.getvalue().encode(encoding)


def as_workbook(**sheets: Cells) -> bytes:
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    saved = io.BytesIO()
    workbook.save(saved)
    return saved.getvalue()


def read(content: bytes, text: str = FORM) -> Rows:
    mapping = mapping_of(text)
    table, faults = read_table(content, "f", mapping)
    assert table is not None, faults
    return read_rows(table, mapping, TODAY)


def made(content: bytes, text: str = FORM) -> list[dict[str, Any]]:
    rows = read(content, text)
    assert not rows.faults, rows.faults
    return list(documents(mapping_of(text), rows))


def refused(content: bytes, text: str = FORM) -> list[str]:
    mapping = mapping_of(text)
    table, faults = read_table(content, "f", mapping)
    if table is None:
        return [str(fault) for fault in faults]
    return [str(fault) for fault in read_rows(table, mapping, TODAY).faults]


def changed(row: Sequence[Any], **cells: Any) -> tuple[Any, ...]:
    at = {"day": 0, "agency": 2, "staff": 3, "result": 4}
    values = list(row)
    for name, value in cells.items():
        values[at[name]] = value
    return tuple(values)


AS_WRITTEN = made(as_csv([HEADER, ONE, TWO, THREE]))


# --- what a row becomes


def test_a_row_becomes_a_sheet_with_what_the_mapping_says_and_nothing_more() -> None:
    said = [{name: value for name, value in sheet.items() if name != "response_id"} for sheet in AS_WRITTEN]
    rest = {"method": "quick-5@1"}
    assert said == [
        {"agency": "so-a", "answers": {"STAFF": 4, "RESULT": 3}, "answered_on": date(2026, 11, 5), **rest},
        {"agency": "so-b", "answers": {"STAFF": 4, "RESULT": None}, "answered_on": date(2026, 11, 6), **rest},
        {"agency": "so-b", "answers": {"STAFF": 2, "RESULT": None}, "answered_on": date(2026, 11, 6), **rest},
    ]


def test_columns_that_are_not_mapped_reach_neither_sheets_nor_ids_nor_faults_nor_the_report() -> None:
    """Names and addresses; also in rows that are refused."""
    anonymous = [changed(row) for row in (ONE, TWO, THREE)]
    anonymous = [(row[0], "", *row[2:5], "") for row in anonymous]
    assert made(as_csv([HEADER, *anonymous])) == AS_WRITTEN
    wrong = read(as_csv([HEADER, changed(ONE, staff="?", day="?"), TWO]))
    said = "\n".join([*map(str, wrong.faults), *lines(mapping_of(FORM), wrong), str(as_plain(mapping_of(FORM), wrong))])
    for marked in ("Bí Mật", "bimat", "Họ tên", "Email"):
        assert marked not in said


def test_fixed_values_counter_sector_language_and_channel_go_with_every_sheet() -> None:
    text = FORM.replace("{column: Đơn vị, values: {Sở Hòa: so-a, Sở B: so-b}}", "so-a") + (
        f"counter: {COUNTER.lower()}\nsector: dat-dai\nlanguage: vi\nchannel: google-forms\n"
    )
    for sheet in made(as_csv([HEADER, ONE, TWO]), text):
        assert (sheet["agency"], sheet["counter"], sheet["sector"]) == ("so-a", COUNTER, "dat-dai")
        assert (sheet["language"], sheet["channel"]) == ("vi", "google-forms")


def test_a_column_of_ids_needs_no_table() -> None:
    text = FORM.replace(", values: {Sở Hòa: so-a, Sở B: so-b}", "")
    assert made(as_csv([HEADER, changed(ONE, agency="so-c")]), text)[0]["agency"] == "so-c"
    assert refused(as_csv([HEADER, ONE]), text) == ["f, row 2: Đơn vị: 'Sở Hòa' is none that there can be"]


def test_rows_without_anything_and_sheets_without_any_answer_are_left_out_and_told() -> None:
    nothing = changed(THREE, staff="không  Ý KIẾN")
    found = read(as_csv([HEADER, ONE, ("", "Người Bí Mật", "", "", "", ""), nothing]))
    assert (found.read, found.empty, found.silent, found.total, found.faults) == (3, 1, 1, 1, [])


# --- read right, however it is written


@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["commas", "semicolons", "tabs"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_separator_and_every_unicode_encoding(delimiter: str, encoding: str) -> None:
    assert made(as_csv([HEADER, ONE, TWO, THREE], delimiter, encoding)) == AS_WRITTEN


@pytest.mark.parametrize(
    "write",
    [
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: text.replace("Hòa", "Hoà"),
        str.upper,
        lambda text: text.replace(" ", "  ").replace("Ngày", " Ngày\n"),
    ],
    ids=["marks apart", "Hoà", "capitals", "blanks"],
)
def test_texts_that_a_reader_takes_for_the_same(write: Any) -> None:
    assert made(as_csv([[write(cell) for cell in row] for row in (HEADER, ONE, TWO, THREE)])) == AS_WRITTEN


def test_a_workbook_with_real_dates_is_the_same_sheets() -> None:
    rows = [changed(row, day=datetime.strptime(row[0], "%d/%m/%Y %H:%M")) for row in (ONE, TWO, THREE)]  # noqa: DTZ007
    assert made(as_workbook(Form=[HEADER, *rows])) == AS_WRITTEN


def test_numbers_in_a_workbook_are_the_words_of_a_scale() -> None:
    text = FORM.replace("{Hài lòng: 4, Bình thường: 3, Không hài lòng: 2, Không ý kiến: null}", "{5: 5, 1: 1}")
    (sheet,) = made(as_workbook(Form=[HEADER, changed(ONE, staff=5, result=1.0)]), text)
    assert sheet["answers"] == {"STAFF": 5, "RESULT": 1}


def test_a_workbook_with_several_sheets_needs_the_name_of_one() -> None:
    content = as_workbook(Form=[HEADER, ONE, TWO, THREE], Other=[("x",)])
    assert refused(content) == ["f: has the sheets Form, Other; the mapping must name one as its sheet"]
    assert made(content, FORM + "sheet: form\n") == AS_WRITTEN
    assert refused(content, FORM + "sheet: none\n") == ["f: has the sheets Form, Other; none is called 'none'"]


# --- refused, with row and reason


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([changed(ONE, staff="Tạm được")], "f, row 2: Thái độ: 'Tạm được' is not in the scale ba mức"),
        (
            [changed(ONE, staff="Tạm được"), TWO, changed(TWO, staff="Tạm được")],
            "f, rows 2, 4: Thái độ: 'Tạm được' is not in the scale ba mức",
        ),
        ([changed(ONE, agency="Sở C")], "f, row 2: Đơn vị: 'Sở C' is not among its values"),
        ([changed(ONE, agency="")], "f, row 2: Đơn vị: is empty"),
        ([changed(ONE, day="")], "f, row 2: Ngày: is empty"),
        (
            [changed(ONE, day="11/25/2026 08:30")],
            "f, row 2: Ngày: '11/25/2026 08:30' is no dd/mm/yyyy hh:mm; as mm/dd/yyyy hh:mm it would be one",
        ),
        (
            [(*ONE, "", "one cell too many")],
            "f, row 2: the row has more cells than the header; a cell with a separator in it must stand in quotes",
        ),
        ([changed(ONE, staff="H¶i lßng tèt¸")], "TCVN3"),
    ],
    ids=["word", "word twice", "agency", "no agency", "no day", "month first", "shifted", "TCVN3"],
)
def test_a_wrong_row_is_refused(rows: Cells, why: str) -> None:
    (found,) = refused(as_csv([HEADER, *rows]))
    assert why in found


def test_a_long_list_of_rows_is_cut() -> None:
    (found,) = refused(as_csv([HEADER, *[changed(ONE, staff="?")] * 12]))
    assert found.startswith("f, rows 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more: Thái độ")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            as_csv([HEADER, ONE]).replace("Ngày".encode(), b"Ng\xe0y"),
            "f:1: is not UTF-8, perhaps windows-1258",
        ),
        (as_csv([HEADER, ONE], encoding="utf-16-le"), "UTF-8"),
        (as_csv([[*HEADER[:3], "Thái"], ONE]), "f:1: the column 'Thái độ' is missing"),
        (as_csv([[*HEADER, "thái  độ"], ONE]), "f:1: the column 'Thái độ' stands there twice"),
        (b"", "f: holds no table"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old kind (.xls)"),
        (b"PK\x03\x04", "is no workbook"),
        (as_workbook(Form=[HEADER, changed(ONE, staff="=A1")]), "f: sheet Form, row 2: Thái độ: is a formula"),
        (as_workbook(Form=[HEADER, changed(ONE, staff=True)]), "row 2: Thái độ: is a truth value"),
        (as_workbook(Form=[HEADER, changed(ONE, staff=TODAY)]), "row 2: Thái độ: is a date or a time"),
        (as_workbook(Form=[HEADER, ONE, changed(ONE, day=TODAY)]), f"f: sheet Form, row 3: Ngày: {SWAPPED}"),
    ],
    ids=[
        "encoding",
        "utf-16-no-mark",
        "missing",
        "twice",
        "empty",
        "xls",
        "broken",
        "formula",
        "truth",
        "date",
        "swapped",
    ],
)
def test_a_file_that_cannot_be_read_right_is_refused(content: bytes, why: str) -> None:
    assert any(why in found for found in refused(content)), refused(content)


def test_merged_cells_are_refused_with_their_place() -> None:
    workbook = Workbook()
    for row in (HEADER, ONE, TWO):
        workbook.worksheets[0].append(row)
    workbook.worksheets[0].merge_cells("C2:C3")
    saved = io.BytesIO()
    workbook.save(saved)
    assert refused(saved.getvalue()) == ["f: sheet Sheet, cell C2:C3: are merged cells; unmerge them"]


def test_a_survey_image_without_openpyxl_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "form.xlsx"
    file.write_bytes(as_workbook(Form=[HEADER, ONE]))
    program = f"""
import sys
sys.modules["openpyxl"] = None
from sipas.tables.files import workbook_tables
print(workbook_tables(open({str(file)!r}, "rb").read(), "f")[1][0])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "f: cannot be read here, where openpyxl is not installed; save it as 'CSV UTF-8'\n"


# --- the mapping


WRONG_MAPPINGS = {
    "no YAML": ("a: [", "is not YAML"),
    "nothing": ("", "map.yaml: is empty"),
    "an unknown field": (FORM + "colour: red\n", "map.yaml:11: colour: is not one of kind, source"),
    "no source": (FORM.replace("source: form-1", ""), "source: is missing"),
    "an unknown method": (FORM.replace("quick-5@1", "quick-5@9"), "map.yaml:3: method: 'quick-5@9' is not one of"),
    "an agency's name": (FORM.replace("so-a", "Sở A"), "agency.values.Sở Hòa: 'Sở A' is no agency's id"),
    "no counter": (FORM + "counter: 123\n", "map.yaml:11: counter: '123' is no counter's code"),
    "a format without a year": (FORM.replace("mm/yyyy", "mm"), "map.yaml:5: answered_on.format: 'dd/mm hh:mm' has no"),
    "an unknown criterion": (FORM.replace("STAFF", "STUFF"), "map.yaml:7: answers.STUFF: is not one of quick-5@1's"),
    "an unknown scale": (
        FORM.replace("Kết quả, scale: ba", "Kết quả, scale: sáu"),
        "'sáu mức' is not among",
    ),
    "a scale for nothing": (FORM + "  sáu: {a: 1}\n", "map.yaml:11: scales.sáu: is used by no answer"),
    "a level that is none": (FORM.replace("Hài lòng: 4", "Hài lòng: 6"), "must be a level from 1 (worst) to 5 (best)"),
    "a word twice": (FORM.replace("Bình thường:", "hài  lòng:"), "scales.ba mức.hài  lòng: stands twice"),
    "no level at all": (FORM[: FORM.index("scales:")] + "scales: {ba mức: {a: null}}", "ba mức: has no level at all"),
    "a column twice": (FORM.replace("Kết quả,", "Thái độ,"), "the column 'thái độ' is used twice"),
    "a sector without its counter": (FORM + "sector: dat-dai\n", "sector: needs a counter"),
    "times with sheets": (FORM + "times: {column: n}\n", "times: belongs to a mapping of kind: tallies"),
    "months with sheets": (FORM.replace("dd/mm/yyyy hh:mm", "mm/yyyy"), "answered_on.format: has no day"),
    "tallies of five questions": (LEVELS.replace("overall-1", "quick-5"), "counts of levels do not say which answers"),
    "tallies of nothing": (LEVELS.replace("levels:", "#"), "tallies have either levels, or answers and times"),
    "tallies without times": (PATTERNS.replace("times:", "#"), "times: how many sheets a row stands for"),
    "a level for no opinion": (LEVELS.replace("Kém: 1", "Kém: null"), "levels.Kém: is null"),
}


@pytest.mark.parametrize("name", WRONG_MAPPINGS)
def test_a_wrong_mapping_is_told_with_its_line(name: str) -> None:
    text, why = WRONG_MAPPINGS[name]
    (found,) = faults_of_mapping(text)
    assert why in found


def test_all_faults_of_a_mapping_are_told_at_once() -> None:
    wrong = FORM.replace("STAFF", "STUFF").replace("so-a", "Sở A").replace("Hài lòng: 4", "Hài lòng: 6")
    found = faults_of_mapping(wrong + "sector: a\ntimes: {column: n}\n")
    assert [line.split(": ")[0] for line in found] == [f"map.yaml:{line}" for line in (4, 7, 10, 11, 12)]


# --- tallies


def test_counts_of_months_become_sheets_spread_over_the_days() -> None:
    sheets = made(as_csv([("Tháng", "Tốt", "Vừa", "Kém"), ("10/2026", 40, 20, 2), ("9/2026", 0, 0, 1)]), LEVELS)
    assert Counter(sheet["answers"]["OVERALL"] for sheet in sheets) == {5: 40, 3: 20, 1: 3}
    assert sheets[0]["answered_on"].month == 9
    per_day = Counter(sheet["answered_on"] for sheet in sheets[1:])
    assert set(per_day) == {date(2026, 10, day) for day in range(1, 32)}
    assert set(per_day.values()) == {2}


def test_a_row_may_stand_for_many_sheets_of_one_pattern() -> None:
    header = ("Ngày", "Thái độ", "Thủ tục", "Số phiếu")
    sheets = made(as_csv([header, ("05/11/2026", 5, 4, 3), ("05/11/2026", 5, "", 2)]), PATTERNS)
    assert sorted(str(sheet["answers"]) for sheet in sheets) == sorted(
        [str({"PROC": 4, "STAFF": 5})] * 3 + [str({"PROC": None, "STAFF": 5})] * 2
    )
    assert len({sheet["response_id"] for sheet in sheets}) == 5


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("11/2026", 1, 1, 1), "Tháng: 2026-11 is not over yet"),
        (("10/2026", 1, "", 1), "Vừa: is empty; write 0 for none"),
        (("10/2026", 1, -1, 1), "Vừa: '-1' is no whole number from 0 to 1,000,000"),
        (("10/2026", 1, "1.000", 1), "Vừa: '1.000' is no whole number from 0 to 1,000,000"),
        (("01/10/2026", 1, 1, 1), "Tháng: '01/10/2026' is no mm/yyyy; as dd/mm/yyyy it would be one"),
    ],
)
def test_a_wrong_tally_is_refused(row: Sequence[Any], why: str) -> None:
    assert refused(as_csv([("Tháng", "Tốt", "Vừa", "Kém"), row]), LEVELS) == [f"f, row 2: {why}"]


# --- identity

rows_of_form = st.lists(
    st.tuples(
        st.sampled_from(["05/11/2026 08:30", "05/11/2026 09:00", "06/11/2026 08:30"]),
        st.text("xyz", max_size=2),
        st.sampled_from(["Sở Hòa", "Sở B"]),
        st.sampled_from(["Hài lòng", "Bình thường", "Không ý kiến", ""]),
        st.sampled_from(["Hài lòng", "Không hài lòng"]),
        st.just(""),
    ),
    max_size=6,
)


def by_id(rows: Cells, text: str = FORM) -> dict[Any, Any]:
    sheets = made(as_csv([HEADER, *rows]), text)
    found = {sheet["response_id"]: sheet for sheet in sheets}
    assert len(found) == len(sheets)
    return found


@given(rows_of_form, st.randoms())
def test_every_row_has_an_id_of_its_own_whatever_the_order_of_rows(rows: list[Any], random: Any) -> None:
    sorted_otherwise = random.sample(rows, len(rows))
    assert by_id(rows) == by_id(sorted_otherwise)
    assert len(by_id(rows)) == len(rows)


@given(rows_of_form, rows_of_form)
def test_a_longer_export_brings_only_the_new_sheets(rows: list[Any], more: list[Any]) -> None:
    short, longer = by_id(rows), by_id([*rows, *more])
    assert short.items() <= longer.items()
    assert len(longer) == len(rows) + len(more)


def test_a_corrected_level_is_the_same_sheet_and_another_source_is_not() -> None:
    assert set(by_id([ONE, TWO])) == set(by_id([ONE, TWO], FORM.replace("Hài lòng: 4", "Hài lòng: 5")))
    assert not set(by_id([ONE, TWO])) & set(by_id([ONE, TWO], FORM.replace("form-1", "form-2")))


def test_the_ids_never_come_out_otherwise() -> None:
    """Written down once: were they to change, everything that was imported would count a second time."""
    assert str(AS_WRITTEN[0]["response_id"]) == "3ed89143-dba2-5852-8012-0ba6d106c270"


def test_the_time_of_day_is_no_part_of_an_id() -> None:
    """It would lead from a sheet in the log to a face on a camera."""
    assert by_id([ONE]) == by_id([changed(ONE, day="05/11/2026 17:59")])


def test_the_survey_is_asked_about_each_agency_once_on_a_day_that_never_comes() -> None:
    mapping, rows = mapping_of(FORM), read(as_csv([HEADER, ONE, ONE, TWO, THREE]))
    assert [(probe["agency"], probe["answered_on"]) for probe in probes(mapping, rows)] == [
        ("so-a", "9999-12-31"),
        ("so-b", "9999-12-31"),
    ]


# --- the report


def test_a_row_that_stands_twice_to_the_second_is_told_and_sent() -> None:
    rows = read(as_csv([HEADER, ONE, TWO, ONE, changed(ONE, day="05/11/2026 08:31")]))
    assert (list(rows.repeated), rows.total) == ([4], 4)


def test_the_report_says_what_each_word_becomes() -> None:
    mapping, rows = mapping_of(FORM), read(as_csv([HEADER, ONE, TWO, THREE, changed(THREE, staff="hài  lòng")]))
    report = as_plain(mapping, rows)
    assert report["answers"] == [
        {"criterion": "STAFF", "word": "Hài lòng", "level": 4, "sheets": 3},
        {"criterion": "STAFF", "word": "Không hài lòng", "level": 2, "sheets": 1},
        {"criterion": "RESULT", "word": "Bình thường", "level": 3, "sheets": 1},
        {"criterion": "RESULT", "word": "Không ý kiến", "level": None, "sheets": 1},
        {"criterion": "RESULT", "word": "", "level": None, "sheets": 2},
    ]
    assert report["months"] == [
        {"agency": "so-a", "month": "2026-11", "sheets": 1},
        {"agency": "so-b", "month": "2026-11", "sheets": 3},
    ]
    assert "          3  so-b  2026-11" in lines(mapping, rows)


@pytest.mark.parametrize("name", ["google-forms", "paper-tallies"])
def test_the_page_shows_the_examples_and_what_they_become(name: str) -> None:
    page = (EXAMPLES.parent / "docs/import.md").read_text(encoding="utf-8")
    text = (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.split("\n", 1)[1] in page
    report = lines(mapping_of(text), read((EXAMPLES / f"{name}.csv").read_bytes(), text))
    assert "\n".join(report) in page
