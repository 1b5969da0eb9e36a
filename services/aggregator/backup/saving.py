"""From Kafka to files: what came since the last run, and of what forgets, what is still there.

What is refused leaves the backup as it was, because the manifest is written last. Refused is whatever would let a log
that lost something take the place of one that had it: a Kafka that was made anew, a topic cut or emptied.

A topic is saved as of the moment at which it is read, and whoever names records of another is read before it: a frozen
result names offsets of answers, a decision names an alert. So what is restored never names what is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from importlib.metadata import version as installed_version
from pathlib import Path

from services.aggregator.backup.chains import ChainWriter
from services.aggregator.backup.manifest import (
    MANIFEST,
    Chain,
    Manifest,
    NoBackup,
    folder_of,
    locked,
    read_manifest,
    unnamed,
    write_manifest,
)
from services.aggregator.backup.segments import Damaged, Saved, read_segments
from sipas.broker import Topics, WholeTopicReader
from sipas.registry import LASTING, NamespaceFacts, Registry, known_facts, read_item

PATIENCE_S = 60.0


class Keeping(Enum):
    """What is saved of a topic, and what becomes of its offsets."""

    BY_OFFSET = "for ever, and comes back to the same offsets"
    GROWING = "for ever, whole in every run"
    EXPIRING = "as long as Kafka keeps it"
    COMPACTED = "the newest of each key, whole in every run"


SAVED: Mapping[str, Keeping] = {
    "results": Keeping.GROWING,
    "decisions": Keeping.BY_OFFSET,
    "alerts": Keeping.BY_OFFSET,
    "responses": Keeping.BY_OFFSET,
    "comments": Keeping.EXPIRING,
    "people": Keeping.COMPACTED,
    "registry": Keeping.COMPACTED,
}
"""In the order of reading. Not saved: tallies and dead letters, which are counted again from the answers."""

Progress = Callable[[str, int, int], None]
"""Told the kind of topic, records read of it, and records to read."""


class NotContinued(Exception):
    """The log is not the one that was saved, or lost something of it. Needs a person."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`new`: records that the run before had not; `deleted`: files that went."""

    manifest: Manifest
    new: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Source:
    """A topic as it is read now."""

    kind: str
    topic: str
    reader: WholeTopicReader
    bounds: Mapping[int, tuple[int, int]]

    def records(self, starts: Mapping[int, int], progress: Progress) -> Iterator[tuple[int, Saved]]:
        """(partition, record) of all that is committed from these offsets on."""
        ends = {number: self.bounds[number][1] for number in starts}
        for number, start in starts.items():
            self.reader.start(number, start)
        whole = sum(max(0, ends[number] - start) for number, start in starts.items())
        for done, record in enumerate(self.reader.until(ends, PATIENCE_S), 1):
            yield record.partition, Saved.of(record)
            if done % 1000 == 0:
                progress(self.kind, done, whole)
        progress(self.kind, whole, whole)

    def record_at(self, number: int, offset: int) -> Saved | None:
        """The record there; None where there is none."""
        self.reader.start(number, offset)
        found = list(self.reader.until({number: offset + 1}, PATIENCE_S))
        return Saved.of(found[0]) if found else None


def save(
    bootstrap: Sequence[str], namespace: str, directory: Path, now: Callable[[], datetime], progress: Progress
) -> Outcome:
    """One run. Raises `NotContinued`, `Damaged`, `Busy`, `KafkaAway`, `WrongTopics`, `WrongNamespace` or OSError."""
    folder = folder_of(directory, namespace)
    folder.mkdir(mode=0o700, exist_ok=True)
    with locked(folder):
        old = _manifest_of_before(directory, namespace)
        _delete(unnamed(folder, old))
        begun = now()
        topics: dict[str, tuple[Chain, ...]] = {}
        for kind, keeping in SAVED.items():
            topic = str(getattr(Topics(namespace), kind))
            with closing(WholeTopicReader(bootstrap, topic)) as reader:
                source = Source(kind, topic, reader, reader.bounds())
                chains = old.topics.get(kind, ()) if old else ()
                topics[kind] = _WAYS[keeping](source, folder, chains, progress)
        manifest = Manifest(
            namespace=namespace,
            software=installed_version("sipas"),
            begun=begun,
            finished=now(),
            topics=topics,
        )
        _check_registry(folder, manifest, old)
        write_manifest(folder, manifest)
        gone = unnamed(folder, manifest)
        _delete(gone)
    return Outcome(manifest, manifest.records - (old.records if old else 0), len(gone))


