"""`python -m services.board` beside a real Kafka and Redis, from an answer in the log to the number on the board."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from sipas.broker import Log, Publisher, Topics
from sipas.events import AlertChanged, Entry, Measured, Response, encode, headers
from tests.integration.board_stack import PARTITIONS, PROVINCE, READ
from tests.servers import KafkaServer, Program, RedisServer, free_port, wait_until

AT = datetime(2026, 11, 22, 3, 15, tzinfo=UTC)


class Service(Program):
    """A service of ours as its own process; `port` is that of its admin side."""

    def __init__(self, name: str, directory: Path, port: int, settings: Mapping[str, str]) -> None:
        self.port = port
        env = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")} | settings
        super().__init__(name, [sys.executable, "-m", f"services.{name}"], directory, env)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False


class Stack:
    def __init__(self, kafka: KafkaServer, redis: RedisServer, namespace: str, directory: Path) -> None:
        self.namespace, self.topics = namespace, Topics(namespace)
        self.bootstrap = kafka.bootstrap
        self.publisher = Publisher([kafka.bootstrap])
        log = Log([kafka.bootstrap])
        log.create(namespace, partitions=PARTITIONS, replication=1)
        log.close()
        facts = {"timezone": "Asia/Ho_Chi_Minh", "partitions": PARTITIONS}
        self.enter(Entry(kind="namespace", id="facts", history=(facts,)), *PROVINCE)
        board, board_admin, aggregator_admin = free_port(), free_port(), free_port()
        settings = {
            "SIPAS_NAMESPACE": namespace,
            "SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "SIPAS_REDIS_URL": redis.url,
            "SIPAS_BOARD_LISTEN": f"127.0.0.1:{board}",
            "SIPAS_LINK_SECRET": "s" * 32,
            "SIPAS_BOARD_ADMIN": f"127.0.0.1:{board_admin}",
            "SIPAS_AGGREGATOR_ADMIN": f"127.0.0.1:{aggregator_admin}",
        }
        self.address, self.admin = f"http://127.0.0.1:{board}", f"http://127.0.0.1:{board_admin}"
        self.settings = settings
        self.aggregator = Service("aggregator", directory, aggregator_admin, settings)
        self.board = Service("board", directory, board_admin, settings)

    def enter(self, *entries: Entry) -> None:
        for entry in entries:
            made = headers(entry, event_id=str(uuid.uuid4()), source="/test", at=AT)
            self.publisher.publish(self.topics.registry, encode(entry), key=f"{entry.kind}/{entry.id}", headers=made)

    def answer(self, number: int, agency: str = "so-noi-vu") -> None:
        for _ in range(number):
            sheet = Response(
                response_id=uuid.uuid4(),
                agency=agency,
                place=None,
                counter=None,
                sector=None,
                method="quick-5@1",
                answers={"ACCESS": 5, "STAFF": 2},
                answered_on=date(2026, 11, 22),
                received_at=AT,
                channel="qr",
                via="submit",
                language="vi",
                assisted=False,
            )
            made = headers(sheet, event_id=str(sheet.response_id), source="/test", at=AT)
            self.publisher.publish(self.topics.responses, encode(sheet), key=agency, headers=made)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.address}{path}", headers=READ), timeout=10
        ) as answer:
            return json.load(answer)


@pytest.fixture
def stack(kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(kafka, redis_server, namespace, tmp_path)
    yield stack
    stack.board.kill()
    stack.aggregator.kill()
    stack.publisher.close()


INDEX = "/v1/agencies/so-noi-vu/index?period=2026-11-22"


def test_an_answer_in_the_log_moves_the_number_on_the_board(stack: Stack) -> None:
    """Before the aggregator has opened the ledger nothing is known: that is `rebuilding`, not zero sheets."""
    stack.board.start()
    assert stack.get(INDEX)["rebuilding"] is True
    stack.aggregator.start()
    wait_until(lambda: stack.get(INDEX)["rebuilding"] is False, what="the ledger")
    stack.answer(6)
    wait_until(lambda: stack.get(INDEX)["responses"] == 6, what="the answers on the board")
    found = stack.get(INDEX)
    assert (found["percent"], found["answers"], found["satisfied"]) == (50.0, 12, 6)
    assert found["as_of"] == "2026-11-22T03:15:00Z"


def test_the_board_follows_the_registry_and_the_alerts_while_it_runs(stack: Stack) -> None:
    stack.board.start()
    assert stack.get("/v1/alerts") == {"next": None, "alerts": []}
    change = AlertChanged(
        id="a-1",
        agency="so-noi-vu",
        method="quick-5@1",
        rule="drop",
        kind="possible",
        number=1,
        opened_on=date(2026, 11, 22),
        day=date(2026, 11, 22),
        since=date(2026, 11, 20),
        before=Measured(percent=85.0, interval=(80.0, 90.0), responses=400),
        after=Measured(percent=60.0, interval=None, responses=30),
        evidence=7.5,
        criterion="STAFF",
        target=None,
        historical=False,
        version=(0, 9),
        state={"secret": "of the judge"},
    )
    made = headers(change, event_id="a-1", source="/test", at=AT)
    stack.publisher.publish(stack.topics.alerts, encode(change), key="so-noi-vu", headers=made)
    new = Entry(
        kind="agency", id="so-moi", history=({"name": {"vi": "Sở Mới", "en": "New"}, "block": "so", "kind": "SO"},)
    )
    stack.enter(new)
    wait_until(lambda: stack.get("/v1/alerts")["alerts"], what="the alert")
    wait_until(lambda: "so-moi" in str(stack.get("/v1/agencies")), what="the new agency")
    [alert] = stack.get("/v1/alerts?agency=so-noi-vu")["alerts"]
    assert (alert["state"], alert["after"]["percent"], alert["criterion"]) == ("possible", 60.0, "STAFF")
    assert [one["kind"] for one in alert["changes"]] == ["possible"]
    assert "secret" not in str(alert)
    assert stack.get("/v1/alerts?agency=so-y-te") == {"next": None, "alerts": []}


def test_the_admin_side_tells_of_requests_by_route_and_never_by_path(stack: Stack) -> None:
    stack.board.start()
    stack.get(INDEX)
    with pytest.raises(urllib.error.HTTPError):
        stack.get("/v1/agencies/some-marked-value/index")
    with urllib.request.urlopen(f"{stack.admin}/metrics", timeout=30) as answer:
        metrics = answer.read().decode()
    assert 'sipas_board_request_seconds_count{route="board.index"} 2.0' in metrics
    assert 'sipas_board_refused_total{code="unknown-agency"} 1.0' in metrics
    assert "some-marked-value" not in metrics + stack.board.log


def test_a_namespace_in_another_time_zone_is_refused_at_start(stack: Stack) -> None:
    env = {**(stack.board.env or {}), "SIPAS_TIMEZONE": "Asia/Tokyo"}
    ended = subprocess.run(stack.board.command, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "Asia/Ho_Chi_Minh" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_it_ends_on_sigterm(stack: Stack) -> None:
    stack.board.start()
    stack.board.stop(timeout_s=15)
    assert "Traceback" not in stack.board.log
