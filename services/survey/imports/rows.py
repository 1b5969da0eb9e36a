"""The rows of a table, read as its mapping says. Pure: today is passed in.

Only mapped columns are looked at: a name, a telephone number, an e-mail address in another column reaches nothing,
not even a fault. Of a time only the day is kept. Rows that say the same become one `Alike` and how often it occurs.
"""

from __future__ import annotations

import unicodedata
from calendar import monthrange
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from services.survey.imports.days import read_day
from services.survey.imports.mapping import Chosen, FileMapping, Level, Scale
from services.survey.imports.texts import folded
from services.survey.monthly_counts import HIGHEST_COUNT
from sipas.tables.files import is_workbook, text_table, unreadable, workbook_tables
from sipas.tables.lists import Fault, Spot
from sipas.tables.table import MORE_CELLS, Refused, Table, if_unicode

SHOWN_ROWS = 10
SWAPPED = (
    "is a date, but other rows hold texts: a spreadsheet makes dates of what it can, perhaps with day "
    "and month swapped; export the file again and open it with this column as text"
)
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True, order=True)
class Alike:
    """What sheets have in common that nobody can tell apart. `words`: criterion and the answer's word, folded.

    `first` is the day, or the first one of the month where the mapping's column knows only months.
    """

    first: date
    agency: str
    counter: str
    sector: str
    words: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong in some rows of one column; "" is the row as a whole."""

    table: str
    column: str
    why: str
    rows: tuple[int, ...]

    def __str__(self) -> str:
        where = f"{self.table}, {listed(self.rows)}"
        return ": ".join(part for part in (where, shortened(self.column), self.why) if part)

    def as_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {"table": self.table, "column": self.column, "why": self.why, "rows": list(self.rows)}


@dataclass(frozen=True, slots=True)
class Rows:
    """What stands in a table.

    `silent`: sheets that answer nothing, which nobody would count. `words`: how often a criterion was answered by a
    word, and the level it means. `repeated`: rows that are the same as another to the second.
    """

    read: int
    empty: int
    silent: int
    sheets: Mapping[Alike, int]
    levels: Mapping[tuple[str, str], Level]
    words: Mapping[tuple[str, str], int]
    repeated: Sequence[int]
    faults: Sequence[RowFault]

    @property
    def refused(self) -> int:
        """How many rows have a fault."""
        return len({row for fault in self.faults for row in fault.rows})

    @property
    def total(self) -> int:
        """Sheets."""
        return sum(self.sheets.values())


def read_table(content: bytes, file: str, mapping: FileMapping) -> tuple[Table | None, list[Fault]]:
    """The table that a mapping means, its columns all there; or what is wrong with the file."""
    if faults := unreadable(content, file):
        return None, faults
    if not is_workbook(content):
        known = {folded(column) for column in mapping.columns}
        table, faults = text_table(content, file, lambda word: folded(word) in known)
        return (None, faults) if faults else _with_columns(table, mapping)
    tables, faults = workbook_tables(content, file)
    names = [table.sheet for table in tables]
    if mapping.sheet is not None:
        tables = [table for table in tables if folded(table.sheet) == folded(mapping.sheet)]
        # what is wrong with another sheet is no concern of ours
        faults = [fault for fault in faults if fault.spot.sheet in {"", *(table.sheet for table in tables)}]
    if faults:
        return None, faults
    if len(tables) != 1:
        why = "the mapping must name one as its sheet" if mapping.sheet is None else f"none is called {mapping.sheet!r}"
        return None, [Fault(Spot(file), "", f"has the sheets {', '.join(names)}; {why}")]
    return _with_columns(tables[0], mapping)


def _with_columns(table: Table, mapping: FileMapping) -> tuple[Table | None, list[Fault]]:
    line, header = table.rows[0]
    names = [folded(cell) for cell in header if isinstance(cell, str)]
    faults = [
        Fault(table.spot(line), "", f"the column {shortened(column)!r} {why}{table.note}")
        for column in mapping.columns
        if (why := {0: "is missing", 1: ""}.get(names.count(folded(column)), "stands there twice"))
    ]
    return (None, faults) if faults else (table, [])


def read_rows(table: Table, mapping: FileMapping, today: date) -> Rows:
    """All rows, and everything that is wrong with them."""
    reader = _Reader(table, mapping, today)
    for line, cells in table.rows[1:]:
        reader.row(line, cells)
    return reader.rows()


@dataclass
class _Reader:
    table: Table
    mapping: FileMapping
    today: date
    at: dict[str, int] = field(init=False)
    width: int = field(init=False)
    days_are_texts: bool = field(init=False)
    empty: int = 0
    silent: int = 0
    sheets: Counter[Alike] = field(default_factory=Counter)
    levels: dict[tuple[str, str], Level] = field(default_factory=dict)
    words: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    seen: set[tuple[str, ...]] = field(default_factory=set)
    repeated: list[int] = field(default_factory=list)
    wrong: bool = False

    def __post_init__(self) -> None:
        header = self.table.rows[0][1]
        of = {folded(cell): at for at, cell in enumerate(header) if isinstance(cell, str)}
        self.at = {column: of[folded(column)] for column in self.mapping.columns}
        self.width = len(header)
        day = self.at[self.mapping.answered_on.column]
        texts = any(isinstance(cells[day], str) for _, cells in self.table.rows[1:] if day < len(cells))
        self.days_are_texts = texts and self.mapping.answered_on.format is not None

    def row(self, line: int, cells: Sequence[Any]) -> None:
        """Count a row; one with a fault counts for nothing."""
        values = {column: if_unicode(cells[at]) if at < len(cells) else None for column, at in self.at.items()}
        if all(value is None for value in values.values()):
            self.empty += 1
            return
        self.wrong = False
        if not self.table.sheet and any(cell is not None for cell in cells[self.width :]):
            self._fault(line, "", MORE_CELLS)
            return
        first = self._day(line, values)
        agency = self._chosen(line, self.mapping.agency, values)
        counter = self._chosen(line, self.mapping.counter, values)
        sector = self._chosen(line, self.mapping.sector, values)
        patterns = self._counted(line, values) if self.mapping.counted else self._answers(line, values)
        if self.wrong or first is None:
            return
        self._note_repeated(line, values)
        for pattern, times in patterns:
            for criterion, shown, level in pattern:
                self.levels.setdefault((criterion, folded(shown)), level)
                self.words[criterion, shown] += times
            if all(level is None for _, _, level in pattern):
                self.silent += times
            elif times:
                words = tuple((criterion, folded(shown)) for criterion, shown, _ in sorted(pattern))
                self.sheets[Alike(first, agency, counter, sector, words)] += times

    def rows(self) -> Rows:
        """What was found."""
        faults = [RowFault(self._table_name(), column, why, tuple(rows)) for (column, why), rows in self.faults.items()]
        return Rows(
            read=len(self.table.rows) - 1,
            empty=self.empty,
            silent=self.silent,
            sheets=self.sheets,
            levels=self.levels,
            words=self.words,
            repeated=self.repeated,
            faults=sorted(faults, key=lambda fault: fault.rows),
        )

    def _table_name(self) -> str:
        return f"{self.table.file}: sheet {self.table.sheet}" if self.table.sheet else self.table.file

    def _fault(self, line: int, column: str, why: str) -> None:
        self.faults.setdefault((column, why), []).append(line)
        self.wrong = True

    def _day(self, line: int, values: Mapping[str, Any]) -> date | None:
        column = self.mapping.answered_on
        value = values[column.column]
        if isinstance(value, Refused):
            self._fault(line, column.column, value.why)
            return None
        if isinstance(value, date) and self.days_are_texts:
            self._fault(line, column.column, SWAPPED)
            return None
        day = read_day(value, column.format, self.today)
        if isinstance(day, date) and column.is_month:
            last = day.replace(day=monthrange(day.year, day.month)[1])
            day = day.replace(day=1) if last <= self.today else f"{day:%Y-%m} is not over yet"
        if isinstance(day, str):
            self._fault(line, column.column, day)
            return None
        return day

    def _chosen(self, line: int, chosen: Chosen | None, values: Mapping[str, Any]) -> str:
        if chosen is None:
            return ""
        if chosen.column is None:
            return chosen.fixed or ""
        word = self._word(line, chosen.column, values[chosen.column])
        if word is None:
            return ""
        if not word:
            self._fault(line, chosen.column, "is empty")
            return ""
        found = chosen.check(word) if chosen.values is None else chosen.values.get(folded(word))
        if found is None:
            why = "is not among its values" if chosen.values is not None else "is none that there can be"
            self._fault(line, chosen.column, f"{word!r} {why}")
        return found or ""

    def _answers(self, line: int, values: Mapping[str, Any]) -> list[tuple[list[tuple[str, str, Level]], int]]:
        pattern = []
        for asked in self.mapping.answers:
            word = self._word(line, asked.column, values[asked.column])
            if word is not None:
                pattern.append((asked.criterion, word, self._level(line, asked.column, word, asked.scale)))
        times = 1 if self.mapping.times is None else self._count(line, self.mapping.times, values[self.mapping.times])
        return [(pattern, times)]

    def _counted(self, line: int, values: Mapping[str, Any]) -> list[tuple[list[tuple[str, str, Level]], int]]:
        return [
            ([(self.mapping.criterion, column, level)], self._count(line, column, values[column]))
            for column, level in self.mapping.counted
        ]

    def _level(self, line: int, column: str, word: str, scale: Scale) -> Level:
        if not word:
            return None  # a question that was passed over
        if (key := folded(word)) not in scale.levels:
            self._fault(line, column, f"{word!r} is not in the scale {scale.name}")
            return None
        return scale.levels[key]

    def _word(self, line: int, column: str, value: Any) -> str | None:
        """The text of a cell, "" where it is empty; None where it holds none."""
        match value:
            case None:
                return ""
            case str():
                return unicodedata.normalize("NFC", " ".join(value.split()))
            case Refused():
                self._fault(line, column, value.why)
            case bool():
                self._fault(line, column, "is a truth value; format the column as text and write it again")
            case int() | float():
                return str(int(value)) if value == int(value) else str(value)
            case _:
                self._fault(line, column, "is a date or a time; format the column as text and write it again")
        return None

    def _count(self, line: int, column: str, value: Any) -> int:
        word = self._word(line, column, value)
        if word is None:
            return 0
        if not word.isascii() or not word.isdecimal() or int(word) > HIGHEST_COUNT:
            why = f"{word!r} is no whole number from 0 to {HIGHEST_COUNT:,}" if word else "is empty; write 0 for none"
            self._fault(line, column, why)
            return 0
        return int(word)

    def _note_repeated(self, line: int, values: Mapping[str, Any]) -> None:
        """Two people may answer alike on a day, but hardly in the same second."""
        value = values[self.mapping.answered_on.column]
        has_time = self.mapping.answered_on.format is not None and self.mapping.answered_on.format.has_time
        if isinstance(value, datetime):
            has_time = value.time() != time.min
        key = tuple(str(value) for value in values.values())
        if has_time and self.mapping.times is None and key in self.seen:
            self.repeated.append(line)
        self.seen.add(key)


def listed(rows: Sequence[int]) -> str:
    """The numbers of some rows, the first ones of many."""
    some = ", ".join(map(str, rows[:SHOWN_ROWS]))
    more = f" and {len(rows) - SHOWN_ROWS:,} more" if len(rows) > SHOWN_ROWS else ""
    return f"{'row' if len(rows) == 1 else 'rows'} {some}{more}"


def shortened(name: str) -> str:
    """A question that heads a column, short enough for a line."""
    return name if len(name) <= _LONGEST_SHOWN else f"{name[: _LONGEST_SHOWN - 1]}…"
