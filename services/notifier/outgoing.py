"""What goes to whom now: from what is to be told to messages. Pure.

The plan depends on the record, on what is to be told, and on the time, and on nothing that happened in this process: a
courier that starts anew plans the same. Nothing is scheduled; what is not due yet is planned again later.

- Quiet hours hold back until they end, silences and snoozes until they are over; what was held back is one message.
- Those above many agencies are told at most once in a while, of everything since, in one message.
- Of one alert a message says the newest change only; the others are named as told with it.
- What began and ended while it was silenced, and what was closed by decision, is withheld, and that is recorded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Literal

from services.notifier.routing import Lane
from services.notifier.told import Told
from services.notifier.working_time import Calendar
from sipas.alert_book import Alert, AlertBook
from sipas.events import AlertChanged
from sipas.hours import Hours
from sipas.people import People, Person, scopes_of
from sipas.registry import Agency

Kind = Literal["alert", "merged", "children", "digest-daily", "digest-weekly", "escalation"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How leaders are told. `quiet`: for whom has no hours of their own, None for none.

    `confirmed_waits`: confirmed falls too wait for the end of the quiet hours. `escalate_after` is in working hours.
    """

    calendar: Calendar
    quiet: Hours | None
    confirmed_waits: bool = True
    group_wait: timedelta = timedelta(0)
    above_every: timedelta = timedelta(hours=24)
    escalate_after: timedelta = timedelta(hours=8)

    def quiet_hours(self, person: Person, change: AlertChanged) -> Hours | None:
        """Those that hold for a change."""
        if change.kind == "confirmed" and not self.confirmed_waits:
            return None
        return self.quiet_hours_of(person)

    def quiet_hours_of(self, person: Person) -> Hours | None:
        """Those of a person."""
        return Hours.parse(person.quiet_hours) if person.quiet_hours else self.quiet


@dataclass(frozen=True, slots=True)
class Item:
    """A change that a person is to be told of. `at`: when it came into the record, as ISO text."""

    change: str
    person: str
    lane: Lane
    at: str

    @property
    def id(self) -> str:
        return f"{'escalation:' if self.lane == 'escalation' else ''}{self.change}/{self.person}"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to one person. `said`: ids of its changes, in the order of the record; `also`: what they replace."""

    kind: Kind
    lane: Lane
    person: str
    said: tuple[str, ...]
    also: tuple[str, ...]

    def id(self, channel: str) -> str:
        """The same for the same changes, person and channel."""
        changes = sorted((*self.said, *self.also))
        text = changes[0] if len(changes) == 1 else blake2b("\n".join(changes).encode(), digest_size=16).hexdigest()
        return f"{'' if self.lane == 'own' else self.lane + ':'}{text}/{self.person}/{channel}"

    @property
    def items(self) -> tuple[str, ...]:
        """Ids of the items that it settles."""
        return tuple(Item(change, self.person, self.lane, "").id for change in (*self.said, *self.also))


@dataclass(frozen=True, slots=True)
class Due:
    """A message that may go, and since when it might have."""

    message: Outgoing
    since: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """Changes of one alert that a person is never told of."""

    person: str
    changes: tuple[str, ...]
    agency: str
    reason: Literal["over", "closed"]


@dataclass(frozen=True, slots=True)
class Plan:
    """`due` in the order in which they became so; `withheld` is to be recorded; `gone` is superfluous."""

    due: tuple[Due, ...]
    withheld: tuple[Held, ...]
    gone: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What is known."""

    book: AlertBook
    told: Told
    people: People
    agencies: Mapping[str, Agency]


@dataclass(frozen=True, slots=True)
class _Told:
    """What is the same of a change, whoever is told of it."""

    alert: Alert
    place: int
    """Of the change among those of its alert."""
    came: datetime
    never: Literal["closed", "over"] | None
    """Why those are not told of it who were told nothing of its alert; who was is told of everything but a closing."""
    waits: bool
    """Silenced or snoozed."""

    @property
    def change(self) -> AlertChanged:
        return self.alert.changes[self.place]


@dataclass(frozen=True, slots=True)
class _Known:
    """An item with what it is about."""

    item: Item
    person: Person
    told: _Told


