"""A Kafka that is lost comes back from files. Real servers, whose data directory is deleted; real processes."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.local.programs import ask_redis
from services.aggregator.backup.saving import SAVED
from services.aggregator.backup.segments import Saved
from sipas.broker import Log, Publisher, Topics, WholeTopicReader
from tests.integration.command_line import sipas
from tests.integration.test_notifier import Counted, Stack, today, vi
from tests.servers import KafkaServer, RedisServer, wait_until

START_S = 240
LOST_NOTHING = ("responses", "alerts", "decisions")
"""Come back to their offsets."""


def everything(bootstrap: str, namespace: str, kind: str) -> list[tuple[int, Saved]]:
    """(partition, record) of a topic, in order."""
    with closing(WholeTopicReader([bootstrap], getattr(Topics(namespace), kind))) as reader:
        return sorted((record.partition, Saved.of(record)) for record in reader.to_end())


# --- the drill


class Office:
    """A province at work: its leaders are told, answer, and sign a frozen result."""

    def __init__(self, directory: Path, kafka: KafkaServer, redis: RedisServer, namespace: str) -> None:
        self.kafka, self.redis, self.namespace, self.directory = kafka, redis, namespace, directory
        self.stack = Stack(kafka.bootstrap, redis, namespace, directory)
        self.stack.mailbox.start()
        self.counted = Counted(self.stack)
        self.sipas = sipas({name: value for name, value in self.counted.env.items() if name.startswith("SIPAS_")})
        self.backups = directory / "backups"
        self.backups.mkdir()

    def lose_kafka(self) -> None:
        self.stack.publisher.close()
        self.stack.kafka.close()
        self.kafka.wipe()
        self.kafka.start(START_S)
        self.stack.kafka = Log([self.kafka.bootstrap])
        self.stack.publisher = Publisher([self.kafka.bootstrap])

    def records(self) -> dict[str, list[tuple[int, Saved]]]:
        return {kind: everything(self.kafka.bootstrap, self.namespace, kind) for kind in SAVED}

    def restored(self) -> dict:
        return json.loads(self.sipas("restore", str(self.backups), "--json").stdout)

    def saved(self) -> dict:
        return json.loads(self.sipas("backup", str(self.backups), "--json").stdout)

    def acknowledged(self) -> list[str]:
        lines = self.sipas("alerts", "list", "--json").stdout.splitlines()
        return [alert["acknowledged"]["by"] for alert in map(json.loads, lines) if alert["acknowledged"]]

    def settle(self, generation: str = "g1", epoch: int = 0) -> None:
        """Everything is counted, judged and told."""
        wait_until(lambda: self.counted.is_told(generation, epoch), 240, "the totals to be told")
        wait_until(self.stack.is_settled, 240, "everything to be judged and told")

    def close(self) -> None:
        self.stack.close()


@pytest.fixture
def office(tmp_path: Path, namespace: str) -> Iterator[Office]:
    """Servers of its own: they are lost."""
    with KafkaServer(tmp_path).start(START_S) as kafka, RedisServer(tmp_path) as redis:
        made = Office(tmp_path, kafka, redis, namespace)
        yield made
        made.close()


def without_offsets(records: list[tuple[int, Saved]]) -> list[tuple[int, str]]:
    return [(partition, record.digest) for partition, record in records]


def newest_by_key(records: list[tuple[int, Saved]]) -> dict[bytes | None, str]:
    return {record.key: record.digest for _, record in records}


def test_a_lost_kafka_comes_back_and_no_leader_is_mailed_again(office: Office) -> None:
    """Twice: Redis survives, with a ledger of the log that is gone; then Redis is lost too."""
    stack, counted = office.stack, office.counted
    year = str(today().year)
    with counted.aggregator, stack.notifier():
        day = counted.write(today() - timedelta(days=63), 60)
        office.settle()
        day = counted.write(day, 3, share=0.725)
        office.settle()
        assert stack.mailbox.subjects() == [vi("possible")]
        [alert] = stack.read_alerts().alerts
        office.sipas("alerts", "ack", alert, "--by", "giam-doc")
        office.sipas("freeze", year, "--force-reason", "diễn tập", "--directory", str(office.directory))
        # while everything runs
        first = office.saved()
        before = office.records()
    assert first["topics"]["responses"]["records"] == len(before["responses"]) > 0
    mails = len(stack.mailbox.mails)

    office.lose_kafka()
    restored = office.restored()
    assert restored["written"] == first["records"]
    assert (restored["ledger"], restored["next"]) == ("of-the-lost-log", "sipas replay --switch")
    after = office.records()
    for kind in LOST_NOTHING:
        assert after[kind] == before[kind], kind
    assert without_offsets(after["results"]) == without_offsets(before["results"])
    for kind in ("registry", "people"):
        assert newest_by_key(after[kind]) == newest_by_key(before[kind])
    # it must not go on with the ledger of another log
    counted.aggregator.start()
    assert counted.aggregator.wait(120) == 1
    assert "sipas replay" in counted.aggregator.log
    office.sipas(*restored["next"].split()[1:])
    with counted.aggregator, stack.notifier():
        epoch = before["decisions"][-1][1].offset + 1
        office.settle("g2", epoch)
        assert "the ledger agrees with the log" in office.sipas("verify").stdout
        told = office.sipas("verify", year).stdout
        assert "is what the log gives, byte for byte" in told
        assert "made anew since" in told
        assert office.acknowledged() == ["giam-doc"]
        assert len(stack.mailbox.mails) == mails
        # it is alive: what comes next is the confirmation of the alert that was restored
        day = counted.write(day, 1, share=0.725)
        office.settle("g2", epoch)
        assert stack.mailbox.subjects() == [vi("possible"), vi("confirmed")]
        second = office.saved()
        assert second["new"] > 0
        mails = len(stack.mailbox.mails)
        before = office.records()

    office.lose_kafka()
    assert ask_redis(office.redis.port, "FLUSHALL").startswith(b"+OK")
    restored = office.restored()
    assert (restored["ledger"], restored["next"]) == ("empty", None)
    with counted.aggregator, stack.notifier():
        office.settle("g2", epoch)
        after = office.records()
        for kind in LOST_NOTHING:
            assert after[kind] == before[kind], kind
        assert "the ledger agrees with the log" in office.sipas("verify").stdout
        assert "is what the log gives, byte for byte" in office.sipas("verify", year).stdout
        assert office.acknowledged() == ["giam-doc"]
        assert len(stack.mailbox.mails) == mails
    assert set(stack.records_by_id().values()) == {1}
