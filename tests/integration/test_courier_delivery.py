"""The courier between real servers (broker, Redis, mail, a receiver of webhooks), at a clock of ours.

One stack for all: each test has an agency of its own with its own leaders, and the courier of the test before goes on.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from deploy.local.programs import ask_redis
from services.notifier.channels.all_channels import channels_of
from services.notifier.composing import Compose, Composer
from services.notifier.courier import Courier
from services.notifier.courier_record import CourierRecord
from services.notifier.message import load_words
from services.notifier.sending import Sender
from sipas.alert_book import Alert
from sipas.alert_links import AlertLinks
from sipas.broker import GroupReader, Log, Publisher, Topics
from sipas.events import AlertChanged, AlertDecided, Delivered, SilenceSet, encode, headers
from sipas.ledger import Ledgers
from sipas.methods import load_methods
from sipas.people import Person
from sipas.registry import Registry
from tests.integration.test_notifier import Mailbox, entry
from tests.servers import KafkaServer, RedisServer, wait_until
from tests.unit.notifier_records import MANNER, OPENED, change, decided, local, people_of, person, silence
from tests.unit.test_channels import SECRET, Receiver

BEGIN = local("2026-06-01T10:00")
"""A Monday; each test begins on a later one."""


class Stack:
    """A namespace with a courier whose clock stands until it is set."""

    def __init__(self, kafka: KafkaServer, redis: RedisServer, closing: ExitStack) -> None:
        self.redis = redis
        self.bootstrap, self.namespace = [kafka.bootstrap], f"t{uuid.uuid4().hex[:10]}"
        self.topics = Topics(self.namespace)
        self.kafka = Log(self.bootstrap)
        self.kafka.create(self.namespace, partitions=1, replication=1)
        self.ledgers = Ledgers(redis.url, self.namespace)
        self.publisher = Publisher(self.bootstrap)
        self.mailbox, self.receiver = Mailbox(), Receiver()
        self.now = BEGIN
        self.registry = Registry.fold(())
        self.people: dict[str, Person] = {}
        self.mailbox.start()
        self.record = CourierRecord(self.bootstrap, self.namespace)
        for one in (self.kafka, self.ledgers, self.publisher, self.record, self.receiver):
            closing.callback(one.close)
        closing.callback(self.mailbox.stop)
        self.courier = self.make()
        closing.callback(self.close)

    def make(self, publisher: Publisher | None = None, compose: Compose | None = None) -> Courier:
        """A courier as a new process would be."""
        return Courier(
            namespace=self.namespace,
            reader=GroupReader(
                self.bootstrap,
                group=f"{self.namespace}.courier",
                topics=[self.topics.alerts, self.topics.decisions],
                max_records=500,
                together=True,
                instance="courier",
            ),
            kafka=self.kafka,
            publisher=publisher or self.publisher,
            ledgers=self.ledgers,
            record=CourierRecord(self.bootstrap, self.namespace),
            registry=lambda: self.registry,
            people=lambda: people_of(*self.people.values()),
            compose=compose
            or Composer(
                registry=lambda: self.registry,
                methods=load_methods(),
                words=load_words(),
                links=AlertLinks("s" * 32),
                board_url="https://board.example",
                escalation_hours=8,
                demo=False,
            ),
            sender=Sender(
                channels_of(
                    f"smtp://127.0.0.1:{self.mailbox.port}",
                    "sipas@mau.example",
                    {"webhook:ioc": f"http://{self.receiver.address}/hook#{SECRET}"},
                ),
                now=lambda: self.now,
                chance=lambda: 0.0,
            ),
            manner=MANNER,
            digest_time=time(7, 30),
            now=lambda: self.now,
        )

    def close(self) -> None:
        """The courier of that moment, whichever it is."""
        self.courier.close()

    def restart(self, publisher: Publisher | None = None, compose: Compose | None = None) -> None:
        """As after SIGKILL: what the process knew is gone."""
        self.courier.close()
        self.courier = self.make(publisher, compose)

    def begin(self, agency: str, *people: Person) -> None:
        """A later Monday at ten, an agency and its leaders."""
        today = MANNER.calendar.local(self.now).date()
        self.now = local(f"{today + timedelta(days=7 - today.weekday())}T10:00")
        self.registry = self.registry.updated(
            [entry("agency", agency, name={"vi": agency, "en": agency}, block=f"b-{agency}", kind="SO")]
        )
        self.people |= {one.id: one for one in people}
        self.mailbox.mails.clear()
        self.mailbox.on_mail = lambda: None

    def tell(self, *events: AlertChanged) -> None:
        """What the judge says, at the hour that it is."""
        for event in events:
            self.publish(self.topics.alerts, event, event.id, event.agency)

    def decide(self, event: AlertDecided | SilenceSet) -> None:
        key = event.agency if isinstance(event, AlertDecided) else event.scope
        self.publish(self.topics.decisions, event, event.id, key)

    def publish(self, topic: str, event: Any, event_id: str, key: str) -> None:
        marks = headers(event, event_id=event_id, source="/t", at=self.now)
        self.publisher.publish(
            topic, encode(event), key=key, headers=marks, partition=0, timestamp_ms=int(self.now.timestamp() * 1000)
        )

    def run(self, until: Callable[[], object], what: str) -> None:
        def turned() -> object:
            self.courier.step()
            return until()

        wait_until(turned, 120, what)

    def read(self) -> bool:
        """Everything that was written has come to the courier."""
        position = self.ledgers.slot("courier", 0).position() or {}
        ends = [self.kafka.bounds(topic)[0][1] for topic in (self.topics.alerts, self.topics.decisions)]
        return [int(position.get(name, -1)) for name in ("next_offset", "decisions_next")] == ends

    def settle(self) -> None:
        """Read everything, and look a few times more whether anything goes."""
        self.run(self.read, "everything to be read")
        self.look()
        self.run(self.read, "what was delivered to be read")

    def look(self) -> None:
        """A turn at each of the next seconds: pauses and checks are over, and what is due goes."""
        for _ in range(3):
            self.now += timedelta(seconds=2)
            self.courier.step()

    def at(self, text: str) -> None:
        self.now = local(text)
        self.settle()

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)
        self.settle()

    def mails(self, to: str) -> list[Any]:
        return [mail for mail in self.mailbox.mails if mail["To"] == f"{to}@mau.example"]

    def told(self) -> Mapping[str, Delivered]:
        self.record.catch_up()
        return {one.message_id: one for alert in self.record.book.alerts.values() for one in alert.told}

    def alert(self, agency: str) -> Alert:
        self.record.catch_up()
        return self.record.book.alerts[agency, "quick-5@1", "drop", OPENED]

    def queue(self) -> int:
        slot = self.ledgers.slot("courier", 0)
        _, [queue, written] = slot.snapshot([slot.key("queue"), slot.key("written")])
        return len(queue) + len(written)


@pytest.fixture(scope="module")
def made(kafka: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Redis of its own: tests flush it."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as redis, ExitStack() as closing:
        yield Stack(kafka, redis, closing)


def falls(agency: str, kind: str = "possible", opened: date = OPENED) -> AlertChanged:
    return change(kind, agency, opened)


def text_of(mail: Any) -> str:
    return str(mail.get_body(("plain",)).get_content())


def test_a_mail_server_that_is_away_for_two_hours_delays_one_message_with_everything(made: Stack) -> None:
    leads = ("so-one", "so-two", "so-three")
    made.begin("so-one", person("away", *leads))
    made.mailbox.stop()
    for agency in leads:
        made.tell(falls(agency))
        made.later(minutes=40)
    assert made.queue() == 3
    assert [one.person for one in made.alert("so-one").undelivered] == ["away"]
    made.mailbox.start()
    made.later(minutes=1)
    assert made.alert("so-one").undelivered == ()
    assert len(made.alert("so-one").overdue) == 1
    [mail] = made.mails("away")
    assert all(agency in text_of(mail) for agency in leads)
    assert made.queue() == 0
    [delivered] = [one for one in made.told().values() if one.person == "away"]
    assert sorted(one.split("/")[0] for one in (delivered.alert_id, *delivered.also)) == sorted(leads)


def test_what_the_night_held_back_is_one_mail_and_after_a_flush_no_other(made: Stack) -> None:
    made.begin(
        "so-night", person("night", "so-night", "so-dusk"), person("chair-night", "block/b-so-night", role="chairman")
    )
    day = made.now.date()
    made.at(f"{day}T22:00")
    made.tell(falls("so-night"), falls("so-night", "confirmed"), falls("so-dusk"))
    made.later(hours=1)
    assert made.mailbox.mails == []
    made.at(f"{day + timedelta(days=1)}T06:31")
    assert len(made.mails("night")) == 1
    made.decide(decided("acknowledged", "so-night", at=made.now))
    made.settle()
    assert ask_redis(made.redis.port, "FLUSHALL").startswith(b"+OK")
    made.later(days=2)
    assert len(made.mailbox.mails) == 1


def test_the_chairman_hears_of_what_stays_unacknowledged_also_after_a_restart(made: Stack) -> None:
    made.begin("so-mute", person("mute", "so-mute"), person("chair", "block/b-so-mute", role="chairman"))
    made.tell(falls("so-mute", "confirmed"))
    made.settle()
    assert (len(made.mails("mute")), made.mails("chair")) == (1, [])
    made.restart()
    made.later(days=1)
    [mail] = made.mails("chair")
    made.later(days=1)
    assert len(made.mails("chair")) == 1
    assert "/alerts/" in text_of(mail)


class KilledError(Exception):
    """The process ends here."""


class CutOff(Publisher):
    """Its process ends before or after Kafka has a delivery."""

    def __init__(self, bootstrap: list[str], *, heard: bool) -> None:
        super().__init__(bootstrap)
        self._heard = heard

    def publish(self, topic, value, **kwargs):
        if self._heard:
            super().publish(topic, value, **kwargs)
        raise KilledError


def ends(*_args) -> Any:
    raise KilledError


@pytest.mark.parametrize(("step", "sent"), [("written down", 1), ("accepted", 2), ("recorded", 1)], ids=str)
def test_killed_after_a_message_was(made: Stack, step: str, sent: int) -> None:
    """It goes again where nobody knows that it went, and is the same although more has come."""
    name = step.rsplit(maxsplit=1)[-1]
    agency, other = f"so-{name}", f"so-{name}-too"
    made.begin(agency, person(name, agency, other))
    cut_off = CutOff(made.bootstrap, heard=step == "recorded")
    made.restart(cut_off, ends if step == "written down" else None)
    made.tell(falls(agency))
    with pytest.raises(KilledError):
        made.run(lambda: False, "the process to end")
    cut_off.close()
    made.tell(falls(other))
    made.restart()
    made.settle()
    *of_first, last = made.mails(name)
    assert len(of_first) == sent
    assert len({mail["Message-ID"] for mail in of_first}) == len({text_of(mail) for mail in of_first}) == 1
    assert last["Message-ID"] != of_first[0]["Message-ID"]
    assert made.queue() == 0
    assert len([one for one in made.told().values() if one.person == name]) == 2


def test_after_an_hour_the_second_channel_comes_in_and_the_first_says_nothing_more(made: Stack) -> None:
    made.begin("so-second", person("second", "so-second", channels=("email", "webhook:ioc")))
    made.mailbox.stop()
    made.tell(falls("so-second"))
    made.later(minutes=50)
    assert made.receiver.posted == []
    made.later(minutes=15)
    [(_, headers_, body)] = made.receiver.posted
    verifier = Verifier(SECRET)
    # the library holds the timestamp against the true clock, and ours stands
    assert headers_["webhook-signature"] == verifier.sign(
        headers_["webhook-id"], datetime.fromtimestamp(int(headers_["webhook-timestamp"]), UTC), body.decode()
    )
    made.mailbox.start()
    made.later(minutes=5)
    assert made.mails("second") == []
    [delivered] = [one for one in made.told().values() if one.person == "second"]
    assert delivered.channel == "webhook:ioc"


def test_what_began_and_ended_during_maintenance_is_recorded_as_withheld(made: Stack) -> None:
    made.begin("so-works", person("works", "so-works"))
    made.decide(silence("agency/so-works", made.now, made.now + timedelta(hours=3), id_="works"))
    made.settle()
    made.tell(falls("so-works"), falls("so-works", "recovered"))
    made.later(hours=4)
    made.record.catch_up()
    assert made.mailbox.mails == []
    assert made.record.told.knows("works", falls("so-works", "recovered").id, "own")
    assert made.queue() == 0


def test_a_weekly_digest_says_also_that_all_is_normal_once(made: Stack) -> None:
    made.begin("so-calm", person("calm", "so-calm", digest="weekly"))
    monday = made.now.date() + timedelta(days=7)
    made.at(f"{monday}T07:29")
    assert made.mails("calm") == []
    made.at(f"{monday}T07:31")
    [mail] = made.mails("calm")
    made.restart()
    made.later(hours=3)
    assert len(made.mails("calm")) == 1
    assert mail["Subject"]


def test_a_clock_that_is_set_back_an_hour_sends_nothing_twice_and_holds_nothing_up(made: Stack) -> None:
    made.begin("so-clock", person("clock", "so-clock"))
    made.tell(falls("so-clock"))
    made.settle()
    made.now -= timedelta(hours=1)
    made.tell(falls("so-clock", "confirmed"))
    made.settle()
    assert len(made.mails("clock")) == 2
