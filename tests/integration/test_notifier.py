"""The notifier as a process, between real Kafka, real Redis and a real mail server.

Totals are written to `tallies` as the aggregator would, the marker first.
"""

import json
import os
import random
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from kafka import KafkaAdminClient

from deploy.local.programs import HOST, ROOT, ask_redis
from services.notifier.alert_life import read_book
from services.notifier.endings import Endings
from services.notifier.judge_loop import Judge, read_watchers
from services.notifier.record import AlertLog
from sipas.alert_decisions import decide
from sipas.alert_records import publish_decision, read_event
from sipas.broker import (
    GroupReader,
    Log,
    Publisher,
    PublishFailed,
    Sent,
    Topics,
    WholeTopicReader,
    Written,
    partition_of,
    publish_together,
)
from sipas.events import AgencyDay, AlertChanged, Delivered, Entry, Rebuilt, encode, headers
from sipas.follower import read_whole
from sipas.ledger import Ledgers
from sipas.registry import Registry
from sipas.tally_keys import TallyKeys
from tests.deploy.cluster.clusters import RedisCluster
from tests.integration.answers import make_sheet
from tests.integration.command_line import FORKED
from tests.servers import KafkaServer, Program, RedisServer, free_port, wait_until

ZONE = "Asia/Ho_Chi_Minh"
PARTITIONS = 2
SHEETS = 40
QUESTIONS = ("ACCESS", "PROC", "STAFF", "RESULT", "FEEDBACK")
NAMES = {"so-noi-vu": "Sở Nội vụ", "so-y-te": "Sở Y tế", "so-cong-thuong": "Sở Công Thương"}


def today() -> date:
    return datetime.now(ZoneInfo(ZONE)).date()


def usual(days: int) -> list[float]:
    """About 90 %."""
    return [0.90 + 0.025 * (number % 3 - 1) for number in range(days)]


