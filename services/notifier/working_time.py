"""When a leader may be spoken to, and how working hours pass. Pure: zone, holidays and the instant are passed in.

Instants have a zone and are compared in UTC; hours are local. Where the local clock skips an hour, a time in the gap
is the instant an hour later; where it shows an hour twice, a time is the first of the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sipas.working_days import is_working_day, next_working_day

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

    def without(self, day: date, zone: ZoneInfo) -> list[Span]:
        """What of the local `day` lies outside of them, in order."""
        return Hours(self.end, self.start).within(day, zone)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Where offices are, and when they work."""

    zone: ZoneInfo
    holidays: Container[date]
    office: Hours

    def works_on(self, day: date) -> bool:
        return is_working_day(day, self.holidays)

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    def at(self, day: date, when: time) -> datetime:
        """The instant of a local time."""
        return _instant(day, when, self.zone)

    def next_allowed(self, at: datetime, quiet: Hours | None) -> datetime:
        """`at`, or the first instant after it on a working day outside of the `quiet` hours; `at` where there are none."""
        if quiet is None:
            return at
        return next(start for start, _ in self._spans(at, quiet.without))

    def after_working_time(self, at: datetime, length: timedelta) -> datetime:
        """The first instant at which office hours of this length have passed since `at`."""
        spans = self._spans(at, self.office.within)
        start, end = next(spans)
        while start + length > end:
            length -= end - start
            start, end = next(spans)
        return start + length

    def _spans(self, at: datetime, spans_of: Callable[[date, ZoneInfo], list[Span]]) -> Iterator[Span]:
        """What working days hold of some hours from `at` on, without end."""
        day = self.local(at).date()
        if not self.works_on(day):
            day = next_working_day(day, self.holidays)
        while True:
            for start, end in spans_of(day, self.zone):
                if at < end:
                    yield max(at, start), end
            day = next_working_day(day, self.holidays)


def _instant(day: date, when: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, when, zone).astimezone(UTC)


def _span(day: date, start: time, end: time, zone: ZoneInfo) -> Span:
    last = day + timedelta(days=1) if end == MIDNIGHT else day
    return _instant(day, start, zone), _instant(last, end, zone)
