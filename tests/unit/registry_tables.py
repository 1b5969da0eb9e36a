"""One small registry as tables, and the ways in which spreadsheets write them."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from openpyxl import Workbook

from services.board import registry_file
from services.board.changes import plan
from services.board.list_files import Source
from sipas.codes import with_check
from sipas.provinces import load_provinces
from sipas.registry import Registry
from sipas.tables.lists import Fault

Rows = Sequence[Sequence[Any]]
DAY = date(2026, 11, 22)
METHODS = {"quick-5@1", "overall-1@1"}
CODE, OTHER = with_check("7K3M9QX2T"), with_check("000000001")

TABLES: Mapping[str, Rows] = {
    "blocks": [("id", "name_vi", "name_en", "order"), ("so", "Sở", "Departments", 1)],
    "agencies": [
        ("id", "name_vi", "name_en", "block", "kind", "gso_code"),
        ("so-noi-vu", "Sở Nội vụ", "Home Affairs", "so", "SO", None),
        ("so-tu-phap", "Sở Tư pháp", "Justice", "so", "SO", None),
        ("xa-mot", "Xã Một", "Một", "so", "XA", "00004"),
    ],
    "places": [
        ("id", "name_vi", "name_en", "contact_vi", "contact_en", "hotline"),
        ("tt", "Trung tâm", "Centre", "Văn phòng", "Office", "1900 0000"),
        ("xa", "Xã", "Commune", None, None, None),
    ],
    "counters": [
        ("code", "label_vi", "label_en", "place", "agencies", "method"),
        (CODE, "Quầy 1", "Counter 1", "tt", "so-noi-vu; so-tu-phap", "quick-5@1"),
        (OTHER, "Quầy 2", "Counter 2", "tt", "xa-mot", "overall-1@1"),
    ],
    "sectors": [
        ("counter", "id", "name_vi", "name_en", "agency"),
        (CODE, "ho-tich", "Hộ tịch", "Civil status", "so-tu-phap"),
        (OTHER, "dat-dai", "Đất đai", "Land", None),
    ],
    "targets": [("scope", "method", "percent", "valid_from"), ("block/so", "quick-5@1", 85, "2026-12-01")],
    "rules": [("method", "unit", "smallest_drop_points"), ("quick-5@1", 1, 5)],
}


def changed(table: str, row: int, column: str, value: Any) -> dict[str, Rows]:
    """The tables with another value in one cell; rows count from 0, the header."""
    rows = [list(row) for row in TABLES[table]]
    rows[row][rows[0].index(column)] = value
    return {**TABLES, table: rows}


def text_of(rows: Rows, delimiter: str = ",", newline: str = "\r\n") -> str:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, lineterminator=newline)
    writer.writerows([["" if value is None else value for value in row] for row in rows])
    return written.getvalue()


def csv_files(tables: Mapping[str, Rows], delimiter: str = ",", encoding: str = "utf-8") -> list[Source]:
    return [Source(f"{name}.csv", text_of(rows, delimiter).encode(encoding)) for name, rows in tables.items()]


def workbook_of(tables: Mapping[str, Rows]) -> Workbook:
    workbook = Workbook()
    workbook.remove(workbook.active)
    for name, rows in tables.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return workbook


def saved(workbook: Workbook) -> list[Source]:
    content = io.BytesIO()
    workbook.save(content)
    return [Source("registry.xlsx", content.getvalue())]


def faults_of(sources: Sequence[Source], table: str | None = None) -> list[Fault]:
    wanted, faults = registry_file.read(sources, METHODS, load_provinces(), table)
    if faults:
        return faults
    changes, problems = plan(Registry.fold(()), wanted, DAY)
    registry = Registry.fold(change.entry for change in changes)
    return registry_file.references(wanted, [*problems, *registry.problems])


def said(sources: Sequence[Source], table: str | None = None) -> list[str]:
    return [str(fault) for fault in faults_of(sources, table)]


def wanted_of(sources: Sequence[Source], table: str | None = None) -> list[tuple[Any, ...]]:
    wanted, faults = registry_file.read(sources, METHODS, load_provinces(), table)
    assert not faults
    return [(one.kind, one.id, one.fields, one.valid_from, one.valid_to) for one in wanted]
