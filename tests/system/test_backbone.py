"""From an answer over HTTP to a leader's mail, on the stack that `make up` starts. Nothing of ours is imported."""

import json
import os
import signal
import socket
import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.servers import wait_until
from tests.system.running_stack import BOARD, REDIS, ROOT, SURVEY, RunningStack

REAL = ROOT / "examples" / "real-monthly-counts.csv"
ANSWERS = {"ACCESS": 4, "PROC": 5, "STAFF": 5, "RESULT": 2, "FEEDBACK": None}


def post(stack: RunningStack, body: dict, scope: str | None = "submit") -> tuple[int, dict]:
    headers = {"Content-Type": "application/json"}
    if scope:
        headers["Authorization"] = f"Bearer {stack.key(scope)}"
    request = Request(stack.url(SURVEY, "/v1/responses"), json.dumps(body).encode(), headers)
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refused:
        return refused.code, json.load(refused)


def index(stack: RunningStack, agency: str, period: str, method: str) -> dict:
    return stack.get(BOARD, f"/v1/agencies/{agency}/index?period={period}&method={method}", "read")


def counter_of_one_agency(stack: RunningStack) -> tuple[str, str]:
    exported = json.loads(stack.sipas("registry", "export").stdout)
    counter = next(c for c in exported["counters"] if len(c["agencies"]) == 1 and not c["sectors"])
    return counter["code"], counter["agencies"][0]


def test_one_answer_is_thanked_counted_once_and_seen(stack: RunningStack) -> None:
    code, agency = counter_of_one_agency(stack)
    body = {"counter": code, "answers": ANSWERS, "response_id": "3f0e6a0e-54a5-4a3e-9d7c-0a4e3c1a0001"}
    assert post(stack, body) == (202, {"response_id": body["response_id"], "status": "accepted"})
    assert post(stack, body)[0] == 202
    wait_until(lambda: index(stack, agency, "last-30d", "quick-5@1")["responses"] > 0, what="the answer to be seen")
    found = index(stack, agency, "last-30d", "quick-5@1")
    assert (found["responses"], found["answers"], found["satisfied"], found["percent"]) == (1, 4, 3, 75.0)


def test_the_real_answers_of_39_months_give_81_01_for_april_2023_and_verify_agrees(stack: RunningStack) -> None:
    sent = stack.sipas("import", "counts", str(REAL), "--agency", "so-noi-vu")
    assert sent.returncode == 0, sent.stderr
    assert "45,154 sheets of 39 months" in sent.stdout
    last = "2026-06"
    wait_until(
        lambda: index(stack, "so-noi-vu", last, "overall-1@1")["responses"] == 23 + 30 + 141 + 428 + 467,
        60,
        "the last month to be counted",
    )
    found = index(stack, "so-noi-vu", "2023-04", "overall-1@1")
    assert (found["responses"], found["satisfied"], found["percent"]) == (1169, 947, 81.01)
    verified = stack.sipas("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_drop_of_20_points_is_told_to_two_leaders_and_after_flushall_to_nobody(
    stack: RunningStack,
) -> None:
    # simulated 150 times, over all weekdays of today: the rule told of the agency every time
    words = "--agencies so-tu-phap --days 90 --rate 40 --drop-agency so-tu-phap --drop-start 28 --drop-size 20"
    sent = stack.sipas("simulate", *words.split())
    assert sent.returncode == 0, sent.stderr
    wait_until(stack.mails, what="a mail")
    wait_until(Quiet(stack), what="everything to be counted and told")
    told = [(mail["to"], mail["subject"]) for mail in stack.mails()]
    assert {to for to, _ in told} == {"giamdoc.so-tu-phap@tinhmau.example", "cchc.so-noi-vu@tinhmau.example"}
    assert all("DỮ LIỆU MẪU" in subject and "Sở Tư pháp" in subject for _, subject in told)
    alerts = stack.get(BOARD, "/v1/alerts", "read")
    before = index(stack, "so-tu-phap", "last-30d", "quick-5@1")
    real = index(stack, "so-noi-vu", "2023-04", "overall-1@1")

    flush_redis(stack)
    wait_until(lambda: index(stack, "so-noi-vu", "2023-04", "overall-1@1")["rebuilding"], what="rebuilding to be said")
    wait_until(
        lambda: (
            not index(stack, "so-noi-vu", "2023-04", "overall-1@1")["rebuilding"]
            and not index(stack, "so-tu-phap", "last-30d", "quick-5@1")["rebuilding"]
        ),
        60,
        "the ledger to be whole again",
    )
    assert index(stack, "so-tu-phap", "last-30d", "quick-5@1") == before
    assert index(stack, "so-noi-vu", "2023-04", "overall-1@1") == real
    wait_until(lambda: judged_again(stack), what="the judge to have read everything again")
    wait_until(Quiet(stack), what="the courier to have read everything again")
    assert [(mail["to"], mail["subject"]) for mail in stack.mails()] == told
    assert stack.get(BOARD, "/v1/alerts", "read") == alerts
    assert stack.sipas("verify").returncode == 0