class _Looking:
    """Looks up once a plan what many items share.

    A fall of a whole country is 10,500 items, planned every second: what was asked item by item (the alert's state and
    scopes, every silence, a person's hours) took longer than that second.
    """

    def __init__(self, view: View, manner: Manner, now: datetime) -> None:
        self._view, self._manner, self._now = view, manner, now
        self._silenced = view.book.silenced_scopes(now)
        self._told: dict[str, _Told | None] = {}
        self._rest: dict[tuple[str, bool], bool] = {}
        self._since: dict[tuple[str, str, Lane], datetime] = {}

    def known(self, item: Item) -> _Known | None:
        """None where the person was erased, or the change is none of the record's."""
        person = self._view.people.by_id.get(item.person)
        if item.change not in self._told:
            self._told[item.change] = self._look(item)
        told = self._told[item.change]
        return None if person is None or told is None else _Known(item, person, told)

    def since(self, known: _Known) -> datetime | None:
        """Since when the change might have been told; None where it has to wait."""
        person, change = known.person, known.told.change
        # by the text of their hours, which are the same for most
        resting = person.quiet_hours, change.kind == "confirmed"
        if resting not in self._rest:
            quiet = self._manner.quiet_hours(person, change)
            self._rest[resting] = self._manner.calendar.next_allowed(self._now, quiet) > self._now
        if self._rest[resting] or known.told.waits:
            return None
        key = person.quiet_hours, change.id, known.item.lane
        if key not in self._since:
            self._since[key] = self._reckon(known)
        since = self._since[key]
        return since if since <= self._now else None

    def _reckon(self, known: _Known) -> datetime:
        # a clock that was set back must not hold up what is in the record already
        since = min(known.told.came, self._now)
        if known.item.lane == "escalation":
            since = self._manner.calendar.after_working_time(since, self._manner.escalate_after)
        if (snoozed_until := known.told.alert.snoozed_until) is not None:
            since = max(since, snoozed_until)
        return self._manner.calendar.next_allowed(since, self._manner.quiet_hours(known.person, known.told.change))

    def _look(self, item: Item) -> _Told | None:
        book = self._view.book
        key = book.key_by_change.get(item.change)
        if key is None:
            return None
        alert = book.alerts[key]
        place = next(at for at, change in enumerate(alert.changes) if change.id == item.change)
        came = datetime.fromisoformat(item.at)
        over = alert.state == "recovered"
        # mostly nothing is silenced, and then it does not matter what is above the agency
        asked = self._silenced or (over and book.silences)
        scopes = scopes_of(alert.changes[place].agency, self._view.agencies) if asked else ()
        never: Literal["closed", "over"] | None = None
        if alert.closed is not None:
            never = "closed"
        elif over and book.silenced(scopes, came):
            never = "over"
        waits = not self._silenced.isdisjoint(scopes) or alert.snoozed(self._now)
        return _Told(alert, place, came, never, waits)


def plan(items: Iterable[Item], view: View, manner: Manner, now: datetime) -> Plan:
    """What of `items` goes now."""
    gone: list[Item] = []
    withheld: dict[tuple[str, str], Held] = {}
    ready: dict[tuple[str, Lane], list[tuple[datetime, _Known]]] = defaultdict(list)
    looking = _Looking(view, manner, now)
    for item in items:
        known = looking.known(item)
        if known is None or _superfluous(known, view.told):
            gone.append(item)
        elif (reason := _withheld(known)) is not None:
            key = (item.person, known.told.alert.changes[0].id)
            before = withheld[key].changes if key in withheld else ()
            withheld[key] = Held(item.person, (*before, item.change), known.told.change.agency, reason)
        elif (since := looking.since(known)) is not None:
            ready[item.person, item.lane].append((since, known))
    due = [
        Due(_message(lane, [known for _, known in group]), since)
        for (person, lane), group in ready.items()
        if (since := _group_since(person, lane, [at for at, _ in group], view.told, manner)) <= now
    ]
    return Plan(tuple(sorted(due, key=lambda one: one.since)), tuple(withheld.values()), tuple(gone))


def _superfluous(known: _Known, told: Told) -> bool:
    if told.knows(known.person.id, known.item.change, known.item.lane):
        return True
    alert = known.told.alert
    return known.item.lane == "escalation" and (alert.acknowledged is not None or not alert.open)


def _withheld(known: _Known) -> Literal["over", "closed"] | None:
    if known.told.never != "over":
        return known.told.never
    return None if any(one.person == known.person.id for one in known.told.alert.told) else "over"


def _group_since(person: str, lane: Lane, since: Sequence[datetime], told: Told, manner: Manner) -> datetime:
    at = min(since) + manner.group_wait
    last = told.above_at.get(person)
    return at if lane == "own" or last is None else max(at, last + manner.above_every)


def _message(lane: Lane, group: Sequence[_Known]) -> Outgoing:
    newest: dict[str, _Known] = {}
    for known in sorted(group, key=lambda one: one.told.place):
        newest[known.told.alert.changes[0].id] = known
    said = sorted(newest.values(), key=lambda one: (one.item.at, one.item.change))
    ids = dict.fromkeys(known.item.change for known in said)
    also = sorted(known.item.change for known in group if known.item.change not in ids)
    return Outgoing(
        kind=_kind(lane, [known.told.change.agency for known in said]),
        lane=lane,
        person=group[0].person.id,
        said=tuple(ids),
        also=tuple(also),
    )


def _kind(lane: Lane, agencies: Sequence[str]) -> Kind:
    if len(agencies) == 1:
        return "escalation" if lane == "escalation" else "alert"
    return "children" if lane != "own" and len(set(agencies)) > 1 else "merged"
