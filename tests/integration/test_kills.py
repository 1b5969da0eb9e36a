"""A notifier that is killed between any two of its steps tells every change, and never says one of them differently.

It speaks with Kafka, Redis and the mail server through proxies that count what it changes there and kill it (SIGKILL)
at a chosen step; a supervisor starts it again. While it is dead another agency falls, so that what was not said yet may
be said together with it.

A process that was killed leaves the same behind before a step as after the one before it. So only the first step is
tried from both sides here, every other from its far side: the server has done it, and nobody heard its answer.
`SIPAS_TEST_KILLS=all` tries both sides of all, and each once more while the notifier comes back.
"""

import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path

import pytest

from deploy.local.programs import HOST, ROOT
from sipas.alert_book import Event
from sipas.alert_records import read_event
from sipas.broker import WholeTopicReader
from sipas.events import AlertChanged, Delivered
from tests.integration.killing_proxy import KafkaWatch, Killer, KillingProxy, watch_redis, watch_smtp
from tests.integration.test_notifier import Stack, entry, today, usual
from tests.servers import KafkaServer, Program, RedisServer, free_port, wait_until

STEPS = (
    "redis judge commit",
    "kafka alert-changed",
    "redis judge settle",
    "redis courier commit",  # the change is queued
    "redis courier commit",  # its message is written down
    "smtp data",
    "smtp mail",
    "smtp quit",
    "kafka delivered",
    "redis courier settle",  # the queue
    "redis courier settle",  # what was written down
    "redis courier commit",  # the delivery was read from the log
)
"""Of one change to one person, in an order that judge and courier need not keep to each other."""
USUAL_DAYS = 60
LEADER = "vi@tinhmau.example"
ALL = os.environ.get("SIPAS_TEST_KILLS") == "all"


class ProxiedKafka(KafkaServer):
    """A second listener sends its clients to `proxy_port`."""

    def __init__(self, directory: Path) -> None:
        self.inner_port, self.proxy_port = free_port(), free_port()
        super().__init__(directory)
        plain, controller = f"PLAINTEXT://{HOST}:{self.port}", f"CONTROLLER://{HOST}:{self.controller_port}"
        self.set(
            {
                "listeners": f"{plain},BEHIND://{HOST}:{self.inner_port},{controller}",
                "advertised.listeners": f"{plain},BEHIND://{HOST}:{self.proxy_port}",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,BEHIND:PLAINTEXT,CONTROLLER:PLAINTEXT",
            }
        )


