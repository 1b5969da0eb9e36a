"""The day of a row, by a format that somebody stated. Pure.

A date is never guessed at: 11/12/2026 is 11 December here and 12 November in a form that was made in English. Of a
time only the day is kept, as it is written: nothing converts between time zones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

FIRST_YEAR = 2000
"""Before it lie only slips of the pen, which the log would keep for ever."""
KNOWN = "dd, mm, yyyy and, for a time, hh, mm, ss, am/pm"
_TOKEN = re.compile(r"yyyy|dd|mm|hh|ss|am/pm")
_DIGITS = {"yyyy": r"\d{4}", "dd": r"\d{1,2}", "mm": r"\d{1,2}", "hh": r"\d{1,2}", "ss": r"\d{1,2}(?:\.\d+)?"}
_HALVES = "AM|PM|SA|CH"  # SA, CH: sáng, chiều, as Google writes them in Vietnamese


@dataclass(frozen=True, slots=True)
class DayFormat:
    """How a column writes its days. `has_day`: a column of months has none."""

    written: str
    pattern: re.Pattern[str]
    has_day: bool
    has_time: bool

    def read(self, text: str) -> date | None:
        """The day, or the first one of the month where there is none; None where the text is something else."""
        found = self.pattern.fullmatch(" ".join(text.split()))
        if found is None:
            return None
        part = found.groupdict(default="0")
        if int(part.get("hour", 0)) > 23 or int(part.get("minute", 0)) > 59 or float(part.get("second", 0)) >= 61:
            return None
        try:
            return date(int(part["year"]), int(part["month"]), int(part["day"]) if self.has_day else 1)
        except ValueError:
            return None


def day_format(written: str) -> DayFormat | str:
    """What a format says, or what is wrong with it. A digit of a day or month may be missing: 5/1/2026."""
    names: list[str] = []
    pattern = ""
    end = 0
    for found in _TOKEN.finditer(lowered := " ".join(written.lower().split())):
        token = found[0]
        name = {"yyyy": "year", "dd": "day", "hh": "hour", "ss": "second", "am/pm": "half"}.get(token)
        if name is None:
            name = "minute" if "hour" in names else "month"
        if name in names:
            return f"{written!r} has {token} twice"
        if pattern and found.start() == end:
            return f"{written!r} needs a mark between {token} and what is before it"
        names.append(name)
        pattern += re.escape(lowered[end : found.start()]) + f"(?P<{name}>{_DIGITS.get(token, _HALVES)})"
        end = found.end()
    pattern += re.escape(lowered[end:])
    if missing := {"year", "month"} - set(names):
        return f"{written!r} has no {' and no '.join(sorted(missing))}; a format is made of {KNOWN}"
    if "day" not in names and "hour" in names:
        return f"{written!r} has a time but no day"
    return DayFormat(written, re.compile(pattern, re.IGNORECASE), "day" in names, "hour" in names)


def read_day(value: Any, stated: DayFormat | None, today: date) -> date | str:
    """The day of a cell, or what is wrong with it. A cell that is a date needs no format."""
    if value is None:
        return "is empty"
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        return _sensible(value, today)
    if not isinstance(value, str):
        return "is no date; format the column as a date or as text and write it again"
    day = stated.read(value) if stated else _iso(value)
    if day is not None:
        return _sensible(day, today)
    others = [other for other in _OTHERS if other.read(value) is not None]
    if stated is None:
        meant = " or ".join(other.written for other in others) or "dd/mm/yyyy"
        return f"{value!r} needs answered_on to state a format, such as {meant}"
    hint = f"; as {others[0].written} it would be one" if others else ""
    return f"{value!r} is no {stated.written}{hint}"


def _sensible(day: date, today: date) -> date | str:
    if day.year < FIRST_YEAR:
        return f"{day} is before {FIRST_YEAR}"
    return f"{day} is after today" if day > today else day


def _iso(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None
    except ValueError:
        return None


def _usual() -> Iterator[DayFormat]:
    for of_day in ("dd/mm/yyyy", "mm/dd/yyyy", "yyyy/mm/dd", "yyyy-mm-dd", "dd-mm-yyyy", "mm/yyyy"):
        for of_time in ("", " hh:mm", " hh:mm:ss", " hh:mm:ss am/pm"):
            if isinstance(made := day_format(of_day + of_time), DayFormat):
                yield made


_OTHERS = tuple(_usual())
