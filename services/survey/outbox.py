"""Sheets and comments on their way to Kafka: one batch at a time, and all that come meanwhile go together in the next.

An answer that comes alone goes at once; a crowd makes its own batches. Measured against the client's own lingering:
at 20 ms each answer waited that long and one worker took 1,700 to 1,900 a second; at 5 ms batches were small, and the
broker, which syncs each to its disk in turn, cost more. `max_in_flight_requests_per_connection=1` would gather too,
but while a batch is away kafka-python's sender spins: twice the processor time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sipas import events
from sipas.broker import Publisher, PublishFailed, Sent, Topics
from sipas.events import Comment, Response

ACK_S = 2.0
"""How long a batch may wait for Kafka before what is in it is spooled."""

Letter = Response | Comment


class _Batch:
    """What goes together, and what became of each; those after the first that was not taken have none."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.sent: list[Sent] = []
        self.over = threading.Event()


class Outbox:
    """Writes to the topics through one publisher. After its first failure it takes no more.

    `zone`: where a comment's day is, whose beginning is all that Kafka hears of its time.
    """

    def __init__(self, publisher: Publisher, namespace: str, zone: ZoneInfo) -> None:
        self._publisher = publisher
        self._responses = Topics(namespace).responses
        self._comments = Topics(namespace).comments
        self._zone = zone
        self._source = f"/{namespace}/survey"
        self._next = _Batch()
        self._gather = threading.Lock()
        self._turn = threading.Lock()
        self._failed: str | None = None

    def send(self, *letters: Letter) -> None:
        """Return when Kafka has them; raises `PublishFailed`."""
        with self._gather:
            batch = self._next
            place = len(batch.letters)
            batch.letters += letters
        if place == 0:  # the first goes for all
            with self._turn:
                self._go(batch)
        else:
            batch.over.wait()
        if place + len(letters) > len(batch.sent):
            raise PublishFailed(self._failed or "not taken")
        self._publisher.wait(batch.sent[place : place + len(letters)])

    def send_all(self, letters: Sequence[Letter]) -> None:
        """Return when Kafka has them all; raises `PublishFailed`. Waits for no turn."""
        self._publisher.wait([self._begin(letter) for letter in letters])

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
            for letter in batch.letters:
                batch.sent.append(self._begin(letter))
            self._publisher.wait(batch.sent)
        except PublishFailed as reason:
            self._failed = str(reason)

    def _begin(self, letter: Letter) -> Sent:
        return self._begin_sheet(letter) if isinstance(letter, Response) else self._begin_comment(letter)

    def _begin_sheet(self, sheet: Response) -> Sent:
        return self._publisher.send(
            self._responses,
            events.encode(sheet),
            key=sheet.agency,
            headers=events.headers(
                sheet, event_id=str(sheet.response_id), source=self._source, at=sheet.received_at, trace=True
            ),
            timestamp_ms=int(sheet.received_at.timestamp() * 1000),
        )

    def _begin_comment(self, comment: Comment) -> Sent:
        day = datetime(comment.day.year, comment.day.month, comment.day.day, tzinfo=UTC)
        return self._publisher.send(
            self._comments,
            events.encode(comment),
            key=comment.agency,
            headers=events.headers(comment, event_id=str(comment.id), source=self._source, at=day),
            timestamp_ms=events.midnight_ms(comment.day, self._zone),
        )
