"""Judge the totals as they come, and record each change of state once.

The argument, for one partition of `tallies`:

1. The position, the days, the detectors and an outbox lie in the judge's ledger and are written by one script that
   first compares the position. A batch is in, with everything that it raised, or it is not.
2. What was raised goes to `alerts` from the outbox, is acknowledged, and only then leaves the outbox. A crash in
   between sends it twice, with the same id, and for every reader the first wins.
3. `alerts` wins over the ledger. When a partition is taken over, and after a refused commit, the outbox is sent and
   `alerts` is read to its end: what it holds stands and is not decided again. So a Redis that comes back older, or
   empty, tells no leader twice.
4. What people decide about an alert is read from `decisions`, by a follower of its own. A series remembers which
   decisions it has folded; where others are known by its next total, its days are folded again. So it does not matter
   when a decision was heard of.
5. An empty ledger only gathers until the log's end of that moment (`passage`). So it does when it begins again: the
   topic was made anew, or keeps 400 days and the position has fallen out of it.

Every error that is not named here ends the process; the supervisor starts it again.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.notifier import metrics
from services.notifier.endings import Endings
from services.notifier.evidence import alert_changed, phase_after
from services.notifier.judge import Raised, Rules, Scope, Series
from services.notifier.passage import Arrived, Course, Marker, Taken, Told, take
from services.notifier.record import AlertLog
from services.notifier.rules import rules_of
from services.notifier.totals import Block, Days, Total
from sipas.broker import GroupReader, Log, Partition, Publisher, Record, Topics
from sipas.events import (
    TYPES,
    AgencyDay,
    AlertChanged,
    MalformedEvent,
    Rebuilt,
    decode_agency_day,
    decode_alert,
    decode_rebuilt,
    encode,
    headers,
    type_of,
)
from sipas.ledger import Ledgers, Moved, Slot, Writes
from sipas.registry import Registry
from sipas.telemetry import logger

LEDGER = "judge"
CHECK_EVERY = timedelta(seconds=1)
STORED = "2"
"""How days and detectors are written. A ledger of another form is gathered anew from the tallies."""

log = logger("judge")


@dataclass
class Owned:
    """What this process knows of a partition that it judges."""

    partition: Partition
    slot: Slot
    topic_id: str
    course: Course
    series: Held

    @property
    def days_key(self) -> str:
        """Hash `agency/method/block` -> the block's totals."""
        return self.slot.key("days")

    @property
    def watchers_key(self) -> str:
        """Hash `agency/method` -> the detectors: deflated JSON, a third of its size."""
        return self.slot.key("watchers")

    @property
    def outbox_key(self) -> str:
        """Hash alert id -> the event that `alerts` has not acknowledged yet."""
        return self.slot.key("outbox")