class Mailbox:
    """A mail server that keeps what it accepted; `on_mail` runs before it says so."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.on_mail: Callable[[], None] = lambda: None
        self.port = free_port()
        self._controller: Controller | None = None

    def start(self) -> None:
        self._controller = Controller(self, hostname=HOST, port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_DATA(self, _server, _session, envelope) -> str:
        self.mails.append(message_from_bytes(envelope.content, EmailMessage, policy=modern))
        self.on_mail()
        return "250 OK"

    def mails_to(self, to: str = "vi@tinhmau.example") -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == to]

    def subjects(self, to: str = "vi@tinhmau.example") -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails_to(to)]


class Notifier(Program):
    """One `services.notifier`."""

    def __init__(self, name: str, env: dict[str, str], directory: Path) -> None:
        self.admin = free_port()
        own = {"SIPAS_NOTIFIER_ADMIN": f"{HOST}:{self.admin}", "SIPAS_INSTANCE": name}
        super().__init__(name, [sys.executable, "-m", "services.notifier"], directory, os.environ | env | own)

    def ask(self, path: str) -> str:
        with urllib.request.urlopen(f"http://{HOST}:{self.admin}{path}", timeout=30) as answer:
            return answer.read().decode()

    def ready(self) -> bool:
        try:
            return bool(self.ask("/readyz"))
        except OSError:
            return False

    def metric(self, name: str) -> float:
        return next(float(line.split()[1]) for line in self.ask("/metrics").splitlines() if line.startswith(f"{name} "))


def entry(kind: str, entry_id: str, /, **value) -> Entry:
    return Entry(kind=kind, id=entry_id, history=({"valid_from": None, "valid_to": None, **value},))


class Stack:
    """A namespace with three agencies, their leaders, and the means to be their aggregator."""

    def __init__(
        self,
        bootstrap: str,
        redis: RedisServer | RedisCluster,
        namespace: str,
        directory: Path,
        *,
        replication: int = 1,
    ) -> None:
        self.bootstrap, self.redis, self.namespace, self.directory = bootstrap.split(","), redis, namespace, directory
        self.topics = Topics(namespace)
        self.kafka = Log(self.bootstrap)
        self.publisher = Publisher(self.bootstrap)
        self.ledgers = Ledgers(redis.url, namespace)
        self.mailbox = Mailbox()
        self.version = self.epoch = 0
        self.env = {
            "SIPAS_NAMESPACE": namespace,
            "SIPAS_TIMEZONE": ZONE,
            "SIPAS_KAFKA_BOOTSTRAP": bootstrap,
            "SIPAS_REDIS_URL": redis.url,
            "SIPAS_BOARD_URL": "https://board.example",
            "SIPAS_LINK_SECRET": "s" * 32,
            "SIPAS_SMTP_URL": f"smtp://{HOST}:{self.mailbox.port}",
            "SIPAS_MAIL_FROM": "sipas@tinhmau.example",
            # tests run at any hour
            "SIPAS_QUIET_HOURS": "none",
            "PYTHONPATH": str(ROOT),
        }
        self.kafka.create(namespace, partitions=PARTITIONS, replication=replication)
        names = {agency: {"vi": name, "en": agency} for agency, name in NAMES.items()}
        self.record(
            "registry",
            entry("namespace", namespace, timezone=ZONE, partitions=PARTITIONS, demo=False),
            entry("block", "so", name={"vi": "Sở", "en": "Departments"}, order=1),
            *(entry("agency", agency, name=name, block="so", kind="SO") for agency, name in names.items()),
        )
        self.record(
            "people",
            entry("person", "giam-doc", name="A", email="vi@tinhmau.example", leads=list(NAMES)),
            entry("person", "director", name="B", email="en@tinhmau.example", language="en", leads=["so-noi-vu"]),
        )
        for partition in range(PARTITIONS):
            self.mark(partition)

    def record(self, topic: str, *entries: Entry) -> None:
        name = getattr(self.topics, topic)
        written = [
            Written(name, f"{one.kind}/{one.id}", encode(one), headers(one, event_id="t", source="/t", at=now()))
            for one in entries
        ]
        publish_together(self.bootstrap, f"{name}.test", written)

    def mark(self, partition: int) -> None:
        event = Rebuilt(partition=partition, version=(self.epoch, 0))
        self.publisher.wait([self.publish(event, f"rebuilt/{partition}", partition)])

    def publish(self, event, key: str, partition: int) -> Sent:
        marks = headers(event, event_id="t", source="/t/aggregator", at=now())
        return self.publisher.send(self.topics.tallies, encode(event), key=key, headers=marks, partition=partition)

    def tell(self, first: date, shares: Iterable[float], agency: str = "so-noi-vu") -> date:
        """Days, each with its share, all at once; the day after them."""
        days = [(first + timedelta(days=number), share) for number, share in enumerate(shares)]
        self.publisher.wait([self._total(day, share, agency) for day, share in days])
        return first + timedelta(days=len(days))

    def _total(self, day: date, share: float, agency: str) -> Sent:
        """A day of `SHEETS` sheets, each wholly satisfied or not at all."""
        self.version += 1
        satisfied = round(share * SHEETS)
        fields = {"responses": SHEETS, "5/5": satisfied, "0/5": SHEETS - satisfied}
        for question in QUESTIONS:
            fields |= {f"{question}:5": satisfied, f"{question}:2": SHEETS - satisfied}
        event = AgencyDay(
            agency=agency,
            method="quick-5@1",
            day=day,
            version=(self.epoch, self.version),
            as_of=None,
            fields={name: number for name, number in fields.items() if number},
            parts={},
        )
        return self.publish(event, f"{agency}/quick-5@1/{day}", partition_of(agency, PARTITIONS))

    def tell_usual(self, first: date, days: int, agency: str = "so-noi-vu") -> date:
        """Days at 90 %; the day after them."""
        return self.tell(first, usual(days), agency)

    def tell_fall(self, first: date, days: int, agency: str = "so-noi-vu", share: float = 0.725) -> date:
        """A fall that is possible on its third day and confirmed on its fourth."""
        return self.tell(first, [share] * days, agency)

    def notifier(self, name: str = "notifier", **env: str) -> Notifier:
        return Notifier(name, self.env | env, self.directory)

    def judge(self, publisher: Publisher) -> Judge:
        """A judge in this process."""
        registry = read_whole(self.bootstrap, self.topics.registry, Registry.fold(()))
        return Judge(
            namespace=self.namespace,
            reader=GroupReader(
                self.bootstrap, group=f"{self.namespace}.judge-here", topics=[self.topics.tallies], max_records=500
            ),
            kafka=self.kafka,
            publisher=publisher,
            ledgers=self.ledgers,
            record=AlertLog(self.bootstrap, self.namespace),
            endings=Endings,
            registry=lambda: registry,
            demo=False,
            zone=ZoneInfo(ZONE),
            now=now,
        )

    def is_settled(self) -> bool:
        """Everything is judged, told and sent."""
        for partition, (_, end) in self.kafka.bounds(self.topics.tallies).items():
            slot = self.ledgers.slot("judge", partition)
            position, [outbox] = slot.snapshot([slot.key("outbox")])
            if position is None or int(position["next_offset"]) != end or outbox:
                return False
        return self.is_queued() and not self.queue()

    def is_queued(self) -> bool:
        """Every alert has come to the courier."""
        position = self.ledgers.slot("courier", 0).position()
        [(_, end)] = self.kafka.bounds(self.topics.alerts).values()
        return position is not None and int(position["next_offset"]) == end

    def queue(self) -> dict[str, str]:
        slot = self.ledgers.slot("courier", 0)
        return slot.snapshot([slot.key("queue")])[1][0]

    def declare_normal(self) -> None:
        """A person says that the level of the only alert is the new normal, as the page and the command do."""
        [alert] = read_book(self.bootstrap, self.namespace).alerts.values()
        made = decide(
            alert, "new-normal", id_="1", by="giam-doc", at=now(), today=alert.newest.day, demo=False, note="Đổi việc"
        )
        publish_decision(self.publisher, self.namespace, made, service="board", at=now())

    def watched(self, agency: str = "so-noi-vu") -> Any:
        """What the judge's ledger holds of a series, but for its days; None before it is judged."""
        slot = self.ledgers.slot("judge", partition_of(agency, PARTITIONS))
        _, [watchers] = slot.contents([slot.key("watchers")])
        packed = watchers.get(f"{agency}/quick-5@1".encode())
        return None if packed is None else read_watchers(packed)

    def settle(self) -> None:
        wait_until(self.is_settled, 120, "everything to be judged and told")

    def read_alerts(self) -> AlertLog:
        log = AlertLog(self.bootstrap, self.namespace)
        log.catch_up()
        log.close()
        return log

    def kinds(self, agency: str = "so-noi-vu") -> list[str]:
        return [alert.kind for alert in self.read_alerts().alerts.values() if alert.agency == agency]

    def deliveries(self) -> dict[str, Delivered]:
        """By the message's id."""
        alerts = read_book(self.bootstrap, self.namespace).alerts.values()
        return {one.message_id: one for alert in alerts for one in alert.told}

    def told(self, person: str) -> list[str]:
        """The agencies of the changes that a person was told of, one for each."""
        said = [
            change
            for delivered in self.deliveries().values()
            if delivered.person == person
            for change in (delivered.alert_id, *delivered.also)
        ]
        return [self.read_alerts().alerts[change].agency for change in said]

    def records_by_id(self) -> Counter[str]:
        """How often each alert and each delivery stands in the topic."""
        reader = WholeTopicReader(self.bootstrap, self.topics.alerts)
        events = [read_event(record) for record in reader.to_end()]
        reader.close()
        return Counter(event.id if isinstance(event, AlertChanged) else event.message_id for event in events if event)

    def close(self) -> None:
        self.mailbox.stop()
        self.publisher.close()
        self.kafka.close()
        self.ledgers.close()


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def stack(kafka: KafkaServer, tmp_path: Path, namespace: str) -> Iterator[Stack]:
    """Redis of its own: tests flush it."""
    with RedisServer(tmp_path) as redis, ExitStack() as servers:
        made = Stack(kafka.bootstrap, redis, namespace, tmp_path)
        servers.callback(made.close)
        made.mailbox.start()
        yield made


