"""The live aggregator: count what comes into the published generation, and tell its totals.

Why every answer counts once is told in `counting.py`. Here: which partitions are ours, which generation is published
(`generations.py`), when totals are told. Another generation is adopted between two batches, without a restart: its
partitions are opened like those of a rebalance.

Every error that is not named here ends the process. The supervisor starts it again, positions come from the ledger.

Partitions know nothing of each other, so the batches of one poll are counted by a few threads, and totals are told
by another: measured, a third of the time went in waiting for Redis and Kafka one after the other. The consumer
itself is touched by the loop's own thread only.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.aggregator import metrics
from services.aggregator.counting import LOOK, Counted, Counting, WrongLog
from services.aggregator.generations import Switches
from services.aggregator.publish import Telling, hold_back, publish_partition
from sipas.broker import GroupReader, Log, Partition, Publisher, Record
from sipas.ledger import Ledgers
from sipas.tally_keys import TallyKeys, is_rebuilding
from sipas.telemetry import logger

PUBLISH_EVERY = timedelta(milliseconds=200)
PUBLISH_EVERY_BEHIND = timedelta(seconds=2)
"""While catching up totals are told less often: telling costs as much as counting."""
CHECK_EVERY = timedelta(seconds=1)
COUNTING_THREADS = 3

log = logger("aggregator")


@dataclass
class Owned:
    """A partition that this process owns. `epoch`: of the generation it is counted into; `before`: the one before."""

    counted: Counted
    epoch: int
    before: TallyKeys | None
    changed: bool = True

    @property
    def partition(self) -> Partition:
        return self.counted.partition


class Aggregator:
    """One member of the group; `step` is one turn of the loop."""

    def __init__(
        self,
        *,
        namespace: str,
        reader: GroupReader,
        kafka: Log,
        publisher: Publisher,
        ledgers: Ledgers,
        counting: Counting,
        switches: Callable[[], Switches],
        now: Callable[[], datetime],
    ) -> None:
        """`switches`: the newest that `decisions` says."""
        self._namespace = namespace
        self._reader = reader
        self._kafka = kafka
        self._publisher = publisher
        self._ledgers = ledgers
        self._counting = counting
        self._switches = switches
        self._now = now
        self._published = switches().published
        self._owned: dict[Partition, Owned] = {}
        self._publish_at = self._check_at = now()
        self._joined = False
        self._threads = ThreadPoolExecutor(COUNTING_THREADS + 1, thread_name_prefix="aggregator")
        self._publishing: Future[None] | None = None

    # --- the loop ---------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Poll, take over new partitions, fold what came, publish when it is time."""
        self._follow_the_pointer()
        polled = self._reader.poll(0.2)
        for partition in self._reader.take_revoked():
            self._owned.pop(partition, None)
        for partition in self._reader.take_assigned():
            self._open(partition)
        due = [self._owned[partition] for partition in polled if partition in self._owned]
        counts = self._threads.map(self._take, due, [polled[owned.partition] for owned in due])
        for owned, counted in zip(due, counts, strict=True):
            if not counted:
                self._open(owned.partition)
            elif owned.counted.fused:
                self._reader.pause(owned.partition)
        now = self._now()
        if now >= self._check_at:
            self._check_positions()
            self._check_at = self._now() + CHECK_EVERY
        if self._publishing is not None and self._publishing.done():
            self._publishing.result()  # its error is the process's error
            self._publishing = None
            self._publish_at = self._now() + (PUBLISH_EVERY_BEHIND if polled else PUBLISH_EVERY)
        if self._publishing is None and now >= self._publish_at:
            self._publishing = self._threads.submit(self._publish, list(self._owned.values()))
            self._reader.note_progress({owned.partition: owned.counted.next_offset for owned in self._owned.values()})

    def not_ready(self) -> list[str]:
        """Reasons against readiness."""
        if not self._joined:
            return ["no partition has been assigned yet"]
        return [
            f"partition {owned.partition.number} is paused: too many bad records; look at them with"
            " `sipas dlq list`, then `sipas dlq accept`"
            for owned in list(self._owned.values())
            if owned.counted.fused
        ]

    # --- taking over a partition ------------------------------------------------------------------------------

    def _follow_the_pointer(self) -> None:
        """Adopt another generation as soon as `decisions` names it."""
        published = self._switches().published
        if published == self._published:
            return
        log.info("another generation is published", generation=published.generation, epoch=published.epoch)
        self._published = published
        self._ledgers.point(*published)
        for partition in list(self._owned):
            self._open(partition)

    def _keys(self, partition: Partition, generation: str) -> TallyKeys:
        return TallyKeys.of(self._ledgers, partition.number, generation)

    def _open(self, partition: Partition) -> None:
        """Read the ledger, check that the log is its log, start reading where it stands."""
        published, previous = self._published, self._switches().previous
        topic_id = self._kafka.topic_id(partition.topic)
        [(first, end)] = self._kafka.bounds(partition.topic, [partition.number]).values()
        counted = self._counting.open(partition, self._keys(partition, published.generation), topic_id, first, end)
        before = None if previous is None else self._keys(partition, previous)
        if before is not None and int(counted.position.get("marked", -1)) < published.epoch:
            hold_back(counted.keys, before, end)
        self._joined = True
        self._owned[partition] = Owned(counted, published.epoch, before)
        if counted.fused:
            self._reader.pause(partition)
        else:
            self._reader.start(partition, counted.read_from)
        log.info(
            "partition opened",
            partition=partition.number,
            generation=published.generation,
            next_offset=counted.next_offset,
            end=end,
        )

    def _check_positions(self) -> None:
        """Notice a ledger that was emptied or set back while nothing came in, and a fuse that was accepted."""
        lag = rebuilding = fused = 0
        self._ledgers.point(*self._published)
        for owned in list(self._owned.values()):
            counted = owned.counted
            position = counted.keys.slot.position()
            if position is None or int(position["next_offset"]) != counted.next_offset:
                log.warning("the ledger moved without us", partition=owned.partition.number)
                self._open(owned.partition)
                continue
            if counted.fused and "fused_at" not in position:
                self._open(owned.partition)
                continue
            lag += max(0, self._reader.end(owned.partition) - counted.next_offset)
            rebuilding += is_rebuilding(position)
            fused += counted.fused
        metrics.PARTITIONS.set(len(self._owned))
        metrics.REBUILDING.set(rebuilding)
        metrics.FUSED.set(fused)
        metrics.LAG.set(lag)

    # --- counting and telling ---------------------------------------------------------------------------------

    def _take(self, owned: Owned, records: list[Record]) -> bool:
        """Count a partition's records of one poll; False when the ledger must be read again."""
        if self._reader.topic_id(owned.partition.topic) != owned.counted.topic_id:
            raise WrongLog(f"{owned.partition} was made anew while it was read.{LOOK}")
        before = owned.counted.next_offset
        kept = self._counting.take(owned.counted, records)
        if owned.counted.next_offset != before:
            owned.changed = True
        return kept

    def _publish(self, partitions: list[Owned]) -> None:
        """Tell the totals of partitions that changed; a partition just opened may have marks left by another."""
        for owned in partitions:
            if owned.changed:
                owned.changed = False
                telling = Telling(
                    owned.counted.keys, owned.partition.number, owned.epoch, self._publisher, self._namespace
                )
                if not publish_partition(telling, owned.before, self._now()):
                    owned.changed = True

    def close(self) -> None:
        """Tell what is left and leave the group."""
        if self._publishing is not None:
            self._publishing.result()
        self._publish(list(self._owned.values()))
        self._threads.shutdown()
        self._reader.close()
