"""Tell leaders what `alerts` says, each of it once as far as a channel allows.

The argument:

1. One member of the group owns `alerts` and `decisions` together. Both positions and what is to be told (`Item`: a
   change, a person) lie in the courier's ledger and move in one guarded commit: a change is queued for its leaders, or
   it is read again.
2. What goes when, and with what else, is planned anew from items, record and time (`outgoing`). Before a message is
   handed to a channel, it is written down as it is, with its id: after a crash the same goes again, not another mix.
   Only what was surely not accepted is planned again with what has come since.
3. Once a channel has accepted it, `Delivered` is written to `alerts` and acknowledged, with all changes that it said,
   and only then it and they leave the ledger. A crash in between sends it again, with the same id: at least once.
4. `alerts` and `decisions` win over the ledger. They are read to their ends before anything is sent, and what they say
   was delivered, withheld or answered is not said, whatever the ledger holds. So a Redis that comes back older, or
   empty, tells nobody twice. An empty ledger does not route anew what was raised more than `REBUILT_DAYS` ago: leaders
   change, and a new one must not get last year's alerts.
5. Another owner is noticed before anything is sent: whoever takes over leaves its name in the ledger.
6. What is historical, or said by another message, is logged and never sent.

Escalation and digests go by the wall clock; nothing of them is stored, for the record and the time say what is due.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, time, timedelta
from uuid import uuid4

from services.notifier import metrics
from services.notifier.composing import Compose, Said
from services.notifier.courier_record import CourierRecord
from services.notifier.digests import Contents, Digest, contents_of, digests_due
from services.notifier.outgoing import Held, Item, Manner, Outgoing, View, plan
from services.notifier.routing import routes
from services.notifier.sending import NEXT_CHANNEL_AFTER, Sender
from sipas.alert_book import Alert
from sipas.broker import GroupReader, Log, Partition, Publisher, Record, Topics
from sipas.events import AlertChanged, Delivered, Undelivered, Withheld, encode, headers
from sipas.ledger import Ledgers, Moved, Writes
from sipas.people import People, Person, scopes_of
from sipas.registry import PROVINCE, Registry
from sipas.telemetry import logger

LEDGER = "courier"
REBUILT_DAYS = 7
CHECK_EVERY = timedelta(seconds=1)

log = logger("courier")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A message that may go now. `written`: it lies in the ledger from before, and may have been accepted."""

    message: Outgoing
    since: datetime
    digest: Digest | None = None
    written: bool = False


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
        record: CourierRecord,
        registry: Callable[[], Registry],
        people: Callable[[], People],
        compose: Compose,
        sender: Sender,
        manner: Manner,
        digest_time: time,
        now: Callable[[], datetime],
    ) -> None:
        topics = Topics(namespace)
        self._alerts, self._decisions = Partition(topics.alerts, 0), Partition(topics.decisions, 0)
        self._namespace = namespace
        self._reader = reader
        self._kafka = kafka
        self._publisher = publisher
        self._slot = ledgers.slot(LEDGER, 0)
        self._queue_key, self._written_key = self._slot.key("queue"), self._slot.key("written")
        self._record = record
        self._registry = registry
        self._people = people
        self._compose = compose
        self._sender = sender
        self._manner = manner
        self._digest_time = digest_time
        self._now = now
        self._me = uuid4().hex
        self._assigned: set[Partition] = set()
        self._next_offset: int | None = None
        self._adopt_until = 0
        self._items: dict[str, Item] = {}
        self._written: dict[str, tuple[Outgoing, str]] = {}
        """Messages that a channel may have accepted, by id, with since when they are due, as ISO text."""
        self._nothing_to_say: set[tuple[str, str]] = set()
        self._check_at = self._plan_at = now()

    @property
    def owns(self) -> bool:
        """Whether this process is the one that tells."""
        return self._next_offset is not None

    # --- the loop ---------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Poll, queue what is to be told, send what is due."""
        polled = self._reader.poll(0.2)
        metrics.TURNED.set(self._now().timestamp())
        revoked, assigned = self._reader.take_revoked(), self._reader.take_assigned()
        self._assigned = (self._assigned - revoked) | assigned
        if assigned or revoked:
            self._let_go()
        metrics.OWNER.set(self.owns)
        if not {self._alerts, self._decisions} <= self._assigned:
            return
        if self._next_offset is None:
            self._open()
        elif polled:
            self._take(polled.get(self._alerts, []), polled.get(self._decisions, []))
        now = self._now()
        if not now < self._check_at <= now + CHECK_EVERY:
            self._check_at = now + CHECK_EVERY
            self._is_ours()
        if self.owns and not now < self._plan_at <= now + CHECK_EVERY:
            self._plan_at = now + CHECK_EVERY
            self._deliver()

    def close(self) -> None:
        """Leave the group."""
        self._reader.close()

    # --- taking over ------------------------------------------------------------------------------------------

    def _let_go(self) -> None:
        self._next_offset, self._items, self._written = None, {}, {}

    def _open(self) -> None:
        """Read the ledger, adopt what the record says, go on where both logs stand."""
        starts, ends = {}, {}
        for partition in (self._alerts, self._decisions):
            [(starts[partition], ends[partition])] = self._kafka.bounds(partition.topic, [0]).values()
        fresh = {"decisions_next": starts[self._decisions], "adopt_until": ends[self._alerts]}
        stored = self._slot.position() or self._slot.create(starts[self._alerts], fresh)
        if int(stored["next_offset"]) > ends[self._alerts] or int(stored["decisions_next"]) > ends[self._decisions]:
            log.warning("alerts or decisions are not those that the ledger knows, starting over")
            # refused: another owner was faster; the error ends this process, and its next life reads what stands
            position = {"next_offset": starts[self._alerts], **fresh}
            unlinked = [self._queue_key, self._written_key]
            self._slot.commit(int(stored["next_offset"]), position, Writes(unlinked=unlinked))
        self._slot.note({"owner": self._me})
        self._record.catch_up()
        kept, [queue, written] = self._slot.snapshot([self._queue_key, self._written_key])
        if kept is None:
            self._open()  # flushed between two commands
            return
        self._next_offset, self._adopt_until = int(kept["next_offset"]), int(kept["adopt_until"])
        # what an older program left there is not read: it is in the record
        found = [Item(**fields) for fields in map(json.loads, queue.values()) if "change" in fields]
        self._items = {one.id: one for one in sorted(found, key=lambda one: one.at)}
        self._written = {id_: _from_text(text) for id_, text in written.items()}
        self._reader.start(self._alerts, self._next_offset)
        self._reader.start(self._decisions, int(kept["decisions_next"]))
        self._plan_at = self._now()
        log.info("telling leaders", next_offset=self._next_offset, queued=len(self._items), written=len(self._written))

    def _is_ours(self) -> bool:
        """Whether the ledger is still as this process left it; else it was emptied or set back, or another's."""
        position = self._slot.position()
        if position is not None and position.get("owner") not in {self._me, None}:
            log.warning("another process tells leaders now")
            self._let_go()
            return False
        if position is None or int(position["next_offset"]) != self._next_offset:
            log.warning("the ledger moved without us")
            self._open()
            return False
        return True

    # --- routing ----------------------------------------------------------------------------------------------

    def _take(self, alerts: list[Record], decisions: list[Record]) -> None:
        assert self._next_offset is not None  # noqa: S101 - `step` takes only what is owned
        expected = self._next_offset
        alerts = [record for record in alerts if record.offset >= expected]
        position: dict[str, str | int] = {"next_offset": expected}
        queued: dict[str, Item] = {}
        if alerts or decisions:
            self._record.catch_up()
            self._plan_at = self._now()
        if alerts:
            position["next_offset"] = alerts[-1].offset + 1
            for record in alerts:
                if (change_id := self._record.first_at.get(record.offset)) is not None:
                    for item in self._routed(self._record.changes[change_id], record.offset):
                        queued[item.id] = item
        if decisions:
            position["decisions_next"] = decisions[-1].offset + 1
        if len(position) == 1 and position["next_offset"] == expected:
            return
        fields = {id_: json.dumps(asdict(item)) for id_, item in queued.items()}
        if self._commit(position, Writes(fields={self._queue_key: fields})):
            self._items.update(queued)

    def _commit(self, position: Mapping[str, str | int], writes: Writes) -> bool:
        assert self._next_offset is not None  # noqa: S101 - only who owns the ledger writes
        try:
            self._slot.commit(self._next_offset, position, writes)
        except Moved:
            metrics.REFUSED_COMMITS.labels(LEDGER).inc()
            log.warning("another position than expected, reading the ledger again")
            self._open()
            return False
        self._next_offset = int(position["next_offset"])
        return True

    def _routed(self, change: AlertChanged, offset: int) -> list[Item]:
        """What is to be told of a change and was not told yet."""
        told_with = change.state.get("told_with")
        log.info(
            "alert",
            id=change.id,
            agency=change.agency,
            rule=change.rule,
            kind=change.kind,
            day=change.day.isoformat(),
            before=change.before and change.before.percent,
            after=change.after and change.after.percent,
            responses=change.after and change.after.responses,
            target=change.target,
            historical=change.historical,
            told_with=told_with,
        )
        if change.historical or told_with is not None:
            return []
        came = self._record.came[change.id]
        if offset < self._adopt_until and self._now() - came > timedelta(days=REBUILT_DAYS):
            return []
        agencies = self._registry().agencies
        found = routes(change, self._alert_with(change), scopes_of(change.agency, agencies), self._people())
        if not found:
            metrics.UNROUTED.inc()
            log.warning("nobody leads the agency, the alert is told to nobody", id=change.id, agency=change.agency)
        items = [Item(change.id, route.person.id, route.lane, came.isoformat()) for route in found]
        return [one for one in items if not self._record.told.knows(one.person, one.change, one.lane)]

    def _alert_with(self, change: AlertChanged) -> Alert:
        """The alert as it stood with the change, though more may be known by now."""
        alert = self._record.book.alerts[self._record.book.key_by_change[change.id]]
        place = next(at for at, one in enumerate(alert.changes) if one.id == change.id)
        return replace(alert, changes=alert.changes[: place + 1])

    # --- sending ----------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        """Plan, and hand over what may go now, the oldest first."""
        attempts = self._attempts()
        overdue = [attempt for attempt in attempts if self._is_news(attempt)]
        if not (overdue or any(self._usable(attempt) for attempt in attempts)) or not self._is_ours():
            return
        # another owner, or an earlier life of this one, may have sent them
        if self._record.catch_up():
            attempts = self._attempts()
        for attempt in overdue:
            self._say_overdue(attempt.message, attempt.since)
        # by time, not by number: a plan of a whole country takes as long as ten mails, a server that hangs longer
        until = self._now() + CHECK_EVERY
        for attempt in attempts:
            if not self._usable(attempt):
                continue
            if self._now() > until:
                self._plan_at = self._now()
                return
            if not self._try(attempt):
                return

    def _attempts(self) -> list[Attempt]:
        """What is due, what was handed over before and not heard of first."""
        now, told = self._now(), self._record.told
        for message, since in list(self._written.values()):
            known = [told.knows(message.person, change, message.lane) for change in (*message.said, *message.also)]
            if all(known) or message.person not in self._people().by_id:
                self._settle(message, since)
        written = [
            Attempt(message, datetime.fromisoformat(since), written=True) for message, since in self._written.values()
        ]
        bound = {id_ for attempt in written for id_ in attempt.message.items}
        free = [item for item in self._items.values() if item.id not in bound]
        view = View(self._record.book, told, self._people(), self._registry().agencies)
        planned = plan(free, view, self._manner, now)
        self._forget(planned.gone)
        for held in planned.withheld:
            self._withhold(held)
        found = [*written, *(Attempt(one.message, one.since) for one in planned.due), *self._digests(now)]
        late = [attempt for attempt in found if now - attempt.since > NEXT_CHANNEL_AFTER]
        metrics.QUEUE.set(len(self._items))
        metrics.OLDEST.set(max(((now - attempt.since).total_seconds() for attempt in found), default=0))
        metrics.UNDELIVERABLE.set(len(late))
        return found

    def _digests(self, now: datetime) -> list[Attempt]:
        calendar, people = self._manner.calendar, self._people().by_id
        subscribed = [person for person in people.values() if person.digest != "none"]
        found = []
        for digest in digests_due(subscribed, self._record.told, calendar, self._digest_time, now):
            quiet = self._manner.quiet_hours_of(people[digest.person])
            if (digest.person, digest.name) in self._nothing_to_say or calendar.next_allowed(now, quiet) > now:
                continue
            message = Outgoing(kind=digest.kind, lane="own", person=digest.person, said=(digest.name,), also=())
            found.append(Attempt(message, min(calendar.next_allowed(digest.until, quiet), now), digest))
        return found

    def _usable(self, attempt: Attempt) -> bool:
        person = self._people().by_id.get(attempt.message.person)
        return person is not None and bool(self._sender.usable(person, attempt.since))

    def _try(self, attempt: Attempt) -> bool:
        """Write the message down, hand it over, record who accepted it; False where another has the ledger."""
        message, since = attempt.message, attempt.since.isoformat()
        person = self._people().by_id.get(message.person)
        if person is None:
            return True
        said = self._said(attempt, person)
        if attempt.digest is not None:
            # its id and what it says follow from its day: there is nothing to write down
            if attempt.digest.kind == "digest-daily" and said.contents.empty:
                self._nothing_to_say.add((person.id, attempt.digest.name))
                return True
        elif not attempt.written and not self._write_down(message, since):
            return False
        composed, payloads = self._compose(said, person, self._manner.calendar.local(self._now()))
        sent = self._sender.send(message, person, composed, payloads, attempt.since)
        if sent.channel is not None:
            self._delivered(message, person, sent.channel, composed.subject)
            self._settle(message, since)
        elif not sent.perhaps_taken and not attempt.written:
            self._unwrite(message, since)
        return True

    def _said(self, attempt: Attempt, person: Person) -> Said:
        record, digest = self._record, attempt.digest
        if digest is None:
            contents = Contents(tuple(record.changes[id_] for id_ in attempt.message.said), ())
        else:
            contents = contents_of(digest, person, record.book, self._registry().agencies, record.came)
        return Said(attempt.message.kind, contents, digest, record.book, record.came)

    def _write_down(self, message: Outgoing, since: str) -> bool:
        fields = {message.id(""): _as_text(message, since)}
        if not self._commit({"next_offset": str(self._next_offset)}, Writes(fields={self._written_key: fields})):
            return False
        self._written[message.id("")] = (message, since)
        return True

    def _unwrite(self, message: Outgoing, since: str) -> None:
        self._slot.settle(self._written_key, {message.id(""): _as_text(message, since)})
        self._written.pop(message.id(""), None)

    def _settle(self, message: Outgoing, since: str) -> None:
        """The message and what it said leave the ledger."""
        self._forget(self._items[id_] for id_ in message.items if id_ in self._items)
        self._unwrite(message, since)

    def _forget(self, items: Iterable[Item]) -> None:
        marks = {item.id: json.dumps(asdict(item)) for item in items}
        self._slot.settle(self._queue_key, marks)
        for id_ in marks:
            self._items.pop(id_, None)

    def _delivered(self, message: Outgoing, person: Person, channel: str, subject: str) -> None:
        first, *more = (*message.said, *message.also)
        change = self._record.changes.get(first)
        event = Delivered(
            message_id=message.id(channel),
            alert_id=first,
            agency=PROVINCE if change is None else change.agency,
            person=person.id,
            channel=channel,
            at=self._now(),
            subject=subject,
            also=tuple(more),
        )
        self._publish(event, event.message_id)
        # known before it is read from the topic, so that the next plan does not say it again
        self._record.told.add([event])
        metrics.DELIVERED.labels(channel).inc()
        log.info("told", message=event.message_id, kind=message.kind, changes=len(more) + 1, channel=channel)

    def _is_news(self, attempt: Attempt) -> bool:
        """Whether it is overdue and nobody was told so. A digest is no alert's, and tomorrow there is another."""
        key = (attempt.message.person, attempt.message.said[0])
        late = self._now() - attempt.since > NEXT_CHANNEL_AFTER
        return late and attempt.digest is None and key not in self._record.told.overdue

    def _say_overdue(self, message: Outgoing, since: datetime) -> None:
        first, *more = (*message.said, *message.also)
        event = Undelivered(
            alert_id=first,
            also=tuple(more),
            agency=self._record.changes[first].agency,
            person=message.person,
            since=since,
            at=self._now(),
        )
        self._publish(event, f"undelivered/{first}/{message.person}")
        self._record.told.add([event])
        log.error("no channel has reached a person for an hour", person=message.person, changes=len(more) + 1)

    def _withhold(self, held: Held) -> None:
        first, *more = held.changes
        event = Withheld(
            alert_id=first,
            also=tuple(more),
            agency=held.agency,
            person=held.person,
            reason=held.reason,
            at=self._now(),
        )
        self._publish(event, f"withheld/{first}/{held.person}")
        self._record.told.add([event])
        metrics.WITHHELD.labels(held.reason).inc()
        log.info("withheld", alert=first, person=held.person, reason=held.reason)
        self._forget([one for one in self._items.values() if one.person == held.person and one.change in held.changes])

    def _publish(self, event: Delivered | Withheld | Undelivered, event_id: str) -> None:
        self._publisher.publish(
            self._alerts.topic,
            encode(event),
            key=event.agency,
            headers=headers(event, event_id=event_id, source=f"/{self._namespace}/notifier", at=self._now()),
            partition=0,
        )


def _as_text(message: Outgoing, since: str) -> str:
    return json.dumps({**asdict(message), "since": since})


def _from_text(text: str) -> tuple[Outgoing, str]:
    fields = json.loads(text)
    since = fields.pop("since")
    return Outgoing(**(fields | {"said": tuple(fields["said"]), "also": tuple(fields["also"])})), since
