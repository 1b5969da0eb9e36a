"""From files back to Kafka: topics of a namespace that holds nothing get their records again.

Answers, decisions and alerts come back to the offsets that they had: a switch of generations is named by its offset, a
version of a total by that of an answer, a frozen result by those of all partitions. Each acknowledged offset is
compared, so that anybody who writes at the same time is noticed. The other topics keep their order.

The registry comes last and in one transaction: until then no service starts, because none knows the namespace. What
was interrupted before that goes on where it stopped, once the newest record there is found in the backup.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from services.aggregator.backup.manifest import Chain, Manifest, folder_of, read_manifest
from services.aggregator.backup.saving import PATIENCE_S, SAVED, Keeping, facts_in
from services.aggregator.backup.segments import Damaged, Saved, is_whole, read_segments
from sipas.broker import Log, Publisher, Topics, WholeTopicReader, Written, publish_together
from sipas.follower import read_whole
from sipas.registry import Registry

AT_ONCE = 5_000
"""Records on their way: those behind wait for those before them."""
BATCH_BYTES = 512 * 1024
DELIVERY_S = 60.0
DISTURBED = "somebody else writes there. Stop every service, delete the topics of the namespace, and begin again"

Progress = Callable[[str, int, int], None]


class NotEmpty(Exception):
    """The namespace holds something that is not of this backup."""


class Disturbed(Exception):
    """Somebody else writes to the topics."""


@dataclass(frozen=True, slots=True)
class Restored:
    """`written`: records of this run; fewer than those of the manifest where an earlier run was interrupted."""

    manifest: Manifest
    made: tuple[str, ...]
    written: int


def restore(
    bootstrap: Sequence[str], namespace: str, directory: Path, *, replication: int, progress: Progress
) -> Restored:
    """All of a backup. `progress` is told the kind, and records done and in all.

    Raises `NoBackup`, `Damaged` (before anything is written), `NotEmpty`, `Disturbed`, `KafkaAway`, `PublishFailed` or
    `WrongTopics`.
    """
    manifest, folder = read_manifest(directory, namespace), folder_of(directory, namespace)
    for segment in manifest.segments():
        is_whole(folder, segment)
    _check_offsets(manifest)
    facts_in(folder, manifest)
    with closing(Log(bootstrap)) as log:
        _refuse_a_living_namespace(bootstrap, namespace, log.existing())
        made = log.create(namespace, partitions=manifest.partitions, replication=replication)
        filler = _Filler(bootstrap, namespace, folder, manifest, log, progress)
        for kind in SAVED:
            if kind != "registry":
                filler.fill(kind)
        filler.check_ends()
    written = filler.written + _write_registry(bootstrap, namespace, folder, manifest)
    progress("registry", manifest.records, manifest.records)
    return Restored(manifest, tuple(made), written)


def _check_offsets(manifest: Manifest) -> None:
    """Where offsets come back none may be missing."""
    for kind, keeping in SAVED.items():
        for chain in manifest.topics.get(kind, ()) if keeping is Keeping.BY_OFFSET else ():
            expected = chain.first
            for segment in chain.segments:
                if (segment.first, segment.last) != (expected, expected + segment.records - 1):
                    raise Damaged(f"{segment.file}: holds {segment.records} records, and begins not at {expected}")
                expected = segment.last + 1


def _refuse_a_living_namespace(bootstrap: Sequence[str], namespace: str, existing: set[str]) -> None:
    """`sipas topics create` may have been run; anything more in the registry is a namespace that is in use."""
    topic = Topics(namespace).registry
    if topic not in existing:
        return
    entries = read_whole(bootstrap, topic, Registry.fold(())).entries
    more = [f"{kind}/{entry_id}" for kind, entry_id in entries if kind != "namespace"]
    if more:
        raise NotEmpty(
            f"{topic} holds {len(more)} entries, {more[0]} first: namespace {namespace} is in use, or was restored"
            " already. Only an empty one is restored: another cluster, or delete its topics first"
        )


class _Filler:
    """Writes topics, and knows how far it is."""

    def __init__(
        self, bootstrap: Sequence[str], namespace: str, folder: Path, manifest: Manifest, log: Log, progress: Progress
    ) -> None:
        self._bootstrap = bootstrap
        self._namespace = namespace
        self._folder = folder
        self._manifest = manifest
        self._log = log
        self._progress = progress
        self._done = 0
        self.written = 0

    def fill(self, kind: str) -> None:
        topic = str(getattr(Topics(self._namespace), kind))
        ends = self._ends(topic)
        with closing(
            Publisher(
                self._bootstrap,
                client_id="sipas-restore",
                delivery_timeout_s=DELIVERY_S,
                linger_ms=20,
                batch_bytes=BATCH_BYTES,
            )
        ) as publisher:
            for number, chain in enumerate(self._manifest.topics.get(kind, ())):
                self._fill_partition(publisher, kind, topic, number, chain, ends[number])

    def check_ends(self) -> None:
        """Nothing stands behind what was restored. Raises `Disturbed`."""
        for kind in SAVED:
            topic = str(getattr(Topics(self._namespace), kind))
            ends = self._ends(topic)
            for number, chain in enumerate(self._manifest.topics.get(kind, ()) if kind != "registry" else ()):
                if ends[number] != _first(kind, chain) + chain.records:
                    raise Disturbed(f"{topic}/{number}: {DISTURBED}")

    def _ends(self, topic: str) -> dict[int, int]:
        return {number: end for number, (_, end) in self._log.bounds(topic).items()}

    def _fill_partition(self, publisher: Publisher, kind: str, topic: str, number: int, chain: Chain, end: int) -> None:
        """From offset `end` on, which is 0 where nothing was restored yet."""
        first = _first(kind, chain)
        records = iter(read_segments(self._folder, chain.segments))
        if end > first:
            [newest] = deque(islice(records, end - first), maxlen=1) or [None]
            self._check_resumed(topic, number, end, newest)
            self._done += end - first
        elif first:
            # the log began later when it was saved: the offsets before it are taken, and given up
            self._send(publisher, kind, topic, number, _nothing(end, first))
            self._log.cut(topic, {number: first})
        self._send(publisher, kind, topic, number, enumerate(records, max(end, first)))

    def _check_resumed(self, topic: str, number: int, end: int, newest: Saved | None) -> None:
        """What stands there must be the backup's beginning, left by a run that was interrupted."""
        with closing(WholeTopicReader(self._bootstrap, topic, [number])) as reader:
            reader.start(number, end - 1)
            there = [Saved.of(record) for record in reader.until({number: end}, PATIENCE_S)]
        if newest is None or not there or there[-1].digest != newest.digest:
            raise NotEmpty(
                f"{topic}/{number} holds {end} records that are not the beginning of this backup. Only an empty"
                " namespace is restored: stop every service, delete its topics, and begin again"
            )

    def _send(
        self, publisher: Publisher, kind: str, topic: str, number: int, records: Iterator[tuple[int, Saved | None]]
    ) -> None:
        """Each to the offset that is named with it."""
        while batch := list(islice(records, AT_ONCE)):
            sent = [publisher.send(topic, **_as_sent(record), partition=number) for _, record in batch]
            for (wanted, _), offset in zip(batch, publisher.wait_for_offsets(sent), strict=True):
                if offset != wanted:
                    raise Disturbed(f"{topic}/{number}: not offset {offset}, {wanted} was expected: {DISTURBED}")
            restored = sum(record is not None for _, record in batch)
            self.written += restored
            self._done += restored
            self._progress(kind, self._done, self._manifest.records)


def _first(kind: str, chain: Chain) -> int:
    """The offset to which the chain's first record comes back."""
    return chain.first if SAVED[kind] is Keeping.BY_OFFSET else 0


def _as_sent(record: Saved | None) -> dict[str, Any]:
    """The client sends no record without key and value; readers take an empty key for none."""
    if record is None:
        return {"value": None, "key": b""}
    key = b"" if record.key is None and record.value is None else record.key
    return {"value": record.value, "key": key, "headers": record.headers, "timestamp_ms": record.timestamp}


def _nothing(start: int, end: int) -> Iterator[tuple[int, Saved | None]]:
    return ((offset, None) for offset in range(start, end))


def _write_registry(bootstrap: Sequence[str], namespace: str, folder: Path, manifest: Manifest) -> int:
    topic = str(Topics(namespace).registry)
    return publish_together(
        bootstrap,
        f"{topic}.writer",
        [
            Written(topic, (record.key or b"").decode(), record.value, record.headers, record.timestamp)
            for record in read_segments(folder, manifest.chain("registry", 0).segments)
        ],
    )
