"""Kafka that is away, as the rest of the product hears of it: one error, in good time, and clients that end."""

import gc
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sipas.broker import (
    GroupReader,
    KafkaAway,
    Log,
    Partition,
    Publisher,
    PublishFailed,
    Topics,
    WholeTopicReader,
    WrongTopics,
)
from tests.servers import KafkaServer, free_port, wait_until

TOPIC = Topics("away").responses

# a client of kafka-python whose constructor fails leaves its sockets to the garbage collector, which warns
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Those sockets, before another test is blamed for them."""
    yield
    gc.collect()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaServer]:
    """A broker that a test may stop, with topics of one partition."""
    with KafkaServer(tmp_path) as kafka:
        log = Log([kafka.bootstrap])
        log.create("away", partitions=1, replication=1)
        log.close()
        yield kafka


def answers(questions: Mapping[str, Callable[[], object]]) -> dict[str, type[BaseException] | None]:
    """What each question raises; side by side, because each waits for a broker."""
    with ThreadPoolExecutor(len(questions)) as pool:
        asked = {name: pool.submit(question) for name, question in questions.items()}
        return {name: type(raised) if (raised := done.exception()) else None for name, done in asked.items()}


def clients(bootstrap: str) -> dict[str, Callable[[], object]]:
    return {
        "Log": lambda: Log([bootstrap]),
        "Publisher": lambda: Publisher([bootstrap]),
        "GroupReader": lambda: GroupReader([bootstrap], group="away", topics=[TOPIC], max_records=1),
        "WholeTopicReader": lambda: WholeTopicReader([bootstrap], TOPIC),
    }


def test_where_nobody_listens_every_client_says_that_kafka_is_away() -> None:
    questions = clients(f"127.0.0.1:{free_port()}")
    assert answers(questions) == dict.fromkeys(questions, KafkaAway)


def test_when_the_broker_has_stopped_every_question_says_that_kafka_is_away(broker: KafkaServer) -> None:
    asked = [Log([broker.bootstrap]) for _ in range(6)]  # an admin client is not made for several threads
    whole = WholeTopicReader([broker.bootstrap], TOPIC)
    member = GroupReader([broker.bootstrap], group="away", topics=[TOPIC], max_records=1)
    broker.stop()
    questions = clients(broker.bootstrap) | {
        "existing": asked[0].existing,
        "create": lambda: asked[1].create("more", partitions=1, replication=1),
        "delete": lambda: asked[2].delete([TOPIC]),
        "cut": lambda: asked[3].cut(TOPIC, {0: 0}),
        "topic_id": lambda: asked[4].topic_id(TOPIC),
        "bounds": lambda: asked[5].bounds(TOPIC, [0]),
        "to_end": lambda: list(whole.to_end()),
        "end": lambda: member.end(Partition(TOPIC, 0)),
    }
    assert answers(questions) == dict.fromkeys(questions, KafkaAway)
    for client in (*asked, whole, member):
        client.close()


def test_the_end_of_what_is_read_is_known_while_the_broker_is_away(broker: KafkaServer) -> None:
    """Whoever only watches how far behind it is must not wait for a leader, nor end for want of one."""
    publisher = Publisher([broker.bootstrap])
    for _ in range(3):
        publisher.publish(TOPIC, b"x", key="a", partition=0)
    publisher.close()
    partition, read = Partition(TOPIC, 0), 0
    member = GroupReader([broker.bootstrap], group="behind", topics=[TOPIC], max_records=1)

    def one_is_read() -> bool:
        nonlocal read
        read += sum(map(len, member.poll(0.2).values()))
        for assigned in member.take_assigned():
            member.start(assigned, 0)
        return read > 0

    wait_until(one_is_read, 120, "a record")
    broker.stop()
    assert member.end(partition) == 3
    member.close()


def test_what_a_broker_answers_is_not_taken_for_its_absence(broker: KafkaServer) -> None:
    log = Log([broker.bootstrap])
    with pytest.raises(WrongTopics):
        log.partition_count("away.nothing.v1")
    with pytest.raises(Exception, match="ReplicationFactor") as caught:
        log.create("more", partitions=1, replication=3)
    assert not isinstance(caught.value, KafkaAway)
    log.close()


@pytest.mark.parametrize("away", ["stop", "pause"])
def test_a_publisher_that_is_closed_while_kafka_is_away_ends_and_writes_nothing_later(
    broker: KafkaServer, away: str
) -> None:
    threads = set(threading.enumerate())
    delivery_timeout_s = 60.0
    publisher = Publisher([broker.bootstrap], delivery_timeout_s=delivery_timeout_s)
    publisher.publish(TOPIC, b"acknowledged", key="a")
    getattr(broker, away)()
    left = publisher.send(TOPIC, b"given up", key="a")
    began = time.monotonic()
    publisher.close(0.5)
    assert time.monotonic() - began < delivery_timeout_s / 2
    with pytest.raises(PublishFailed):
        publisher.wait([left])
    with pytest.raises(PublishFailed):
        publisher.send(TOPIC, b"too late", key="a")
    assert set(threading.enumerate()) <= threads
    publisher.close()  # a second time says nothing either
    if away == "stop":
        broker.start()
        reader = WholeTopicReader([broker.bootstrap], TOPIC)
        assert [record.value for record in reader.to_end()] == [b"acknowledged"]
        reader.close()


def test_a_member_gets_its_partitions_however_short_its_polls_are(kafka: KafkaServer, namespace: str) -> None:
    """A join that outlasts the poll that began it is not forgotten; it was, by about every second of these members."""
    log = Log([kafka.bootstrap])
    for number in range(10):
        names = Topics(f"{namespace}-{number}")
        log.create(names.namespace, partitions=2, replication=1)
        member = GroupReader([kafka.bootstrap], group=names.namespace, topics=[names.responses], max_records=1)
        assigned: set[Partition] = set()
        deadline = time.monotonic() + 60
        while not assigned and time.monotonic() < deadline:
            member.poll(0.01)
            assigned |= member.take_assigned()
        member.close()
        assert assigned == {Partition(names.responses, 0), Partition(names.responses, 1)}
    log.close()
