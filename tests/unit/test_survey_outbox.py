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
from sipas.events import Response


class Broker:
    """Takes what is sent; acknowledges, or fails, when told to. One `send` is one record handed over."""

    def __init__(self) -> None:
        self.taken = 0
        self.away = threading.Event()
        self.asked = threading.Event()
        self.answers = threading.Event()

    def send(self, _topic: str, _value: bytes, **_of_record: Any) -> Sent:
        self.taken += 1
        return cast("Sent", object())

    def wait(self, _sent: Iterable[Sent]) -> None:
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
