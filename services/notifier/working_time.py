"""When a leader may be spoken to, and how working hours pass. Pure: zone, holidays and the instant are passed in.

Instants have a zone; hours are local (`sipas.hours`).
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sipas.hours import Hours, Span, instant
from sipas.working_days import is_working_day

DAY = timedelta(days=1)
REMEMBERED_DAYS = 1000


@dataclass(frozen=True, eq=False)
class Calendar:
    """Where offices are, and when they work. The days reckoned lately are remembered: they are asked every second.

    Days, not instants: the queue is gone through in the same order each time, and a memory of 10,000 instants that
    10,500 of them pass through never holds the one that is asked next.
    """

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
        if quiet is None:
            return at
        start, _ = next(self._spans(at, quiet.others))
        return start

    def after_working_time(self, at: datetime, length: timedelta) -> datetime:
        """The first instant at which office hours of this length have passed since `at`."""
        spans = self._spans(at, self.office)
        start, end = next(spans)
        while start + length > end:
            length -= end - start
            start, end = next(spans)
        return start + length

    def _spans(self, at: datetime, hours: Hours) -> Iterator[Span]:
        """What working days hold of some hours from `at` on, without end."""
        day = self.local(at).date()
        while True:
            for start, end in _spans_of(self, day, hours):
                if at < end:
                    yield max(at, start), end
            day += DAY


@lru_cache(maxsize=REMEMBERED_DAYS)
def _spans_of(calendar: Calendar, day: date, hours: Hours) -> list[Span]:
    """What a day holds of some hours; nothing where it is off."""
    return hours.within(day, calendar.zone) if calendar.works_on(day) else []