class Killed:
    """A stack whose notifier lives behind proxies."""

    def __init__(self, kafka: ProxiedKafka, redis: RedisServer, namespace: str, directory: Path) -> None:
        self.stack = Stack(kafka.bootstrap, redis, namespace, directory)
        self.stack.mailbox.start()
        self._reader = WholeTopicReader(self.stack.bootstrap, self.stack.topics.alerts)
        self.events: list[Event] = []
        self._pid_file = directory / "notifier.pid"
        self.killer = Killer(self._kill)
        redis_port, smtp_port = free_port(), free_port()
        self._proxies = [
            KillingProxy(kafka.inner_port, kafka.proxy_port, KafkaWatch, self.killer),
            KillingProxy(redis.port, redis_port, lambda: watch_redis, self.killer),
            KillingProxy(self.stack.mailbox.port, smtp_port, lambda: watch_smtp, self.killer),
        ]
        env = self.stack.env | {
            "SIPAS_KAFKA_BOOTSTRAP": f"{HOST}:{kafka.proxy_port}",
            "SIPAS_REDIS_URL": f"redis://{HOST}:{redis_port}/0",
            "SIPAS_SMTP_URL": f"smtp://{HOST}:{smtp_port}",
            "SIPAS_NOTIFIER_ADMIN": f"{HOST}:{free_port()}",
            "SIPAS_INSTANCE": "notifier",
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "tests.integration.forking", str(self._pid_file)]
        self.notifier = Program("notifier", command, directory, os.environ | env)

    def _kill(self) -> None:
        os.kill(int(self._pid_file.read_text()), signal.SIGKILL)

    def about_to_fall(self, *agencies: str) -> None:
        """Agencies that the next day makes fall."""
        names = {"vi": "Sở", "en": "Department"}
        self.stack.record("registry", *(entry("agency", one, name=names, block="so", kind="SO") for one in agencies))
        self.stack.record("people", entry("person", "giam-doc", name="A", email=LEADER, leads=list(agencies)))
        for agency in agencies:
            self.stack.tell(today() - timedelta(days=USUAL_DAYS + 3), [*usual(USUAL_DAYS), 0.725, 0.725], agency)

    def fall(self, agency: str) -> None:
        self.stack.tell(today() - timedelta(days=1), [0.725], agency)

    def settle(self) -> None:
        """The ledgers hold nothing more to do, and the record says of each change that it was told."""
        wait_until(self._is_settled, 120, "everything to be told")

    def _is_settled(self) -> bool:
        if not self.stack.is_settled():
            return False
        slot = self.stack.ledgers.slot("courier", 0)
        if slot.snapshot([slot.key("written")])[1][0]:
            return False
        self.events += [event for record in self._reader.to_end() if (event := read_event(record)) is not None]
        return self.said_by().keys() == {event.id for event in self.events if isinstance(event, AlertChanged)}

    def said_by(self) -> dict[str, set[str]]:
        """Change -> the messages that said it."""
        found = defaultdict(set)
        for event in self.events:
            if isinstance(event, Delivered):
                for change in (event.alert_id, *event.also):
                    found[change].add(event.message_id)
        return found

    def close(self) -> None:
        self.notifier.kill()
        self._reader.close()
        for proxy in self._proxies:
            proxy.close()
        self.stack.close()


@pytest.fixture
def made(tmp_path: Path, namespace: str) -> Iterator[Killed]:
    with ProxiedKafka(tmp_path) as kafka, RedisServer(tmp_path) as redis, ExitStack() as closing:
        made = Killed(kafka, redis, namespace, tmp_path)
        closing.callback(made.close)
        yield made


def mail_id(message: str) -> str:
    """The Message-ID that a mail's own id gives."""
    return f"<{blake2b(message.encode(), digest_size=16).hexdigest()}@tinhmau.example>"


def test_a_change_is_told_and_never_differently_wherever_the_notifier_is_killed(made: Killed) -> None:
    sides = [(at, side) for at in range(1, len(STEPS) + 1) for side in (True, False) if ALL or at == 1 or not side]
    fallen = [f"so-{number}" for number in range(len(sides))]
    beside = [f"xa-{number}" for number in range(len(sides))]
    made.about_to_fall("so-first", "so-alive", *fallen, *beside)
    with made.notifier:
        # a script that Redis does not know yet is asked for twice
        made.fall("so-first")
        made.settle()
        made.killer.arm(0, before=True)
        made.fall("so-alive")
        made.settle()
        assert Counter(made.killer.steps) == Counter(STEPS)
        for (at, before), agency, other in zip(sides, fallen, beside, strict=True):
            made.killer.arm(at, before=before)
            made.fall(agency)
            assert made.killer.killed.wait(120), (at, made.killer.steps)
            if ALL:
                made.killer.arm(at, before=before)
            made.fall(other)
            made.settle()

    changes = {event.id: event for event in made.events if isinstance(event, AlertChanged)}
    assert sorted(change.agency for change in changes.values()) == sorted(["so-first", "so-alive", *fallen, *beside])
    # what stands twice is the same
    assert all(event == changes[event.id] for event in made.events if isinstance(event, AlertChanged))
    # each change is said by one message, and each mail is one of these
    said_by = made.said_by()
    assert {change: len(messages) for change, messages in said_by.items()} == dict.fromkeys(changes, 1)
    texts = defaultdict(set)
    for mail in made.stack.mailbox.mails:
        texts[mail["Message-ID"]].add(mail.get_body(("plain",)).get_content())
    assert texts.keys() == {mail_id(message) for messages in said_by.values() for message in messages}
    # and is the same however often it came
    assert {len(of_one) for of_one in texts.values()} == {1}
    assert len(made.stack.mailbox.mails) > len(texts)
