"""One table as it stands in a file. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sipas.tables.lists import Spot

MAX_ROWS = 100_000
MAX_COLUMNS = 100
MORE_CELLS = "the row has more cells than the header; a cell with a separator in it must stand in quotes"
# a province's old files are set in fonts that draw other characters than they hold
_TCVN3 = re.compile(r"[^\W\d_][®µ¸¹]|[®µ¸¹][^\W\d_]")


class Refused(NamedTuple):
    """A cell that holds nothing that could be read."""

    why: str


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a table that are not empty, with their numbers; the first one is the header.

    A value is a text, a number, a truth value, a date, `Refused`, or None where a cell is empty. `sheet` is "" where
    the table is a file of its own; `note` is added to what is said about its header.
    """

    file: str
    sheet: str
    rows: Sequence[tuple[int, Sequence[Any]]]
    note: str = ""

    def spot(self, line: int, at: int | None = None, column: str = "") -> Spot:
        """Of a row, or of its cell number `at`, from 0."""
        cell = f"{column_letters(at)}{line}" if self.sheet and at is not None else ""
        return Spot(self.file, line, column, self.sheet, cell)


def if_unicode(value: Any) -> Any:
    """The value of a cell, or `Refused` where its text was not written in Unicode."""
    if isinstance(value, str) and _TCVN3.search(value):
        return Refused("looks like TCVN3 (fonts .VnTime …) instead of Unicode; convert the file to Unicode first")
    return value


def column_letters(at: int) -> str:
    """How a spreadsheet calls its column number `at`, from 0: A, B, …, Z, AA."""
    letters = ""
    at += 1
    while at:
        at, letter = divmod(at - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters
