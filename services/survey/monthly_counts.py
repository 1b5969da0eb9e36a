"""Monthly counts per level, collected elsewhere, as single sheets. Pure: the text and today's date are passed in.

A sheet is known by agency, method, month, level and its running number among that month's sheets of that level, and
by nothing else. So a file that is imported again, or that was continued since, counts each answer once, whatever its
order of rows. A count that was corrected downwards takes nothing back: the log forgets no answer.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID, uuid5

from sipas.tables.csv_tables import csv_table

LEVELS = (1, 2, 3, 4, 5)
MONTH = "month"
COUNTS = tuple(f"n{level}" for level in LEVELS)
COLUMNS = (MONTH, *COUNTS)
HIGHEST_COUNT = 1_000_000
"""Of one level in one month: more is a slip of the pen, and each answer becomes a sheet."""
FIRST_YEAR = 2000
"""Before it lie only slips of the pen, which the log would keep for ever."""

_IDS = UUID("5c0b6f5e-8d0f-4a53-9a3e-6f1d1f2a7c11")


class Fault(NamedTuple):
    """What is wrong in a file, and where; `row` counts from 1 (the header), `column` is "" for the whole row."""

    row: int
    column: str
    why: str

    def __str__(self) -> str:
        return f"row {self.row}, {self.column}: {self.why}" if self.column else f"row {self.row}: {self.why}"


@dataclass(frozen=True, slots=True)
class MonthlyCounts:
    """How many sheets of each level, 1 to 5, a month has."""

    first: date
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """Sheets of the month."""
        return sum(self.counts)

    @property
    def days(self) -> int:
        """Days of the month."""
        return monthrange(self.first.year, self.first.month)[1]

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


@dataclass(frozen=True, slots=True)
class CountedSheet:
    """One answer of a monthly count."""

    response_id: UUID
    answered_on: date
    level: int


def read_counts(text: str, today: date) -> tuple[list[MonthlyCounts], list[Fault]]:
    """The months of a CSV file, oldest first, and everything that is wrong with it.

    The header names the columns `month` (2026-10) and `n1` to `n5`; others are ignored, as are empty lines. A month
    that is not over on `today` is a fault: its count would still grow, but its days are spread only once.
    """
    table, wrong_file = csv_table(text.encode(), "", lambda word: word.lower() in COLUMNS)
    if wrong_file:
        return [], [Fault(fault.spot.line, "", fault.why) for fault in wrong_file]
    if not table.rows:
        return [], [Fault(1, "", "the file is empty")]
    (header_line, header), *body = ((line, [cell or "" for cell in row]) for line, row in table.rows)
    names = [name.lower() for name in header]
    found = Counter(names)
    faults = [Fault(header_line, name, "the column is missing") for name in COLUMNS if name not in found]
    faults += [Fault(header_line, name, "the column stands there twice") for name in COLUMNS if found[name] > 1]
    if faults:
        return [], faults
    if not body:
        return [], [Fault(header_line, "", "no month follows the header")]

    months: dict[date, MonthlyCounts] = {}
    for line, row in body:
        if any(row[len(names) :]):
            faults.append(Fault(line, "", f"{len(row)} cells, but the header names {len(names)} columns"))
            continue
        cells = dict(zip(names, row, strict=False))
        first = _month(cells.get(MONTH, ""), today)
        counts = [_count(cells.get(name, "")) for name in COUNTS]
        wrong = [
            Fault(line, name, value)
            for name, value in zip(COLUMNS, (first, *counts), strict=True)
            if isinstance(value, str)
        ]
        if isinstance(first, date) and first in months:
            wrong.append(Fault(line, MONTH, f"{first:%Y-%m} stands in the file twice"))
        faults += wrong
        if isinstance(first, date):
            months.setdefault(first, MonthlyCounts(first, tuple(count for count in counts if isinstance(count, int))))
    return [] if faults else sorted(months.values(), key=lambda month: month.first), faults


def sheets_of(agency: str, method: str, month: MonthlyCounts) -> Iterator[CountedSheet]:
    """Every sheet of a month, spread evenly: each day gets as many as any other or one more, and each level is
    spread over the month by itself, so that no day is all one level where the counts allow it.

    How evenly: with k levels that occur, and p the share of one of them, the sheets of that level up to the end of
    any day are at least its part for those days less (1 + (k-2)p)/2, and fewer than that part plus (1 + kp)/2. So
    a level with less than 1/k of the sheets is never a whole sheet off, and none is three off. Proof: cut the order
    where M of the N sheets have come, at the place x. Of its c_j sheets each level j has then had c_j x + e_j with
    |e_j| <= 1/2, because they stand in the middles of equal shares; summed, M = Nx + sum of all e. So level l has
    had c_l M/N + e_l - p (sum of all e), which is within (1-p)/2 + (k-1)p/2 of c_l M/N. The first d of D days take
    the first M = ceil(dN/D) sheets, so c_l M/N is at least c_l d/D and less than that plus p.
    """
    for day, at, number in spread(month.counts, month.days):
        level = LEVELS[at]
        yield CountedSheet(sheet_id(agency, method, month, level, number), month.first.replace(day=day), level)


def spread(counts: Sequence[int], days: int) -> Iterator[tuple[int, int, int]]:
    """Every one of some things, `counts` of each kind, in the order of days: day from 1, kind from 0, number from 1."""
    # each stands in the middle of its share of its kind's days
    order = sorted(
        (Fraction(2 * number - 1, 2 * count), kind, number)
        for kind, count in enumerate(counts)
        for number in range(1, count + 1)
    )
    for at, (_place, kind, number) in enumerate(order):
        yield at * days // len(order) + 1, kind, number


def sheet_id(agency: str, method: str, month: MonthlyCounts, level: int, number: int) -> UUID:
    """The id of the `number`-th sheet, from 1, of a month's level. It must never come out otherwise."""
    return uuid5(_IDS, f"{agency}/{method}/{month}/{level}/{number}")


def _month(cell: str, today: date) -> date | str:
    """The first day, or what is wrong."""
    if not cell:
        return "is missing"
    found = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", cell)
    if not found:
        return f"{cell!r} is not a month such as 2026-10"
    year, month = int(found[1]), int(found[2])
    if year < FIRST_YEAR:
        return f"{cell} is before {FIRST_YEAR}"
    if date(year, month, monthrange(year, month)[1]) > today:
        return f"{cell} is not over yet"
    return date(year, month, 1)


def _count(cell: str) -> int | str:
    """The count, or what is wrong."""
    if not cell:
        return "is missing"
    if re.fullmatch(r"-[0-9]+", cell):
        return f"{cell} is negative"
    if not re.fullmatch(r"[0-9]{1,15}", cell):
        return f"{cell!r} is not a whole number"
    count = int(cell)
    return count if count <= HIGHEST_COUNT else f"{cell} is more than {HIGHEST_COUNT:,}"
