"""One way to keep up with a topic, whatever is made of its records."""

from collections.abc import Iterable, Iterator

import pytest

from services.board.alerts import AlertFollower
from sipas.broker import Log, Publisher, Record, Topics
from sipas.follower import Follower
from tests.contract.documents import EXAMPLES, Example
from tests.servers import KafkaServer, wait_until

Words = tuple[bytes, ...]


class Writer:
    """Writes to the alerts of a namespace."""

    def __init__(self, kafka: KafkaServer, namespace: str) -> None:
        self.bootstrap = [kafka.bootstrap]
        self.namespace = namespace
        self.topic = Topics(namespace).alerts
        log = Log(self.bootstrap)
        log.create(namespace, partitions=1, replication=1)
        log.close()
        self.publisher = Publisher(self.bootstrap)

    def write(self, *words: bytes) -> None:
        for word in words:
            self.publisher.publish(self.topic, word, key="a")

    def repeat(self, example: Example) -> None:
        self.publisher.publish(self.topic, example.value, key=example.keyed, headers=list(example.headers))


@pytest.fixture
def writer(kafka: KafkaServer, namespace: str) -> Iterator[Writer]:
    made = Writer(kafka, namespace)
    yield made
    made.publisher.close()


def with_words(words: Words, records: Iterable[Record]) -> Words:
    """A fold that cannot bear the word "bad"."""
    values = tuple(record.value or b"" for record in records)
    if b"bad" in values:
        raise ValueError("a bad word")
    return words + values


def test_a_follower_begins_with_what_was_there_and_sees_what_comes(writer: Writer) -> None:
    writer.write(b"one", b"two")
    follower: Follower[Words] = Follower(writer.bootstrap, writer.topic, (), with_words)
    follower.start()
    assert follower.newest == (b"one", b"two")
    writer.write(b"three")
    wait_until(lambda: follower.newest == (b"one", b"two", b"three"), what="the third word")
    follower.close()
    assert follower.newest == (b"one", b"two", b"three")


def test_a_follower_that_fails_says_so_and_why_and_keeps_what_it_had(writer: Writer) -> None:
    writer.write(b"one")
    follower: Follower[Words] = Follower(writer.bootstrap, writer.topic, (), with_words)
    follower.start()
    assert follower.alive()
    writer.write(b"bad")
    wait_until(lambda: not follower.alive(), what="the end")
    assert str(follower.failure) == "a bad word"
    assert follower.newest == (b"one",)


def test_the_boards_alerts_leave_out_what_is_none_and_go_on(writer: Writer) -> None:
    possible, confirmed = EXAMPLES["alert-changed-possible"], EXAMPLES["alert-changed-confirmed"]
    writer.repeat(possible)
    alerts = AlertFollower(writer.bootstrap, writer.namespace)
    alerts.start()
    assert [alert.newest.kind for alert in alerts.book.alerts.values()] == ["possible"]
    writer.repeat(Example("", "", possible.key, possible.headers, b"{"))
    writer.repeat(EXAMPLES["delivered"])
    writer.repeat(confirmed)
    wait_until(lambda: [alert.state for alert in alerts.book.alerts.values()] == ["confirmed"], what="the confirmation")
    acknowledged = EXAMPLES["alert-acknowledged"]
    writer.publisher.publish(
        Topics(writer.namespace).decisions,
        acknowledged.value,
        key=acknowledged.keyed,
        headers=list(acknowledged.headers),
    )
    wait_until(lambda: all(alert.acknowledged for alert in alerts.book.alerts.values()), what="the acknowledgement")
    assert alerts.alive()
    alerts.close()