class Judge:
    """One member of the group; `step` is one turn of the loop."""

    def __init__(
        self,
        *,
        namespace: str,
        reader: GroupReader,
        kafka: Log,
        publisher: Publisher,
        ledgers: Ledgers,
        record: AlertLog,
        endings: Callable[[], Endings],
        registry: Callable[[], Registry],
        demo: bool,
        zone: ZoneInfo,
        now: Callable[[], datetime],
    ) -> None:
        self._namespace = namespace
        self._reader = reader
        self._kafka = kafka
        self._publisher = publisher
        self._ledgers = ledgers
        self._record = record
        self._endings = endings
        self._registry = registry
        self._demo = demo
        self._zone = zone
        self._now = now
        self._owned: dict[Partition, Owned] = {}
        self._rules_from: Registry | None = None
        self._rules: dict[Scope, Rules] = {}
        self._check_at = now()
        self._joined = False

    # --- the loop ---------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Poll, take over new partitions, judge what came."""
        polled = self._reader.poll(0.2)
        for partition in self._reader.take_revoked():
            self._owned.pop(partition, None)
        for partition in self._reader.take_assigned():
            self._open(partition)
        for partition, records in polled.items():
            if partition in self._owned:
                self._take(self._owned[partition], records)
        if self._now() >= self._check_at:
            self._check_positions()
            self._check_at = self._now() + CHECK_EVERY

    def not_ready(self) -> list[str]:
        """Reasons against readiness."""
        return [] if self._joined else ["no partition of tallies has been assigned yet"]

    def close(self) -> None:
        """Leave the group."""
        self._reader.close()

    # --- taking over a partition ------------------------------------------------------------------------------

    def _open(self, partition: Partition) -> None:
        """Read the ledger, send what it still has to say, adopt what `alerts` says, go on where it stands."""
        slot = self._ledgers.slot(LEDGER, partition.number)
        topic_id = self._kafka.topic_id(partition.topic)
        [(first, end)] = self._kafka.bounds(partition.topic, [partition.number]).values()
        fresh = _beginning(topic_id, first, end)
        position = slot.position() or slot.create(first, fresh)
        next_offset = int(position["next_offset"])
        owned = Owned(partition, slot, topic_id, _course(position), Held({}, {}))
        older = position.get("stored") != STORED
        if older or position["topic_id"] != topic_id or not first <= next_offset <= end:
            log.warning(
                "the ledger is of an older form, or of other tallies: starting over without raising anything",
                partition=partition.number,
                next_offset=next_offset,
                first=first,
                end=end,
                topic_made_anew=position["topic_id"] != topic_id,
                older_form=older,
            )
            metrics.STARTED_OVER.inc()
            # whoever came first has started over already
            self._begin_again(owned, next_offset, {"next_offset": first, **fresh})
        kept, [blocks, watchers, unsent] = slot.contents([owned.days_key, owned.watchers_key, owned.outbox_key])
        if kept is None:
            self._open(partition)  # flushed between two commands
            return
        self._send(owned, {name.decode(): event.decode() for name, event in unsent.items()})
        self._record.catch_up()
        owned.course = _course(kept)
        owned.series = Held(blocks, watchers)
        self._owned[partition] = owned
        self._joined = True
        self._reader.start(partition, owned.course.next_offset)
        log.info(
            "judging a partition",
            partition=partition.number,
            next_offset=owned.course.next_offset,
            folding=owned.course.folding,
            series=len(owned.series),
        )

    def _begin_again(self, owned: Owned, next_offset: int, position: Mapping[str, str | int]) -> None:
        try:
            owned.slot.commit(next_offset, position, Writes(unlinked=[owned.days_key, owned.watchers_key]))
        except Moved:
            metrics.REFUSED_COMMITS.labels(LEDGER).inc()

    def _check_positions(self) -> None:
        """Notice a Redis that was emptied or set back while nothing came in."""
        lag = folding = 0
        for owned in list(self._owned.values()):
            position = owned.slot.position()
            if position is None or int(position["next_offset"]) != owned.course.next_offset:
                log.warning("the ledger moved without us", partition=owned.partition.number)
                self._open(owned.partition)
                continue
            lag += max(0, self._reader.end(owned.partition) - owned.course.next_offset)
            folding += owned.course.folding
        metrics.PARTITIONS.set(len(self._owned))
        metrics.FOLDING.set(folding)
        metrics.LAG.set(lag)
        self._reader.note_progress({owned.partition: owned.course.next_offset for owned in self._owned.values()})

    # --- judging ----------------------------------------------------------------------------------------------

    def _take(self, owned: Owned, records: list[Record]) -> None:
        if self._reader.topic_id(owned.partition.topic) != owned.topic_id:
            self._open(owned.partition)
            return
        arrived = [_arrived(record) for record in records if record.offset >= owned.course.next_offset]
        if not arrived:
            return
        taken = take(
            owned.course,
            owned.series,
            arrived,
            known=self._record.known,
            rules=self._rules_now(),
            today=None if self._demo else self._now().astimezone(self._zone).date().toordinal(),
            ended=self._endings().of,
        )
        events = _events(taken, owned.series, self._record.known)
        outbox = {event.id: encode(event).decode() for event in events}
        try:
            owned.slot.commit(owned.course.next_offset, _position(taken.course), _writes(owned, taken.series, outbox))
        except Moved:
            metrics.REFUSED_COMMITS.labels(LEDGER).inc()
            log.warning("another position than expected, reading the ledger again", partition=owned.partition.number)
            self._open(owned.partition)
            return
        if owned.course.folding and not taken.course.folding:
            log.info("the numbers are whole, judging begins", partition=owned.partition.number)
        owned.course = taken.course
        owned.series.update(taken.series)
        self._record.adopt(one for one, _ in taken.raised)
        self._send(owned, outbox)

    def _rules_now(self) -> Callable[[Scope], Rules]:
        """The rules of a series, kept until the registry changes."""
        registry = self._registry()
        if registry is not self._rules_from:
            self._rules_from, self._rules = registry, {}

        def rules(scope: Scope) -> Rules:
            if scope not in self._rules:
                self._rules[scope] = rules_of(registry, scope)
            return self._rules[scope]

        return rules

    def _send(self, owned: Owned, outbox: Mapping[str, str]) -> None:
        """To `alerts`, acknowledged, and only then out of the outbox. In an order that says what happened."""
        events = sorted((decode_alert(text.encode()) for text in outbox.values()), key=_order)
        sent = [
            self._publisher.send(
                Topics(self._namespace).alerts,
                encode(event),
                key=event.agency,
                headers=headers(event, event_id=event.id, source=f"/{self._namespace}/notifier", at=self._now()),
                partition=0,
            )
            for event in events
        ]
        self._publisher.wait(sent)
        owned.slot.settle(owned.outbox_key, outbox)
        for event in events:
            metrics.ALERTS.labels(event.rule, event.kind, str(event.historical).lower()).inc()


def _beginning(topic_id: str, first: int, end: int) -> dict[str, str | int]:
    """A ledger that knows nothing yet. Where the log's beginning was cut off, the first marker may be gone with it."""
    marked = -1 if first == 0 else 0
    return {"topic_id": topic_id, "fold_until": end, "epoch": 0, "marked": marked, "stored": STORED}


