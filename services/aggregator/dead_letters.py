"""Records that could not be counted: kept as they came, with the reason, beside the log.

A dead letter is acknowledged before the position moves past its record, so it may stand twice after a crash and
is never missing; (topic, partition, offset) tells copies apart.

Of the record's headers those are kept that `sipas.events.headers` writes: a program that is not ours may have put
anything into others. Times are cut to the minute, like those of a sheet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sipas.broker import Publisher, Record, Topics
from sipas.events import HEADER_NAMES, Headers, minute_ms

WINDOW = 1000
FEWEST = 50
SHARE = 0.20

REASON, TOPIC, PARTITION, OFFSET, SERVICE, TIME, DETAIL = (
    "sipas_reason",
    "sipas_topic",
    "sipas_partition",
    "sipas_offset",
    "sipas_service",
    "sipas_time",
    "sipas_detail",
)


class Rejected(NamedTuple):
    """A record and why it was not counted. `code` is stable; `detail` is for people and holds no answers."""

    record: Record
    code: str
    detail: str


def own_headers(headers: Iterable[tuple[str, bytes]]) -> Headers:
    """The headers of a record that a letter keeps, and that it is sent again with."""
    return [(name, value) for name, value in headers if name in HEADER_NAMES]


def dead_letter_headers(rejected: Rejected, service: str, now: datetime) -> Headers:
    """The record's own headers, and beside them why it was rejected, where it stood and the minute."""
    record = rejected.record
    return [
        *own_headers(record.headers),
        (REASON, rejected.code.encode()),
        (DETAIL, rejected.detail.encode()),
        (TOPIC, record.topic.encode()),
        (PARTITION, str(record.partition).encode()),
        (OFFSET, str(record.offset).encode()),
        (SERVICE, service.encode()),
        (TIME, now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z").encode()),
    ]


class DeadLetters:
    """Writes to the dead-letter topic."""

    def __init__(self, publisher: Publisher, namespace: str, service: str) -> None:
        self._publisher = publisher
        self._topic = str(Topics(namespace).dlq)
        self._service = service

    def bury(self, rejected: Sequence[Rejected], now: datetime) -> None:
        """Return when all are acknowledged; raises `PublishFailed`."""
        self._publisher.wait(
            [
                self._publisher.send(
                    self._topic,
                    one.record.value,
                    key=one.record.key or b"",
                    headers=dead_letter_headers(one, self._service, now),
                    partition=one.record.partition,
                    timestamp_ms=minute_ms(now),
                )
                for one in rejected
            ]
        )


class Fuse:
    """Trips when the newest records are mostly bad: then something is wrong upstream, not with single records.

    At least 50 bad ones, and more than a fifth, of the last 1,000 records of a partition.
    """

    def __init__(self, window: str = "") -> None:
        """`window`: what `str()` of an earlier fuse gave."""
        self._window = deque((mark == "x" for mark in window), maxlen=WINDOW)
        self._bad = sum(self._window)

    def blows(self, *, bad: bool) -> bool:
        """Note one record; True when the fuse blows on it (the record is then not noted)."""
        full = len(self._window) == WINDOW
        count = self._bad + bad - (full and self._window[0])
        if bad and count >= FEWEST and count > SHARE * (len(self._window) + (not full)):
            return True
        self._window.append(bad)
        self._bad = count
        return False

    def __str__(self) -> str:
        return "".join("x" if bad else "." for bad in self._window)
