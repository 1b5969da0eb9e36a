"""Answers, or comments, on this machine's disk while Kafka is away; `spools.py` has one spool of each.

Each process has a directory of its own below the spool directory and holds a lock on it, which the kernel drops
when the process dies, however it dies. In it lie segments: files of frames (`frames.py`), appended to, never changed.

Invariants:
- `append` returns after the answer was fsynced. Callers that come while one fsync runs share the next one.
- An answer leaves only by `remove`, after Kafka has acknowledged it. A crash between the two sends it twice, with
  the same id, and it is counted once.
- A segment's name is the time it was begun, so the order of names is the order of answers, also after `adopt` has
  moved the segments of dead processes here. (Comments: another name, and no order.)
- After a failed fsync nothing more is promised: Linux forgets the error, and the next fsync would lie.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from services.survey.frames import frame, read_frames

SEGMENT_BYTES = 4 * 1024 * 1024
LARGEST = 64 * 1024
"""More than any answer takes."""
SUFFIX = ".segment"
UNBORN = "."
"""Begins the name of a directory that is not locked yet; `adopt` leaves it alone."""


class SpoolFull(Exception):
    """The spool takes nothing more: its size, or the disk's error."""


class Batch(NamedTuple):
    """The oldest answers; hand it back to `remove` when Kafka has them."""

    payloads: list[bytes]
    size: int


@dataclass
class _Segment:
    path: Path
    size: int
    records: int


