"""Every alert fires when its fault is provoked, and ends after it, as a real Prometheus sees a real stack.

Waiting is shortened as `shortened.py` says. Not here, because the fault itself takes an hour or cannot be made in one
stack, and so by promtool's unit tests alone: SipasUndelivered (the notifier waits an hour before it counts a message as
undelivered), SipasJudgingLags, SipasJudgeFolding (a judge that is behind for minutes), SipasCourierTwoOwners (two that
own one partition: Kafka and the ledger keep it from happening).

The tests share one stack, and each leaves it as it was.
"""

import fcntl
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import KafkaConsumer
from kafka.coordinator.assignors.range import RangePartitionAssignor

from deploy.local.programs import ask_redis
from services.aggregator.backup.manifest import LOCK
from sipas.broker import Publisher, Topics, partition_of
from tests.contract.test_prometheus import ALERTS, DASHBOARDS, expressions, parsed, selectors
from tests.deploy.prometheus.monitored_stack import Monitored
from tests.servers import free_port, wait_until
from tests.system.running_stack import KAFKA, MAIL, ROOT

PARTITIONS = 12
IN_UNIT_TESTS_ALONE = {"SipasUndelivered", "SipasJudgingLags", "SipasJudgeFolding", "SipasCourierTwoOwners"}

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    with Monitored(tmp_path_factory.mktemp("monitored")) as running:
        yield running


@pytest.fixture(scope="module")
def publisher(monitored: Monitored) -> Iterator[Publisher]:
    made = Publisher([f"127.0.0.1:{monitored.port_of(KAFKA)}"])
    yield made
    made.close()


def silent_counter(monitored: Monitored, agency: str) -> dict[str, Any]:
    """A counter with answers of two weeks ago, and none since."""
    counter = next(one for one in monitored.counters if one["agencies"] == [agency])
    day = (datetime.now(UTC) - timedelta(days=14)).date().isoformat()
    row = {"counter": counter["code"], "answers": {"ACCESS": 5}, "answered_on": day, "channel": "paper"}
    for _ in range(6):
        assert monitored.post_document(row, "import") == 202
    return counter


def fall_of(monitored: Monitored, agency: str) -> None:
    words = f"--agencies {agency} --days 90 --rate 40 --drop-agency {agency} --drop-start 28 --drop-size 25"
    sent = monitored.stack.sipas("simulate", *words.split())
    assert sent.returncode == 0, sent.stderr


def test_on_a_sound_stack_only_the_watchdog_fires_and_calls_outside(monitored: Monitored) -> None:
    monitored.wait_until_firing("SipasWatchdog")
    wait_until(lambda: monitored.hooks.got.count("/switch") > 1, what="the receiver outside to be called again")
    wait_until(
        lambda: monitored.query("sum(rate(sipas_aggregator_records_total[10s])) > 0"), what="answers to be counted"
    )
    assert set(monitored.firing()) == {"SipasWatchdog"}


def test_a_counter_without_an_answer_for_two_weeks_is_silent(monitored: Monitored) -> None:
    counter = silent_counter(monitored, "xa-mau-hai")
    monitored.wait_until_firing("SipasSilentCounters")
    assert monitored.query('sipas_silent_counters{agency="xa-mau-hai"} == 1')
    assert monitored.post(counter) == 202
    monitored.wait_until_over("SipasSilentCounters")


