"""Files of records: one partition's, in the order of the log, compressed, never changed once they have their name.

A file is gzip of records, each four bytes of length (big-endian) and a MessagePack array: offset, timestamp in
milliseconds, key, value, headers as [name, value] pairs. Its name ends in the beginning of its SHA-256, and the
manifest holds the whole of it: a file that was changed or lost is refused by name, never read as far as it goes.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import msgspec

from sipas.broker import Record

LENGTH = 4
RECORDS = ".gz"
PART = ".part"
"""Ends the name of a file that is being written."""
COMPRESSION = 6


class Damaged(Exception):
    """A file of the backup is not as it was written; the message names it."""


class Saved(NamedTuple):
    """A record as it lies in a file. `timestamp` in milliseconds; a header's value may be None, by other programs."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, Any]]

    @classmethod
    def of(cls, record: Record) -> Saved:
        return cls(
            record.offset,
            record.timestamp,
            record.key,
            record.value,
            [(name, value) for name, value in record.headers],
        )

    @property
    def digest(self) -> str:
        """Recognises the record wherever it stands: of all but its offset."""
        return blake2b(_encoder.encode(self[1:]), digest_size=16).hexdigest()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Saved)


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A file as the manifest knows it. `file`: within the namespace's folder; `first`, `last`: offsets."""

    file: str
    sha256: str
    bytes: int
    records: int
    first: int
    last: int


class SegmentWriter:
    """Writes one file in `folder/place`; it has no name that counts before `finish`.

    `onto`: a file that it begins with. Gzip allows one behind another, so its records need not be compressed again.
    """

    def __init__(self, folder: Path, place: str, onto: Segment | None = None) -> None:
        self._folder, self._place = folder, place
        for path in (folder, (folder / place).parent, folder / place):
            path.mkdir(mode=0o700, exist_ok=True)
        self._path = folder / place / f"{os.getpid()}-{id(self)}{PART}"
        # 0600 from the first byte on: names of leaders lie in it
        self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._hashed = _Hashed(self._file)
        self._records, self._first, self._last = (onto.records, onto.first, onto.last) if onto else (0, -1, -1)
        if onto:
            self._hashed.write(_content(folder, onto))
        # neither time nor name inside: the same records are the same bytes
        self._gzip = gzip.GzipFile(
            filename="", mode="wb", compresslevel=COMPRESSION, fileobj=cast("BinaryIO", self._hashed), mtime=0
        )

    def add(self, record: Saved) -> None:
        content = _encoder.encode(record)
        self._gzip.write(len(content).to_bytes(LENGTH, "big"))
        self._gzip.write(content)
        if not self._records:
            self._first = record.offset
        self._last = record.offset
        self._records += 1

    @property
    def written(self) -> int:
        """Compressed bytes so far."""
        return self._hashed.written

    def finish(self) -> Segment:
        """Give it its name, once all of it is on the disk."""
        self._gzip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        sha256 = self._hashed.sha256.hexdigest()
        file = f"{self._place}/{self._first:020}-{sha256[:16]}{RECORDS}"
        self._path.rename(self._folder / file)
        sync_directory(self._folder / self._place)
        return Segment(
            file=file,
            sha256=sha256,
            bytes=self._hashed.written,
            records=self._records,
            first=self._first,
            last=self._last,
        )

    def give_up(self) -> None:
        """Leave nothing behind."""
        # else it would write its end when it is collected
        self._gzip.fileobj = None  # type: ignore[assignment]  # closing sets it so; typeshed does not know
        self._file.close()
        self._path.unlink(missing_ok=True)


class _Hashed:
    """A file that knows the hash of what was written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.written = 0

    def write(self, content: bytes) -> int:
        self.sha256.update(content)
        self.written += len(content)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()


def sync_directory(path: Path) -> None:
    """A new name is on the disk only with its directory."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_whole(folder: Path, segment: Segment) -> None:
    """Raise `Damaged` unless the file has its hash."""
    _content(folder, segment)


def read_segment(folder: Path, segment: Segment) -> Iterator[Saved]:
    """Its records. Raises `Damaged` before the first of them where the file has not its hash."""
    content = _content(folder, segment)
    records, offset = 0, segment.first - 1
    with gzip.GzipFile(fileobj=BytesIO(content), mode="rb") as file:
        while length := file.read(LENGTH):
            try:
                record = _decoder.decode(file.read(int.from_bytes(length, "big")))
            except msgspec.DecodeError as reason:
                raise Damaged(f"{segment.file}: record {records} cannot be read: {reason}") from reason
            if record.offset <= offset:
                raise Damaged(f"{segment.file}: offset {record.offset} comes after {offset}")
            offset = record.offset
            records += 1
            yield record
    if (records, offset) != (segment.records, segment.last):
        raise Damaged(f"{segment.file}: holds {records} records up to {offset}, the manifest says otherwise")


def read_segments(folder: Path, segments: Iterable[Segment]) -> Iterator[Saved]:
    """The records of files that follow each other."""
    for segment in segments:
        yield from read_segment(folder, segment)


def _content(folder: Path, segment: Segment) -> bytes:
    try:
        content = (folder / segment.file).read_bytes()
    except FileNotFoundError:
        raise Damaged(f"{segment.file} is missing") from None
    if hashlib.sha256(content).hexdigest() != segment.sha256:
        raise Damaged(f"{segment.file} was changed: it has not the SHA-256 that it was written with")
    return content
