"""A partition's files, one after the other: what came since is added, what is to be forgotten goes."""

from __future__ import annotations

from pathlib import Path

from services.aggregator.backup.manifest import Chain
from services.aggregator.backup.segments import Saved, Segment, SegmentWriter, read_segment

FULL_BYTES = 8 * 1024 * 1024
"""A file is full with so many compressed bytes; until then the next run writes it anew with what came since."""


def place_of(kind: str, number: int) -> str:
    """The folder of a partition's files."""
    return f"{kind}/{number:04}"


class ChainWriter:
    """Goes on where a chain ends. Files of before are never changed: the manifest of before still holds without us."""

    def __init__(
        self, folder: Path, kind: str, number: int, chain: Chain, *, keep_from: int = 0, full_bytes: int = FULL_BYTES
    ) -> None:
        """`keep_from`: the first offset that may still be kept. A file of `full_bytes` is not added to any more."""
        self._folder, self._place = folder, place_of(kind, number)
        self._full_bytes = full_bytes
        self._done: list[Segment] = []
        self._open: SegmentWriter | None = None
        self._next_offset, self._last = chain.next_offset, chain.last
        self._newest: Saved | None = None
        for at, segment in enumerate(chain.segments, 1):
            if segment.first >= keep_from:
                self._done.append(segment)
            elif segment.last >= keep_from:
                self._put_all(segment, keep_from)
                if at < len(chain.segments):
                    self._finish()

    def add(self, record: Saved) -> None:
        """The next record of the partition."""
        if self._open is None and self._done and self._done[-1].bytes < self._full_bytes:
            self._put_all(self._done.pop(), 0)
        self._put(record)
        self._newest = record

    def close(self) -> Chain:
        self._finish()
        if self._newest is not None:
            self._next_offset, self._last = self._newest.offset + 1, self._newest.digest
        return Chain(next_offset=self._next_offset, last=self._last, segments=tuple(self._done))

    def give_up(self) -> None:
        """Leave no file that is half written."""
        if self._open is not None:
            self._open.give_up()

    def _put_all(self, segment: Segment, keep_from: int) -> None:
        for record in read_segment(self._folder, segment):
            if record.offset >= keep_from:
                self._put(record)

    def _put(self, record: Saved) -> None:
        if self._open is None:
            self._open = SegmentWriter(self._folder, self._place)
        self._open.add(record)
        if self._open.written >= self._full_bytes:
            self._finish()

    def _finish(self) -> None:
        if self._open is not None:
            self._done.append(self._open.finish())
            self._open = None
