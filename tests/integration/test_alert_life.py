"""What people decide about an alert, by the page and by commands: board, commands and topics say the same of it."""

import json
import re
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notifier.alert_life import read_book
from sipas.alert_book import Alert
from sipas.alert_links import AlertLinks
from sipas.events import decode_alert, encode, headers
from tests.contract.documents import EXAMPLES
from tests.integration.command_line import sipas
from tests.integration.test_alert_page import person
from tests.integration.test_board_process import AT, Stack
from tests.servers import KafkaServer, RedisServer, wait_until

POSSIBLE = decode_alert(EXAMPLES["alert-changed-possible"].value)
KEY = (POSSIBLE.agency, POSSIBLE.method, POSSIBLE.rule, POSSIBLE.opened_on)
NAME = "so-noi-vu/quick-5@1/drop/2026-09-23"


class Life:
    """A board of two workers with one open alert, and the command line beside it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.bootstrap = stack.bootstrap
        made = headers(POSSIBLE, event_id=POSSIBLE.id, source="/test", at=AT)
        stack.publisher.publish(stack.topics.alerts, encode(POSSIBLE), key=POSSIBLE.agency, headers=made)
        leader = person("an", "Nguyễn Văn An", "so-noi-vu")
        made = headers(leader, event_id=str(uuid.uuid4()), source="/test", at=AT)
        stack.publisher.publish(stack.topics.people, encode(leader), key="person/an", headers=made)
        stack.board.env = {**(stack.board.env or {}), "SIPAS_BOARD_WORKERS": "2"}
        stack.board.start()
        settings = {"SIPAS_NAMESPACE": stack.namespace, "SIPAS_KAFKA_BOOTSTRAP": self.bootstrap}
        self.alerts = sipas(settings, "alerts")
        token = AlertLinks("s" * 32).token(KEY, "an", at=datetime.now(UTC))
        self.link = f"{stack.address}/alerts/{token}"

    def page(self, form: dict[str, str] | None = None) -> str:
        """The page as a browser gets it in the end."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(self.link, data=data, timeout=20) as answer:
            return answer.read().decode()

    def nonce(self) -> str:
        found = re.search(r'name="nonce" value="([^"]+)"', self.page())
        assert found
        return found[1]

    def in_topics(self) -> Alert:
        return read_book([self.bootstrap], self.stack.namespace).alerts[KEY]

    def by_command(self) -> Any:
        [line] = self.alerts("list", "--json").stdout.splitlines()
        return json.loads(line)

    def on_board(self) -> Any:
        [alert] = self.stack.get("/v1/alerts")["alerts"]
        return alert


@pytest.fixture(scope="module")
def life(kafka: KafkaServer, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    stack = Stack(kafka, redis_server, f"t{uuid.uuid4().hex[:10]}", tmp_path_factory.mktemp("life"))
    yield Life(stack)
    stack.board.kill()
    stack.publisher.close()


def instants(value: Any) -> Any:
    """The same with every instant as one, however it is written."""
    if isinstance(value, dict):
        return {name: instants(part) for name, part in value.items()}
    if isinstance(value, list):
        return [instants(part) for part in value]
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        return datetime.fromisoformat(value)
    return value


def test_an_acknowledgement_by_the_link_is_there_when_the_page_says_so(life: Life) -> None:
    form = {"nonce": life.nonce(), "act": "acknowledged", "note": "Đang kiểm tra"}
    assert "Đã báo nhận: Nguyễn Văn An" in life.page(form)
    assert "Đã báo nhận: Nguyễn Văn An" in life.page(form)
    assert [(one.act, one.by, one.note) for one in life.in_topics().decisions] == [
        ("acknowledged", "an", "Đang kiểm tra")
    ]


def test_the_board_the_commands_and_the_topics_tell_the_same_life(life: Life) -> None:
    life.alerts("note", NAME, "--by", "an", "--note", "Quầy 3 đóng")
    life.alerts("action", POSSIBLE.id, "--note", "Thêm một quầy\nvà một người")
    snoozed = life.alerts("snooze", NAME, "--days", "3").stdout
    assert re.match(r"snoozed until \d{4}-\d\d-\d\d \d\d:\d\dZ by command-line at ", snoozed)
    # already closed by a command, and found so by everybody
    life.alerts("close", NAME, "--note", "Đã xong")
    told = life.in_topics()
    assert [one.act for one in told.decisions][-4:] == ["noted", "acted", "snoozed", "closed"]
    wait_until(lambda: life.on_board()["closed"], what="the end on the board")
    wait_until(lambda: all(life.on_board()["closed"] for _ in range(20)), what="the end in both workers")
    by_command, on_board = instants(life.by_command()), instants(life.on_board())
    same = (
        "agency",
        "method",
        "rule",
        "opened_on",
        "state",
        "acknowledged",
        "notes",
        "actions",
        "snoozed_until",
        "closed",
        "undelivered",
    )
    assert {name: by_command[name] for name in same} == {name: on_board[name] for name in same}
    assert by_command["closed"]["id"] == (told.closed and told.closed.id)
    assert by_command["snoozed_until"] == told.snoozed_until
    assert [one["note"] for one in by_command["actions"]] == ["Thêm một quầy\nvà một người"]
    assert "Nguyễn" not in json.dumps(life.stack.get("/v1/alerts"))
    page = life.page()
    assert "Đã kết thúc theo quyết định" in page
    assert "Quản trị viên (dòng lệnh)" in page
    listed = life.alerts().stdout
    assert "so-noi-vu  quick-5@1  drop possible" in listed
    assert "    noted by an at " in listed
    assert life.alerts("list", "--open").stdout == "no alerts\n"


def test_a_command_that_cannot_be_done_writes_nothing(life: Life) -> None:
    before = life.in_topics().decisions
    assert "nobody listed has the id nam" in life.alerts("ack", NAME, "--by", "nam", code=1).stderr
    assert "there is no alert so-y-te" in life.alerts("ack", "so-y-te", code=1).stderr
    assert "has recovered or was closed" in life.alerts("new-normal", NAME, "--note", "x", code=1).stderr
    assert life.in_topics().decisions == before


def test_a_silence_is_set_listed_and_ended(life: Life) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    assert (
        "no block/khong-co"
        in life.alerts("silence", "set", "block/khong-co", "--to", tomorrow, "--reason", "x", code=1).stderr
    )
    made = life.alerts("silence", "set", "agency/so-noi-vu", "--to", tomorrow, "--reason", "Chuyển trụ sở").stdout
    id_ = made.split()[0]
    [listed] = life.alerts("silence", "list", "--json").stdout.splitlines()
    assert (json.loads(listed)["id"], json.loads(listed)["reason"]) == (id_, "Chuyển trụ sở")
    scopes, now = ("so-noi-vu", "block/so", "province"), datetime.now(UTC)
    assert read_book([life.bootstrap], life.stack.namespace).silenced(scopes, now)
    life.alerts("silence", "end", id_)
    assert not read_book([life.bootstrap], life.stack.namespace).silenced(scopes, datetime.now(UTC))
    assert life.alerts("silence", "list").stdout == "no silences\n"
