"""Fold the records of one partition into one generation of the ledger, each answer exactly once.

The argument, for one partition and generation:

1. The position (offset of the next record) lies in Redis, in the ledger itself. Kafka's group offset is a hint for
   lag tools and is never read. When a partition is opened the ledger's position is read and the log is read from there.
2. A batch is decoded, repeats are dropped (ids of counted sheets are looked up together with the position), dead
   letters are acknowledged by Kafka.
3. The totals that the batch changes are read together with the position, and added to here. One script compares the
   stored position with the one this batch began at, and only then sets the new totals, the ids and the new position:
   all of it or nothing. So what was added to still stood there, and a batch is never half in, and never in twice:
   - killed before the script: nothing is in, the batch is read again;
   - killed after it: the stored position is past the batch, it is never read again;
   - the reply is lost and the client sends the script again: the position differs, it changes nothing;
   - another process counts the partition meanwhile: the position differs for the slower one;
   - Redis comes back older: counts, ids and position went back together, the log is read from there.
   Whenever the script, a look-up or a reading finds another position, the batch is dropped and the ledger read again.
4. A sheet that stands in the log twice has the same (agency, response_id): the first wins.
5. Before the first fold the log is checked to be the one that the ledger knows: same topic id, position inside the
   log, and the last folded record still has the hash that was stored. Otherwise `WrongLog`; it never just continues
   on another log.

The live aggregator and a replay do this with the same code, on different generations: neither knows of the other, and
where they meet on one generation, as at a switch, it is the fourth case of 3.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from services.aggregator import metrics
from services.aggregator.commit import commit
from services.aggregator.dead_letters import DeadLetters, Fuse, Rejected
from services.aggregator.fold import FOLD_VERSION, IMPORTS, Sheet, Shelves, UnknownMethod, fold, sheet_of
from services.aggregator.steps import Waiting
from sipas.broker import Partition, Record
from sipas.events import MalformedEvent, decode_response
from sipas.ledger import Ledgers, Moved
from sipas.methods import load_methods
from sipas.tally_keys import TallyKeys
from sipas.telemetry import logger

log = logger("aggregator")

STORED = "2"
"""How totals are written in Redis; raised with `sipas.packed` and `sipas.tally_keys`."""

LOOK = " Look at what can be done in docs/replay.md; the ledger is built again by: sipas replay"


class WrongLog(Exception):
    """The log is not the one that the ledger was made from, or is newer than this software. Needs a person."""


@dataclass
class Counted:
    """A partition of the log, and how far one generation has counted it."""

    partition: Partition
    keys: TallyKeys
    position: dict[str, str]
    next_offset: int
    shelves: Shelves
    fuse: Fuse
    waiting: dict[str, Waiting]
    """Agency -> its sheets that the public does not see yet."""
    topic_id: str
    unchecked_hash: str | None
    """Hash that the first record must have (it is the last folded one); None once checked or nothing to check."""
    fused: bool = False

    @property
    def read_from(self) -> int:
        """The offset to read next: the last folded record once more, to check it."""
        return self.next_offset if self.unchecked_hash is None else int(self.position["offset"])


def stored_in(position: Mapping[str, str]) -> str:
    """The form in which a ledger's totals are written."""
    return position.get("stored", "1")


def load_criteria() -> dict[str, frozenset[str]]:
    """Method -> its criterion codes, of every method that this software knows."""
    return {id_: frozenset(method.codes) for id_, method in load_methods().items()}


def record_hash(record: Record) -> str:
    """Recognises a record: its time, key and value."""
    digest = blake2b(digest_size=16)
    for part in (str(record.timestamp).encode(), record.key or b"", record.value or b""):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


