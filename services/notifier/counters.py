"""How each counter of an agency did on a day, packed small, and which of them fell most. Pure.

The judge holds 400 days of every agency. A dozen counters as one text cost 250 bytes a day; as Python's dicts and
tuples they would cost 2 kB, more than everything else of the day. The text is only unpacked when an alert is raised.
The topic of totals could be read again at that moment instead, but it holds every version of every day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import fsum

LEAST_SHEETS = 30
"""Fewer sheets say more about chance, and about single officers, than about a counter."""
_PART = "counter="


@dataclass(frozen=True, slots=True)
class PartFall:
    """How one counter, or one criterion, fell: shares, and the sheets (of a criterion: answers) behind them."""

    code: str
    before: float
    before_n: int
    after: float
    after_n: int


def pack(parts: Mapping[str, Mapping[str, int]]) -> str:
    """From the parts of an agency-day: `code:sheets:satisfied`, `satisfied` the sum of each sheet's share."""
    packed = []
    for name, fields in sorted(parts.items()):
        if name.startswith(_PART) and (sheets := fields.get("responses", 0)):
            # summed exactly, so that the order of the cells does not show
            satisfied = fsum(_share(cell) * number for cell, number in fields.items() if "/" in cell)
            packed.append(f"{name.removeprefix(_PART)}:{sheets}:{satisfied:.4g}")
    return " ".join(packed)


def counter_fallen_most(before: Iterable[str], after: Iterable[str]) -> PartFall | None:
    """The counter whose mean fell most, by points; None where none with enough sheets on both sides fell."""
    sums_before, sums_after = _sums(before), _sums(after)
    falls = [
        PartFall(code, satisfied_before / sheets_before, sheets_before, satisfied / sheets, sheets)
        for code, (sheets, satisfied) in sorted(sums_after.items())
        for sheets_before, satisfied_before in (sums_before.get(code, (0, 0.0)),)
        if sheets >= LEAST_SHEETS and sheets_before >= LEAST_SHEETS
    ]
    worst = min(falls, key=lambda one: one.after - one.before, default=None)
    return worst if worst is not None and worst.after < worst.before else None


def _sums(days: Iterable[str]) -> dict[str, tuple[int, float]]:
    sums: dict[str, tuple[int, float]] = {}
    for day in days:
        for packed in day.split():
            code, sheets, satisfied = packed.split(":")
            n, s = sums.get(code, (0, 0.0))
            sums[code] = n + int(sheets), s + float(satisfied)
    return sums


@lru_cache(maxsize=1024)
def _share(cell: str) -> float:
    """`4/5`: a sheet with 4 satisfied answers among 5. Raises ValueError for anything else."""
    satisfied, _, answers = cell.partition("/")
    if not 0 <= int(satisfied) <= int(answers) or not int(answers):
        raise ValueError(f"{cell!r} is no cell of a tally")
    return int(satisfied) / int(answers)
