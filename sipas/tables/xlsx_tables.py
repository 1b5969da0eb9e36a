"""The tables of an Excel workbook (.xlsx): one sheet a table. Knows openpyxl; no other module does but the export.

A workbook is refused where reading it would mean guessing: merged cells, formulas (their stored results may be old),
hidden sheets, fonts of TCVN3 and VNI that draw other letters than they hold.

Read whole and not as a stream, because openpyxl tells merged cells only then; so its size is bounded before.
A workbook comes from an administrator on the command line. openpyxl parses it with the standard library's expat,
which fetches nothing and (since 2.4.1) stops at entities that grow; defusedxml is not installed.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Sequence
from typing import Any

from openpyxl import load_workbook
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.worksheet.worksheet import Worksheet

from sipas.tables.lists import Fault, Spot
from sipas.tables.table import MAX_COLUMNS, MAX_ROWS, Refused, Table

MAX_UNPACKED = 64 * 1024 * 1024
MAX_CELLS = 2_000_000
_FONTS = (".vn", "vni-")


def xlsx_tables(content: bytes, file: str) -> tuple[list[Table], list[Fault]]:
    """The tables of a workbook without its empty sheets; the name of a sheet is the table's."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            unpacked = sum(part.file_size for part in package.infolist())
            is_workbook = "xl/workbook.xml" in package.namelist()
    except zipfile.BadZipFile as reason:
        return [], [Fault(Spot(file), "", f"is no workbook: {reason}")]
    if not is_workbook:
        return [], [Fault(Spot(file), "", "is no .xlsx workbook; save it as Excel Workbook (.xlsx)")]
    if unpacked > MAX_UNPACKED:  # zipfile reads no more of a part than it declares
        return [], [Fault(Spot(file), "", f"is larger than {MAX_UNPACKED >> 20} MB unpacked")]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of features that only matter for writing the workbook again
            workbook = load_workbook(io.BytesIO(content), keep_links=False)
    except Exception as reason:  # noqa: BLE001 - openpyxl raises whatever the XML of a broken workbook leads to
        return [], [Fault(Spot(file), "", f"cannot be read as a workbook: {reason}")]
    tables: list[Table] = []
    faults: list[Fault] = []
    for sheet in workbook.worksheets:
        table, wrong = _table(sheet, file)
        faults += wrong
        if table.rows or wrong:
            tables.append(table)
    return tables, faults


def _table(sheet: Worksheet, file: str) -> tuple[Table, list[Fault]]:
    name = sheet.title
    empty = Table(file, name, ())
    whole = Spot(file, sheet=name)
    if sheet.max_row > MAX_ROWS or sheet.max_column > MAX_COLUMNS or sheet.max_row * sheet.max_column > MAX_CELLS:
        size = f"reaches to row {sheet.max_row:,}, column {sheet.max_column:,}"
        why = f"{size}; at most {MAX_ROWS:,} and {MAX_COLUMNS}: delete the empty rows and columns"
        return empty, [Fault(whole, "", why)]
    rows: list[tuple[int, Sequence[Any]]] = []
    for line, row in enumerate(sheet.iter_rows(), 1):
        cells = [_value(cell) for cell in row]
        if any(cell is not None for cell in cells):
            rows.append((line, cells))
    if not rows:
        return empty, []
    faults = [
        Fault(Spot(file, area.min_row, sheet=name, cell=area.coord), "", "are merged cells; unmerge them")
        for area in sorted(sheet.merged_cells.ranges, key=lambda area: (area.min_row, area.min_col))
    ]
    if sheet.sheet_state != "visible":
        faults.insert(0, Fault(whole, "", "is hidden; show it or delete it"))
    # what stands in merged cells would only raise further faults
    return (empty if faults else Table(file, name, rows)), faults


def _value(cell: Cell | MergedCell) -> Any:
    if isinstance(cell, MergedCell):
        return None
    match cell.data_type:
        case "f":
            return Refused("is a formula; put its value there (Paste special → Values)")
        case "e":
            return Refused(f"is the error {cell.value}")
    if not isinstance(cell.value, str):
        return cell.value
    if (cell.font.name or "").lower().startswith(_FONTS):
        return Refused(f"is set in {cell.font.name}, an old font of TCVN3 or VNI; convert the text to Unicode first")
    return cell.value.strip() or None
