"""When a leader may be spoken to, and how working hours pass. Pure: zone, holidays and the instant are passed in.

Instants have a zone; hours are local (`sipas.hours`).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sipas.hours import Hours, Span, instant
from sipas.working_days import is_working_day, next_working_day

REMEMBERED = 10_000


@dataclass(frozen=True, eq=False)
class Calendar:
    """Where offices are, and when they work. What was reckoned lately is remembered: the same is asked every second."""

    zone: ZoneInfo
    holidays: Container[date]
    office: Hours

    def works_on(self, day: date) -> bool:
        return is_working_day(day, self.holidays)

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    def at(self, day: date, when: time) -> datetime:
        """The instant of a local time."""
        return instant(day, when, self.zone)

    def next_allowed(self, at: datetime, quiet: Hours | None) -> datetime:
        """`at`, or the next instant on a working day outside of the `quiet` hours; `at` where there are none."""
        return at if quiet is None else _next_allowed(self, at, quiet)

    def after_working_time(self, at: datetime, length: timedelta) -> datetime:
        """The first instant at which office hours of this length have passed since `at`."""
        return _after_working_time(self, at, length)

    def spans(self, at: datetime, spans_of: Callable[[date, ZoneInfo], list[Span]]) -> Iterator[Span]:
        """What working days hold of some hours from `at` on, without end."""
        day = self.local(at).date()
        if not self.works_on(day):
            day = next_working_day(day, self.holidays)
        while True:
            for start, end in spans_of(day, self.zone):
                if at < end:
                    yield max(at, start), end
            day = next_working_day(day, self.holidays)


@lru_cache(maxsize=REMEMBERED)
def _next_allowed(calendar: Calendar, at: datetime, quiet: Hours) -> datetime:
    return next(start for start, _ in calendar.spans(at, quiet.without))


@lru_cache(maxsize=REMEMBERED)
def _after_working_time(calendar: Calendar, at: datetime, length: timedelta) -> datetime:
    spans = calendar.spans(at, calendar.office.within)
    start, end = next(spans)
    while start + length > end:
        length -= end - start
        start, end = next(spans)
    return start + length
