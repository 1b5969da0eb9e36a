"""Past days that an office kept in a table, and settings of single histories: read as they stand or refused. Pure.

Columns: `case` or `agency`, `day`, `responses`, `satisfied` (the sum of each sheet's share of satisfied criteria; of
yes/no answers their number). Other columns are ignored. Nothing is used of a file in which anything is wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.notifier.drop_rule import Day
from sipas.tables.files import is_workbook, text_table, unreadable, workbook_tables
from sipas.tables.lists import Fault, Spot
from sipas.tables.table import MORE_CELLS, Refused, Table

MAX_ROWS = 2_000_000
NAMES = ("case", "agency")
NUMBERS = ("responses", "satisfied")
COLUMNS = (*NAMES, "day", *NUMBERS)
LAST_DAY = date.max.toordinal()
_NUMBER = re.compile(r"\d+([.,]\d+)?([eE]-?\d+)?")
_DAY_FIRST = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}")
# a sum of shares that was rounded may exceed the number of sheets by as much
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class History:
    """Reporting days of one case in their order. `dated`: their numbers are dates' ordinals, else the file's own."""

    case: str
    days: tuple[Day, ...]
    dated: bool

    def shown(self, day: int) -> int | str:
        """A day as the file would write it."""
        return date.fromordinal(day).isoformat() if self.dated else day


class Unusable(Exception):
    """Why a cell cannot be used."""


def read_histories(content: bytes, file: str) -> tuple[list[History], list[Fault]]:
    """The histories in the order in which the file begins them, or all that is wrong."""
    table, faults = _table(content, file)
    if table is None:
        return [], faults
    line, header = table.rows[0]
    names = [cell.strip().lower() if isinstance(cell, str) else "" for cell in header]
    if faults := _header_faults(table, line, names):
        return [], faults
    reader = _Reader(table, {name: names.index(name) for name in COLUMNS if name in names})
    for number, cells in table.rows[1:]:
        reader.row(number, cells)
    return ([], reader.faults) if reader.faults else (reader.histories(), [])


def read_settings(content: bytes, file: str) -> tuple[dict[str, Mapping[str, Any]], list[Fault]]:
    """Settings by case, from JSON lines with `case` and `settings`; their other fields are ignored."""
    settings: dict[str, Mapping[str, Any]] = {}
    faults = []
    for number, line in enumerate(content.decode("utf-8-sig", "replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
        except ValueError as reason:
            faults.append(Fault(Spot(file, number), "", f"is not JSON: {reason}"))
            continue
        case, of_case = (said.get("case"), said.get("settings")) if isinstance(said, dict) else (None, None)
        if not isinstance(case, str) or not isinstance(of_case, dict):
            faults.append(Fault(Spot(file, number), "", 'must be an object such as {"case": "a", "settings": {}}'))
        elif case in settings:
            faults.append(Fault(Spot(file, number), "case", f"{case} stands twice"))
        else:
            settings[case] = of_case
    return settings, faults


def _table(content: bytes, file: str) -> tuple[Table | None, list[Fault]]:
    if faults := unreadable(content, file):
        return None, faults
    if is_workbook(content):
        tables, faults = workbook_tables(content, file)
        if not faults and len(tables) != 1:
            sheets = ", ".join(table.sheet for table in tables)
            faults = [Fault(Spot(file), "", f"has the sheets {sheets}; keep the one with the days")]
        return (None, faults) if faults else (tables[0], [])
    table, faults = text_table(content, file, lambda word: word.strip().lower() in COLUMNS, MAX_ROWS)
    return (None, faults) if faults else (table, [])


def _header_faults(table: Table, line: int, names: list[str]) -> list[Fault]:
    named = [name for name in NAMES if name in names]
    wrong = [(name, "stands there twice") for name in COLUMNS if names.count(name) > 1]
    wrong += [(name, "is missing") for name in ("day", *NUMBERS) if name not in names]
    if not named:
        wrong.append(("case", "is missing (or call it agency)"))
    elif len(named) > 1:
        wrong.append(("case", "stands beside agency; keep one of them"))
    return [Fault(table.spot(line), "", f"the column {name} {why}{table.note}") for name, why in wrong]


class _Reader:
    """Rows as they come, by case."""

    def __init__(self, table: Table, at: Mapping[str, int]) -> None:
        self.faults: list[Fault] = []
        self._table = table
        self._at = at
        self._width = max(at.values()) + 1
        self._header_width = len(table.rows[0][1])
        self._name = next(name for name in NAMES if name in at)
        self._days: dict[str, dict[int, Day | None]] = {}
        self._first_lines: dict[tuple[str, int], int] = {}
        self._dated: dict[str, bool] = {}

    def row(self, line: int, cells: Any) -> None:
        if any(cell is not None for cell in cells[self._header_width :]):
            self.faults.append(Fault(self._table.spot(line), "", MORE_CELLS))
            return
        cells = [*cells, *[None] * (self._width - len(cells))]
        before = len(self.faults)
        case = self._read(line, self._name, cells, _name)
        found = self._read(line, "day", cells, _day)
        responses = self._read(line, "responses", cells, _whole)
        satisfied = self._read(line, "satisfied", cells, _number)
        if len(self.faults) > before:
            return
        day, dated = found
        if satisfied > responses + _ROUNDING:
            self._fault(line, "satisfied", f"{satisfied:g} is more than the {responses:,} responses")
        elif self._dated.setdefault(case, dated) != dated:
            self._fault(line, "day", f"is a {'date' if dated else 'number'}, but earlier days of {case} are not")
        elif (first := self._first_lines.setdefault((case, day), line)) != line:
            self._fault(line, "day", f"{case} has this day already in row {first}")
        else:
            # a day without answers is no reporting day
            of_day = Day(day, responses, min(satisfied, responses)) if responses else None
            self._days.setdefault(case, {})[day] = of_day

    def histories(self) -> list[History]:
        return [
            History(case, tuple(day for _, day in sorted(days.items()) if day), self._dated[case])
            for case, days in self._days.items()
        ]

    def _read(self, line: int, column: str, cells: list[Any], parse: Callable[[Any], Any]) -> Any:
        cell = cells[self._at[column]]
        try:
            return parse(cell)
        except Unusable as reason:
            self._fault(line, column, str(reason))
            return None

    def _fault(self, line: int, column: str, why: str) -> None:
        self.faults.append(Fault(self._table.spot(line, self._at[column], column), "", why))


def _name(cell: Any) -> str:
    if cell is None:
        raise Unusable("is empty")
    if isinstance(cell, Refused):
        raise Unusable(cell.why)
    return str(cell).strip()


def _day(cell: Any) -> tuple[int, bool]:
    """(number, whether it is a date)."""
    if isinstance(cell, date):  # of a workbook; a time of day says nothing here
        return (cell.date() if isinstance(cell, datetime) else cell).toordinal(), True
    written = _name(cell)
    if re.fullmatch(r"\d{1,7}(\.0)?", written):
        number = int(float(written))
        if number <= LAST_DAY:
            return number, False
    elif re.fullmatch(r"\d{4}-\d\d-\d\d", written):
        try:
            return date.fromisoformat(written).toordinal(), True
        except ValueError:
            raise Unusable(f"{written!r} is no day of the calendar") from None
    elif _DAY_FIRST.fullmatch(written):
        raise Unusable(f"{written!r} may be read in two ways; write the year first, such as 2026-11-22")
    raise Unusable(f"{written!r} must be a date such as 2026-11-22, or a whole number that counts days")


def _number(cell: Any) -> float:
    written = _name(cell)
    if not _NUMBER.fullmatch(written):
        raise Unusable(f"{written!r} must be a number, not negative")
    return float(written.replace(",", "."))


def _whole(cell: Any) -> int:
    written = _name(cell)
    if not re.fullmatch(r"\d{1,12}([.,]0)?", written):
        raise Unusable(f"{written!r} must be a whole number, not negative, without separators")
    return int(float(written.replace(",", ".")))
