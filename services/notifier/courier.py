"""Tell leaders what `alerts` says, each of it once as far as a mail server allows.

The argument:

1. One member of the group owns `alerts` and `decisions` together. Both positions and the queue of messages lie in the
   courier's ledger and move in one guarded commit: an alert is queued for its leaders, or it is read again.
2. A message's id is alert, person, channel: the same however often it is queued. Once a channel has accepted it,
   `Delivered` is written to `alerts` and acknowledged, and only then it leaves the queue. A crash in between sends it
   again, with the same Message-ID: at least once.
3. `alerts` wins over the ledger. When the partitions are taken over it is read to its end, and what it says was
   delivered is not sent, whatever the queue holds. So a Redis that comes back older, or empty, mails nobody twice.
   An empty ledger does not route anew what was raised more than `REBUILT_DAYS` ago: leaders change, and a new one must
   not get last year's alerts.
4. What is historical, or said by another message, is logged and never sent.

A mail server that is away stops nothing: messages stay queued, are tried again with growing pauses, and a metric and
the log say so. The places of what comes later: acknowledgement and silence (read from `decisions` in `_take`),
escalation (timers beside the queue), quiet hours and grouping (in `_due`), other channels (beside the mailer).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from services.notifier import metrics
from services.notifier.mailer import Mailer, MessageRefused, ServerAway
from services.notifier.message import Words, compose
from services.notifier.record import AlertLog
from sipas.broker import GroupReader, Log, Partition, Publisher, Record, Topics
from sipas.events import AlertChanged, Delivered, encode, headers
from sipas.ledger import Ledgers, Moved, Writes
from sipas.methods import Method
from sipas.people import People, Person
from sipas.registry import PROVINCE, Registry
from sipas.telemetry import logger

LEDGER = "courier"
EMAIL = "email"
TOLD = ("possible", "confirmed", "recovered")
REBUILT_DAYS = 7
AT_ONCE = 10
CHECK_EVERY = timedelta(seconds=1)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_PAUSE = {"server": timedelta(minutes=1), "message": timedelta(hours=1)}

log = logger("courier")


@dataclass(frozen=True, slots=True)
class Queued:
    """A message that no channel has accepted yet. Ids only: names and addresses are joined when it is sent."""

    alert_id: str
    person: str
    channel: str
    at: str

    @property
    def id(self) -> str:
        """The same however often it is queued."""
        return f"{self.alert_id}/{self.person}/{self.channel}"


@dataclass
class Pause:
    """How long to wait after failures."""

    longest: timedelta
    until: datetime = LONG_AGO
    failures: int = 0

    def fail(self, now: datetime) -> None:
        self.until = now + min(timedelta(seconds=2 ** min(self.failures, 20)), self.longest)
        self.failures += 1


class Courier:
    """One member of the group, whose owner of `alerts` does the work; `step` is one turn of the loop."""

    def __init__(
        self,
        *,
        namespace: str,
        reader: GroupReader,
        kafka: Log,
        publisher: Publisher,
        ledgers: Ledgers,
        record: AlertLog,
        registry: Callable[[], Registry],
        people: Callable[[], People],
        methods: Mapping[str, Method],
        words: Mapping[str, Words],
        mailer: Mailer,
        board_url: str,
        demo: bool,
        now: Callable[[], datetime],
    ) -> None:
        topics = Topics(namespace)
        self._alerts, self._decisions = Partition(topics.alerts, 0), Partition(topics.decisions, 0)
        self._namespace = namespace
        self._reader = reader
        self._kafka = kafka
        self._publisher = publisher
        self._slot = ledgers.slot(LEDGER, 0)
        self._queue_key = self._slot.key("queue")
        self._record = record
        self._registry = registry
        self._people = people
        self._methods = methods
        self._words = words
        self._mailer = mailer
        self._board_url = board_url
        self._demo = demo
        self._now = now
        self._assigned: set[Partition] = set()
        self._next_offset: int | None = None
        self._adopt_until = 0
        self._queue: dict[str, Queued] = {}
        self._server = Pause(LONGEST_PAUSE["server"])
        self._refused: dict[str, Pause] = {}
        self._check_at = now()

    @property
    def owns(self) -> bool:
        """Whether this process is the one that tells."""
        return self._next_offset is not None

    # --- the loop ---------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Poll, queue what is to be told, send what is due."""
        polled = self._reader.poll(0.2)
        revoked, assigned = self._reader.take_revoked(), self._reader.take_assigned()
        self._assigned = (self._assigned - revoked) | assigned
        if assigned or revoked:
            self._next_offset, self._queue = None, {}
        if not {self._alerts, self._decisions} <= self._assigned:
            return
        if self._next_offset is None:
            self._open()
        elif polled:
            self._take(polled.get(self._alerts, []), polled.get(self._decisions, []))
        if self._now() >= self._check_at:
            self._check()
        self._deliver()

    def close(self) -> None:
        """Leave the group."""
        self._reader.close()

    # --- taking over ------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Read the ledger, adopt what `alerts` says was delivered, go on where both logs stand."""
        starts, ends = {}, {}
        for partition in (self._alerts, self._decisions):
            [(starts[partition], ends[partition])] = self._kafka.bounds(partition.topic, [0]).values()
        fresh = {"decisions_next": starts[self._decisions], "adopt_until": ends[self._alerts]}
        stored = self._slot.position() or self._slot.create(starts[self._alerts], fresh)
        if int(stored["next_offset"]) > ends[self._alerts] or int(stored["decisions_next"]) > ends[self._decisions]:
            log.warning("alerts or decisions are not those that the ledger knows, starting over")
            # refused: another owner was faster; the error ends this process, and its next life reads what stands
            position = {"next_offset": starts[self._alerts], **fresh}
            self._slot.commit(int(stored["next_offset"]), position, Writes(unlinked=[self._queue_key]))
        self._record.catch_up()
        kept, [queue] = self._slot.snapshot([self._queue_key])
        if kept is None:
            self._open()  # flushed between two commands
            return
        self._next_offset, self._adopt_until = int(kept["next_offset"]), int(kept["adopt_until"])
        queued = sorted((Queued(**json.loads(text)) for text in queue.values()), key=lambda one: one.at)
        self._queue = {one.id: one for one in queued}
        self._reader.start(self._alerts, self._next_offset)
        self._reader.start(self._decisions, int(kept["decisions_next"]))
        log.info("telling leaders", next_offset=self._next_offset, queued=len(self._queue))

    def _check(self) -> None:
        """Notice a Redis that was emptied or set back, or another owner, before anything is sent."""
        self._check_at = self._now() + CHECK_EVERY
        position = self._slot.position()
        if position is None or int(position["next_offset"]) != self._next_offset:
            log.warning("the ledger moved without us")
            self._open()
        metrics.QUEUE.set(len(self._queue))
        oldest = min((datetime.fromisoformat(one.at) for one in self._queue.values()), default=None)
        metrics.OLDEST.set(0 if oldest is None else (self._now() - oldest).total_seconds())

    # --- routing ----------------------------------------------------------------------------------------------

    def _take(self, alerts: list[Record], decisions: list[Record]) -> None:
        assert self._next_offset is not None  # noqa: S101 - `step` takes only what is owned
        expected = self._next_offset
        alerts = [record for record in alerts if record.offset >= expected]
        position: dict[str, str | int] = {"next_offset": expected}
        queued: dict[str, Queued] = {}
        if alerts:
            self._record.catch_up()
            position["next_offset"] = alerts[-1].offset + 1
            for record in alerts:
                if (alert_id := self._record.first_at.get(record.offset)) is not None:
                    for message in self._routed(self._record.alerts[alert_id], record):
                        queued[message.id] = message
        if decisions:
            position["decisions_next"] = decisions[-1].offset + 1
        if len(position) == 1 and position["next_offset"] == expected:
            return
        fields = {id_: json.dumps(asdict(message)) for id_, message in queued.items()}
        if self._commit(expected, position, Writes(fields={self._queue_key: fields})):
            self._next_offset = int(position["next_offset"])
            self._queue.update(queued)

    def _commit(self, expected: int, position: Mapping[str, str | int], writes: Writes) -> bool:
        try:
            self._slot.commit(expected, position, writes)
        except Moved:
            metrics.REFUSED_COMMITS.labels(LEDGER).inc()
            log.warning("another position than expected, reading the ledger again")
            self._open()
            return False
        return True

    def _routed(self, alert: AlertChanged, record: Record) -> list[Queued]:
        """The messages that an alert asks for and that were not delivered yet."""
        told_with = alert.state.get("told_with")
        log.info(
            "alert",
            id=alert.id,
            agency=alert.agency,
            rule=alert.rule,
            kind=alert.kind,
            day=alert.day.isoformat(),
            before=alert.before and alert.before.percent,
            after=alert.after and alert.after.percent,
            responses=alert.after and alert.after.responses,
            target=alert.target,
            historical=alert.historical,
            told_with=told_with,
        )
        if alert.historical or told_with is not None or alert.kind not in TOLD:
            return []
        age = self._now() - datetime.fromtimestamp(record.timestamp / 1000, UTC)
        if record.offset < self._adopt_until and age > timedelta(days=REBUILT_DAYS):
            return []
        leaders = self._leaders(alert.agency)
        if not leaders:
            metrics.UNROUTED.inc()
            log.warning("nobody leads the agency, the alert is told to nobody", id=alert.id, agency=alert.agency)
        at = self._now().isoformat()
        messages = [Queued(alert.id, person.id, EMAIL, at) for person in leaders]
        return [one for one in messages if one.id not in self._record.deliveries]

    def _leaders(self, agency_id: str) -> tuple[Person, ...]:
        agency = self._registry().agency(agency_id)
        if agency is not None:
            return self._people().leading(agency)
        return tuple(person for person in self._people().by_id.values() if PROVINCE in person.leads)

    # --- sending ----------------------------------------------------------------------------------------------

    def _due(self) -> list[Queued]:
        now = self._now()
        if now < self._server.until:
            return []
        return [
            one for one in self._queue.values() if one.id not in self._refused or now >= self._refused[one.id].until
        ]

    def _deliver(self) -> None:
        due = self._due()
        if due:
            # another owner, or an earlier life of this one, may have sent them
            self._check()
            self._record.catch_up()
        for message in due[:AT_ONCE]:
            if message.id in self._queue and not self._send(message):
                return

    def _send(self, message: Queued) -> bool:
        """Send one message; False when the server is away and the others need not be tried."""
        person = self._people().by_id.get(message.person)
        alert = self._record.alerts.get(message.alert_id)
        if message.id in self._record.deliveries or person is None or alert is None:
            if message.id not in self._record.deliveries:
                log.warning("the person or the alert was erased, the message is dropped", alert=message.alert_id)
            self._forget(message)
            return True
        composed = compose(
            alert,
            self._words[person.language],
            language=person.language,
            agency=self._agency_name(alert.agency, person.language),
            criterion=self._criterion_name(alert, person.language),
            board_url=self._board_url,
            demo=self._demo,
        )
        try:
            self._mailer.send(message.id, person.email, composed, self._now())
        except ServerAway as reason:
            self._server.fail(self._now())
            metrics.DELIVERY_FAILURES.labels("server").inc()
            log.error("the mail server is away, messages wait", why=str(reason), queued=len(self._queue))  # noqa: TRY400
            return False
        except MessageRefused as reason:
            self._refused.setdefault(message.id, Pause(LONGEST_PAUSE["message"])).fail(self._now())
            metrics.DELIVERY_FAILURES.labels("message").inc()
            log.error(  # noqa: TRY400 - the place says enough
                "the mail server refuses a message, it waits", why=str(reason), alert=alert.id, person=person.id
            )
            return True
        self._server = Pause(LONGEST_PAUSE["server"])
        event = Delivered(
            message_id=message.id,
            alert_id=alert.id,
            agency=alert.agency,
            person=person.id,
            channel=message.channel,
            at=self._now(),
            subject=composed.subject,
        )
        self._publisher.publish(
            self._alerts.topic,
            encode(event),
            key=alert.agency,
            headers=headers(event, event_id=message.id, source=f"/{self._namespace}/notifier", at=self._now()),
            partition=0,
        )
        self._forget(message)
        metrics.DELIVERED.labels(message.channel).inc()
        log.info("told", alert=alert.id, person=person.id, channel=message.channel)
        return True

    def _forget(self, message: Queued) -> None:
        self._slot.settle(self._queue_key, {message.id: json.dumps(asdict(message))})
        self._queue.pop(message.id, None)
        self._refused.pop(message.id, None)

    def _agency_name(self, agency_id: str, language: str) -> str:
        agency = self._registry().agency(agency_id)
        if agency is None:
            return agency_id
        return agency.name.vi if language == "vi" else agency.name.en

    def _criterion_name(self, alert: AlertChanged, language: str) -> str | None:
        """A factor's name where the criterion is all of it, else the question."""
        method = self._methods.get(alert.method)
        criterion = next((one for one in method.criteria if one.code == alert.criterion), None) if method else None
        if method is None or criterion is None:
            return alert.criterion
        alone = list(method.factor_of.values()).count(criterion.factor) == 1
        factor = next(one for one in method.factors if one.code == criterion.factor)
        name = factor.name if alone else criterion.question
        return name.vi if language == "vi" else name.en
