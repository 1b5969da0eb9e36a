"""Count the log into another generation, beside the live one and with the same code, and compare the two.

A worker process fills some partitions, one after the other: from where that generation stands (so a replay that was
killed goes on) to where the live one stood when it began. Nothing of it is published.

Then each agency is compared at one position: the new generation is counted exactly up to where the live one stands,
and both are read in one moment (all generations of a partition share a hash tag); where the live one has moved on
meanwhile, again. So a running system gives the same answer as a stopped one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import parent_process
from typing import NamedTuple

from services.aggregator.counting import STORED, Counted, Counting, WrongLog, load_criteria, stored_in
from services.aggregator.dead_letters import DeadLetters
from services.aggregator.fold import FOLD_VERSION
from services.aggregator.verify import Tally, fields_of, names_of, places_of
from sipas.broker import Log, Partition, Publisher, Record, Topics, WholeTopicReader
from sipas.ledger import Ledgers, Place
from sipas.tally_keys import TallyKeys

BATCH = 5000
"""Records of one commit: more of them touch hardly more hashes, and Redis must not be held up for long."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker is told. `live` is published now, `filled` is counted."""

    bootstrap: tuple[str, ...]
    redis_url: str
    namespace: str
    live: str
    filled: str
    compare: bool


class Difference(NamedTuple):
    """An integer that differs. `time`: day, month or year; `kind`: total, shown (of it to the public), or parts (by
    counter, channel, sector).
    """

    agency: str
    method: str
    time: str
    kind: str
    field: str
    live: int
    filled: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one partition. `goal`: where the live generation stood. `compared` is False where it cannot be."""

    partition: int
    next_offset: int
    goal: int
    paused: bool
    compared: bool = False
    agencies: int = 0
    differences: Sequence[Difference] = field(default=())

    @property
    def reached(self) -> bool:
        return self.next_offset >= self.goal


def run(plan: Plan, partitions: Sequence[int]) -> list[Outcome]:
    """Fill these partitions, then compare them: the work of one process. Raises `WrongLog` or `KafkaAway`."""
    ledgers = Ledgers(plan.redis_url, plan.namespace)
    with (
        closing(ledgers),
        closing(Log(plan.bootstrap)) as kafka,
        closing(Publisher(plan.bootstrap, client_id="sipas-replay", linger_ms=5)) as publisher,
    ):
        letters = DeadLetters(publisher, plan.namespace, "aggregator")
        counting = Counting(ledgers, letters, load_criteria(), lambda: datetime.now(UTC))
        return [_run_partition(plan, counting, ledgers, kafka, number) for number in partitions]


def _run_partition(plan: Plan, counting: Counting, ledgers: Ledgers, kafka: Log, number: int) -> Outcome:
    partition = Partition(Topics(plan.namespace).responses, number)
    live = TallyKeys.of(ledgers, number, plan.live)
    filled = TallyKeys.of(ledgers, number, plan.filled)
    with closing(WholeTopicReader(plan.bootstrap, partition.topic, [number])) as reader:
        filling = Filling(partition, counting, kafka, reader, filled, live)
        goal, compared = filling.goal()
        filling.count_until(goal)
        agencies = 0
        differences: list[Difference] = []
        if plan.compare and compared and not filling.paused:
            for agency in sorted(live.slot.members(live.agencies) | filled.slot.members(filled.agencies)):
                differences += _compare_agency(filling, live, filled, agency)
                agencies += 1
        return Outcome(
            number,
            filling.next_offset,
            goal,
            filling.paused,
            compared=plan.compare and compared,
            agencies=agencies,
            differences=differences,
        )


class Filling:
    """One partition of the generation that is filled."""

    def __init__(
        self,
        partition: Partition,
        counting: Counting,
        kafka: Log,
        reader: WholeTopicReader,
        filled: TallyKeys,
        live: TallyKeys,
    ) -> None:
        self._partition = partition
        self._counting = counting
        self._kafka = kafka
        self._reader = reader
        self._keys = filled
        self._live = live
        self._ahead: list[Record] = []
        self._counted = self._open()

    @property
    def next_offset(self) -> int:
        return self._counted.next_offset

    @property
    def paused(self) -> bool:
        """Whether it met too many bad records."""
        return self._counted.fused

    def goal(self) -> tuple[int, bool]:
        """(where the live generation stands, True); the log's end and False where that knows another log, or none.

        False too where another version of this software wrote it: its totals cannot be read.
        """
        [(first, end)] = self._kafka.bounds(self._partition.topic, [self._partition.number]).values()
        live = self._live.slot.position()
        if live is None or live["topic_id"] != self._counted.topic_id:
            return end, False
        lost = int(live["next_offset"]) > end or 0 <= int(live["offset"]) < first
        return (end, False) if lost else (int(live["next_offset"]), stored_in(live) == STORED)

    def count_until(self, offset: int) -> None:
        """Count exactly the records below `offset`; less where the partition is paused."""
        parent = parent_process()
        while self.next_offset < offset and not self.paused:
            if parent is not None and not parent.is_alive():
                raise SystemExit("the replay was ended")
            batch = self._read(offset)
            if batch and not self._counting.take(self._counted, batch):
                self._counted = self._open()

    def _read(self, until: int) -> list[Record]:
        if not self._ahead:
            self._ahead = self._reader.poll()
        batch = [record for record in self._ahead[:BATCH] if record.offset < until]
        self._ahead = self._ahead[len(batch) :]
        return batch

    def _open(self) -> Counted:
        topic = self._partition.topic
        [(first, end)] = self._kafka.bounds(topic, [self._partition.number]).values()
        topic_id = self._kafka.topic_id(topic)
        counted = self._counting.open(self._partition, self._keys, topic_id, first, end)
        if counted.position.get("fold", "1") != str(FOLD_VERSION):
            raise WrongLog(
                f"{self._partition} of this generation was begun by other rules of counting; drop it first:"
                " sipas replay --drop"
            )
        if self._accept(counted):
            counted = self._counting.open(self._partition, self._keys, topic_id, first, end)
        self._ahead = []
        self._reader.start(self._partition.number, counted.read_from)
        return counted

    def _accept(self, counted: Counted) -> bool:
        """What a person has accepted of bad records in the live generation holds here too."""
        accepted = int((self._live.slot.position() or {}).get("accepted_until", 0))
        if accepted <= int(counted.position.get("accepted_until", 0)):
            return False
        self._keys.slot.note({"accepted_until": accepted})
        if int(counted.position.get("fused_at", accepted)) < accepted:
            self._keys.slot.note({"window": ""})
            self._keys.slot.forget("fused_at")
        return True


def _compare_agency(filling: Filling, live: TallyKeys, filled: TallyKeys, agency: str) -> Iterator[Difference]:
    while True:
        position = live.slot.position()
        if position is None:
            raise WrongLog("the live ledger was emptied during the comparison")
        filling.count_until(int(position["next_offset"]))
        days = _days(live, filled, agency)
        names = names_of(agency, days)
        there, (here, *found) = live.slot.values(
            [
                Place(filled.slot.key("position"), "next_offset"),
                *(place for keys in (live, filled) for place in places_of(keys, names)),
            ]
        )
        same_moment = there is not None and here is not None and int(there["next_offset"]) == int(here)
        if (same_moment and _days(live, filled, agency) == days) or filling.paused:
            break
    ours, theirs = (fields_of(names, some) for some in (found[: len(names)], found[len(names) :]))
    for name in names:
        yield from _differences(name, ours.get(name, {}), theirs.get(name, {}))


def _days(live: TallyKeys, filled: TallyKeys, agency: str) -> set[str]:
    return live.slot.members(live.days(agency)) | filled.slot.members(filled.days(agency))


def _differences(name: Tally, live: Mapping[str, int], filled: Mapping[str, int]) -> Iterator[Difference]:
    kind, agency, method, time = name
    for field_ in sorted(live.keys() | filled.keys()):
        before, now = live.get(field_, 0), filled.get(field_, 0)
        if before != now:
            yield Difference(agency, method, time, kind, field_, before, now)
