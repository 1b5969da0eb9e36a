"""Is the backup what was written: every file by its hash, every record, and no offset missing between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from services.aggregator.backup.manifest import Chain, Manifest, folder_of, read_manifest, unnamed
from services.aggregator.backup.saving import SAVED, Keeping
from services.aggregator.backup.segments import Damaged, read_segment


@dataclass(frozen=True, slots=True)
class Verdict:
    """`faults`: one line each; `unnamed`: files of a run that was killed, which the next run deletes."""

    manifest: Manifest
    faults: tuple[str, ...]
    unnamed: int


def check(directory: Path, namespace: str, progress: Callable[[int, int], None]) -> Verdict:
    """Read all of it; `progress` is told bytes read and in all. Raises `NoBackup`, or `Damaged` of the manifest."""
    manifest = read_manifest(directory, namespace)
    folder = folder_of(directory, namespace)
    faults: list[str] = []
    done = 0
    for kind, chains in manifest.topics.items():
        for number, chain in enumerate(chains):
            faults += _faults(folder, f"{kind}/{number}", chain, without_gap=SAVED.get(kind) is Keeping.BY_OFFSET)
            done += chain.bytes
            progress(done, manifest.bytes)
    return Verdict(manifest, tuple(faults), len(unnamed(folder, manifest)))


def _faults(folder: Path, where: str, chain: Chain, *, without_gap: bool) -> Iterator[str]:
    expected, newest = chain.first, None
    for segment in chain.segments:
        try:
            for record in read_segment(folder, segment):
                if record.offset < expected or (without_gap and record.offset != expected):
                    yield f"{segment.file}: offset {record.offset} stands where {expected} should"
                expected = record.offset + 1
                newest = record
        except Damaged as damage:
            yield str(damage)
            expected, newest = segment.last + 1, None
    if newest is not None and (newest.digest != chain.last or chain.next_offset != expected):
        yield f"{where} does not end where the manifest says"
