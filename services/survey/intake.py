"""Where a sheet goes, and its comment: to Kafka, or to the disk while Kafka is away. `accept` returns only when both
are safe there.

Kafka is *away* from the first sheet that it did not acknowledge until the background loop has a new connection and
the oldest spooled sheets went through it. While it is away no request waits for it.

A produce that timed out may have been written all the same. Spooling the sheet then writes it twice with the same
id, and readers count it once; the other way round it would be lost.

On the disk the comment goes first: where its spool takes no more, the citizen is asked to send again and nothing was
kept of the sheet, which would otherwise be counted twice when it comes again without an id of its own.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Literal

from services.survey import metrics
from services.survey.outbox import Outbox
from services.survey.sheets import Submitted
from services.survey.spools import Counted, Spools
from sipas.broker import KafkaAway, PublishFailed
from sipas.telemetry import logger

RETRY_S = 0.5

_log = logger(__name__)


def drain(spools: Spools, outbox: Outbox) -> Counted:
    """Send the oldest that is on the disk; returns how many. Raises `PublishFailed`."""
    sent = spools.drain(outbox)
    metrics.DRAINED.inc(sum(sent))
    _show(spools)
    return sent


def _retire(outbox: Outbox) -> None:
    # aside: others may still wait for their answers of it, each no longer than ACK_S
    threading.Thread(target=outbox.close, name="close", daemon=True).start()


def _show(spools: Spools) -> None:
    since = spools.waiting_since
    metrics.SPOOL_BYTES.set(spools.size)
    metrics.SPOOL_RECORDS.set(sum(spools.records))
    metrics.SPOOL_OLDEST.set(0 if since is None else max(0, time.time() - since))


class Intake:
    """Takes sheets and comments. `connect` makes an outbox, or raises `KafkaAway`; it is called after fork."""

    def __init__(self, spools: Spools, connect: Callable[[], Outbox]) -> None:
        self._spools = spools
        self._connect = connect
        self._outbox: Outbox | None = None
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._loop = threading.Thread(target=self._run, name="drain", daemon=True)
        metrics.KAFKA_AWAY.set(1)
        metrics.SPOOL_LIMIT_BYTES.set(spools.limit)
        _show(spools)

    @property
    def kafka_up(self) -> bool:
        """Whether sheets go to Kafka."""
        return self._outbox is not None

    @property
    def has_room(self) -> bool:
        """Whether a sheet would be taken now."""
        return self.kafka_up or self._spools.has_room

    def start(self) -> None:
        """Connect, and keep draining, in the background."""
        self._loop.start()

    def accept(self, submitted: Submitted) -> Literal["accepted", "spooled"]:
        """Return when sheet and comment are safe, and where; raises `SpoolFull` when nothing can take them."""
        sheet, comment = submitted
        letters = (sheet,) if comment is None else (comment, sheet)
        outbox = self._outbox
        if outbox is not None:
            try:
                outbox.send(*letters)
            except PublishFailed as reason:
                self._lost(outbox, str(reason))
            else:
                return "accepted"
        for letter in letters:
            self._spools.append(letter)
        _show(self._spools)
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
            _show(self._spools)
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
            drain(self._spools, outbox)
        except PublishFailed:
            _retire(outbox)
            return None
        self._outbox = outbox
        metrics.KAFKA_AWAY.set(0)
        _log.info("Kafka takes answers", spooled=sum(self._spools.records))
        return outbox

    def _drained(self, outbox: Outbox) -> bool:
        """Whether there may be more to drain."""
        try:
            return sum(drain(self._spools, outbox)) > 0
        except PublishFailed as reason:
            self._lost(outbox, str(reason))
            return False
