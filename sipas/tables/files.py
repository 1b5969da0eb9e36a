"""Which kind of file somebody wrote, and the tables in it. Pure."""

from __future__ import annotations

from collections.abc import Callable

from sipas.tables.csv_tables import csv_table
from sipas.tables.lists import Fault, Spot
from sipas.tables.table import MAX_ROWS, Table

MAX_BYTES = 32 * 1024 * 1024
EMPTY = "holds no table"
NO_OPENPYXL = "cannot be read here, where openpyxl is not installed; save it as 'CSV UTF-8'"


def unreadable(content: bytes, file: str) -> list[Fault]:
    """Why a file of whatever kind is not looked into."""
    if len(content) > MAX_BYTES:
        return [Fault(Spot(file), "", f"is larger than {MAX_BYTES >> 20} MB")]
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):  # one with a password is wrapped alike
        why = "is a workbook of the old kind (.xls) or has a password; save it as Excel Workbook (.xlsx) without one"
        return [Fault(Spot(file), "", why)]
    return []


def is_workbook(content: bytes) -> bool:
    """Whether a file is a package such as a workbook is."""
    return content.startswith(b"PK\x03\x04")


def workbook_tables(content: bytes, file: str) -> tuple[list[Table], list[Fault]]:
    """The tables of a workbook, one a sheet, without the empty ones."""
    try:
        # openpyxl takes 0.15 s to import, for which no other command should wait; the survey's image need not have it
        from sipas.tables.xlsx_tables import xlsx_tables  # noqa: PLC0415
    except ModuleNotFoundError:
        return [], [Fault(Spot(file), "", NO_OPENPYXL)]
    tables, faults = xlsx_tables(content, file)
    return tables, faults if tables or faults else [Fault(Spot(file), "", EMPTY)]


def text_table(
    content: bytes, file: str, recognised: Callable[[str], bool], max_rows: int = MAX_ROWS
) -> tuple[Table, list[Fault]]:
    """The table of a CSV file; `recognised` says whether a header names a column."""
    table, faults = csv_table(content, file, recognised, max_rows)
    return table, faults if table.rows or faults else [Fault(Spot(file), "", EMPTY)]
