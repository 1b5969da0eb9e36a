"""The state of every alert, as a fold over the `alerts` topic.

An id may stand twice in the topic; the first wins. Deliveries say who was told and are not shown here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sipas.broker import Record, Topics
from sipas.events import TYPES, AlertChanged, MalformedEvent, decode_alert, type_of
from sipas.follower import Follower
from sipas.telemetry import logger

STATES = ("possible", "confirmed", "recovered")
"""Kinds of change that are states; a follow-up or a reminder leaves the state as it is."""

log = logger("board")


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert with its changes, oldest first."""

    changes: tuple[AlertChanged, ...]

    @property
    def newest(self) -> AlertChanged:
        """The change that made the present state."""
        return next((change for change in reversed(self.changes) if change.kind in STATES), self.changes[-1])


AlertKey = tuple[str, str, str, date]


@dataclass(frozen=True)
class AlertBook:
    """A snapshot; `alerts` by (agency, method, rule, day opened), in the order of their opening."""

    alerts: Mapping[AlertKey, Alert] = field(default_factory=dict)
    ids: frozenset[str] = frozenset()

    def updated(self, changes: Iterable[AlertChanged]) -> AlertBook:
        """The snapshot after further changes, in the order of the log."""
        alerts, ids = dict(self.alerts), set(self.ids)
        for change in changes:
            if change.id not in ids:
                ids.add(change.id)
                key = (change.agency, change.method, change.rule, change.opened_on)
                before = alerts[key].changes if key in alerts else ()
                alerts[key] = Alert((*before, change))
        return AlertBook(alerts, frozenset(ids))


def changes_in(records: Iterable[Record]) -> Iterable[AlertChanged]:
    """The changes of state among records; what cannot be read is logged and left out."""
    for record in records:
        if type_of(record.headers) != TYPES[AlertChanged]:
            continue
        try:
            yield decode_alert(record.value)
        except MalformedEvent as reason:
            log.warning("an alert cannot be read", offset=record.offset, code=reason.code)


def with_changes(book: AlertBook, records: Iterable[Record]) -> AlertBook:
    """The snapshot after further records."""
    return book.updated(changes_in(records))


class AlertFollower(Follower[AlertBook]):
    """The alerts as they are now: `book`."""

    def __init__(self, bootstrap: Sequence[str], namespace: str) -> None:
        super().__init__(bootstrap, Topics(namespace).alerts, AlertBook(), with_changes)

    @property
    def book(self) -> AlertBook:
        return self.newest
