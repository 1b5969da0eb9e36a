"""Fold the log of answers into the ledger, each answer exactly once.

The argument, for one partition:

1. The position (offset of the next record) lies in Redis, in the ledger itself. Kafka's group offset is a hint for
   lag tools and is never read. On assignment the ledger's position is read and the log is read from there.
2. A batch is decoded, repeats are dropped (ids of counted sheets are looked up together with the position), dead
   letters are acknowledged by Kafka.
3. One script compares the stored position with the one this batch began at, and only then adds the counts, the ids
   and the new position: all of it or nothing. So a batch is never half in, and never in twice:
   - killed before the script: nothing is in, the batch is read again;
   - killed after it: the stored position is past the batch, it is never read again;
   - the reply is lost and the client sends the script again: the position differs, it changes nothing;
   - another process owns the partition meanwhile: the position differs for the slower one;
   - Redis comes back older: counts, ids and position went back together, the log is read from there.
   Whenever the script or a look-up finds another position, the batch is dropped and the ledger read again.
4. A sheet that stands in the log twice has the same (agency, response_id): the first wins.
5. Before the first fold of an assignment the log is checked to be the one that the ledger knows: same topic id,
   position inside the log, and the last folded record still has the hash that was stored. Otherwise the process
   stops and says so; it never just continues on another log.

Every error that is not named here ends the process. The supervisor starts it again, positions come from the ledger.

Partitions know nothing of each other, so the batches of one poll are counted by a few threads, and totals are told
by another: measured, a third of the time went in waiting for Redis and Kafka one after the other. The consumer
itself is touched by the loop's own thread only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from services.aggregator import metrics
from services.aggregator.dead_letters import DeadLetters, Fuse, Rejected
from services.aggregator.fold import Folded, Sheet, Shelves, UnknownMethod, fold, sheet_of
from services.aggregator.publish import publish_partition
from sipas.broker import GroupReader, Log, Partition, Publisher, Record, Topics
from sipas.events import MalformedEvent, decode_response
from sipas.ledger import Ledgers, Moved, Writes
from sipas.tally_keys import TallyKeys, is_rebuilding
from sipas.telemetry import logger

PUBLISH_EVERY = timedelta(milliseconds=200)
PUBLISH_EVERY_BEHIND = timedelta(seconds=2)
"""While catching up totals are told less often: telling costs as much as counting."""
CHECK_EVERY = timedelta(seconds=1)
COUNTING_THREADS = 3

log = logger("aggregator")


class WrongLog(Exception):
    """The log is not the one that the ledger was made from, or is newer than this software. Needs a person."""


@dataclass
class Owned:
    """What this process knows of a partition that it owns."""

    partition: Partition
    keys: TallyKeys
    position: dict[str, str]
    next_offset: int
    shelves: Shelves
    fuse: Fuse
    as_of: dict[str, str]
    topic_id: str
    unchecked_hash: str | None
    """Hash that the first record must have (it is the last folded one); None once checked or nothing to check."""
    fused: bool = False
    changed: bool = True


def record_hash(record: Record) -> str:
    """Recognises a record: its time, key and value."""
    digest = blake2b(digest_size=16)
    for part in (str(record.timestamp).encode(), record.key or b"", record.value or b""):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


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
        criteria: Mapping[str, frozenset[str]],
        now: Callable[[], datetime],
    ) -> None:
        self._namespace = namespace
        self._topic = str(Topics(namespace).responses)
        self._reader = reader
        self._kafka = kafka
        self._publisher = publisher
        self._dead_letters = DeadLetters(publisher, namespace, "aggregator")
        self._ledgers = ledgers
        self._criteria = criteria
        self._now = now
        self._owned: dict[Partition, Owned] = {}
        self._publish_at = self._check_at = now()
        self._joined = False
        self._threads = ThreadPoolExecutor(COUNTING_THREADS + 1, thread_name_prefix="aggregator")
        self._publishing: Future[None] | None = None

    # --- the loop ---------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Poll, take over new partitions, fold what came, publish when it is time."""
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
            elif owned.fused:
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
            self._reader.note_progress({owned.partition: owned.next_offset for owned in self._owned.values()})

    def not_ready(self) -> list[str]:
        """Reasons against readiness."""
        if not self._joined:
            return ["no partition has been assigned yet"]
        return [
            f"partition {owned.partition.number} is paused: too many bad records; look at them with"
            " `sipas dlq list`, then `sipas dlq accept`"
            for owned in list(self._owned.values())
            if owned.fused
        ]

    # --- taking over a partition ------------------------------------------------------------------------------

    def _open(self, partition: Partition) -> None:
        """Read the ledger, check that the log is its log, start reading where it stands."""
        keys = TallyKeys.of(self._ledgers, partition.number)
        topic_id = self._kafka.topic_id(partition.topic)
        [(first, end)] = self._kafka.bounds(partition.topic, [partition.number]).values()
        position = keys.slot.position() or keys.slot.create(
            first, {"offset": -1, "hash": "", "topic_id": topic_id, "rebuild_until": end, "rebuilt": 0, "shelves": "{}"}
        )
        next_offset, offset = int(position["next_offset"]), int(position["offset"])
        if position["topic_id"] != topic_id:
            raise WrongLog(
                f"{partition} has been made anew since the ledger was made (topic id {topic_id}, the ledger knows"
                f" {position['topic_id']}). If that is meant, build the ledger again: sipas replay"
            )
        if next_offset > end or (offset >= 0 and offset < first):
            raise WrongLog(
                f"{partition} holds offsets {first} to {end}, the ledger has counted up to {next_offset}: records are"
                " missing from the log. Restore the log, or build the ledger again from what is left: sipas replay"
            )
        shelves = json.loads(position["shelves"])
        self._joined = True
        self._owned[partition] = Owned(
            partition=partition,
            keys=keys,
            position=position,
            next_offset=next_offset,
            shelves=Shelves(shelves.get("living", {}), shelves.get("gone_through", "")),
            fuse=Fuse(position.get("window", "")),
            as_of=self._ledgers.hashes([keys.as_of()])[0],
            topic_id=topic_id,
            unchecked_hash=position["hash"] if offset >= 0 else None,
            fused="fused_at" in position,
        )
        if "fused_at" not in position:
            self._reader.start(partition, offset if offset >= 0 else next_offset)
        log.info("partition opened", partition=partition.number, next_offset=next_offset, end=end)

    def _check_positions(self) -> None:
        """Notice a ledger that was emptied or set back while nothing came in, and a fuse that was accepted."""
        lag = rebuilding = fused = 0
        for owned in list(self._owned.values()):
            position = owned.keys.slot.position()
            if position is None or int(position["next_offset"]) != owned.next_offset:
                log.warning("the ledger moved without us", partition=owned.partition.number)
                self._open(owned.partition)
                continue
            if owned.fused and "fused_at" not in position:
                self._open(owned.partition)
                continue
            lag += max(0, self._reader.end(owned.partition) - owned.next_offset)
            rebuilding += is_rebuilding(position)
            fused += owned.fused
        metrics.PARTITIONS.set(len(self._owned))
        metrics.REBUILDING.set(rebuilding)
        metrics.FUSED.set(fused)
        metrics.LAG.set(lag)

    # --- counting ---------------------------------------------------------------------------------------------

    def _take(self, owned: Owned, records: list[Record]) -> bool:
        """Count a partition's records of one poll; False when the ledger must be read again."""
        if self._reader.topic_id(owned.partition.topic) != owned.topic_id:
            raise WrongLog(
                f"{owned.partition} was made anew while it was read. If that is meant, build the ledger again:"
                " sipas replay"
            )
        if owned.unchecked_hash is not None:
            if record_hash(records[0]) != owned.unchecked_hash:
                raise WrongLog(
                    f"{owned.partition} holds another record at offset {records[0].offset} than the one that was"
                    " counted: the log was cut and written again. Build the ledger again: sipas replay"
                )
            owned.unchecked_hash = None
        records = [record for record in records if record.offset >= owned.next_offset]
        if not records or owned.fused:
            return True
        if records[0].offset != owned.next_offset:
            raise WrongLog(
                f"{owned.partition} has no record at offset {owned.next_offset}, the next is {records[0].offset}:"
                " records are missing from the log. Restore it, or build the ledger again: sipas replay"
            )
        try:
            self._count(owned, records)
        except Moved:
            metrics.REFUSED_COMMITS.inc()
            log.warning("another position than expected, reading the ledger again", partition=owned.partition.number)
            return False
        return True

    def _count(self, owned: Owned, records: list[Record]) -> None:
        """Decode, drop repeats, bury what is bad, commit."""
        sheets: list[Sheet | None] = []
        rejected: list[Rejected] = []
        blown: Record | None = None
        accepted_until = int(owned.position.get("accepted_until", 0))
        for record in records:
            sheet = bad = None
            try:
                sheet = sheet_of(decode_response(record.value), self._criteria)
            except MalformedEvent as reason:
                bad = Rejected(record, reason.code, reason.detail)
            except UnknownMethod as method:
                raise WrongLog(
                    f"{owned.partition} offset {record.offset} was answered by method {method}, which this software"
                    " does not know: the log is newer than I am. Start a version that knows it"
                ) from None
            if record.offset >= accepted_until and owned.fuse.blows(bad=bad is not None):
                blown = record
                break
            sheets.append(sheet)
            if bad:
                rejected.append(bad)
        if sheets:
            self._commit(owned, records[: len(sheets)], sheets, rejected)
        if blown is not None:
            owned.keys.slot.note({"fused_at": blown.offset})
            owned.fused = True
            log.error(
                "too many bad records, the partition is paused until `sipas dlq accept`",
                partition=owned.partition.number,
                offset=blown.offset,
            )

    def _commit(
        self, owned: Owned, records: list[Record], sheets: list[Sheet | None], rejected: list[Rejected]
    ) -> None:
        there = [index for index, sheet in enumerate(sheets) if sheet is not None]
        names = owned.shelves.names()
        hits = owned.keys.slot.lookup(
            owned.next_offset,
            [owned.keys.seen(name) for name in names],
            [sheet.id for sheet in sheets if sheet is not None],
        )
        held = {name: {there[hit] for hit in found} for name, found in zip(names, hits, strict=True) if found}
        folded = fold(sheets, held, owned.shelves)
        rejected += [
            Rejected(records[index], "too-old", "received so long ago that a repeat cannot be told any more")
            for index in folded.too_old
        ]
        self._dead_letters.bury(rejected, self._now())
        last = records[-1]
        position: dict[str, str | int] = {
            "next_offset": last.offset + 1,
            "offset": last.offset,
            "hash": record_hash(last),
            "window": str(owned.fuse),
            "shelves": json.dumps({"living": folded.shelves.living, "gone_through": folded.shelves.gone_through}),
        }
        with metrics.COMMIT_SECONDS.time():
            owned.keys.slot.commit(owned.next_offset, position, writes_of(folded, owned.keys, owned.as_of))
        owned.next_offset = last.offset + 1
        owned.shelves = folded.shelves
        owned.changed = True
        for outcome, number in (
            ("counted", folded.counted),
            ("excluded", folded.excluded),
            ("repeated", folded.repeated),
            ("dead-letter", len(rejected)),
        ):
            metrics.RECORDS.labels(outcome).inc(number)
        for one in rejected:
            metrics.DEAD_LETTERS.labels(one.code).inc()

    # --- telling ----------------------------------------------------------------------------------------------

    def _publish(self, partitions: list[Owned]) -> None:
        """Tell the totals of partitions that changed; a partition just opened may have marks left by another."""
        for owned in partitions:
            if owned.changed:
                owned.changed = False
                position = publish_partition(
                    owned.keys, owned.partition.number, self._publisher, self._namespace, self._now()
                )
                if position is None or is_rebuilding(position) or position["rebuilt"] == "0":
                    owned.changed = True

    def close(self) -> None:
        """Tell what is left and leave the group."""
        if self._publishing is not None:
            self._publishing.result()
        self._publish(list(self._owned.values()))
        self._threads.shutdown()
        self._reader.close()


