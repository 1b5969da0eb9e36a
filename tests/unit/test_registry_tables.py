"""Spreadsheets as people save them are read right, or refused with row, column and reason; nothing is guessed."""

import io
import unicodedata
import zipfile
from datetime import date, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.styles import Font

from services.board import registry_file, tables
from services.board.changes import Change, plan
from services.board.list_files import Source
from services.board.registry_file import Wanted
from services.board.registry_rows import registry_rows
from services.board.tables import columns_of, load_words
from services.board.xlsx_export import write_workbook
from sipas.codes import with_check
from sipas.methods import load_methods
from sipas.provinces import load_provinces
from sipas.registry import Problem, Registry
from sipas.tables.csv_tables import SEPARATORS
from sipas.tables.table import MAX_ROWS
from sipas.tables.xlsx_tables import MAX_UNPACKED
from tests.unit.registry_tables import (
    CODE,
    DAY,
    OTHER,
    TABLES,
    changed,
    csv_files,
    faults_of,
    said,
    saved,
    text_of,
    wanted_of,
    workbook_of,
)

NO_COUNTER = with_check("111111111")
AS_CSV = wanted_of(csv_files(TABLES))


class TestReadRight:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["commas", "semicolons", "tabs"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_every_separator_and_every_unicode_encoding(self, delimiter: str, encoding: str) -> None:
        assert wanted_of(csv_files(TABLES, delimiter, encoding)) == AS_CSV

    def test_big_endian_text(self) -> None:
        files = [Source(f.name, b"\xfe\xff" + f.content.decode().encode("utf-16-be")) for f in csv_files(TABLES)]
        assert wanted_of(files) == AS_CSV

    @pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
    def test_every_line_end(self, newline: str) -> None:
        files = [Source(f"{name}.csv", text_of(rows, newline=newline).encode()) for name, rows in TABLES.items()]
        assert wanted_of(files) == AS_CSV

    def test_a_workbook(self) -> None:
        assert wanted_of(saved(workbook_of(TABLES))) == AS_CSV

    def test_text_whose_marks_stand_apart(self) -> None:
        files = [Source(f.name, unicodedata.normalize("NFD", f.content.decode()).encode()) for f in csv_files(TABLES)]
        assert files != csv_files(TABLES)
        assert wanted_of(files) == AS_CSV

    def test_sheets_and_columns_with_vietnamese_names(self) -> None:
        words = yaml.safe_load((tables.files("services.board") / "table_words.yaml").read_text())
        renamed = {
            words["lists"][name][0].capitalize(): [
                [f"{words['columns'].get(column, [column])[0].upper()} *" for column in rows[0]],
                *rows[1:],
            ]
            for name, rows in TABLES.items()
        }
        assert wanted_of(saved(workbook_of(renamed))) == AS_CSV

    def test_quoted_cells_with_separators_quotes_and_line_breaks(self) -> None:
        file = Source(
            "counters.csv",
            "code;label_vi;label_en;place;agencies;method\n"
            f'{CODE};"Quầy ""1""; trái";"A, B";tt;"so-a\nso-b";quick-5@1\n'.encode(),
        )
        ((_, _, fields, _, _),) = wanted_of([file])
        assert fields["label"] == {"vi": 'Quầy "1"; trái', "en": "A, B"}
        assert fields["agencies"] == ["so-a", "so-b"]

    @pytest.mark.parametrize("cell", ["a;b", "a|b", "a, b", "a\nb", " a ;; b ; "])
    def test_several_values_in_a_cell(self, cell: str) -> None:
        found = wanted_of(saved(workbook_of(changed("counters", 1, "agencies", cell) | {"sectors": []})))
        assert next(fields["agencies"] for _, name, fields, _, _ in found if name == CODE) == ["a", "b"]

    def test_empty_rows_and_columns_at_the_end_and_between(self) -> None:
        padded = {
            name: [(*rows[0], None, None), (None,) * 3, *[(*row, None, "  ") for row in rows[1:]], (None,), (" ",)]
            for name, rows in TABLES.items()
        }
        assert wanted_of(csv_files(padded)) == AS_CSV
        assert wanted_of(saved(workbook_of(padded))) == AS_CSV

    def test_a_separator_that_the_file_states_itself(self) -> None:
        files = [Source(f.name, b"sep=;\r\n" + f.content) for f in csv_files(TABLES, ";")]
        assert wanted_of(files) == AS_CSV

    @pytest.mark.parametrize(
        "cell",
        ["2026-12-01", "01/12/2026", "1/12/2026", date(2026, 12, 1), datetime(2026, 12, 1)],  # noqa: DTZ001
        ids=["ISO", "dd/mm/yyyy", "d/mm/yyyy", "a date", "a date with midnight"],
    )
    def test_a_day(self, cell: Any) -> None:
        assert wanted_of(saved(workbook_of(changed("targets", 1, "valid_from", cell)))) == AS_CSV

    @pytest.mark.parametrize("cell", [85, 85.0, "85", "85.0", "85,0"], ids=repr)
    def test_a_number(self, cell: Any) -> None:
        assert wanted_of(saved(workbook_of(changed("targets", 1, "percent", cell)))) == AS_CSV

    def test_an_empty_sheet_of_any_name_is_no_table(self) -> None:
        assert wanted_of(saved(workbook_of({**TABLES, "Sheet1": []}))) == AS_CSV

    def test_a_file_of_another_name_whose_list_is_said(self) -> None:
        file = Source("quý 4.csv", text_of(TABLES["blocks"]).encode())
        assert wanted_of([file], "blocks") == [one for one in AS_CSV if one[0] == "block"]

    def test_tables_beside_yaml(self) -> None:
        as_yaml = Source(
            "rest.yaml",
            f"""
places: [{{id: tt, name: {{vi: T, en: T}}}}]
counters:
  - {{code: {CODE}, label: {{vi: Q, en: C}}, place: tt, agencies: [a], method: quick-5@1, sectors: &both []}}
  - {{code: {OTHER}, label: {{vi: Q, en: C}}, place: tt, agencies: [a], method: quick-5@1, sectors: *both}}
""".encode(),
        )
        sectors = Source("sectors.csv", f"counter,id,name_vi,name_en\n{OTHER.lower()},s,S,S\n".encode())
        found = {name: fields.get("sectors") for _, name, fields, _, _ in wanted_of([sectors, as_yaml])}
        assert found[CODE] == []
        assert [sector["id"] for sector in found[OTHER]] == ["s"]

    def test_a_zero_in_front_stays(self) -> None:
        assert [fields["gso_code"] for _, name, fields, _, _ in AS_CSV if name == "xa-mot"] == ["00004"]

    def test_a_sign_that_only_looks_like_tcvn3(self) -> None:
        assert not said(csv_files(changed("places", 1, "hotline", "Zalo ®, 1900 0000")))


@pytest.mark.parametrize(
    ("name", "table", "row", "column", "value", "where"),
    [
        ("an empty cell", "agencies", 1, "name_vi", None, "column name_vi: is empty"),
        ("an unknown block", "agencies", 2, "block", "zz", "column block: agency/so-tu-phap: there is no block zz"),
        ("an id twice", "agencies", 2, "id", "so-noi-vu", "agency/so-noi-vu: so-noi-vu stands already at line 2"),
        ("a lost zero", "agencies", 3, "gso_code", "4", "column gso_code: '4' must be 2 to 10 digits"),
        ("one lost zero", "agencies", 3, "gso_code", "0004", "column gso_code: agency/xa-mot: 0004 is not the five"),
        ("a missing column", "agencies", 0, "kind", "sort", "column kind: the column kind is missing"),
        ("an unknown column", "agencies", 0, "gso_code", "colour", "column colour: is not one of id, name_vi"),
        ("a column twice", "agencies", 0, "gso_code", "ID", "column ID: stands twice: id"),
        ("half a contact", "places", 1, "contact_en", None, "column contact_en: is empty"),
        ("no code", "counters", 1, "code", OTHER[:-1], f"column code: '{OTHER[:-1]}' is no counter code"),
        ("no such agency", "counters", 1, "agencies", "so-noi-vu; zz", f"column agencies: counter/{CODE}: there is no"),
        ("no agency", "counters", 1, "agencies", " ; ", "column agencies: must name at least 1"),
        ("TCVN3", "counters", 1, "label_vi", "§¨ng ký ®Êt ®ai", "column label_vi: looks like TCVN3"),
        ("a sector of no counter", "sectors", 1, "counter", NO_COUNTER, f"column counter: '{NO_COUNTER}' is"),
        ("a sector of nothing", "sectors", 1, "counter", None, "column counter: is empty"),
        ("a sector of which agency", "sectors", 1, "agency", None, f"counter/{CODE} sectors[0].agency: is missing"),
        ("a sector of another agency", "sectors", 2, "agency", "so-noi-vu", f"column agency: counter/{OTHER}: the"),
        ("the month first", "targets", 1, "valid_from", "12/31/2026", "column valid_from: must be a day such as"),
        ("no such day", "targets", 1, "valid_from", "31/11/2026", "column valid_from: must be a day"),
        ("a percent sign", "targets", 1, "percent", "85%", "column percent: must be a number from 1 to 100"),
        ("a thousand or a one", "rules", 1, "unit", "1.000", "column unit: 1.000 may mean thousands or a fraction"),
    ],
)  # fmt: skip
def test_a_fault_of_a_text_table_is_told_with_row_and_column(
    name: str, table: str, row: int, column: str, value: Any, where: str
) -> None:
    found = said(csv_files(changed(table, row, column, value)))
    assert len([line for line in found if line.startswith(f"{table}.csv:{row + 1}: {where}")]) == 1, found


@pytest.mark.parametrize(
    ("name", "table", "row", "column", "value", "where"),
    [
        ("a number for a text", "agencies", 3, "gso_code", 4, "cell F4 (gso_code): is a number; format"),
        ("a truth value", "agencies", 1, "name_vi", True, "cell B2 (name_vi): is a truth value"),
        ("a date for a text", "agencies", 1, "name_vi", date(2026, 5, 1), "cell B2 (name_vi): is a date or"),
        ("a formula", "agencies", 1, "name_vi", "=A1", "cell B2 (name_vi): is a formula"),
        ("an error", "agencies", 1, "name_vi", "#REF!", "cell B2 (name_vi): is the error #REF!"),
        ("an empty cell", "agencies", 1, "name_vi", None, "cell B2 (name_vi): is empty"),
        ("an id twice", "agencies", 2, "id", "so-noi-vu", "row 3: agency/so-noi-vu: so-noi-vu stands already at"),
        ("an unknown block", "agencies", 2, "block", "zz", "cell D3 (block): agency/so-tu-phap: there is"),
        ("a number for a header", "agencies", 0, "gso_code", 7, "cell F1: the header must be a text"),
        ("a number for ids", "counters", 2, "agencies", 7, "cell E3 (agencies): is a number; format"),
        ("a number for a day", "targets", 1, "valid_from", 46000, "cell D2 (valid_from): is a number; format"),
        ("a time of day", "targets", 1, "valid_from", datetime(2026, 5, 1, 8), "cell D2 (valid_from): has a time"),  # noqa: DTZ001
        ("true for a number", "targets", 1, "percent", True, "cell C2 (percent): is a truth value"),
        ("a share for a percent", "targets", 1, "percent", 0.85, "cell C2 (percent): must be a number from 1 to 100"),
        ("a fraction for a whole", "blocks", 1, "order", 1.5, "cell D2 (order): must be a whole number"),
    ],
)  # fmt: skip
def test_a_fault_of_a_workbook_is_told_with_sheet_and_cell(
    name: str, table: str, row: int, column: str, value: Any, where: str
) -> None:
    found = said(saved(workbook_of(changed(table, row, column, value))))
    assert len([line for line in found if line.startswith(f"registry.xlsx: sheet {table}, {where}")]) == 1, found


class TestRefused:
    def test_a_cell_under_no_header(self) -> None:
        headless = changed("agencies", 0, "gso_code", None)
        (found,) = said(csv_files(headless))
        assert found.startswith("agencies.csv:4: the row has more cells than the header")
        assert said(saved(workbook_of(headless))) == [
            "registry.xlsx: sheet agencies, cell F4: stands in a column without a header"
        ]

    def test_merged_cells_with_their_range(self) -> None:
        workbook = workbook_of(TABLES)
        workbook["agencies"].merge_cells("D2:D4")
        workbook["places"].insert_rows(1)
        workbook["places"]["A1"] = "DANH SÁCH"
        workbook["places"].merge_cells("A1:F1")
        found = said(saved(workbook))
        assert "registry.xlsx: sheet agencies, cell D2:D4: are merged cells; unmerge them" in found
        assert "registry.xlsx: sheet places, cell A1:F1: are merged cells; unmerge them" in found

    def test_a_hidden_sheet(self) -> None:
        workbook = workbook_of(TABLES)
        workbook["places"].sheet_state = "hidden"
        assert "registry.xlsx: sheet places: is hidden; show it or delete it" in said(saved(workbook))

    def test_a_sheet_of_an_unknown_name(self) -> None:
        (found,) = said(saved(workbook_of({**TABLES, "Ghi chú": [("a",)]})))
        assert found.startswith("registry.xlsx: sheet Ghi chú: the sheet's name is not one of blocks, agencies")

    def test_a_font_that_draws_other_letters(self) -> None:
        workbook = workbook_of(changed("agencies", 1, "name_vi", "Së Néi vô"))
        workbook["agencies"]["B2"].font = Font(name=".VnTime")
        (found,) = [line for line in said(saved(workbook)) if "B2" in line]
        assert "is set in .VnTime" in found

    @pytest.mark.parametrize("encoding", ["windows-1258", "latin-1"])
    def test_text_that_is_not_utf_8(self, encoding: str) -> None:
        content = "id,name_vi,name_en,order\nso,Hồ".replace("ồ", "ò" if encoding == "latin-1" else "ô\u0300").encode(
            encoding
        )
        (found,) = said([Source("blocks.csv", content)])
        assert found.startswith("blocks.csv:2: is not UTF-8, perhaps windows-1258 or TCVN3; in Excel choose")

    def test_utf_16_without_its_mark(self) -> None:
        (found,) = said([Source("blocks.csv", text_of(TABLES["blocks"]).replace("ở", "o").encode("utf-16-le"))])
        assert found.startswith("blocks.csv:1: holds a zero byte")

    def test_half_a_character_of_utf_16(self) -> None:
        (found,) = said([Source("blocks.csv", b"\xff\xfei")])
        assert "is not UTF-8" in found

    def test_an_old_workbook_or_one_with_a_password(self) -> None:
        (found,) = said([Source("registry.xls", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504))])
        assert found.startswith("registry.xls: is a workbook of the old kind (.xls) or has a password")

    def test_a_package_that_is_no_workbook(self) -> None:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as package:
            package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        assert said([Source("registry.ods", content.getvalue())]) == [
            "registry.ods: is no .xlsx workbook; save it as Excel Workbook (.xlsx)"
        ]

    @pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"])
    @pytest.mark.parametrize("content", [b"", b"<", b"<a/>", b"\x00"], ids=repr)
    def test_a_broken_workbook_never_raises(self, part: str, content: bytes) -> None:
        (source,) = saved(workbook_of(TABLES))
        assert faults_of([Source(source.name, with_part(source.content, part, content))])

    def test_a_workbook_without_any_table(self) -> None:
        assert said(saved(workbook_of({"blocks": []}))) == ["registry.xlsx: holds no table"]

    @pytest.mark.parametrize("content", [b"", b"\r\n", b";;;\n"], ids=repr)
    def test_an_empty_text_table(self, content: bytes) -> None:
        assert said([Source("blocks.csv", content)]) == ["blocks.csv: holds no table"]

    def test_half_a_workbook(self) -> None:
        (source,) = saved(workbook_of(TABLES))
        (found,) = said([Source(source.name, source.content[: len(source.content) // 2])])
        assert found.startswith("registry.xlsx: is no workbook")

    def test_a_workbook_that_unpacks_to_more_than_it_may(self) -> None:
        (source,) = saved(workbook_of(TABLES))
        bomb = with_part(source.content, "xl/worksheets/sheet1.xml", bytes(MAX_UNPACKED + 1))
        assert len(bomb) < 200_000
        assert said([Source("bomb.xlsx", bomb)]) == ["bomb.xlsx: is larger than 64 MB unpacked"]

    def test_entities_that_grow(self) -> None:
        (source,) = saved(workbook_of(TABLES))
        laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
        text = f'<!DOCTYPE w [<!ENTITY l0 "ha">{laughs}]><workbook>&l9;</workbook>'
        (found,) = said([Source("bomb.xlsx", with_part(source.content, "xl/workbook.xml", text.encode()))])
        assert found.startswith("bomb.xlsx: cannot be read as a workbook")

    @pytest.mark.parametrize("cell", ["A100001", "CW1"])
    def test_a_sheet_that_is_too_large(self, cell: str) -> None:
        workbook = workbook_of(TABLES)
        workbook["agencies"][cell] = "x"
        (found,) = [line for line in said(saved(workbook)) if "sheet agencies" in line]
        assert "at most 100,000 and 100: delete the empty rows and columns" in found

    def test_a_text_table_that_is_too_large(self) -> None:
        header = ",".join(TABLES["blocks"][0])
        (found,) = said([Source("blocks.csv", (header + "\nso,S,S,1" * (MAX_ROWS + 1)).encode())])
        assert found == "blocks.csv:100001: is more than 100,000 rows or 100 columns"

    def test_a_quote_that_does_not_end(self) -> None:
        (found,) = said([Source("blocks.csv", b'id,name_vi,name_en,order\nso,"S,S,1\n')])
        assert found.startswith("blocks.csv:2: is not CSV: ")

    def test_a_text_table_of_an_unknown_name(self) -> None:
        (found,) = said([Source("data.csv", b"id\n1\n")])
        assert found.startswith("data.csv: a CSV file is named after its list (blocks, agencies, ")

    def test_a_header_whose_separator_is_open_says_which_was_taken(self) -> None:
        found = said([Source("blocks.csv", b"id;name_vi,name_en,order\nso;S,S,1\n")])
        note = "(the columns were taken to be separated by commas)"
        assert f"blocks.csv:1: column id: the column id is missing {note}" in found

    def test_a_row_number_counts_the_lines_of_quoted_cells(self) -> None:
        content = b'id,name_vi,name_en,order\nso,"S\nx",S,1\nsp,S,,1\n'
        assert said([Source("blocks.csv", content)])[1] == "blocks.csv:4: column name_en: is empty"

    def test_an_id_that_two_files_have(self) -> None:
        again = Source("again.csv", text_of(TABLES["blocks"]).encode())
        (found,) = said([*csv_files(TABLES), Source("more/blocks.csv", again.content)])
        assert found == "more/blocks.csv:2: block/so: so stands already at blocks.csv:2"

    def test_all_faults_are_told_in_the_order_of_the_files(self) -> None:
        wrong = changed("agencies", 1, "kind", "Z") | {"blocks": [TABLES["blocks"][0], ("so", "S", "", "x")]}
        assert [line.split(": ")[0] for line in said(csv_files(wrong))] == ["blocks.csv:2"] * 2 + ["agencies.csv:2"]


@pytest.mark.parametrize(
    ("column", "values", "said_of"),
    [
        ("parent", ("so-tu-phap", "so-noi-vu", None), ["so-noi-vu", "so-tu-phap"]),
        ("parent", ("so-noi-vu", None, None), ["so-noi-vu"]),
        ("parent", ("so-tu-phap", "xa-mot", "so-noi-vu"), ["so-noi-vu", "so-tu-phap", "xa-mot"]),
        ("parent", ("so-tu-phap", "xa-mot", None), []),
    ],
    ids=["of two", "of one", "of three", "none, but a chain"],
)
def test_a_circle_is_told_of_each_of_its_members(column: str, values: tuple[Any, ...], said_of: list[str]) -> None:
    header, *rows = TABLES["agencies"]
    table = [(*header, column), *[(*row, value) for row, value in zip(rows, values, strict=True)]]
    found = faults_of(csv_files({**TABLES, "agencies": table}))
    assert [fault.field for fault in found] == [f"agency/{name}" for name in said_of]
    assert all(fault.why.startswith("leads back to itself: ") and fault.spot.column == column for fault in found)


def test_no_word_means_two_columns_of_one_table() -> None:
    all_columns = {name: columns_of(shape) for name, shape in registry_file.lists({"m@1"}).items()}
    words = load_words([], sorted({column for of in all_columns.values() for column in of}))
    for name, columns in all_columns.items():
        for word, meant in words.columns.items():
            assert len(meant & columns.keys()) <= 1, (name, word)


# --- one registry in three formats

ids = st.from_regex(r"[a-z]([a-z0-9-]{0,7}[a-z0-9])?", fullmatch=True)
texts = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Co", "Cn"], exclude_characters="®µ¸¹"),
    min_size=1,
    max_size=20,
).filter(lambda text: text.strip() and not text.startswith("=") and unicodedata.normalize("NFC", text).strip())
two_names = st.fixed_dictionaries({"vi": texts, "en": texts})
days = st.one_of(st.none(), st.dates(date(2025, 7, 1), date(2030, 1, 1)))
codes = st.integers(0, 32**4).map(lambda n: with_check(f"{n:09d}"[:9]))


@st.composite
def registries(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    def dated(**fields: Any) -> dict[str, Any]:
        return {name: value for name, value in {**fields, "valid_from": draw(days)}.items() if value is not None}

    agencies = draw(st.lists(ids.filter(lambda name: name != "province"), min_size=1, max_size=4, unique=True))
    serving = st.lists(st.sampled_from(agencies), min_size=1, max_size=3, unique=True)
    counters = []
    for code in draw(st.lists(codes, max_size=3, unique=True)):
        served = draw(serving)
        sectors = [
            {"id": sector, "name": draw(two_names), "agency": draw(st.sampled_from(served))}
            for sector in draw(st.lists(ids, max_size=3, unique=True))
        ]
        counters.append(
            dated(code=code, label=draw(two_names), place="tt", agencies=served, method="quick-5@1")
            | ({"sectors": sectors} if sectors else {})
        )
    return {
        "blocks": [dated(id="so", name=draw(two_names), order=draw(st.integers(0, 999)))],
        "agencies": [
            dated(
                id=name,
                name=draw(two_names),
                block="so",
                kind="XA",
                gso_code=draw(st.none() | st.from_regex(r"[0-9]{5}", fullmatch=True)),
            )
            for name in agencies
        ],
        "places": [dated(id="tt", name=draw(two_names), contact=draw(st.none() | two_names))],
        "counters": counters,
        "targets": [
            dated(scope="province", method="quick-5@1", percent=draw(st.integers(100, 10_000).map(lambda n: n / 100)))
        ],
        "rules": [{"method": "quick-5@1", "unit": 1.5}],
    }


def as_tables(lists: dict[str, list[dict[str, Any]]]) -> dict[str, list[list[Any]]]:
    made: dict[str, list[dict[str, Any]]] = {name: [] for name in (*lists, "sectors")}
    for name, elements in lists.items():
        for element in elements:
            row = flat(element)
            made["sectors"] += [{"counter": element["code"], **flat(sector)} for sector in row.pop("sectors", ())]
            made[name].append(row)
    found = {}
    for name, rows in made.items():
        header = list(dict.fromkeys(column for row in rows for column in row))
        found[name] = [header, *[[row.get(column) for column in header] for row in rows]] if rows else []
    return found


def flat(element: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in element.items():
        if isinstance(value, dict):
            row |= {f"{name}_{part}": text for part, text in value.items()}
        else:
            row[name] = "; ".join(value) if name == "agencies" else value
    return row


@settings(deadline=None, max_examples=25)
@given(registries(), st.sampled_from(sorted(SEPARATORS)))
def test_a_registry_says_the_same_in_every_format(lists: dict[str, list[dict[str, Any]]], delimiter: str) -> None:
    as_yaml = Source("registry.yaml", yaml.safe_dump(lists, allow_unicode=True, sort_keys=False).encode())
    written = {name: rows for name, rows in as_tables(lists).items() if rows}
    expected = wanted_of([as_yaml])
    assert len(expected) == sum(map(len, lists.values()))
    assert wanted_of(csv_files(written, delimiter)) == expected
    assert wanted_of(saved(workbook_of(written))) == expected


@settings(deadline=None, max_examples=25)
@given(registries())
def test_what_is_exported_and_loaded_again_changes_nothing(lists: dict[str, list[dict[str, Any]]]) -> None:
    as_yaml = Source("registry.yaml", yaml.safe_dump(lists, allow_unicode=True, sort_keys=False).encode())
    assert exported_and_planned([as_yaml]) == ([], [])


def test_the_sample_exported_and_loaded_again_changes_nothing() -> None:
    content = (tables.files("services.board") / "sample" / "registry.yaml").read_bytes()
    assert exported_and_planned([Source("sample", content)]) == ([], [])


def test_a_text_that_begins_like_a_formula_is_exported_as_a_text() -> None:
    (blocks,) = [file for file in csv_files(TABLES) if file.name == "blocks.csv"]
    formula = Source(blocks.name, blocks.content.replace("Sở".encode(), b"=1+1"))
    assert exported_and_planned([formula]) == ([], [])


def exported_and_planned(sources: list[Source]) -> tuple[list[Change], list[Problem]]:
    """What a load of its own export would record of a registry that was loaded from these files, months later."""
    registry = Registry.fold(change.entry for change in plan(Registry.fold(()), read(sources), DAY)[0])
    content = io.BytesIO()
    write_workbook(registry_rows(registry), content)
    return plan(registry, read([Source("export.xlsx", content.getvalue())]), date(2031, 1, 1))


def read(sources: list[Source]) -> list[Wanted]:
    wanted, faults = registry_file.read(sources, load_methods(), load_provinces())
    assert not faults
    return wanted


def with_part(content: bytes, name: str, part: bytes) -> bytes:
    """A package with one part replaced."""
    changed_package = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(changed_package, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for each in old.namelist():
            new.writestr(each, part if each == name else old.read(each))
    return changed_package.getvalue()
