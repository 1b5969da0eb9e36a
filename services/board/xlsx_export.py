"""Tables as an Excel workbook, made so that what people write into it comes back as they wrote it.

Text columns are formatted as text: a spreadsheet would else make a number of `00004` and lose its zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

from sipas.tables.table import column_letters

_TEXT, _DAY = "@", "yyyy-mm-dd"
_WIDEST = 60


def write_workbook(tables: Mapping[str, Sequence[Sequence[Any]]], path: Path | BinaryIO) -> None:
    """One sheet a table, named after it; raises `OSError` where the file cannot be written."""
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in tables.items():
        _fill(workbook.create_sheet(name), rows)
    workbook.save(path)


def _fill(sheet: Worksheet, rows: Sequence[Sequence[Any]]) -> None:
    for at, column in enumerate(zip(*rows, strict=True)):
        header, *cells = column
        numeric = any(isinstance(cell, int | float) for cell in cells)
        dated = header.startswith("valid_")
        format_ = _DAY if dated else "General" if numeric else _TEXT
        dimension = sheet.column_dimensions[column_letters(at)]
        dimension.width = min(max(len(str(cell)) for cell in column if cell is not None) + 2, _WIDEST)
        dimension.number_format = format_
        for line, value in enumerate(column, 1):
            cell = sheet.cell(line, at + 1, value)
            cell.number_format = format_
            if isinstance(value, str):
                cell.data_type = "s"  # a text that begins with = is a text
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "B2"
