"""A dead letter keeps its record, minutes instead of seconds, and nothing that tells who answered."""

import json
import random
import re
from datetime import UTC, datetime

from click.testing import CliRunner, Result

from services.aggregator.dead_letters import DeadLetters, Rejected
from services.aggregator.dlq_commands import dlq
from sipas.broker import Record, WholeTopicReader
from sipas.events import Headers, decode_response, headers
from tests.contract.documents import Example
from tests.integration.aggregator_stack import AggregatorStack
from tests.integration.answers import make_sheet
from tests.servers import wait_until

AGENCY = "co-quan-1"
MARKS: Headers = [
    ("X-Forwarded-For", b"198.51.100.77"),
    ("user-agent", b"Mozilla/5.0 (0912345678)"),
    ("sipas_reason", b"0912345678"),
    ("x-not-utf-8", b"\xff0912345678"),
]
MARKED = re.compile(rb"198\.51\.100\.77|0912345678|Mozilla")
WITH_SECONDS = 1_795_317_342_789


def records_of(stack: AggregatorStack, topic: str) -> list[Record]:
    reader = WholeTopicReader([stack.kafka.bootstrap], topic)
    try:
        return list(reader.to_end())
    finally:
        reader.close()


def sheet_and_headers(**changes: object) -> tuple[bytes, Headers]:
    """A sheet of a newer program, with the headers that the survey gives it."""
    value = json.dumps(make_sheet(random.Random(1), AGENCY, **changes) | {"added_later": 1}).encode()
    sheet = decode_response(value)
    made = headers(sheet, event_id=str(sheet.response_id), source="/sipas/survey", at=sheet.received_at, trace=True)
    return value, made


def ask(stack: AggregatorStack, *words: str) -> Result:
    """`sipas dlq …`."""
    settings = {
        "SIPAS_NAMESPACE": stack.namespace,
        "SIPAS_KAFKA_BOOTSTRAP": stack.kafka.bootstrap,
        "SIPAS_REDIS_URL": stack.redis.url,
    }
    return CliRunner().invoke(dlq, words, env=settings, catch_exceptions=False)


def test_a_bad_record_is_kept_and_sent_again_as_it_came_without_marks_or_seconds(stack: AggregatorStack) -> None:
    good, own = sheet_and_headers()
    bad = good.replace(b'"STAFF": ', b'"STAFF": "high", "PROC": ')
    marked = [*MARKS[:2], *own, *MARKS[2:]]
    stack.publisher.publish(stack.topics.responses, bad, key=AGENCY, headers=marked, timestamp_ms=WITH_SECONDS)
    stack.aggregator("first").start()
    wait_until(lambda: records_of(stack, stack.topics.dlq), what="the dead letter")
    [letter] = records_of(stack, stack.topics.dlq)
    assert (letter.key, letter.value) == (AGENCY.encode(), bad)
    assert [(name, value) for name, value in letter.headers if not name.startswith("sipas_")] == own

    assert "1 dead letters sent again" in ask(stack, "retry").output
    _, again = records_of(stack, stack.topics.responses)
    assert (again.key, again.value, list(again.headers)) == (AGENCY.encode(), bad, own)

    wait_until(lambda: len(records_of(stack, stack.topics.dlq)) == 2, what="the same letter again")
    for record in (*records_of(stack, stack.topics.dlq), again):
        assert record.timestamp % 60_000 == 0
        assert not MARKED.search(b"".join([record.value or b"", *(n.encode() + v for n, v in record.headers)]))
    listed = ask(stack, "list").output
    assert "wrong-shape" in listed
    assert not MARKED.search(listed.encode())


def test_a_sheet_that_was_too_old_is_sent_again_as_an_import_and_otherwise_as_it_came(stack: AggregatorStack) -> None:
    value, own = sheet_and_headers(received_at="2026-05-11T03:00:00Z")
    record = Example("", stack.topics.responses, AGENCY.encode(), own, value, partition=1)
    letters = DeadLetters(stack.publisher, stack.namespace, "aggregator")
    letters.bury([Rejected(record, "too-old", "")], datetime(2026, 11, 22, 3, 15, 42, tzinfo=UTC))
    assert ask(stack, "retry", "--reason", "wrong-shape").output == "0 dead letters sent again\n"
    assert ask(stack, "retry", "--reason", "too-old").output == "1 dead letters sent again\n"
    [again] = records_of(stack, stack.topics.responses)
    assert json.loads(again.value or b"") == json.loads(value) | {"via": "import"}
    assert list(again.headers) == own
    assert again.timestamp == datetime(2026, 5, 11, 3, 0, tzinfo=UTC).timestamp() * 1000
