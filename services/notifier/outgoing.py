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
class _Known:
    """An item with what it is about."""

    item: Item
    person: Person
    alert: Alert
    place: int
    """Of the change among those of its alert."""

    @property
    def change(self) -> AlertChanged:
        return self.alert.changes[self.place]


def plan(items: Iterable[Item], view: View, manner: Manner, now: datetime) -> Plan:
    """What of `items` goes now."""
    gone: list[Item] = []
    withheld: dict[tuple[str, str], Held] = {}
    ready: dict[tuple[str, Lane], list[tuple[datetime, _Known]]] = defaultdict(list)
    for item in items:
        known = _known(item, view)
        if known is None or _superfluous(known, view.told):
            gone.append(item)
            continue
        scopes = scopes_of(known.change.agency, view.agencies)
        if (reason := _withheld(known, scopes, view)) is not None:
            key = (item.person, known.alert.changes[0].id)
            before = withheld[key].changes if key in withheld else ()
            withheld[key] = Held(item.person, (*before, item.change), known.change.agency, reason)
            continue
        since = _since(known, scopes, view, manner, now)
        if since is not None:
            ready[item.person, item.lane].append((since, known))
    due = [
        Due(_message(lane, [known for _, known in group]), since)
        for (person, lane), group in ready.items()
        if (since := _group_since(person, lane, [at for at, _ in group], view.told, manner)) <= now
    ]
    return Plan(tuple(sorted(due, key=lambda one: one.since)), tuple(withheld.values()), tuple(gone))


def _known(item: Item, view: View) -> _Known | None:
    person = view.people.by_id.get(item.person)
    key = view.book.key_by_change.get(item.change)
    if person is None or key is None:
        return None
    alert = view.book.alerts[key]
    place = next(at for at, change in enumerate(alert.changes) if change.id == item.change)
    return _Known(item, person, alert, place)


def _superfluous(known: _Known, told: Told) -> bool:
    if told.knows(known.person.id, known.item.change, known.item.lane):
        return True
    return known.item.lane == "escalation" and (known.alert.acknowledged is not None or not known.alert.open)


def _withheld(known: _Known, scopes: Sequence[str], view: View) -> Literal["over", "closed"] | None:
    if known.alert.closed is not None:
        return "closed"
    if known.alert.state != "recovered" or any(one.person == known.person.id for one in known.alert.told):
        return None
    return "over" if view.book.silenced(scopes, datetime.fromisoformat(known.item.at)) else None


def _since(known: _Known, scopes: Sequence[str], view: View, manner: Manner, now: datetime) -> datetime | None:
    """Since when the change might have been told; None where it has to wait."""
    quiet = manner.quiet_hours(known.person, known.change)
    if manner.calendar.next_allowed(now, quiet) > now:
        return None
    if view.book.silenced(scopes, now) is not None or known.alert.snoozed(now):
        return None
    # a clock that was set back must not hold up what is in the record already
    since = min(datetime.fromisoformat(known.item.at), now)
    if known.item.lane == "escalation":
        since = manner.calendar.after_working_time(since, manner.escalate_after)
    if (snoozed_until := known.alert.snoozed_until) is not None:
        since = max(since, snoozed_until)
    since = manner.calendar.next_allowed(since, quiet)
    return since if since <= now else None


def _group_since(person: str, lane: Lane, since: Sequence[datetime], told: Told, manner: Manner) -> datetime:
    at = min(since) + manner.group_wait
    last = told.above_at.get(person)
    return at if lane == "own" or last is None else max(at, last + manner.above_every)


def _message(lane: Lane, group: Sequence[_Known]) -> Outgoing:
    newest: dict[str, _Known] = {}
    for known in sorted(group, key=lambda one: one.place):
        newest[known.alert.changes[0].id] = known
    said = sorted(newest.values(), key=lambda one: (one.item.at, one.item.change))
    ids = tuple(known.item.change for known in said)
    also = sorted((known for known in group if known.item.change not in ids), key=lambda one: one.item.change)
    return Outgoing(
        kind=_kind(lane, [known.change.agency for known in said]),
        lane=lane,
        person=group[0].person.id,
        said=ids,
        also=tuple(known.item.change for known in also),
    )


def _kind(lane: Lane, agencies: Sequence[str]) -> Kind:
    if len(agencies) == 1:
        return "escalation" if lane == "escalation" else "alert"
    return "children" if lane != "own" and len(set(agencies)) > 1 else "merged"
