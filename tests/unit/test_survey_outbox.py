"""Batches on their way to Kafka, with a broker that answers when the test says so."""

import threading
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from services.survey.outbox import Outbox
from sipas.broker import Publisher, PublishFailed, Sent
from sipas.events import Comment, Response


class Broker:
    """Takes what is sent; acknowledges, or fails, when told to. One `send` is one record handed over."""

    def __init__(self) -> None:
        self.topics: list[str] = []
        self.takes = 1_000
        self.waits = 0
        self.away = threading.Event()
        self.asked = threading.Event()
        self.answers = threading.Event()

    @property
    def taken(self) -> int:
        return len(self.topics)

    def send(self, topic: str, _value: bytes, **_of_record: Any) -> Sent:
        if self.taken == self.takes:
            raise PublishFailed("not taken")
        self.topics.append(topic)
        return cast("Sent", object())

    def wait(self, _sent: Iterable[Sent]) -> None:
        self.waits += 1
        self.asked.set()
        assert self.answers.wait(10)
        if self.away.is_set():
            raise PublishFailed("no acknowledgement")


def sheet() -> Response:
    return Response(
        response_id=uuid.uuid4(),
        agency="so-a",
        place=None,
        counter=None,
        sector=None,
        method="quick-5@1",
        answers={"ACCESS": 4},
        answered_on=date(2026, 11, 22),
        received_at=datetime(2026, 11, 22, tzinfo=UTC),
        channel="qr",
        via="form",
        language="vi",
        assisted=False,
    )


def comment() -> Comment:
    return Comment(id=uuid.uuid4(), agency="so-a", counter=None, day=date(2026, 11, 22), text="chậm")


def gathered(outbox: Outbox, count: int) -> None:
    while len(outbox._next.letters) < count:
        pass


def test_what_comes_while_a_batch_is_away_goes_together_in_the_next() -> None:
    broker = Broker()
    outbox = Outbox(cast("Publisher", broker), "t", ZoneInfo("Asia/Ho_Chi_Minh"))
    with ThreadPoolExecutor(11) as clients:
        first = clients.submit(outbox.send, sheet())
        assert broker.asked.wait(10)
        others = [clients.submit(outbox.send, sheet()) for _ in range(10)]
        gathered(outbox, 10)
        assert broker.taken == 1
        broker.answers.set()
        for client in (first, *others):
            client.result(10)
    assert broker.taken == 11


def test_after_a_failure_those_who_wait_fail_too_and_kafka_is_not_asked_again() -> None:
    broker = Broker()
    broker.away.set()
    outbox = Outbox(cast("Publisher", broker), "t", ZoneInfo("Asia/Ho_Chi_Minh"))
    with ThreadPoolExecutor(6) as clients:
        first = clients.submit(outbox.send, sheet())
        assert broker.asked.wait(10)
        others = [clients.submit(outbox.send, sheet()) for _ in range(5)]
        gathered(outbox, 5)
        broker.answers.set()
        for client in (first, *others):
            with pytest.raises(PublishFailed):
                client.result(10)
    assert broker.taken == 1


def test_a_sheet_and_its_comment_go_in_one_batch_to_topics_of_their_own() -> None:
    broker = Broker()
    broker.answers.set()
    outbox = Outbox(cast("Publisher", broker), "t", ZoneInfo("Asia/Ho_Chi_Minh"))
    outbox.send(comment(), sheet())
    assert broker.topics == ["t.comments.v1", "t.responses.v1"]
    assert broker.waits == 2  # once for the batch, once for their own


def test_a_sheet_whose_comment_was_not_taken_is_not_promised_either() -> None:
    broker = Broker()
    broker.takes = 1
    broker.answers.set()
    outbox = Outbox(cast("Publisher", broker), "t", ZoneInfo("Asia/Ho_Chi_Minh"))
    with pytest.raises(PublishFailed):
        outbox.send(sheet(), comment())
