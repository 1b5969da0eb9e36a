"""The life of every alert, as a fold over `alerts` and `decisions`. Pure.

An event may stand twice in its topic; the first of an id wins. The two topics are read apart, so what a person decided
may come before the change that it is about, and says the same either way: only the order within a topic counts.
Whether an alert is snoozed or silenced depends on the time, which is passed in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from msgspec.structs import replace

from sipas.events import AlertChanged, AlertDecided, Delivered, SilenceSet, Undelivered, Withheld

AlertKey = tuple[str, str, str, date]
"""(agency, method, rule, day opened): one alert."""
State = Literal["possible", "confirmed", "recovered"]
STATES: tuple[State, ...] = ("possible", "confirmed", "recovered")
"""Kinds of change that are states; a follow-up or a reminder leaves the state as it is."""
ENDINGS = ("closed", "new-normal")
"""Acts that end an alert."""

Event = AlertChanged | AlertDecided | Delivered | Undelivered | Withheld | SilenceSet


def key_of(event: AlertChanged | AlertDecided) -> AlertKey:
    """The alert that an event is about."""
    return event.agency, event.method, event.rule, event.opened_on


def _id_of(event: AlertChanged | AlertDecided | Delivered | Undelivered) -> str:
    if isinstance(event, Delivered):
        return event.message_id
    if isinstance(event, Undelivered):
        return f"undelivered/{event.alert_id}/{event.person}/{event.since.isoformat()}"
    return event.id


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. Each part is in the order of its topic; `changes` is never empty in a book."""

    changes: tuple[AlertChanged, ...] = ()
    decisions: tuple[AlertDecided, ...] = ()
    told: tuple[Delivered, ...] = ()
    overdue: tuple[Undelivered, ...] = ()

    @property
    def undelivered(self) -> tuple[Undelivered, ...]:
        """What had reached a person after an hour by no channel, and has not since."""
        reached = {(one.person, change) for one in self.told for change in (one.alert_id, *one.also)}
        return tuple(one for one in self.overdue if (one.person, one.alert_id) not in reached)

    @property
    def newest(self) -> AlertChanged:
        """The change that made the present state."""
        return next((change for change in reversed(self.changes) if change.kind in STATES), self.changes[-1])

    @property
    def state(self) -> State:
        """What the judge says of it; whether a person has closed it says `closed`."""
        return next((state for state in STATES if state == self.newest.kind), "possible")

    @property
    def acknowledged(self) -> AlertDecided | None:
        """By whom and when first. It holds, whatever comes later."""
        return self._first("acknowledged")

    @property
    def closed(self) -> AlertDecided | None:
        """The decision that ended it: "closed" or "new-normal", the first in the log."""
        return self._first(*ENDINGS)

    @property
    def open(self) -> bool:
        """Neither recovered nor closed by a decision."""
        return self.state != "recovered" and self.closed is None

    @property
    def standing(self) -> State | Literal["closed"]:
        """The state in a word, for people: closed where a decision ended it before it recovered."""
        return "closed" if self.closed and self.state != "recovered" else self.state

    @property
    def notes(self) -> tuple[AlertDecided, ...]:
        """What people wrote, with whatever act."""
        return tuple(one for one in self.decisions if one.note)

    @property
    def actions(self) -> tuple[AlertDecided, ...]:
        """What people did about it."""
        return tuple(one for one in self.decisions if one.act == "acted")

    @property
    def snoozed_until(self) -> datetime | None:
        """The end of the newest snooze, which may be past; None too where new evidence has ended it.

        New is a change of state that the person did not have before them.
        """
        snoozes = [one for one in self.decisions if one.act == "snoozed"]
        if not snoozes or snoozes[-1].seen not in {"", self.newest.id}:
            return None
        return snoozes[-1].until

    def snoozed(self, at: datetime) -> bool:
        """Whether it is to be quiet at that instant."""
        return self.snoozed_until is not None and at < self.snoozed_until

    def _first(self, *acts: str) -> AlertDecided | None:
        return next((one for one in self.decisions if one.act in acts), None)


@dataclass(frozen=True)
class AlertBook:
    """A snapshot; `alerts` in the order of their opening, `silences` by id with their earliest end."""

    alerts: Mapping[AlertKey, Alert] = field(default_factory=dict)
    silences: Mapping[str, SilenceSet] = field(default_factory=dict)
    key_by_change: Mapping[str, AlertKey] = field(default_factory=dict)
    _ids: frozenset[str] = frozenset()
    _early: Mapping[AlertKey, tuple[AlertDecided, ...]] = field(default_factory=dict)
    """Decisions about alerts whose opening was not read yet."""

    def updated(self, events: Iterable[Event]) -> AlertBook:
        """The snapshot after further events, those of each topic in the order of its log."""
        alerts, silences, keys = dict(self.alerts), dict(self.silences), dict(self.key_by_change)
        ids, early = set(self._ids), dict(self._early)
        for event in events:
            if isinstance(event, SilenceSet):
                held = silences.get(event.id)
                silences[event.id] = event if held is None else replace(held, end=min(held.end, event.end))
                continue
            if isinstance(event, Withheld):
                continue  # what a person is not told is no part of the alert's life
            id_ = _id_of(event)
            if id_ in ids:
                continue
            ids.add(id_)
            if isinstance(event, AlertChanged):
                key = keys[id_] = key_of(event)
                alert = alerts.get(key) or Alert(decisions=early.pop(key, ()))
                alerts[key] = dataclasses.replace(alert, changes=(*alert.changes, event))
            elif isinstance(event, AlertDecided):
                key = key_of(event)
                if key in alerts:
                    alerts[key] = dataclasses.replace(alerts[key], decisions=(*alerts[key].decisions, event))
                else:
                    early[key] = (*early.get(key, ()), event)
            else:
                # in their topic a delivery stands after what it tells
                for key in dict.fromkeys(keys[one] for one in (event.alert_id, *event.also) if one in keys):
                    alert = alerts[key]
                    if isinstance(event, Delivered):
                        alerts[key] = dataclasses.replace(alert, told=(*alert.told, event))
                    else:
                        alerts[key] = dataclasses.replace(alert, overdue=(*alert.overdue, event))
        return AlertBook(alerts, silences, keys, frozenset(ids), early)

    def has(self, event_id: str) -> bool:
        """Whether an event with this id was read; of a silence, not which end it has."""
        return event_id in self._ids or event_id in self.silences

    def silenced(self, agency_scopes: Collection[str], at: datetime) -> SilenceSet | None:
        """The silence that holds at that instant for an agency with these scopes (`Agency.scopes`), the longest."""
        scopes = {scope.removeprefix("agency/") for scope in agency_scopes}
        holding = [one for one in self._holding(at) if one.scope.removeprefix("agency/") in scopes]
        return max(holding, key=lambda one: (one.end, one.id), default=None)

    def silenced_scopes(self, at: datetime) -> frozenset[str]:
        """The scopes (`Agency.scopes`) for which a silence holds at that instant."""
        return frozenset(one.scope.removeprefix("agency/") for one in self._holding(at))

    def _holding(self, at: datetime) -> Iterator[SilenceSet]:
        return (one for one in self.silences.values() if one.start <= at < one.end)