def _manifest_of_before(directory: Path, namespace: str) -> Manifest | None:
    """Raises `Damaged` where a file is missing or has another size; its hash is checked when it is read."""
    try:
        manifest = read_manifest(directory, namespace)
    except NoBackup:
        if folder_of(directory, namespace).joinpath(MANIFEST).exists():
            raise
        return None
    for segment in manifest.segments():
        path = folder_of(directory, namespace) / segment.file
        if not path.exists():
            raise Damaged(f"{segment.file} is missing")
        if path.stat().st_size != segment.bytes:
            raise Damaged(f"{segment.file} was changed: it had {segment.bytes} bytes")
    return manifest


def _delete(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink()


# --- the ways to keep a topic


def _by_offset(source: Source, folder: Path, chains: tuple[Chain, ...], progress: Progress) -> tuple[Chain, ...]:
    """What came since, without a gap: an offset is the name of an answer, of a switch, of a change."""
    starts = {}
    for number, (first, end) in source.bounds.items():
        chain = chains[number] if number < len(chains) else Chain()
        if not chain.next_offset:
            starts[number] = first
            continue
        where = f"{source.topic}/{number}"
        if end < chain.next_offset:
            raise NotContinued(f"{where} ends at offset {end}, and {chain.next_offset} records were saved of it{ANEW}")
        if first > chain.next_offset:
            raise NotContinued(f"{where} begins at offset {first}: {first - chain.next_offset} were never saved{ANEW}")
        if not _is_that_of(source, number, chain):
            raise NotContinued(f"{where} holds another record at offset {chain.next_offset - 1} than was saved{ANEW}")
        starts[number] = chain.next_offset
    expected = dict(starts)
    with _writing(folder, source, chains, dict.fromkeys(starts, 0)) as writers:
        for number, record in source.records(starts, progress):
            if record.offset != expected[number]:
                raise NotContinued(f"{source.topic}/{number} has no record at offset {expected[number]}{ANEW}")
            expected[number] += 1
            writers[number].add(record)
        return tuple(writers[number].close() for number in sorted(writers))


def _expiring(source: Source, folder: Path, chains: tuple[Chain, ...], progress: Progress) -> tuple[Chain, ...]:
    """What came since; what Kafka has deleted is deleted here too. After a restore all of it is taken anew."""
    goes_on = {}
    for number, (first, _) in source.bounds.items():
        chain = chains[number] if number < len(chains) else Chain()
        goes_on[number] = chain if _is_that_of(source, number, chain) else Chain()
        if goes_on[number] is not chain and first == 0:
            saved = next(read_segments(folder, chain.segments), None)
            there = source.record_at(number, 0)
            if saved is not None and (there is None or there.digest != saved.digest):
                raise NotContinued(f"{source.topic}/{number} is not the topic that was saved{ANEW}")
    starts = {number: max(source.bounds[number][0], chain.next_offset) for number, chain in goes_on.items()}
    keep_from = {number: first for number, (first, _) in source.bounds.items()}
    with _writing(folder, source, tuple(goes_on.values()), keep_from) as writers:
        for number, record in source.records(starts, progress):
            writers[number].add(record)
        return tuple(writers[number].close() for number in sorted(writers))


def _growing(source: Source, folder: Path, chains: tuple[Chain, ...], progress: Progress) -> tuple[Chain, ...]:
    """All of it, and it begins with what was saved."""
    records = [record for _, record in source.records(_from_the_start(source), progress)]
    before = [record.digest for chain in chains for record in read_segments(folder, chain.segments)]
    if [record.digest for record in records[: len(before)]] != before:
        raise NotContinued(f"{source.topic} lacks records that were saved of it{ANEW}")
    return _whole(source, folder, records)


def _compacted(source: Source, folder: Path, chains: tuple[Chain, ...], progress: Progress) -> tuple[Chain, ...]:
    """The newest record of each key; what was erased is gone, whether or not Kafka has compacted its files."""
    newest: dict[bytes | None, Saved] = {}
    for _, record in source.records(_from_the_start(source), progress):
        newest.pop(record.key, None)
        if record.value is not None:
            newest[record.key] = record
    if any(chain.records for chain in chains) and not any(end for _, end in source.bounds.values()):
        raise NotContinued(f"{source.topic} is empty, and it was not when it was saved{ANEW}")
    return _whole(source, folder, newest.values())


_WAYS = {
    Keeping.BY_OFFSET: _by_offset,
    Keeping.EXPIRING: _expiring,
    Keeping.GROWING: _growing,
    Keeping.COMPACTED: _compacted,
}

ANEW = (
    ". The backup stays as it was. Was Kafka lost? Restore it: sipas restore. If the log as it is now is meant, save it"
    " in another directory"
)


def _is_that_of(source: Source, number: int, chain: Chain) -> bool:
    """Whether the log goes on where the chain ends; True too where Kafka has deleted the records that would tell."""
    first, end = source.bounds[number]
    newest = chain.next_offset - 1
    if end < chain.next_offset:
        return False
    if not chain.last or newest < first:
        return True
    there = source.record_at(number, newest)
    return there is not None and there.digest == chain.last


def _from_the_start(source: Source) -> dict[int, int]:
    return {number: first for number, (first, _) in source.bounds.items()}


def _whole(source: Source, folder: Path, records: Iterable[Saved]) -> tuple[Chain, ...]:
    with _writing(folder, source, (Chain(),), {0: 0}) as writers:
        for record in records:
            writers[0].add(record)
        return (writers[0].close(),)


@contextmanager
def _writing(
    folder: Path, source: Source, chains: tuple[Chain, ...], keep_from: Mapping[int, int]
) -> Iterator[dict[int, ChainWriter]]:
    """A writer for each partition; files that are half written go where it fails."""
    writers = {
        number: ChainWriter(
            folder, source.kind, number, chains[number] if number < len(chains) else Chain(), keep_from=first
        )
        for number, first in keep_from.items()
    }
    try:
        yield writers
    finally:
        for writer in writers.values():
            writer.give_up()


# --- what must be true of the whole


def registry_in(folder: Path, manifest: Manifest) -> Registry:
    """The registry as it was saved."""
    return Registry.fold(map(read_item, read_segments(folder, manifest.chain("registry", 0).segments)))


def facts_in(folder: Path, manifest: Manifest) -> NamespaceFacts:
    """Raises `WrongNamespace` where the namespace was never set up."""
    return known_facts(registry_in(folder, manifest).facts, manifest.namespace)


def _check_registry(folder: Path, manifest: Manifest, old: Manifest | None) -> None:
    """A registry that lost an entry that never goes is not the one that was saved."""
    facts = facts_in(folder, manifest)
    if facts.partitions != manifest.partitions:
        raise NotContinued(
            f"the registry says that topics have {facts.partitions} partitions, and they have {manifest.partitions}"
        )
    if old is None:
        return
    there = registry_in(folder, manifest).entries.keys()
    lost = [
        f"{kind}/{entry_id}"
        for kind, entry_id in registry_in(folder, old).entries
        if kind in LASTING and (kind, entry_id) not in there
    ]
    if lost:
        raise NotContinued(f"the registry lacks {len(lost)} entries that were saved, {lost[0]} first{ANEW}")