def vi(kind: str, agency: str = "so-noi-vu") -> str:
    return {
        "possible": f"Sự hài lòng có thể đang giảm: {NAMES[agency]}",
        "confirmed": f"Sự hài lòng giảm rõ: {NAMES[agency]}",
        "follow-up": f"Mười ngày sau cảnh báo: {NAMES[agency]}",
        "reminder": f"Nhắc lại, cảnh báo chưa khép: {NAMES[agency]}",
        "recovered": f"Sự hài lòng đã hồi phục: {NAMES[agency]}",
    }[kind]


def test_a_whole_life_of_an_alert_is_told_once_whatever_is_folded_again(stack: Stack):
    """In a demo, whose clock is the data's own: otherwise a fall and its end would take months."""
    life = ["possible", "confirmed", "follow-up", "reminder", "recovered"]
    first = date(2026, 1, 5)
    # the days that raise it lie by chance lower than those that follow
    parts = [usual(60), [0.725] * 3, [0.75] * 5, [0.75] * 9, [0.75] * 20, usual(25)]
    with stack.notifier(SIPAS_DEMO="true"):
        day = stack.tell(first, parts[0])
        stack.settle()
        assert stack.mailbox.mails == []
        for number, shares in enumerate(parts[1:], 1):
            day = stack.tell(day, shares)
            stack.settle()
            assert stack.kinds() == life[:number]
        told = [f"[DỮ LIỆU MẪU] {vi(kind)}" for kind in life]
        assert stack.mailbox.subjects() == told
        # the follow-up leaves out the days that raised the alert, for they were chosen by being low
        changes = {one.kind: one for one in stack.read_alerts().alerts.values()}
        followed, reminded = changes["follow-up"], changes["reminder"]
        assert (followed.after.percent, followed.after.responses, followed.days) == (75.0, 10 * SHEETS, 10)
        assert followed.day - followed.opened_on == timedelta(days=10)
        assert (reminded.day - reminded.opened_on, reminded.number) == (timedelta(days=30), 1)
        text = stack.mailbox.mails_to()[2].get_body(("plain",)).get_content()
        assert text.startswith("DỮ LIỆU MẪU\n")
        assert "Mười ngày có phiếu sau cảnh báo: 75,0%," in text

        assert ask_redis(stack.redis.port, "FLUSHALL").startswith(b"+OK")
        stack.settle()
        # another generation tells all of it again
        stack.epoch += 1
        stack.tell(first, [share for shares in parts for share in shares])
        for partition in range(PARTITIONS):
            stack.mark(partition)
        stack.settle()
    assert stack.mailbox.subjects() == told
    assert set(stack.records_by_id().values()) == {1}


