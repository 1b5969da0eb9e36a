"""Sheets on their way to Kafka: one batch at a time, and all that come meanwhile go together in the next.

An answer that comes alone goes at once; a crowd makes its own batches. Measured against the client's own lingering:
at 20 ms each answer waited that long and one worker took 1,700 to 1,900 a second; at 5 ms batches were small, and the
broker, which syncs each to its disk in turn, cost more. `max_in_flight_requests_per_connection=1` would gather too,
but while a batch is away kafka-python's sender spins: twice the processor time.
"""

from __future__ import annotations

import threading
import time

from sipas import events
from sipas.broker import Publisher, PublishFailed, Sent, Topics
from sipas.events import Response

ACK_S = 2.0
"""How long a batch may wait for Kafka before its sheets are spooled."""


class _Batch:
    """Sheets that go together, and what became of each; those after the first that was not taken have none."""

    def __init__(self) -> None:
        self.sheets: list[Response] = []
        self.sent: list[Sent] = []
        self.over = threading.Event()


class Outbox:
    """Writes sheets to the responses topic through one publisher. After its first failure it takes no more."""

    def __init__(self, publisher: Publisher, namespace: str) -> None:
        self._publisher = publisher
        self._topic = Topics(namespace).responses
        self._source = f"/{namespace}/survey"
        self._next = _Batch()
        self._gather = threading.Lock()
        self._turn = threading.Lock()
        self._failed: str | None = None

    def send(self, sheet: Response) -> None:
        """Return when Kafka has the sheet; raises `PublishFailed`."""
        with self._gather:
            batch = self._next
            place = len(batch.sheets)
            batch.sheets.append(sheet)
        if place == 0:  # the first goes for all
            with self._turn:
                self._go(batch)
        else:
            batch.over.wait()
        if place >= len(batch.sent):
            raise PublishFailed(self._failed or "not taken")
        self._publisher.wait([batch.sent[place]])

    def send_all(self, sheets: list[Response]) -> None:
        """Return when Kafka has them all; raises `PublishFailed`. Waits for no turn."""
        self._publisher.wait([self._begin(sheet) for sheet in sheets])

    def close(self) -> None:
        """Return when everything was acknowledged or given up."""
        self._publisher.close(ACK_S + 1)

    def _go(self, batch: _Batch) -> None:
        time.sleep(0)  # those whose answers have just come ask again, and should not miss this batch
        with self._gather:
            self._next = _Batch()
        try:
            self._send(batch)
        finally:
            batch.over.set()

    def _send(self, batch: _Batch) -> None:
        if self._failed is not None:  # those who waited for their turn do not wait for Kafka once more
            return
        try:
            for sheet in batch.sheets:
                batch.sent.append(self._begin(sheet))
            self._publisher.wait(batch.sent)
        except PublishFailed as reason:
            self._failed = str(reason)

    def _begin(self, sheet: Response) -> Sent:
        return self._publisher.send(
            self._topic,
            events.encode(sheet),
            key=sheet.agency,
            headers=events.headers(
                sheet, event_id=str(sheet.response_id), source=self._source, at=sheet.received_at, trace=True
            ),
            timestamp_ms=int(sheet.received_at.timestamp() * 1000),
        )