class Counting:
    """What counting needs, for any partition and generation. Partitions may be counted in threads of their own."""

    def __init__(
        self,
        ledgers: Ledgers,
        dead_letters: DeadLetters,
        criteria: Mapping[str, frozenset[str]],
        now: Callable[[], datetime],
    ) -> None:
        """`criteria`: method -> its criterion codes."""
        self._ledgers = ledgers
        self._dead_letters = dead_letters
        self._criteria = criteria
        self._now = now

    def open(self, partition: Partition, keys: TallyKeys, topic_id: str, first: int, end: int) -> Counted:
        """Read the ledger and check that the log, which holds offsets `first` to `end`, is its log; or begin one."""
        position = keys.slot.position() or keys.slot.create(
            first,
            {
                "offset": -1,
                "hash": "",
                "topic_id": topic_id,
                "fold": FOLD_VERSION,
                "rebuild_until": end,
                "marked": -1,
                "shelves": "{}",
                "stored": STORED,
            },
        )
        next_offset, offset = int(position["next_offset"]), int(position["offset"])
        if position["topic_id"] != topic_id:
            raise WrongLog(
                f"{partition} has been made anew since the ledger was made (topic id {topic_id}, the ledger knows"
                f" {position['topic_id']}).{LOOK}"
            )
        if next_offset > end or (offset >= 0 and offset < first):
            raise WrongLog(
                f"{partition} holds offsets {first} to {end}, the ledger has counted up to {next_offset}: records are"
                f" missing from the log. Restore the log, or count what is left.{LOOK}"
            )
        if stored_in(position) != STORED:
            raise WrongLog(
                f"{partition}: the ledger was written by another version of this software, which stored totals in"
                f" another way.{LOOK}"
            )
        if position.get("fold", "1") != str(FOLD_VERSION):
            log.warning(
                "the ledger was begun by other rules of counting; `sipas replay` counts all by these",
                partition=partition.number,
                ledger=position.get("fold", "1"),
                software=FOLD_VERSION,
            )
        shelves = json.loads(position["shelves"])
        return Counted(
            partition=partition,
            keys=keys,
            position=position,
            next_offset=next_offset,
            shelves=Shelves(shelves.get("living", {}), shelves.get("gone_through", "")),
            fuse=Fuse(position.get("window", "")),
            waiting={
                agency: Waiting.from_state(json.loads(state))
                for agency, state in self._ledgers.hashes([keys.waiting])[0].items()
            },
            topic_id=topic_id,
            unchecked_hash=position["hash"] if offset >= 0 else None,
            fused="fused_at" in position,
        )

    def take(self, counted: Counted, records: list[Record]) -> bool:
        """Count what was read; False when the ledger must be read again. Raises `WrongLog`."""
        if counted.unchecked_hash is not None:
            if record_hash(records[0]) != counted.unchecked_hash:
                raise WrongLog(
                    f"{counted.partition} holds another record at offset {records[0].offset} than the one that was"
                    f" counted: the log was cut and written again.{LOOK}"
                )
            counted.unchecked_hash = None
        records = [record for record in records if record.offset >= counted.next_offset]
        if not records or counted.fused:
            return True
        if records[0].offset != counted.next_offset:
            raise WrongLog(
                f"{counted.partition} has no record at offset {counted.next_offset}, the next is {records[0].offset}:"
                f" records are missing from the log. Restore it, or count what is left.{LOOK}"
            )
        try:
            self._count(counted, records)
        except Moved:
            metrics.REFUSED_COMMITS.inc()
            log.warning("another position than expected, reading the ledger again", partition=counted.partition.number)
            return False
        return True

    def _count(self, counted: Counted, records: list[Record]) -> None:
        """Decode, drop repeats, bury what is bad, commit."""
        sheets: list[Sheet | None] = []
        rejected: list[Rejected] = []
        blown: Record | None = None
        accepted_until = int(counted.position.get("accepted_until", 0))
        for record in records:
            sheet = bad = None
            try:
                sheet = sheet_of(decode_response(record.value), self._criteria)
            except MalformedEvent as reason:
                bad = Rejected(record, reason.code, reason.detail)
            except UnknownMethod as method:
                raise WrongLog(
                    f"{counted.partition} offset {record.offset} was answered by method {method}, which this software"
                    " does not know: the log is newer than I am. Start a version that knows it"
                ) from None
            if record.offset >= accepted_until and counted.fuse.blows(bad=bad is not None):
                blown = record
                break
            sheets.append(sheet)
            if bad:
                rejected.append(bad)
        if sheets:
            self._commit(counted, records[: len(sheets)], sheets, rejected)
        if blown is not None:
            counted.keys.slot.note({"fused_at": blown.offset})
            counted.fused = True
            log.error(
                "too many bad records, the partition is paused until `sipas dlq accept`",
                partition=counted.partition.number,
                offset=blown.offset,
            )

    def _commit(
        self, counted: Counted, records: list[Record], sheets: list[Sheet | None], rejected: list[Rejected]
    ) -> None:
        there = [index for index, sheet in enumerate(sheets) if sheet is not None]
        names = counted.shelves.names()
        hits = counted.keys.slot.lookup(
            counted.next_offset,
            [counted.keys.seen(name) for name in names],
            [sheet.id for sheet in sheets if sheet is not None],
        )
        held = {name: {there[hit] for hit in found} for name, found in zip(names, hits, strict=True) if found}
        folded = fold(sheets, held, counted.shelves, counted.waiting)
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
            "window": str(counted.fuse),
            "shelves": json.dumps({"living": folded.shelves.living, "gone_through": folded.shelves.gone_through}),
        }
        with metrics.COMMIT_SECONDS.time():
            commit(folded, counted.keys, counted.next_offset, position)
        counted.next_offset = last.offset + 1
        counted.shelves = folded.shelves
        counted.waiting.update(folded.waiting)
        for outcome, number in (
            ("counted", folded.counted),
            ("excluded", folded.excluded),
            ("repeated", folded.repeated),
            ("dead-letter", len(rejected)),
        ):
            metrics.RECORDS.labels(outcome).inc(number)
        for one in rejected:
            metrics.DEAD_LETTERS.labels(one.code).inc()
        self._measure(records, sheets, rebuild_until=int(counted.position["rebuild_until"]))

    def _measure(self, records: list[Record], sheets: list[Sheet | None], *, rebuild_until: int) -> None:
        """How late they were; what was in the log before the ledger was begun is late for another reason."""
        now = self._now().timestamp()
        for record, sheet in zip(records, sheets, strict=True):
            if sheet is not None and sheet.shelf != IMPORTS and record.offset >= rebuild_until:
                metrics.DELAY_SECONDS.observe(max(0.0, now - 60 * sheet.received))
