"""Counters that have fallen silent: used to get sheets, and got none for some working days. Pure.

Its code was torn off, its officers no longer show it, or nobody comes: from the index this cannot be seen, which only
rests on fewer sheets. A counter where several agencies are answered about is silent where none of them got a sheet, and
belongs to the first of them, so that it is counted once.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from sipas.registry import Counter
from sipas.working_days import is_working_day

WORKING_DAYS = 5
"""A week without an answer is no chance where answers came."""
USED_SHEETS = 5
"""In the months looked at: one visitor who tried the code is no use of a counter."""
MONTHS = 3


class Scope(NamedTuple):
    """An agency, and a method by which it is measured somewhere."""

    agency: str
    method: str


Sheets = Mapping[str, Mapping[str, int]]
"""Time -> part ("counter=7K3M9QX2TB") -> sheets, flagged ones too: they show that the code is used."""


def days_looked_at(today: date, holidays: Container[date]) -> tuple[str, ...]:
    """Today, and back to the fifth whole working day before it, newest first."""
    found, left, day = [today.isoformat()], WORKING_DAYS, today
    while left:
        day -= timedelta(days=1)
        found.append(day.isoformat())
        left -= is_working_day(day, holidays)
    return tuple(found)


def months_looked_at(today: date) -> tuple[str, ...]:
    """The month of today and those before it, newest first."""
    number = 12 * today.year + today.month - 1
    return tuple(f"{month // 12:04}-{month % 12 + 1:02}" for month in range(number, number - MONTHS, -1))


def scopes_of(counters: Iterable[Counter]) -> tuple[Scope, ...]:
    """What must be read for these counters."""
    found = (Scope(agency, counter.method) for counter in _active(counters) for agency in counter.agencies)
    return tuple(dict.fromkeys(found))


def silent_counters(
    counters: Iterable[Counter], sheets: Mapping[Scope, Sheets | None], days: Iterable[str], months: Iterable[str]
) -> dict[str, int]:
    """Agency -> its silent counters. Without an agency where one of its counters is not known (None: rebuilt)."""
    days, months = tuple(days), tuple(months)
    found: dict[str, int] = {}
    unknown: set[str] = set()
    for counter in _active(counters):
        owner = counter.agencies[0]
        known = [sheets.get(Scope(agency, counter.method)) for agency in counter.agencies]
        if None in known:
            unknown.add(owner)
            continue
        part = f"counter={counter.code}"
        used = sum(one.get(month, {}).get(part, 0) for one in known if one for month in months)
        lately = sum(one.get(day, {}).get(part, 0) for one in known if one for day in days)
        found[owner] = found.get(owner, 0) + (used >= USED_SHEETS and not lately)
    return {agency: number for agency, number in found.items() if agency not in unknown}


def _active(counters: Iterable[Counter]) -> Iterable[Counter]:
    return (counter for counter in counters if counter.status == "active" and counter.agencies)
