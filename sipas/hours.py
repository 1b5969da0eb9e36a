"""Hours of a local day, such as those of an office or of the night. Pure; the zone is passed in.

Where the local clock skips an hour, a time in the gap is the instant an hour later; where it shows an hour twice, a
time is the first of the two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MIDNIGHT = time()

Span = tuple[datetime, datetime]
"""From an instant until before another, in UTC."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of a local day, from `start` until before `end`; past midnight where `end` is the earlier one."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Hours | None:
        """`21:00-06:30`; None of `none`. Raises ValueError that says what a text must be."""
        if text == "none":
            return None
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", text):
            raise ValueError("must be hours such as 21:00-06:30, or none")
        start, end = (time.fromisoformat(part) for part in text.split("-"))
        if start == end:
            raise ValueError("must end at another time than it starts")
        return cls(start, end)

    def within(self, day: date, zone: ZoneInfo) -> list[Span]:
        """What of them lies in the local `day`, in order; less, or nothing, where the clock skips it."""
        if self.start < self.end:
            parts = [(self.start, self.end)]
        elif self.end == MIDNIGHT:
            parts = [(self.start, MIDNIGHT)]
        else:
            parts = [(MIDNIGHT, self.end), (self.start, MIDNIGHT)]
        spans = [_span(day, start, end, zone) for start, end in parts]
        return [(start, end) for start, end in spans if start < end]

    @property
    def others(self) -> Hours:
        """The hours of a day that lie outside of them."""
        return Hours(self.end, self.start)


def instant(day: date, when: time, zone: ZoneInfo) -> datetime:
    """The instant of a local time, in UTC."""
    return datetime.combine(day, when, zone).astimezone(UTC)


def _span(day: date, start: time, end: time, zone: ZoneInfo) -> Span:
    last = day + timedelta(days=1) if end == MIDNIGHT else day
    return instant(day, start, zone), instant(last, end, zone)