def test_each_leader_gets_one_mail_for_each_change_in_their_language(stack: Stack):
    with stack.notifier():
        day = stack.tell_usual(today() - timedelta(days=63), 60)
        stack.settle()
        for _ in range(4):
            day = stack.tell_fall(day, 1)
            stack.settle()
        settled = stack.mailbox.subjects()
        assert settled == [vi("possible"), vi("confirmed")]
        assert [subject.split(":")[0] for subject in stack.mailbox.subjects("en@tinhmau.example")] == [
            "Satisfaction may have fallen",
            "Satisfaction has clearly fallen",
        ]
        text = stack.mailbox.mails[0].get_body(("plain",)).get_content()
        assert "https://board.example/agencies/so-noi-vu" in text
        assert "DỮ LIỆU MẪU" not in text
        deliveries = stack.deliveries()
        assert sorted(deliveries) == sorted(
            f"{alert}/{person}/email" for alert in stack.read_alerts().alerts for person in ("giam-doc", "director")
        )
        assert "@" not in " ".join(delivery.person for delivery in deliveries.values())
        command = ["alerts", "--agency", "so-noi-vu"]
        shown = FORKED.call(command, os.environ | stack.env)
        assert "drop possible" in shown.stdout
        assert "told giam-doc by email" in shown.stdout
        lines = FORKED.call([*command, "--json"], os.environ | stack.env).stdout.splitlines()
        assert [json.loads(line)["kind"] for line in lines] == ["possible", "confirmed"]


