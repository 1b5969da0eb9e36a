"""A table in a text file: CSV as spreadsheets of any language write it. Pure.

The separator is `;`, `,` or a tab, whichever makes most columns of the header known; a first line `sep=;` decides.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from sipas.tables.lists import Fault, Spot
from sipas.tables.table import MAX_COLUMNS, MAX_ROWS, Table

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def decoded(content: bytes, file: str) -> tuple[str, list[Fault]]:
    """The text of a file in UTF-8, or in UTF-16 with its mark as Excel's "Unicode text" has it."""
    encoding = next((name for bom, name in _BOMS.items() if content.startswith(bom)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as reason:
        line = content.count(b"\n", 0, reason.start) + 1
        why = "is not UTF-8, perhaps windows-1258 or TCVN3; in Excel choose Save as → 'CSV UTF-8'"
        return "", [Fault(Spot(file, line), "", why)]
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        return "", [Fault(Spot(file, line), "", "holds a zero byte: it is no text; in Excel choose 'CSV UTF-8'")]
    return text, []


def csv_table(
    content: bytes, file: str, recognised: Callable[[str], bool], max_rows: int = MAX_ROWS
) -> tuple[Table, list[Fault]]:
    """The rows of a CSV file. `recognised` says whether a header names a column."""
    empty = Table(file, "", ())
    text, faults = decoded(content, file)
    if faults:
        return empty, faults
    lines = list(io.StringIO(text, newline=""))
    separator, note, skipped = "", "", 0
    if lines and (first := lines[0].rstrip("\r\n").lower()) in {f"sep={mark}" for mark in SEPARATORS}:
        separator, skipped = first[-1], 1
    if not separator:
        separator, note = _separator(next((line for line in lines if line.strip()), ""), recognised)
    reader = csv.reader(lines[skipped:], delimiter=separator, strict=True)
    rows = []
    begins = 0
    try:
        for row in reader:
            line, begins = skipped + begins + 1, reader.line_num
            cells = [cell.strip() or None for cell in row]
            if any(cells):
                rows.append((line, cells))
            if len(rows) > max_rows or any(cells[MAX_COLUMNS:]):
                why = f"is more than {max_rows:,} rows or {MAX_COLUMNS} columns"
                return empty, [Fault(Spot(file, line), "", why)]
    except csv.Error as reason:
        return empty, [Fault(Spot(file, skipped + begins + 1), "", f"is not CSV: {reason}")]
    return Table(file, "", rows, note), []


def _separator(header: str, recognised: Callable[[str], bool]) -> tuple[str, str]:
    """The separator of a header line, and a note on it where others were possible."""
    known = {mark: sum(map(recognised, next(csv.reader([header], delimiter=mark), ()))) for mark in SEPARATORS}
    best = max(known, key=lambda mark: (known[mark], header.count(mark)))
    possible = [mark for mark in SEPARATORS if mark in header]
    note = f" (the columns were taken to be separated by {SEPARATORS[best]})" if possible and possible != [best] else ""
    return best, note