def _course(position: Mapping[str, str]) -> Course:
    return Course(*(int(position[name]) for name in ("next_offset", "fold_until", "epoch", "marked")))


def _position(course: Course) -> dict[str, str | int]:
    return {"next_offset": course.next_offset, "epoch": course.epoch, "marked": course.marked}


def _arrived(record: Record) -> Arrived:
    """A record of `tallies`; one that is no event of ours is passed over, for a later total says it all again."""
    kind = type_of(record.headers)
    try:
        if kind == TYPES[AgencyDay]:
            event = decode_agency_day(record.value)
            total = _total(event)
            metrics.TOTALS.labels("total").inc()
            return record.offset, Told(Scope(event.agency, event.method), event.day.toordinal(), total)
        if kind == TYPES[Rebuilt]:
            metrics.TOTALS.labels("marker").inc()
            return record.offset, Marker(decode_rebuilt(record.value).version[0])
    except MalformedEvent as reason:
        log.error(  # noqa: TRY400 - the place says enough
            "a record of tallies is no total", partition=record.partition, offset=record.offset, reason=reason.code
        )
    metrics.TOTALS.labels("other").inc()
    return record.offset, None


def _total(event: AgencyDay) -> Total:
    try:
        return Total.from_fields(event.version, event.fields, event.parts)
    except ValueError as reason:
        raise MalformedEvent("wrong-fields", str(reason)) from None


def _events(
    taken: Taken, held: Mapping[Scope, Series], known: Callable[[Scope], Sequence[Raised]]
) -> list[AlertChanged]:
    made = []
    fresh = [one for one, _ in taken.raised]
    for raised, transition in taken.raised:
        # the days before are needed too, and some may just have left the window
        days = {**held.get(raised.scope, Series()).days, **taken.series[raised.scope].days}
        version = days[transition.day].version
        phase = phase_after(raised, [*known(raised.scope), *(one for one in fresh if one.scope == raised.scope)])
        made.append(alert_changed(raised, transition, days, version, phase))
    return made


def _order(event: AlertChanged) -> tuple[str, str, date, int, str]:
    kinds = ("possible", "confirmed", "recovered", "follow-up", "reminder")
    return event.agency, event.method, event.day, kinds.index(event.kind), event.rule


class Held(Mapping[Scope, Series]):
    """The series of a partition. One that came from the ledger stays packed until it is asked for: a country's would
    take three seconds of every start.
    """

    def __init__(self, blocks: Mapping[bytes, bytes], watchers: Mapping[bytes, bytes]) -> None:
        packed: dict[bytes, dict[int, Block]] = {}
        for name, block in blocks.items():
            scope, _, number = name.rpartition(b"/")
            packed.setdefault(scope, {})[int(number)] = Block(packed=block)
        self._packed = {Scope(*scope.decode().split("/")): (of, watchers.get(scope)) for scope, of in packed.items()}
        self._series: dict[Scope, Series] = {}

    def update(self, changed: Mapping[Scope, Series]) -> None:
        """Take over what a batch has changed."""
        self._series.update(changed)

    def __getitem__(self, scope: Scope) -> Series:
        if scope not in self._series:
            blocks, watchers = self._packed[scope]
            state = None if watchers is None else read_watchers(watchers)
            self._series[scope] = Series.from_state(Days(blocks), state)
        return self._series[scope]

    def __iter__(self) -> Iterator[Scope]:
        return iter(self._packed.keys() | self._series.keys())

    def __len__(self) -> int:
        return len(self._packed.keys() | self._series.keys())


def _writes(owned: Owned, touched: Mapping[Scope, Series], outbox: Mapping[str, str]) -> Writes:
    """Only what differs from what is held."""
    blocks: dict[str, bytes] = {}
    gone: list[str] = []
    watchers: dict[str, bytes] = {}
    for scope, series in touched.items():
        held = owned.series.get(scope, Series())
        for number, block in series.days.blocks.items():
            if held.days.blocks.get(number) is not block:
                blocks[f"{scope}/{number}"] = block.packed
        gone += [f"{scope}/{number}" for number in held.days.blocks.keys() - series.days.blocks.keys()]
        if (series.watchers, series.kept_from, series.ended) != (held.watchers, held.kept_from, held.ended):
            watchers[str(scope)] = pack_watchers(series)
    return Writes(
        fields={owned.days_key: blocks, owned.watchers_key: watchers, owned.outbox_key: dict(outbox)},
        removed_fields={owned.days_key: gone},
    )


def pack_watchers(series: Series) -> bytes:
    """What the ledger stores of a series' detectors: JSON keeps floats exactly, deflating it takes two thirds away."""
    return zlib.compress(json.dumps(series.watchers_state(), separators=(",", ":")).encode())


def read_watchers(packed: bytes) -> Any:
    """What `pack_watchers` was given."""
    return json.loads(zlib.decompress(packed))