def test_what_happened_years_ago_is_recorded_and_never_mailed(stack: Stack):
    with stack.notifier():
        day = stack.tell_usual(date(2023, 1, 1), 60)
        stack.settle()
        stack.tell_fall(day, 6)
        stack.settle()
    alerts = stack.read_alerts().alerts.values()
    assert [alert.kind for alert in alerts] == ["possible", "confirmed"]
    assert all(alert.historical for alert in alerts)
    assert stack.mailbox.mails == []


def test_late_answers_to_days_that_are_over_change_the_state_silently(stack: Stack):
    with stack.notifier():
        first = today() - timedelta(days=100)
        stack.tell_usual(first, 100)
        stack.settle()
        slot = stack.ledgers.slot("judge", partition_of("so-noi-vu", PARTITIONS))
        _, [before] = slot.contents([slot.key("watchers")])
        stack.tell(first + timedelta(days=20), [0.6] * 3)
        stack.settle()
        _, [after] = slot.contents([slot.key("watchers")])
    assert before != after
    assert stack.kinds() == []


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
def test_a_flushed_redis_mails_nobody_twice_and_the_alert_goes_on(stack: Stack, restarted: bool):
    with stack.notifier() as notifier:
        day = stack.tell_usual(today() - timedelta(days=63), 60)
        stack.settle()
        day = stack.tell_fall(day, 3)
        stack.settle()
        assert stack.mailbox.subjects() == [vi("possible")]
        if restarted:
            notifier.kill()
        assert ask_redis(stack.redis.port, "FLUSHALL").startswith(b"+OK")
        if restarted:
            notifier.start()
        stack.settle()
        assert stack.mailbox.subjects() == [vi("possible")]
        # the fold took the alert up again: what comes next is its confirmation, not another opening
        stack.tell_fall(day, 2)
        stack.settle()
        assert stack.mailbox.subjects() == [vi("possible"), vi("confirmed")]
    assert set(stack.records_by_id().values()) == {1}


def test_a_ledger_of_an_older_form_is_gathered_anew_and_mails_nobody_twice(stack: Stack):
    with stack.notifier() as notifier:
        day = stack.tell_usual(today() - timedelta(days=63), 60)
        stack.tell_fall(day, 3)
        stack.settle()
        state = stack.watched()
        notifier.kill()
        stack.ledgers.slot("judge", partition_of("so-noi-vu", PARTITIONS)).forget("stored")
        notifier.start()
        wait_until(lambda: notifier.metric("sipas_notifier_started_over_total") == 1, what="the judge to start over")
        wait_until(lambda: stack.watched() == state, what="the same state")
        stack.settle()
    assert stack.mailbox.subjects() == [vi("possible")]


