"""Where a sheet goes: to Kafka, or to the disk while Kafka is away. `accept` returns only when it is safe there.

Kafka is *away* from the first sheet that it did not acknowledge until the background loop has a new connection and
the oldest spooled sheets went through it. While it is away no request waits for it.

A produce that timed out may have been written all the same. Spooling the sheet then writes it twice with the same
id, and readers count it once; the other way round it would be lost.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Literal

from services.survey import metrics
from services.survey.outbox import Outbox
from services.survey.spool import Spool
from sipas import events
from sipas.broker import KafkaAway, PublishFailed
from sipas.events import Response
from sipas.telemetry import logger

RETRY_S = 0.5
BATCH = 500

_log = logger(__name__)


def drain(spool: Spool, outbox: Outbox) -> int:
    """Send the oldest batch of the spool, then forget it; returns how many. Raises `PublishFailed`."""
    batch = spool.oldest(BATCH)
    if batch is None:
        return 0
    outbox.send_all([events.decode_response(payload) for payload in batch.payloads])
    spool.remove(batch)
    metrics.DRAINED.inc(len(batch.payloads))
    _show(spool)
    return len(batch.payloads)


def _retire(outbox: Outbox) -> None:
    # aside: others may still wait for their answers of it, each no longer than ACK_S
    threading.Thread(target=outbox.close, name="close", daemon=True).start()


def _show(spool: Spool) -> None:
    metrics.SPOOL_BYTES.set(spool.size)
    metrics.SPOOL_RECORDS.set(spool.records)


class Intake:
    """Takes sheets. `connect` makes an outbox, or raises `KafkaAway`; it is called after fork."""

    def __init__(self, spool: Spool, connect: Callable[[], Outbox]) -> None:
        self._spool = spool
        self._connect = connect
        self._outbox: Outbox | None = None
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._loop = threading.Thread(target=self._run, name="drain", daemon=True)
        metrics.KAFKA_AWAY.set(1)
        _show(spool)

    @property
    def kafka_up(self) -> bool:
        """Whether sheets go to Kafka."""
        return self._outbox is not None

    @property
    def has_room(self) -> bool:
        """Whether a sheet would be taken now."""
        return self.kafka_up or self._spool.has_room

    def start(self) -> None:
        """Connect, and keep draining, in the background."""
        self._loop.start()

    def accept(self, sheet: Response) -> Literal["accepted", "spooled"]:
        """Return when the sheet is safe, and where; raises `SpoolFull` when nothing can take it."""
        outbox = self._outbox
        if outbox is not None:
            try:
                outbox.send(sheet)
            except PublishFailed as reason:
                self._lost(outbox, str(reason))
            else:
                return "accepted"
        self._spool.append(events.encode(sheet))
        _show(self._spool)
        self._wake.set()
        return "spooled"

    def stop(self) -> None:
        """End the loop. Sheets on the disk stay there for the next process."""
        self._stop.set()
        self._wake.set()
        self._loop.join(1)  # it may be knocking at a Kafka that does not answer
        if self._outbox is not None:
            self._outbox.close()

    def _lost(self, outbox: Outbox, reason: str) -> None:
        if self._outbox is not outbox:  # another request was first
            return
        self._outbox = None
        metrics.PUBLISH_FAILURES.inc()
        metrics.KAFKA_AWAY.set(1)
        _log.warning("Kafka is away; answers go to the spool", reason=reason)
        _retire(outbox)

    def _run(self) -> None:
        try:
            self._keep_draining()
        except Exception:  # noqa: BLE001 - logged, and the end of the process
            # nothing here is expected: the spool outlives this process, and the next one adopts it
            _log.exception("the drain loop failed")
            os._exit(1)

    def _keep_draining(self) -> None:
        while not self._stop.is_set():
            outbox = self._outbox or self._reconnected()
            while outbox is not None and not self._stop.is_set() and self._drained(outbox):
                pass
            self._wake.wait(RETRY_S)
            self._wake.clear()
            if self._outbox is None:
                self._stop.wait(RETRY_S)  # a busy spool must not make us knock at Kafka with every answer

    def _reconnected(self) -> Outbox | None:
        try:
            outbox = self._connect()
        except KafkaAway:
            return None
        if self._stop.is_set():
            return None
        try:
            drain(self._spool, outbox)
        except PublishFailed:
            _retire(outbox)
            return None
        self._outbox = outbox
        metrics.KAFKA_AWAY.set(0)
        _log.info("Kafka takes answers", spooled=self._spool.records)
        return outbox

    def _drained(self, outbox: Outbox) -> bool:
        """Whether there may be more to drain."""
        try:
            return drain(self._spool, outbox) > 0
        except PublishFailed as reason:
            self._lost(outbox, str(reason))
            return False
