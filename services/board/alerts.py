"""The state of every alert, as a fold over the `alerts` topic, and the thread that keeps it current.

An id may stand twice in the topic; the first wins. Deliveries say who was told and are not shown here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sipas.broker import Record, Topics, WholeTopicReader
from sipas.events import TYPES, AlertChanged, MalformedEvent, decode_alert, type_of
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


class AlertFollower:
    """The alerts as they are now: `book`. A failure ends the thread, and `alive` says so."""

    def __init__(self, bootstrap: Sequence[str], namespace: str) -> None:
        self.book = AlertBook()
        self._bootstrap = bootstrap
        self._topic = Topics(namespace).alerts
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Return once the topic was read to its end. Raises `KafkaAway` or `WrongTopics`."""
        reader = WholeTopicReader(self._bootstrap, self._topic)
        self.book = self.book.updated(changes_in(reader.to_end()))
        self._thread = threading.Thread(target=self._follow, args=(reader,), name=self._topic, daemon=True)
        self._thread.start()

    def alive(self) -> bool:
        """Whether the book is still kept up to date."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Stop following; the last book stays readable."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _follow(self, reader: WholeTopicReader) -> None:
        try:
            while not self._stop.is_set():
                if records := reader.poll():
                    self.book = self.book.updated(changes_in(records))
        finally:
            reader.close()