def test_a_new_normal_raises_nothing_again_and_a_flushed_redis_comes_to_the_same(stack: Stack):
    with stack.notifier() as notifier:
        day = stack.tell_usual(today() - timedelta(days=68), 60)
        stack.settle()
        for days in (3, 2):
            day = stack.tell_fall(day, days)
            stack.settle()
        assert stack.kinds() == ["possible", "confirmed"]
        notifier.kill()
        stack.declare_normal()
        notifier.start()
        stack.tell_fall(day, 4)
        stack.settle()
        state = stack.watched()
        level, satisfied, *_ = state["rules"]["drop"][1]["level"]
        assert state["rules"]["drop"][1]["alert"] is None
        assert satisfied / level == pytest.approx(0.725, abs=0.001)
        assert ask_redis(stack.redis.port, "FLUSHALL").startswith(b"+OK")
        stack.settle()
        wait_until(lambda: stack.watched() == state, what="the same state")
    assert stack.kinds() == ["possible", "confirmed"]
    assert stack.mailbox.subjects() == [vi("possible"), vi("confirmed")]


def test_a_redis_set_back_to_an_older_copy_mails_nobody_twice(stack: Stack):
    notifier = stack.notifier()
    with notifier:
        day = stack.tell_usual(today() - timedelta(days=63), 60)
        stack.settle()
        copy = ask_redis(stack.redis.port, "SAVE")
        assert copy.startswith(b"+OK")
        notifier.kill()
        stack.redis.stop()
        old = {path.name: path.read_bytes() for path in stack.redis.data.iterdir() if path.is_file()}
        stack.redis.start()
        notifier.start()
        stack.tell_fall(day, 3)
        stack.settle()
        assert stack.mailbox.subjects() == [vi("possible")]
        notifier.kill()
        stack.redis.stop()
        for name, content in old.items():
            (stack.redis.data / name).write_bytes(content)
        stack.redis.start()
        notifier.start()
        stack.settle()
        assert stack.mailbox.subjects() == [vi("possible")]


def test_killed_between_the_mail_servers_yes_and_the_record_it_sends_the_same_message_again(stack: Stack):
    with stack.notifier() as notifier:
        day = stack.tell_usual(today() - timedelta(days=63), 60)
        stack.settle()
        stack.mailbox.on_mail = notifier.kill
        stack.tell_fall(day, 3)
        wait_until(lambda: not notifier.alive, what="the notifier to be killed while it mails")
        stack.mailbox.on_mail = lambda: None
        assert len(stack.mailbox.mails) == 1
        notifier.start()
        stack.settle()
    ids = Counter(str(mail["Message-ID"]) for mail in stack.mailbox.mails)
    first = str(stack.mailbox.mails[0]["Message-ID"])
    assert ids.pop(first) == 2
    assert set(ids.values()) == {1}
    assert set(stack.records_by_id().values()) == {1}


def test_what_was_committed_and_not_sent_is_sent_by_the_next_owner(stack: Stack):
    with stack.notifier() as notifier:
        stack.tell_usual(today() - timedelta(days=63), 60)
        stack.settle()
        notifier.kill()
    judge = stack.judge(CutOff(stack.bootstrap))
    stack.tell_fall(today() - timedelta(days=3), 3)
    with pytest.raises(PublishFailed):
        run_until(judge, lambda: False)
    assert stack.kinds() == []
    judge = stack.judge(stack.publisher)
    run_until(judge, lambda: stack.kinds() == ["possible"])
    judge.close()
    assert set(stack.records_by_id().values()) == {1}


class CutOff(Publisher):
    """Its process ends before Kafka hears anything."""

    def send(self, topic, value, **kwargs):
        raise PublishFailed("cut off")


def run_until(judge: Judge, condition: Callable[[], bool]) -> None:
    def turned() -> bool:
        judge.step()
        return condition()

    try:
        wait_until(turned, what="the judge")
    except PublishFailed:
        judge.close()
        raise


