"""What a digest says, and when one is due. Pure.

Daily on each working day: what fell, rose or recovered since the working day before, and what needs an answer; no
digest where there is none of it. Weekly on the first working day of a week: the same of a week, and also that all is
normal, so that silence means nothing else. Both cut what they say at their own hour, so that one written later says the
same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from services.notifier.told import Told
from services.notifier.working_time import Calendar
from sipas.alert_book import AlertBook
from sipas.events import AlertChanged
from sipas.people import Person, leads
from sipas.registry import Agency
from sipas.working_days import next_working_day

MONDAY = 0


@dataclass(frozen=True, slots=True)
class Digest:
    """One digest of one person: of what came from `since` until before `until`."""

    kind: Literal["digest-daily", "digest-weekly"]
    person: str
    day: date
    since: datetime
    until: datetime

    @property
    def name(self) -> str:
        """Stands where a change's id stands in a delivery."""
        return f"{self.kind}:{self.day.isoformat()}"

    def id(self, channel: str) -> str:
        return f"{self.name}/{self.person}/{channel}"


def digests_due(people: Iterable[Person], told: Told, calendar: Calendar, at: time, now: datetime) -> list[Digest]:
    """Those that may go on this local day and did not go yet; a day that is over is not made up for."""
    day = calendar.local(now).date()
    until = calendar.at(day, at)
    if now < until or not calendar.works_on(day):
        return []
    before = _working_day_before(day, calendar)
    monday = day - timedelta(days=day.weekday() - MONDAY)
    found = []
    for person in people:
        if person.digest == "daily":
            found.append(Digest("digest-daily", person.id, day, calendar.at(before, at), until))
        elif person.digest == "weekly" and before < monday:
            last = next_working_day(monday - timedelta(days=8), calendar.holidays)
            found.append(Digest("digest-weekly", person.id, day, calendar.at(min(last, before), at), until))
    return [one for one in found if not told.knows(one.person, one.name, "own")]


@dataclass(frozen=True, slots=True)
class Contents:
    """The newest change of each alert that a person answers for: what is new, and what nobody has acknowledged."""

    news: tuple[AlertChanged, ...]
    waiting: tuple[AlertChanged, ...]

    @property
    def empty(self) -> bool:
        return not self.news and not self.waiting


def contents_of(
    digest: Digest, person: Person, book: AlertBook, agencies: Mapping[str, Agency], came: Mapping[str, datetime]
) -> Contents:
    """What a digest says. `came`: when a change came into the record, by its id. History is no news."""
    news, waiting = [], []
    for alert in book.alerts.values():
        if not leads(person, alert.changes[0].agency, agencies):
            continue
        until = [change for change in alert.changes if came[change.id] < digest.until]
        if not until or until[-1].historical:
            continue
        if came[until[-1].id] >= digest.since:
            news.append(until[-1])
        if alert.open and alert.acknowledged is None:
            waiting.append(until[-1])
    return Contents(tuple(news), tuple(waiting))


def _working_day_before(day: date, calendar: Calendar) -> date:
    before = day - timedelta(days=1)
    while not calendar.works_on(before):
        before -= timedelta(days=1)
    return before
