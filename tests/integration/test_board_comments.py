"""Comments on the board: who may read them, from when, and how they come from the log."""

import gc
import json
import os
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from services.board.comments import CommentTopic, comments_of
from sipas.broker import Log, Publisher, Topics
from sipas.events import Comment, encode, headers, midnight_ms
from tests.contract.documents import Example
from tests.integration.board_stack import PARTITIONS, READ, SUBMIT, BoardStack
from tests.integration.command_line import FORKED
from tests.integration.test_board_process import Stack
from tests.servers import KafkaServer, RedisServer

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FRIDAY = date(2026, 11, 20)
PATH = "/v1/agencies/so-noi-vu/comments"
SATURDAY, MONDAY = datetime(2026, 11, 21, 3, 0, tzinfo=UTC), datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def comment(
    text: str, day: date = FRIDAY, agency: str = "so-noi-vu", id_: uuid.UUID | None = None, counter: str = "MQJHXJJXR6"
) -> Comment:
    return Comment(id=id_ or uuid.uuid4(), agency=agency, counter=counter, day=day, text=text)


@pytest.fixture
def stack(kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path) -> Iterator[Stack]:
    made = Stack(kafka, redis_server, namespace, tmp_path)
    yield made
    made.board.kill()
    made.publisher.close()


@pytest.fixture
def board(redis_server: RedisServer, namespace: str) -> Iterator[BoardStack]:
    made = BoardStack(redis_server.url, namespace)
    made.now = MONDAY
    yield made
    made.ledgers.close()


# --- who, and from when


def test_a_days_comments_are_read_with_the_read_key_without_id_and_time(board: BoardStack) -> None:
    board.comments = [comment("chậm"), comment("tốt", day=date(2026, 11, 19)), comment("khác", agency="so-y-te")]
    found = board.get(PATH, READ, day="2026-11-20")
    assert found == {
        "agency": "so-noi-vu",
        "day": "2026-11-20",
        "comments": [{"counter": "MQJHXJJXR6", "text": "chậm"}],
    }


def test_they_are_shuffled_for_every_reader(board: BoardStack) -> None:
    """Forty in the order of the log twice running: not once in 10^40."""
    board.comments = [comment(str(number)) for number in range(40)]
    orders = [[one["text"] for one in board.get(PATH, READ, day="2026-11-20")["comments"]] for _ in range(2)]
    assert orders[0] != orders[1]
    assert sorted(orders[0], key=int) == [str(number) for number in range(40)]


@pytest.mark.parametrize("now", [SATURDAY, MONDAY.replace(hour=16, minute=59)], ids=["Saturday", "late on Sunday"])
def test_until_the_next_working_day_the_answer_names_the_first_day(board: BoardStack, now: datetime) -> None:
    board.comments = [comment("vừa mới viết")]
    board.now = now
    problem = board.get(PATH, READ, day="2026-11-20")
    assert (board.status, board.type, problem["code"]) == (422, "application/problem+json", "invalid")
    [error] = problem["errors"]
    assert (error["field"], error["code"]) == ("day", "comments-later")
    assert all("23/11/2026" in error["detail"][language] for language in ("vi", "en"))
    assert "vừa mới viết" not in str(problem)


@pytest.mark.parametrize(
    ("given", "day", "status", "code"),
    [
        ({}, "2026-11-20", 401, "no-key"),
        ({"Authorization": "Bearer nonsense"}, "2026-11-20", 401, "bad-key"),
        (SUBMIT, "2026-11-20", 403, "wrong-scope"),
        (READ, "hôm qua", 422, "invalid"),
        (READ, "0001-01-01", 422, "invalid"),
        (READ, "9999-12-31", 422, "invalid"),
        (READ, "2027-01-01", 422, "invalid"),
        (READ, "", 422, "invalid"),
    ],
)
def test_what_is_not_answered(board: BoardStack, given: dict[str, str], day: str, status: int, code: str) -> None:
    problem = board.get(PATH, given, day=day)
    assert (board.status, problem["code"]) == (status, code)


def test_an_unknown_agency_is_told(board: BoardStack) -> None:
    assert board.get("/v1/agencies/nobody/comments", READ, day="2026-11-20")["code"] == "unknown-agency"


def test_an_answer_is_kept_by_no_cache(board: BoardStack) -> None:
    answer = board.client.get(f"{PATH}?day=2026-11-20", headers=READ)
    assert answer.headers["Cache-Control"] == "no-store"


# --- from the log