def writes_of(folded: Folded, keys: TallyKeys, as_of: dict[str, str]) -> Writes:
    """What a folded batch writes. `as_of` (agency -> newest counted minute) is raised in place."""
    writes = Writes()
    days: dict[str, list[bytes]] = {}
    for (agency, method, day), total in folded.totals.items():
        month = day[:7]
        by_part = folded.parts[agency, method, day]
        writes.increments[keys.total(agency, method, day)] = total
        writes.increments[keys.parts(agency, method, day)] = by_part
        for key, fields in ((keys.total(agency, method, month), total), (keys.parts(agency, method, month), by_part)):
            sums = writes.increments.setdefault(key, {})
            for name, count in fields.items():
                sums[name] = sums.get(name, 0) + count
        writes.increments.setdefault(keys.dirty, {})[f"{agency}/{method}/{day}"] = 1
        days.setdefault(agency, []).append(f"{method}/{day}".encode())
    for agency, found in days.items():
        writes.members[keys.days(agency)] = found
    if days:
        writes.members[keys.agencies] = [agency.encode() for agency in days]
    for shelf, ids in folded.ids.items():
        writes.members[keys.seen(shelf)] = ids
    for agency, minute in folded.as_of.items():
        told = datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%MZ")
        as_of[agency] = max(as_of.get(agency, ""), told)
    if folded.as_of:
        writes.fields[keys.as_of()] = {agency: as_of[agency] for agency in folded.as_of}
    writes.unlinked = [keys.seen(shelf) for shelf in folded.thrown_away]
    return writes