def test_while_the_mail_server_is_away_messages_wait_and_nothing_else_does(stack: Stack):
    stack.mailbox.stop()
    with stack.notifier() as notifier:
        ends = {
            agency: stack.tell_usual(today() - timedelta(days=63), 60, agency) for agency in ("so-noi-vu", "so-y-te")
        }
        stack.settle()
        for agency, day in ends.items():
            stack.tell_fall(day, 3, agency)
        wait_until(lambda: stack.kinds("so-y-te") and stack.kinds() and stack.is_queued(), what="both alerts")
        wait_until(lambda: "a channel is away" in notifier.log, what="a log line that says so")
        wait_until(lambda: notifier.metric("sipas_notifier_queue_messages") == len(stack.queue()), what="the metric")
        assert len(stack.queue()) == 3
        assert notifier.ask("/readyz") == "OK\n"
        stack.mailbox.start()
        stack.settle()
    counts = Counter(str(mail["Message-ID"]) for mail in stack.mailbox.mails)
    assert set(counts.values()) == {1}
    # what waited for the server is one message, whoever's it is
    assert len(stack.mailbox.subjects()) == len(stack.mailbox.subjects("en@tinhmau.example")) == 1
    assert set(stack.records_by_id().values()) == {1}
    assert sorted(stack.told("giam-doc")) == ["so-noi-vu", "so-y-te"]


def test_two_notifiers_share_the_partitions_and_one_goes_on_alone(stack: Stack):
    agencies = ["so-noi-vu", next(a for a in NAMES if partition_of(a, 2) != partition_of("so-noi-vu", 2))]
    with stack.notifier("one") as one, stack.notifier("two") as two:
        for notifier in (one, two):
            wait_until(lambda n=notifier: n.metric("sipas_notifier_partitions") == 1, what="a share of the partitions")
        ends = [stack.tell_usual(today() - timedelta(days=63), 60, agency) for agency in agencies]
        stack.settle()
        # the one that tells leaders, whichever it is, so that the other has to take over
        notifiers = {one.metric("sipas_notifier_courier_owner"): one, two.metric("sipas_notifier_courier_owner"): two}
        assert set(notifiers) == {0, 1}
        notifiers[1].kill()
        left = notifiers[0]
        for agency, day in zip(agencies, ends, strict=True):
            stack.tell_fall(day, 3, agency)
        wait_until(lambda: left.metric("sipas_notifier_partitions") == 2, what="the dead one's partition")
        wait_until(lambda: left.metric("sipas_notifier_courier_owner") == 1, what="the dead one's leaders")
        stack.settle()
    for agency in agencies:
        assert "possible" in stack.kinds(agency)
    assert sorted(stack.told("giam-doc")) == sorted(agencies)
    assert set(stack.records_by_id().values()) == {1}