def publish(bootstrap: str, namespace: str, comments: Sequence[Comment]) -> None:
    publisher = Publisher([bootstrap])
    for one in comments:
        made = headers(one, event_id=str(one.id), source="/test", at=datetime.combine(one.day, time(tzinfo=UTC)))
        publisher.publish(
            Topics(namespace).comments,
            encode(one),
            key=one.agency,
            headers=made,
            timestamp_ms=midnight_ms(one.day, ZONE),
        )
    publisher.close()


@pytest.fixture
def topic(kafka: KafkaServer, namespace: str) -> CommentTopic:
    log = Log([kafka.bootstrap])
    log.create(namespace, partitions=PARTITIONS, replication=1)
    log.close()
    return CommentTopic(bootstrap=[kafka.bootstrap], namespace=namespace, partitions=PARTITIONS, zone=ZONE)


def test_a_comment_that_was_sent_again_is_read_once_also_where_it_came_days_later(
    kafka: KafkaServer, topic: CommentTopic
) -> None:
    twice = uuid.uuid4()
    later = date(2026, 11, 24)
    written = [comment("một", id_=twice), comment("hai", day=date(2026, 5, 1)), comment("ba")]
    again = [comment("một nữa", id_=twice), comment("một", day=later, id_=twice)]
    publish(kafka.bootstrap, topic.namespace, [*written, *again])
    assert {one.text for one in topic.read("so-noi-vu", FRIDAY)} == {"một", "ba"}
    assert topic.read("so-noi-vu", later) == []


def test_a_day_without_comments_and_a_topic_without_any_are_empty(kafka: KafkaServer, topic: CommentTopic) -> None:
    assert topic.read("so-noi-vu", FRIDAY) == []
    publish(kafka.bootstrap, topic.namespace, [comment("một", day=date(2026, 5, 1))])
    assert topic.read("so-noi-vu", FRIDAY) == []


def test_agencies_that_share_a_partition_are_told_apart_and_what_is_no_comment_is_passed_over() -> None:
    mine, other = comment("của tôi"), comment("khác", agency="so-y-te")
    values = [b"{", encode(other), None, encode(mine)]
    read = [Example("", "comments", b"", [], value) for value in values]
    assert comments_of(read, "so-noi-vu", FRIDAY) == [mine]


# --- as their readers ask for them


def test_the_command_prints_a_days_comments(kafka: KafkaServer, stack: Stack) -> None:
    stack.board.start()
    counter = "MQJHXJJXR6"
    publish(kafka.bootstrap, stack.namespace, [comment("chậm\nquá", counter=counter), comment("tốt", counter=counter)])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")}

    def ask(*options: str, key: str = "read-token") -> subprocess.CompletedProcess[str]:
        settings = {"SIPAS_BOARD_URL": stack.address, "SIPAS_READ_KEY": key}
        return FORKED.call(["comments", "--agency", "so-noi-vu", *options], environment | settings)

    printed = ask("--day", "2026-11-20")
    assert (printed.returncode, printed.stderr) == (0, "2 comments of so-noi-vu on 20/11/2026\n")
    assert sorted(printed.stdout.splitlines()) == [" " * 12 + "quá", f"{counter}  chậm", f"{counter}  tốt"]
    answer = json.loads(ask("--day", "2026-11-20", "--json").stdout)
    assert {one["text"] for one in answer["comments"]} == {"chậm\nquá", "tốt"}
    too_early = ask("--day", "2999-11-20")
    assert too_early.returncode == 1
    assert "21/11/2999" in too_early.stderr
    refused = ask("--day", "2026-11-20", key="submit-token")
    assert (refused.returncode, "The key does not allow this" in refused.stderr) == (1, True)
    assert ask("--day", "20/11/2026").returncode == 2


@pytest.fixture
def collected() -> Iterator[None]:
    yield
    gc.collect()


# a client of kafka-python whose constructor fails leaves its sockets to the garbage collector, which warns
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("collected")
def test_without_kafka_the_answer_says_that_comments_cannot_be_read_now(
    redis_server: RedisServer, namespace: str
) -> None:
    nowhere = CommentTopic(bootstrap=["127.0.0.1:1"], namespace=namespace, partitions=PARTITIONS, zone=ZONE)
    made = BoardStack(redis_server.url, namespace, read_comments=nowhere.read)
    made.now = MONDAY
    problem = made.get(PATH, READ, day="2026-11-20")
    assert (made.status, problem["code"]) == (503, "comments-away")
    made.ledgers.close()