class Spool:
    """The spool of one process. Safe to share between threads; `sync` is fsync, or what does it aside."""

    def __init__(
        self,
        directory: Path,
        *,
        max_bytes: int,
        sync: Callable[[int], object] = os.fsync,
        segment_bytes: int = SEGMENT_BYTES,
        new_name: Callable[[], str] = lambda: f"{time.time_ns():020d}",
    ) -> None:
        self._directory = directory
        self.max_bytes = max_bytes
        self._sync = sync
        self._segment_bytes = segment_bytes
        self._new_name = new_name
        self._lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._segments: list[_Segment] = []
        self._head = 0  # bytes of the first segment that Kafka has
        self._head_records = 0
        self._fd: int | None = None  # the last segment, while it takes answers
        self._written = 0
        self._synced = 0
        self._failed: str | None = None
        self.cut_bytes = 0
        self._home, self._home_fd = _new_home(directory)

    @property
    def size(self) -> int:
        """Bytes that Kafka does not have yet."""
        return sum(segment.size for segment in self._segments) - self._head

    @property
    def records(self) -> int:
        """Answers that Kafka does not have yet."""
        return sum(segment.records for segment in self._segments) - self._head_records

    @property
    def oldest_name(self) -> str | None:
        """What `new_name` gave for the file with the oldest answer; None where there is none."""
        segments = self._segments
        return segments[0].path.name.partition("-")[0] if segments and self.records else None

    @property
    def has_room(self) -> bool:
        """Whether another answer of any size would be taken."""
        return self._failed is None and self._used + LARGEST <= self.max_bytes

    @property
    def _used(self) -> int:
        return sum(segment.size for segment in self._segments)

    def append(self, payload: bytes) -> None:
        """Return when the answer is on the disk; raises `SpoolFull`."""
        framed = frame(payload)
        with self._lock:
            if self._failed is not None:
                raise SpoolFull(self._failed)
            if self._used + len(framed) > self.max_bytes:
                raise SpoolFull(f"{self._used} of {self.max_bytes} bytes are used")
            self._write(framed)
            ticket = self._written
        self._sync_through(ticket)

    def oldest(self, limit: int) -> Batch | None:
        """Up to `limit` answers in the order they came; None when there are none. One reader at a time."""
        with self._lock:
            if not self._segments or not self.records:
                return None
            segment = self._segments[0]
            head, unread = self._head, segment.size - self._head
        with segment.path.open("rb") as file:
            file.seek(head)
            frames = read_frames(file.read(unread), limit=limit)
        if not frames.payloads:
            # whole frames were written and fsynced here: the disk has changed them, and a restart keeps the rest
            raise OSError(f"{segment.path} is damaged at byte {head}")
        return Batch(*frames)

    def remove(self, batch: Batch) -> None:
        """Kafka has the batch that `oldest` gave last."""
        with self._lock:
            first = self._segments[0]
            self._head += batch.size
            self._head_records += len(batch.payloads)
            if self._head < first.size:
                return
            if len(self._segments) == 1 and self._fd is not None:
                os.close(self._fd)
                self._fd = None
            first.path.unlink()
            self._segments.pop(0)
            self._head = self._head_records = 0

    def adopt(self) -> int:
        """Take over what dead processes left; returns the number of answers. Call it before the first `append`."""
        found = 0
        for home in sorted(self._directory.iterdir()):
            if home == self._home or home.name.startswith(UNBORN) or not home.is_dir():
                continue
            home_fd = _lock_if_left(home)
            if home_fd is None:
                continue
            for path in home.glob(f"*{SUFFIX}"):
                path.rename(self._home / path.name)
            os.fsync(self._home_fd)
            home.rmdir()
            os.close(home_fd)
        with self._lock:
            known = {segment.path for segment in self._segments}
            adopted = [self._open_left(path) for path in self._home.glob(f"*{SUFFIX}") if path not in known]
            found = sum(segment.records for segment in adopted)
            self._segments = sorted(adopted + self._segments, key=lambda segment: segment.path.name)
        return found

    def close(self) -> None:
        """Let go of the directory; what is left in it is adopted by the next process."""
        with self._lock:
            self._failed = "the spool is closed"
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None
            if not self._segments:
                self._home.rmdir()
            os.close(self._home_fd)

    def _open_left(self, path: Path) -> _Segment:
        data = path.read_bytes()
        payloads, size = read_frames(data)
        if size < len(data):
            self.cut_bytes += len(data) - size
            os.truncate(path, size)
        return _Segment(path, size, len(payloads))

    def _write(self, framed: bytes) -> None:
        if self._fd is None or self._segments[-1].size + len(framed) > self._segment_bytes:
            self._begin_segment()
        assert self._fd is not None  # noqa: S101 - _begin_segment has set it
        segment = self._segments[-1]
        try:
            taken = os.write(self._fd, framed)
        except OSError as reason:
            raise SpoolFull(str(reason)) from reason
        if taken < len(framed):  # the disk is full
            os.ftruncate(self._fd, segment.size)
            raise SpoolFull(f"the disk took {taken} of {len(framed)} bytes")
        segment.size += len(framed)
        segment.records += 1
        self._written += 1

    def _begin_segment(self) -> None:
        if self._fd is not None:
            # those who wrote to it may still wait for their fsync, which will go to the new file
            self._sync_or_fail(self._fd)
            self._synced = self._written
            os.close(self._fd)
            self._fd = None
        path = self._home / f"{self._new_name()}-{self._home.name[:8]}{SUFFIX}"
        try:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as reason:
            raise SpoolFull(str(reason)) from reason
        self._fd = fd
        self._segments.append(_Segment(path, 0, 0))
        self._sync_or_fail(self._home_fd)

    def _sync_through(self, ticket: int) -> None:
        with self._sync_lock:
            if self._failed is not None and self._synced < ticket:
                raise SpoolFull(self._failed)
            if self._synced >= ticket:
                return
            with self._lock:
                written = self._written
                # Kafka may have had everything already, and the file be gone
                fd = None if self._fd is None else os.dup(self._fd)
            if fd is not None:
                try:
                    self._sync_or_fail(fd)
                finally:
                    os.close(fd)
            self._synced = max(self._synced, written)

    def _sync_or_fail(self, fd: int) -> None:
        try:
            self._sync(fd)
        except OSError as reason:
            self._failed = f"fsync failed: {reason}"
            raise SpoolFull(self._failed) from reason


def _new_home(directory: Path) -> tuple[Path, int]:
    directory.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid4().hex
    unborn = directory / f"{UNBORN}{name}"
    unborn.mkdir(mode=0o700)
    fd = os.open(unborn, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    home = unborn.rename(directory / name)
    _sync_directory(directory)
    return home, fd


def _lock_if_left(home: Path) -> int | None:
    """A descriptor that holds the lock of a directory whose process is dead; None if it lives or is gone."""
    try:
        fd = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    if not home.exists():  # another process was quicker, and has removed it
        os.close(fd)
        return None
    return fd


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