class Counted:
    """The same stack with a real aggregator, which counts sheets instead of being told totals."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        env = os.environ | stack.env | {"SIPAS_AGGREGATOR_ADMIN": f"{HOST}:{free_port()}"}
        for name in ("SIPAS_BOARD_URL", "SIPAS_SMTP_URL", "SIPAS_MAIL_FROM"):
            env.pop(name)
        self.env = env
        self.aggregator = Program("aggregator", [sys.executable, "-m", "services.aggregator"], stack.directory, env)
        self.dice = random.Random(1)

    def write(self, first: date, days: int, share: float | None = None) -> date:
        """Days of sheets, wholly satisfied or not at all; about 90 % of them, or `share`. The day after them."""
        for number in range(days):
            day = first + timedelta(days=number)
            satisfied = round(SHEETS * (0.90 + 0.025 * (number % 3 - 1) if share is None else share))
            sheets = [
                make_sheet(
                    self.dice,
                    "so-noi-vu",
                    answered_on=str(day),
                    received_at=f"{day}T03:00:00Z",
                    answers=dict.fromkeys(QUESTIONS, 5 if number < satisfied else 2),
                    flags=[],
                )
                for number in range(SHEETS)
            ]
            self.stack.publisher.wait(
                [
                    self.stack.publisher.send(
                        self.stack.topics.responses, json.dumps(sheet).encode(), key=sheet["agency"]
                    )
                    for sheet in sheets
                ]
            )
        return first + timedelta(days=days)

    def is_told(self, generation: str, epoch: int) -> bool:
        """Everything in the log is counted into the generation and told."""
        for number, (_, end) in self.stack.kafka.bounds(self.stack.topics.responses).items():
            keys = TallyKeys.of(self.stack.ledgers, number, generation)
            position, [dirty] = keys.slot.snapshot([keys.dirty])
            if not position or int(position["next_offset"]) < end or dirty or position["marked"] != str(epoch):
                return False
        return True

    def settle(self, generation: str = "g1", epoch: int = 0) -> None:
        wait_until(lambda: self.is_told(generation, epoch), what="the totals to be told")
        self.stack.settle()


def test_another_generation_mails_nobody_again_and_the_alert_goes_on(stack: Stack):
    counted = Counted(stack)
    with counted.aggregator, stack.notifier():
        day = counted.write(today() - timedelta(days=63), 60)
        counted.settle()
        day = counted.write(day, 3, share=0.725)
        counted.settle()
        assert stack.mailbox.subjects() == [vi("possible")]
        assert FORKED.call(["replay", "--switch"], counted.env).returncode == 0
        counted.settle("g2", 1)
        judged = stack.ledgers.slot("judge", partition_of("so-noi-vu", PARTITIONS)).position()
        assert judged is not None
        assert (judged["epoch"], judged["marked"]) == ("1", "1")
        assert stack.mailbox.subjects() == [vi("possible")]
        counted.write(day, 2, share=0.725)
        counted.settle("g2", 1)
        assert stack.mailbox.subjects() == [vi("possible"), vi("confirmed")]
    assert set(stack.records_by_id().values()) == {1}


def test_tallies_made_anew_are_gathered_silently_from_their_beginning(stack: Stack):
    with stack.notifier() as notifier:
        day = stack.tell_usual(today() - timedelta(days=63), 60)
        stack.settle()
        notifier.stop()
        admin = KafkaAdminClient(bootstrap_servers=stack.bootstrap)
        admin.delete_topics([stack.topics.tallies])
        wait_until(lambda: stack.topics.tallies not in stack.kafka.existing(), what="the topic to be gone")
        admin.close()
        stack.kafka.create(stack.namespace, partitions=PARTITIONS, replication=1)
        for partition in range(PARTITIONS):
            stack.mark(partition)
        stack.tell_usual(today() - timedelta(days=63), 60)
        stack.tell_fall(day - timedelta(days=20), 6)
        notifier.start()
        stack.settle()
        assert "starting over" in notifier.log
        assert stack.kinds() == []


def test_alerts_made_anew_that_have_grown_past_the_ledger_are_read_from_their_beginning(stack: Stack):
    """Restored from a backup that lacks the deliveries: who was told only after it was made is told once more."""
    with stack.notifier() as notifier:
        day = stack.tell_usual(today() - timedelta(days=63), 60)
        stack.settle()
        stack.tell_fall(day, 3)
        stack.settle()
        notifier.stop()
        reader = WholeTopicReader(stack.bootstrap, stack.topics.alerts)
        possible, *deliveries = list(reader.to_end())
        reader.close()
        stack.kafka.delete([stack.topics.alerts])
        wait_until(lambda: stack.topics.alerts not in stack.kafka.existing(), what="the topic to be gone")
        stack.kafka.create(stack.namespace, partitions=PARTITIONS, replication=1)
        with closing(Publisher(stack.bootstrap)) as publisher:
            publisher.publish(stack.topics.alerts, possible.value, key=possible.key, headers=possible.headers)
            for _ in deliveries:
                publisher.publish(stack.topics.alerts, b"{}", key="x")
        notifier.start()
        wait_until(lambda: len(stack.mailbox.mails) == 2 * len(deliveries), what="both leaders to be told once more")
        stack.settle()
    assert "starting over" in notifier.log
    assert set(stack.records_by_id().values()) == {1}


def test_without_a_namespace_it_says_what_to_do_and_ends(stack: Stack):
    notifier = stack.notifier(SIPAS_TIMEZONE="Asia/Tokyo")
    with pytest.raises(RuntimeError, match="the time zone of a namespace never changes"):
        notifier.start()
