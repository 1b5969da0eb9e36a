"""What a backup holds, in one file that is written last and at once: what it does not name was never saved.

So a run that was killed leaves the backup of before, and files that nobody names; the next run deletes them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from services.aggregator.backup.segments import PART, RECORDS, Damaged, Segment, sync_directory

FORMAT = 1
MANIFEST = "manifest.json"
LOCK = ".lock"


class NoBackup(Exception):
    """There is none of this namespace; the message says what there is."""


class Busy(Exception):
    """Another run writes here."""


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """A partition. `next_offset`: the first that is not saved; `last`: digest of the record before it, "" for none."""

    next_offset: int = 0
    last: str = ""
    segments: tuple[Segment, ...] = ()

    @property
    def records(self) -> int:
        return sum(segment.records for segment in self.segments)

    @property
    def bytes(self) -> int:
        return sum(segment.bytes for segment in self.segments)

    @property
    def first(self) -> int:
        """The first offset that is saved; the next one where none is."""
        return self.segments[0].first if self.segments else self.next_offset


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`begun`: nothing that was acknowledged before it is missing. `topics`: kind -> its partitions, by number."""

    format: int = FORMAT
    namespace: str
    software: str
    begun: datetime
    finished: datetime
    topics: dict[str, tuple[Chain, ...]]

    def chain(self, kind: str, number: int) -> Chain:
        """A partition; an empty one where nothing is saved of it."""
        chains = self.topics.get(kind, ())
        return chains[number] if number < len(chains) else Chain()

    def segments(self) -> Iterator[Segment]:
        for chains in self.topics.values():
            for chain in chains:
                yield from chain.segments

    @property
    def partitions(self) -> int:
        """Of topics keyed by agency."""
        return len(self.topics["responses"])

    @property
    def records(self) -> int:
        return sum(segment.records for segment in self.segments())

    @property
    def bytes(self) -> int:
        return sum(segment.bytes for segment in self.segments())


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """`manifest` is its text as it was hashed."""

    sha256: str
    manifest: msgspec.Raw


def folder_of(directory: Path, namespace: str) -> Path:
    return directory / namespace


def read_manifest(directory: Path, namespace: str) -> Manifest:
    """The newest. Raises `NoBackup` or `Damaged`."""
    file = folder_of(directory, namespace) / MANIFEST
    if not file.exists():
        others = sorted(path.parent.name for path in directory.glob(f"*/{MANIFEST}"))
        there = f"; there are those of: {', '.join(others)} (SIPAS_NAMESPACE)" if others else ""
        raise NoBackup(f"{directory} holds no backup of namespace {namespace}{there}")
    return opened(file.read_bytes(), str(file), namespace)


def opened(content: bytes, name: str, namespace: str) -> Manifest:
    """A manifest's content; `name`: what it is called where it cannot be read."""
    try:
        sealed = msgspec.json.decode(content, type=_Sealed)
        if hashlib.sha256(sealed.manifest).hexdigest() != sealed.sha256:
            raise Damaged(f"{name} was changed: it has not the SHA-256 that it was written with")
        said = msgspec.json.decode(sealed.manifest, type=dict)
        if said.get("format") != FORMAT:
            raise Damaged(f"{name} has the form {said.get('format')}, and this software reads {FORMAT}")
        manifest = msgspec.json.decode(sealed.manifest, type=Manifest)
    except msgspec.DecodeError as reason:
        raise Damaged(f"{name} cannot be read: {reason}") from reason
    if manifest.namespace != namespace:
        raise NoBackup(f"{name} is of namespace {manifest.namespace}, not of {namespace} (SIPAS_NAMESPACE)")
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """All of it or nothing."""
    text = msgspec.json.encode(manifest)
    sealed = msgspec.json.encode({"sha256": hashlib.sha256(text).hexdigest(), "manifest": msgspec.Raw(text)})
    part = folder / f"{MANIFEST}{PART}"
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(sealed + b"\n")
        file.flush()
        os.fsync(file.fileno())
    part.rename(folder / MANIFEST)
    sync_directory(folder)


def unnamed(folder: Path, manifest: Manifest | None) -> list[Path]:
    """Files of records that the manifest does not name: of a run that was killed, or replaced since."""
    named = {folder / segment.file for segment in manifest.segments()} if manifest else set()
    ours = [*folder.glob(f"*/*/*{RECORDS}"), *folder.rglob(f"*{PART}")]
    return sorted(path for path in ours if path not in named)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Alone here. Raises `Busy`."""
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"another run writes to {folder}") from None
        yield
    finally:
        os.close(handle)


def totals(topics: Mapping[str, tuple[Chain, ...]]) -> dict[str, dict[str, int]]:
    """Kind -> records and bytes."""
    return {
        kind: {
            "records": sum(chain.records for chain in chains),
            "bytes": sum(chain.bytes for chain in chains),
        }
        for kind, chains in topics.items()
    }
