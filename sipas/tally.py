"""The integers that everything published is computed from.

A tally counts answer sheets; it never holds a percentage. Its field names are the contract with the ledger (Redis)
and with the tallies topic (Kafka), one integer each:

    responses       counted sheets
    excluded        sheets in quarantine (flagged): they raise this field and no other
    ACCESS:1 … :5   answers of that level to criterion ACCESS
    ACCESS:-        sheets that said "not used / no opinion" (null)
    4/5             sheets with 4 satisfied answers (level 4 or 5) among 5 given: a cell

From the cells the share per sheet, its sum and its variance follow exactly, without keeping a sheet.
Every sheet only adds ones, so tallies add up in any order and any grouping.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import ClassVar, NamedTuple

RESPONSES = "responses"
EXCLUDED = "excluded"
EXCLUDED_FIELDS = (EXCLUDED,)
"""What one flagged sheet raises by one."""

SATISFIED_FROM = 4
"""Levels 4 and 5 of 5 are "satisfied": the index is a share of answers, not a mean score."""

CRITERION_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,31}")

SUFFIXES: Mapping[int | None, str] = {None: "-", 1: "1", 2: "2", 3: "3", 4: "4", 5: "5"}
"""Level -> how a field of its count ends; None is a null answer."""
_POSITIONS = {suffix: position for position, suffix in enumerate(SUFFIXES.values())}
_COUNT_FIELD = re.compile(rf"({CRITERION_CODE.pattern}):([-1-5])")
_CELL_FIELD = re.compile(r"(0|[1-9][0-9]*)/(0|[1-9][0-9]*)")

Counts = tuple[int, int, int, int, int, int]
"""Of one criterion: null, then levels 1 to 5."""

Cell = tuple[int, int]
"""(satisfied answers, answers) of one sheet."""

_NO_COUNTS: Counts = (0, 0, 0, 0, 0, 0)


def sheet_fields(answers: Mapping[str, int | None]) -> tuple[str, ...]:
    """Give the fields that one counted sheet raises by one: responses, one per criterion asked, one cell.

    A criterion that is not in `answers` was not asked and has no field.
    Raises ValueError for a level outside 1..5 or a sheet without any answer: the event codec refuses both,
    so here they are a fault of ours and must not become integers.
    """
    return _sheet_fields(tuple(answers.items()))


# A five-question sheet has 7,776 forms and an office uses a few hundred of them: most sheets are a look-up.
@lru_cache(maxsize=65_536)
def _sheet_fields(answers: tuple[tuple[str, int | None], ...]) -> tuple[str, ...]:
    levels = [level for _, level in answers if level is not None]
    if not levels:
        raise ValueError("a sheet without any answer cannot be counted")
    wrong = [f"{code}={level!r}" for code, level in answers if level not in SUFFIXES]
    if wrong:
        raise ValueError(f"levels are 1 to 5 or null, not {', '.join(wrong)}")
    satisfied = sum(level >= SATISFIED_FROM for level in levels)
    counts = (f"{code}:{SUFFIXES[level]}" for code, level in answers)
    return (RESPONSES, *counts, f"{satisfied}/{len(levels)}")


class _Level(NamedTuple):
    """Answers of one level to one criterion."""

    code: str
    position: int


# the names of a method are few, and every total of every agency and day has them all
@lru_cache(maxsize=4096)
def _read_name(name: str) -> _Level | Cell | None:
    """What a field counts; None for the totals. Raises ValueError for another name."""
    if name in {RESPONSES, EXCLUDED}:
        return None
    if count := _COUNT_FIELD.fullmatch(name):
        return _Level(count[1], _POSITIONS[count[2]])
    if cell := _CELL_FIELD.fullmatch(name):
        return int(cell[1]), int(cell[2])
    raise ValueError(f"{name!r} is not a field of a tally")


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of some scope (an agency, a counter) and time (a day, a month). Zeroes are left out, so equal is equal."""

    responses: int = 0
    excluded: int = 0
    counts: Mapping[str, Counts] = field(default_factory=dict)
    cells: Mapping[Cell, int] = field(default_factory=dict)

    EMPTY: ClassVar["Tally"]

    def __post_init__(self) -> None:
        counts = {code: numbers for code, numbers in self.counts.items() if any(numbers)}
        cells = {cell: sheets for cell, sheets in self.cells.items() if sheets}
        object.__setattr__(self, "counts", MappingProxyType(counts))
        object.__setattr__(self, "cells", MappingProxyType(cells))

    @classmethod
    def from_fields(cls, fields: Mapping[str, int]) -> "Tally":
        """Read the stored form. Raises ValueError for a field of another name: skipping it would hide answers."""
        counts: dict[str, list[int]] = {}
        cells: dict[Cell, int] = {}
        for name, number in fields.items():
            read = _read_name(name)
            if isinstance(read, _Level):
                counts.setdefault(read.code, [0] * len(SUFFIXES))[read.position] = number
            elif read is not None:
                cells[read] = number
        return cls(
            responses=fields.get(RESPONSES, 0),
            excluded=fields.get(EXCLUDED, 0),
            counts={code: (n[0], n[1], n[2], n[3], n[4], n[5]) for code, n in counts.items()},
            cells=cells,
        )

    def fields(self) -> dict[str, int]:
        """Give the stored form, the inverse of `from_fields`; fields that are zero are left out."""
        return {name: number for name, number in self._all_fields() if number}

    def _all_fields(self) -> Iterator[tuple[str, int]]:
        yield RESPONSES, self.responses
        yield EXCLUDED, self.excluded
        for code, numbers in self.counts.items():
            for suffix, number in zip(SUFFIXES.values(), numbers, strict=True):
                yield f"{code}:{suffix}", number
        for (satisfied, answers), sheets in self.cells.items():
            yield f"{satisfied}/{answers}", sheets

    def __add__(self, other: "Tally") -> "Tally":
        counts = dict(self.counts)
        for code, numbers in other.counts.items():
            mine = counts.get(code, _NO_COUNTS)
            n = [a + b for a, b in zip(mine, numbers, strict=True)]
            counts[code] = (n[0], n[1], n[2], n[3], n[4], n[5])
        cells = dict(self.cells)
        for cell, sheets in other.cells.items():
            cells[cell] = cells.get(cell, 0) + sheets
        return Tally(self.responses + other.responses, self.excluded + other.excluded, counts, cells)

    @property
    def answers(self) -> int:
        """Answers of level 1 to 5 over all criteria: the denominator of the pooled index."""
        return sum(sum(numbers[1:]) for numbers in self.counts.values())

    @property
    def satisfied(self) -> int:
        """Answers of level 4 or 5 over all criteria: the numerator of the pooled index."""
        return sum(sum(numbers[SATISFIED_FROM:]) for numbers in self.counts.values())

    def problems(self) -> tuple[str, ...]:
        """Say which rules these integers break; a tally made of whole sheets breaks none."""
        found = [f"{name} is negative: {number}" for name, number in self._all_fields() if number < 0]
        found += [
            f"cell {satisfied}/{answers} cannot come from a sheet of {len(self.counts)} criteria"
            for satisfied, answers in self.cells
            if not (satisfied <= answers and 1 <= answers <= len(self.counts))
        ]
        found += [
            f"{code} was asked on {sum(numbers)} sheets, but only {self.responses} were counted"
            for code, numbers in self.counts.items()
            if sum(numbers) > self.responses
        ]
        by_cells = {
            "sheets": (sum(self.cells.values()), self.responses),
            "answers": (sum(m * sheets for (_, m), sheets in self.cells.items()), self.answers),
            "satisfied answers": (sum(k * sheets for (k, _), sheets in self.cells.items()), self.satisfied),
        }
        found += [
            f"the cells hold {cells} {what}, the counts {counts}"
            for what, (cells, counts) in by_cells.items()
            if cells != counts
        ]
        return tuple(found)


Tally.EMPTY = Tally()
