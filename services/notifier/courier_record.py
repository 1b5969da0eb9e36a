"""What the courier knows of `alerts` and `decisions`: the life of each alert, and who was told what.

Both topics are read whole, without a group, and the record wins over the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from services.notifier.told import Told
from sipas.alert_book import AlertBook, Event
from sipas.alert_records import events_in, read_event
from sipas.broker import Record, Topics, WholeTopicReader
from sipas.events import AlertChanged, Delivered, Undelivered, Withheld


class CourierRecord:
    """Both topics as far as they were read; `catch_up` reads on to their ends as they are now."""

    def __init__(self, bootstrap: Sequence[str], namespace: str) -> None:
        topics = Topics(namespace)
        self._alerts = WholeTopicReader(bootstrap, topics.alerts)
        self._decisions = WholeTopicReader(bootstrap, topics.decisions)
        self.book = AlertBook()
        self.told = Told()
        self.changes: dict[str, AlertChanged] = {}
        self.came: dict[str, datetime] = {}
        """Change id -> when it came into the record."""
        self.first_at: dict[int, str] = {}
        """Offset in `alerts` -> id of the change that is told there first."""

    def catch_up(self) -> bool:
        """Whether anything has come since."""
        events = [event for record in self._alerts.to_end() if (event := self._read(record)) is not None]
        events += events_in(self._decisions.to_end())
        if events:
            self.book = self.book.updated(events)
        return bool(events)

    def _read(self, record: Record) -> Event | None:
        event = read_event(record)
        if isinstance(event, Delivered | Undelivered | Withheld):
            self.told.add([event])
        elif isinstance(event, AlertChanged) and event.id not in self.changes:
            self.changes[event.id] = event
            self.came[event.id] = datetime.fromtimestamp(record.timestamp / 1000, UTC)
            self.first_at[record.offset] = event.id
        return event

    def close(self) -> None:
        self._alerts.close()
        self._decisions.close()