def test_a_backup_that_is_no_longer_made(monitored: Monitored) -> None:
    """Each run finds that another one writes there."""
    with (monitored.backups / "sipas" / LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        monitored.wait_until_firing("SipasBackupOld")
        assert monitored.query('sipas_backup_runs_total{outcome="failed"} > 0')
    monitored.wait_until_over("SipasBackupOld")


def test_one_replica_of_two_that_is_not_there(monitored: Monitored) -> None:
    monitored.targets.write_text(json.dumps([{"targets": [f"127.0.0.1:{free_port()}"]}]))
    monitored.wait_until_firing("SipasReplicaDown")
    assert "SipasServiceDown" not in monitored.firing()
    monitored.targets.write_text("[]")
    monitored.wait_until_over("SipasReplicaDown")


def test_a_limiter_that_does_not_answer(monitored: Monitored) -> None:
    with monitored.paused(str(monitored.limiter_port)):
        monitored.wait_until_firing("SipasLimiterAway")
    monitored.wait_until_over("SipasLimiterAway")


def test_a_notifier_that_hangs_ends_the_watchdogs_calls_too(monitored: Monitored) -> None:
    with monitored.paused("services.notifier"):
        monitored.wait_until_firing("SipasNobodyIsTold", "SipasServiceDown")
        monitored.wait_until_over("SipasWatchdog")
        wait_until(
            lambda: any("truc-ban@" in mail["to"] and "KHẨN" in mail["subject"] for mail in monitored.stack.mails()),
            what="a mail to who is on duty",
        )
    monitored.wait_until_over("SipasNobodyIsTold", "SipasServiceDown")
    monitored.wait_until_firing("SipasWatchdog")


def test_a_stranger_in_the_couriers_group_leaves_nobody_to_tell(monitored: Monitored) -> None:
    with stranger(monitored):
        monitored.wait_until_firing("SipasCourierWithoutOwner")
    monitored.wait_until_over("SipasCourierWithoutOwner")


def test_a_ledger_that_hangs(monitored: Monitored) -> None:
    with monitored.paused(str(monitored.redis_port)):
        monitored.wait_until_firing("SipasLedgerAway", "SipasCourierStuck")
    monitored.wait_until_over("SipasLedgerAway", "SipasCourierStuck", "SipasServiceDown")


def test_an_aggregator_that_hangs_leaves_figures_that_stand_still(monitored: Monitored) -> None:
    with monitored.paused("services.aggregator"):
        monitored.wait_until_firing("SipasServiceDown", "SipasFiguresStale")
    monitored.wait_until_over("SipasServiceDown", "SipasFiguresStale")


def test_bad_records_pause_a_partition_and_a_lost_ledger_cannot_be_rebuilt_until_they_are_accepted(
    monitored: Monitored, publisher: Publisher
) -> None:
    partition = partition_of("so-noi-vu", PARTITIONS)
    topic = str(Topics("sipas").responses)
    publisher.wait([publisher.send(topic, b"not json", key="so-noi-vu", partition=partition) for _ in range(1500)])
    # shortened, a dead letter is news for a quarter of a minute, and the lag is one only after that
    monitored.wait_until_firing("SipasDeadLetters", "SipasPartitionPaused")
    monitored.wait_until_firing("SipasPartitionPaused", "SipasCountingLags")
    assert ask_redis(monitored.redis_port, "FLUSHALL").startswith(b"+OK")
    monitored.wait_until_firing("SipasRebuilding")
    accepted = monitored.stack.sipas("dlq", "accept", str(partition))
    assert accepted.returncode == 0, accepted.stderr
    monitored.wait_until_over("SipasPartitionPaused", "SipasCountingLags", "SipasRebuilding", "SipasDeadLetters")


def test_a_broker_that_hangs_fills_the_disk_until_answers_are_refused_and_none_is_lost(monitored: Monitored) -> None:
    counter = next(one for one in monitored.counters if one["agencies"] == ["xa-mau-ba"])
    began = time.monotonic()
    with monitored.paused("kafka.Kafka"):
        monitored.wait_until_firing("SipasKafkaAway", "SipasSpoolOld")
        assert "SipasSpoolOld" in monitored.inhibited()
        statuses: list[int] = []
        with ThreadPoolExecutor(8) as threads:
            while 503 not in statuses[-200:]:
                statuses += threads.map(lambda _: monitored.post(counter), range(200))
        monitored.wait_until_firing("SipasSpoolFilling", "SipasAnswersRefusedFast", "SipasAnswersRefusedSlow")
        path = f"/v1/agencies/so-noi-vu/comments?day={(datetime.now(UTC) - timedelta(days=7)).date()}"
        with ThreadPoolExecutor(8) as threads:
            asked = [threads.submit(monitored.ask_board, path) for _ in range(40)]
            monitored.wait_until_firing("SipasBoardFailing")
            for one in asked:
                one.cancel()
        # so that what is on the disk will be counted late; what came last is a minute old at most by its own time
        time.sleep(max(0.0, began + 200 - time.monotonic()))
        for pid in monitored.stack.processes("kafka.Kafka"):
            os.kill(pid, signal.SIGKILL)  # the supervisor starts it again
    monitored.wait_until_firing("SipasCountedLateFast", "SipasCountedLateSlow")
    promised = statuses.count(202)
    wait_until(lambda: monitored.counted("xa-mau-ba") >= promised, 120, "every promised answer to be counted")
    # whoever heard nothing may have been counted all the same
    assert monitored.counted("xa-mau-ba") <= promised + statuses.count(0)
    monitored.wait_until_over(
        "SipasKafkaAway",
        "SipasSpoolOld",
        "SipasSpoolFilling",
        "SipasAnswersRefusedFast",
        "SipasAnswersRefusedSlow",
        "SipasBoardFailing",
        "SipasCountedLateFast",
        "SipasCountedLateSlow",
    )


def test_a_mail_server_that_hangs(monitored: Monitored) -> None:
    with monitored.paused(monitored.port_of(MAIL)):
        fall_of(monitored, "so-tu-phap")
        monitored.wait_until_firing("SipasChannelAway", "SipasMessagesWait")
    monitored.wait_until_over("SipasChannelAway", "SipasMessagesWait")
    assert any("giamdoc.so-tu-phap" in mail["to"] for mail in monitored.stack.mails())


def test_a_leaders_channel_that_refuses(monitored: Monitored, tmp_path: Path) -> None:
    load_people(monitored, tmp_path, {"id": "giam-doc-so-y-te", "channels": ["webhook:ioc"], "leads": ["so-y-te"]})
    monitored.hooks.answers["/ioc"] = 400
    fall_of(monitored, "so-y-te")
    monitored.wait_until_firing("SipasMessagesRefused")
    monitored.hooks.answers["/ioc"] = 200
    monitored.wait_until_over("SipasMessagesRefused")


def test_a_fall_where_nobody_leads(monitored: Monitored, tmp_path: Path) -> None:
    elsewhere = [
        {"id": id_, "leads": ["vp-ubnd"]}
        for id_ in ("giam-doc-so-tai-chinh", "chu-tich-ubnd-tinh", "phong-cai-cach-hanh-chinh")
    ]
    load_people(monitored, tmp_path, *elsewhere)
    fall_of(monitored, "so-tai-chinh")
    monitored.wait_until_firing("SipasAlertWithoutLeader")
    monitored.wait_until_over("SipasAlertWithoutLeader")


def test_every_alert_was_seen_but_for_those_that_are_named_as_not(monitored: Monitored) -> None:
    assert monitored.seen == set(ALERTS) - IN_UNIT_TESTS_ALONE


@pytest.fixture(scope="module")
def something_of_everything(monitored: Monitored) -> None:
    """Also of what only faults have, where the tests of faults have left nothing."""
    silent_counter(monitored, "xa-mau-nam")


@pytest.mark.usefixtures("something_of_everything")
@pytest.mark.parametrize("file", DASHBOARDS)
def test_every_query_of_a_dashboard_returns_data(monitored: Monitored, file: str) -> None:
    asked = [
        (panel["title"], filled_in(target["expr"]))
        for panel in DASHBOARDS[file]["panels"]
        for target in panel.get("targets", ())
    ]

    def empty() -> list[str]:
        # of how long readers wait there is a rate once two scrapes have seen some
        assert monitored.ask_board("/") == 200
        return [f"{title}: {expr}" for title, expr in asked if not monitored.query(expr)]

    try:
        # the board reads its ledger every half minute
        wait_until(lambda: not empty(), 120)
    except TimeoutError:
        assert empty() == []


def test_every_selector_of_every_rule_and_panel_returns_series(monitored: Monitored) -> None:
    empty = set()
    for where, expr in expressions():
        for selector in selectors(parsed(expr)):
            text = filled_in(str(selector))
            if not monitored.query(f"last_over_time({text}[1h])"):
                empty.add((where, text))
    assert empty == set()


def filled_in(expr: str) -> str:
    """A query with an agency that has answers and a target."""
    for name, value in (("__rate_interval", "10m"), ("method", "quick-5@1"), ("block", ".*"), ("agency", "xa-mau-ba")):
        expr = expr.replace(f"${name}", value)
    return expr


def load_people(monitored: Monitored, directory: Path, *people: dict) -> None:
    sample = yaml.safe_load((ROOT / "services/board/sample/people.yaml").read_text("utf-8"))["people"]
    whole = [next(one for one in sample if one["id"] == person["id"]) | person for person in people]
    file = directory / "people.yaml"
    file.write_text(yaml.safe_dump({"people": whole}, allow_unicode=True), "utf-8")
    loaded = monitored.stack.sipas("people", "load", str(file))
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr


@contextmanager
def stranger(monitored: Monitored) -> Iterator[None]:
    """A consumer that is none of ours and gets the partitions, for members are served in the order of their names."""
    topics = Topics("sipas")
    consumer = KafkaConsumer(
        bootstrap_servers=f"127.0.0.1:{monitored.port_of(KAFKA)}",
        group_id="sipas.courier",
        # a name that it keeps over restarts, as ours has one: those are served first
        group_instance_id="0-stranger",
        session_timeout_ms=10_000,
        partition_assignment_strategy=[RangePartitionAssignor],
        enable_auto_commit=False,
    )
    consumer.subscribe([str(topics.alerts), str(topics.decisions)])
    over = threading.Event()

    def poll() -> None:
        while not over.is_set():
            consumer.poll(500)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        consumer.close()
