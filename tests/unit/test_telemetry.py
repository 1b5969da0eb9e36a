"""The admin port and the logs."""

import json
import logging
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from prometheus_client import CollectorRegistry, Counter

from sipas.settings import Address
from sipas.telemetry import OnceAMinute, configure_logging, logger, serve_admin


@pytest.fixture
def reasons() -> list[str]:
    return []


@pytest.fixture
def admin(reasons: list[str]) -> Iterator[HTTPConnection]:
    registry = CollectorRegistry()
    Counter("sipas_test_things_total", "Things.", registry=registry).inc(3)
    server = serve_admin(Address("127.0.0.1", 0), lambda: reasons, registry)
    connection = HTTPConnection("127.0.0.1", server.server_port)
    yield connection
    connection.close()
    server.shutdown()
    server.server_close()


def ask(admin: HTTPConnection, path: str) -> tuple[int, str]:
    admin.request("GET", path)
    answer = admin.getresponse()
    return answer.status, answer.read().decode()


def test_metrics_are_served_for_prometheus(admin: HTTPConnection) -> None:
    status, text = ask(admin, "/metrics")
    assert status == 200
    assert "sipas_test_things_total 3.0" in text


def test_a_service_lives_and_is_ready_unless_it_says_why_not(admin: HTTPConnection, reasons: list[str]) -> None:
    assert ask(admin, "/livez") == (200, "OK\n")
    assert ask(admin, "/readyz") == (200, "OK\n")
    reasons.append("Kafka is away")
    assert ask(admin, "/readyz") == (503, "Kafka is away\n")
    assert ask(admin, "/livez")[0] == 200


def test_nothing_else_is_there(admin: HTTPConnection) -> None:
    assert ask(admin, "/admin")[0] == 404


@pytest.fixture
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_log_line_is_one_json_object_with_its_fields(root_logger: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    logger("sở").warning("đã xảy ra", partition=3)
    logging.getLogger("library").warning("theirs")
    ours, theirs = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (ours["event"], ours["partition"], ours["level"], ours["logger"]) == ("đã xảy ra", 3, "warning", "sở")
    assert (theirs["event"], theirs["logger"]) == ("theirs", "library")


def test_what_kafkas_client_says_of_each_attempt_is_told_once_a_minute(
    root_logger: None, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("json")
    client, ours = logging.getLogger("kafka.net"), logging.getLogger("services")
    for _ in range(3):
        client.error("no address")
        ours.error("said each time")
    client.error("another fault")
    told = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert told == ["no address", *["said each time"] * 3, "another fault"]


def test_what_kafkas_client_says_is_told_again_a_minute_later() -> None:
    once = OnceAMinute("kafka.")
    record = logging.makeLogRecord({"name": "kafka.net", "msg": "no address", "created": 1000.0})
    assert once.filter(record)
    record.created = 1059.0
    assert not once.filter(record)
    record.created = 1060.0
    assert once.filter(record)