GAUGES = {
    4: "sipas_aggregator_lag_records",
    5: ("sipas_notifier_lag_records", "sipas_notifier_queue_oldest_seconds"),
}


def is_idle(stack: RunningStack) -> bool:
    """Whether nothing is left to count, to judge or to tell, as the services' own gauges say."""
    for admin, names in GAUGES.items():
        with urlopen(stack.url(admin, "/metrics"), timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        if not all(line.endswith(" 0.0") for line in lines if line.startswith(names)):
            return False
    return True


class Quiet:
    """Asked again and again: true once all is idle and nothing that a user sees has changed for three seconds.

    The gauges are renewed every second, so one look at them could be one from before the last answer.
    """

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.seen: object = None
        self.since = time.monotonic()

    def __call__(self) -> bool:
        seen = (is_idle(self.stack), self.stack.mails(), self.stack.get(BOARD, "/v1/alerts", "read"))
        if seen != self.seen:
            self.seen, self.since = seen, time.monotonic()
        return seen[0] and time.monotonic() - self.since > 3


def judged_again(stack: RunningStack) -> bool:
    """Whether the judge's and the courier's ledgers stand at the ends of what they read."""
    log = (stack.home / "log" / "notifier.log").read_text()
    return log.count("the numbers are whole, judging begins") >= 24 and stack.sipas("alerts").returncode == 0


def test_what_is_killed_comes_back_and_nothing_is_lost(stack: RunningStack) -> None:
    """Aggregator, notifier, board, Redis and Kafka die one after the other while answers arrive."""
    code, agency = counter_of_one_agency(stack)
    before = index(stack, agency, "last-30d", "quick-5@1")["responses"]
    thanked = 0
    victims = ("services.aggregator", "services.notifier", "services.board", "redis-server", "kafka.Kafka")
    for number, victim in enumerate(victims):
        for pid in stack.processes(victim):
            os.kill(pid, signal.SIGKILL)
        for turn in range(10):
            body = {
                "counter": code,
                "answers": ANSWERS,
                "response_id": f"3f0e6a0e-54a5-4a3e-9d7c-0a4e3c1b{number:02d}{turn:02d}",
            }
            status, answer = post(stack, body)
            assert status == 202, answer
            thanked += 1
    wait_until(lambda: all_ready(stack), 90, "everything to be back")
    wait_until(
        lambda: index(stack, agency, "last-30d", "quick-5@1")["responses"] == before + thanked,
        60,
        "every answer that was thanked for",
    )
    wait_until(lambda: stack.sipas("verify").returncode == 0, what="verify to agree")


def test_it_stops_without_trace_and_starts_again_with_its_data(stack: RunningStack) -> None:
    keys = (stack.home / "keys.json").read_text()
    _, agency = counter_of_one_agency(stack)
    before = index(stack, agency, "last-30d", "quick-5@1")
    stack.interrupt()
    assert stack.processes() == []
    again = RunningStack(stack.home, stack.first_port)
    try:
        again.wait_until_ready()
        assert (again.home / "keys.json").read_text() == keys
        assert index(again, agency, "last-30d", "quick-5@1") == before
    finally:
        again.discard()


def flush_redis(stack: RunningStack) -> None:
    with socket.create_connection(("127.0.0.1", stack.first_port + REDIS)) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(100) == b"+OK\r\n"


def all_ready(stack: RunningStack) -> bool:
    for admin in range(2, 6):
        try:
            with urlopen(stack.url(admin, "/readyz"), timeout=5) as answer:
                if answer.status != 200:
                    return False
        except OSError:
            return False
    return True
