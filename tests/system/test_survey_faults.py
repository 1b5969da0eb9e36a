"""Kafka goes away, a worker is killed, the disk fills: every answer that got 202 is in the log in the end."""

import json
import os
import re
import signal
import subprocess
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType

import pytest

from deploy.local.programs import ROOT
from services.survey.outbox import ACK_S
from tests.servers import KafkaServer, wait_until
from tests.survey_stack import (
    OPEN,
    REVOKED,
    SHARED,
    SUBMIT_KEY,
    Survey,
    entry,
    names,
    records,
    set_up_namespace,
    small_registry,
)

ANSWERS = 2_000
MARKS = {
    "X-Forwarded-For": "198.51.100.77",
    "User-Agent": "MarkedAgent/7.7",
    "X-Phone": "0912345678",
    "traceparent": "00-abcdefabcdefabcdefabcdefabcdef77-abcdefabcdefab77-01",
    "baggage": "phone=0987654321",
}
CLIENTS = 16
REPLACED = {"method": "quick-5@1", "status": "revoked", "replaced_by": SHARED}


class Citizens:
    """Send answers with ids of their own from many threads; remember what was promised."""

    def __init__(self, survey: Survey, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.survey = survey
        self.headers = headers
        self.accepted: set[str] = set()
        self.spooled: set[str] = set()
        self.refused = 0
        self.broken = 0
        self.waited = 0

    @property
    def promised(self) -> set[str]:
        return self.accepted | self.spooled

    @property
    def tried(self) -> int:
        return len(self.promised) + self.refused + self.broken

    def send(self, answers: int) -> None:
        left = iter(range(answers))
        lock = threading.Lock()

        def one_after_the_other() -> None:
            while True:
                with lock:
                    number = next(left, None)
                if number is None:
                    return
                self._send_one(number)

        threads = [threading.Thread(target=one_after_the_other) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send_one(self, number: int) -> None:
        response_id = str(uuid.uuid4())
        where = {"counter": SHARED, "agency": "so-b"} if number % 2 else {"counter": OPEN}
        began = time.monotonic()
        try:
            answer = self.survey.submit(
                where | {"response_id": response_id, "answers": {"ACCESS": 4}}, SUBMIT_KEY, self.headers
            )
        except (OSError, HTTPException):  # its worker was killed: no promise was made
            self.broken += 1
            return
        self.waited += time.monotonic() - began > ACK_S / 2
        if answer.status == 202:
            {"accepted": self.accepted, "spooled": self.spooled}[answer.json["status"]].add(response_id)
        else:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) > 0
            self.refused += 1


def in_log(kafka: KafkaServer, namespace: str) -> list[str]:
    return [json.loads(record.value)["response_id"] for record in records(kafka.bootstrap, namespace)]


def assert_unmarked(survey: Survey) -> None:
    """Neither spool nor log hold what a client let slip, nor does the log name an answer."""
    spooled = b"".join(path.read_bytes() for path in survey.spool.rglob("*") if path.is_file())
    assert len(spooled) > 10_000
    for mark in MARKS.values():
        assert mark.encode() not in spooled
        assert mark not in survey.log
    for response_id in re.findall(rb'"response_id":"([^"]+)"', spooled):
        assert response_id.decode() not in survey.log


def kill_a_worker(survey: Survey) -> None:
    os.kill(survey.workers()[0], signal.SIGKILL)


def stop_by_sigstop(kafka: KafkaServer) -> Callable[[], object]:
    kafka.pause()
    return kafka.resume


def stop_by_sigkill(kafka: KafkaServer) -> Callable[[], object]:
    kafka.kill()
    return kafka.start


@pytest.mark.parametrize("stop", [stop_by_sigstop, stop_by_sigkill], ids=["paused", "killed"])
def test_what_was_promised_while_kafka_was_away_and_a_worker_was_killed_is_in_the_log(
    tmp_path: Path, namespace: str, stop: Callable[[KafkaServer], Callable[[], object]]
) -> None:
    with KafkaServer(tmp_path / "kafka") as kafka:
        set_up_namespace(kafka.bootstrap, namespace, small_registry())
        with Survey(kafka.bootstrap, namespace, tmp_path / "survey") as survey:
            citizens = Citizens(survey)
            sending = threading.Thread(target=citizens.send, args=(ANSWERS,))
            sending.start()
            wait_until(lambda: citizens.tried > 200, what="answers that Kafka took")
            start_again = stop(kafka)
            wait_until(lambda: len(citizens.spooled) > 300, what="answers that were spooled")
            kill_a_worker(survey)
            sending.join()
            start_again()
            wait_until(lambda: survey.metric("sipas_survey_workers_without_kafka") == 0, what="Kafka to be used again")
            wait_until(lambda: survey.metric("sipas_survey_spool_records") == 0, what="the spool to be drained")
            after = Citizens(survey)
            after.send(50)
        log = in_log(kafka, namespace)
    assert citizens.tried == ANSWERS
    assert len(citizens.accepted) > 150
    assert len(citizens.spooled) > 1_000
    assert citizens.refused == 0
    assert citizens.promised <= set(log)
    assert len(after.accepted) == 50
    assert after.accepted <= set(log)


def test_while_kafka_is_away_nobody_waits_for_it(tmp_path: Path, namespace: str) -> None:
    with KafkaServer(tmp_path / "kafka") as kafka:
        set_up_namespace(kafka.bootstrap, namespace, small_registry())
        with Survey(kafka.bootstrap, namespace, tmp_path / "survey", SIPAS_SURVEY_WORKERS="1") as survey:
            kafka.pause()
            Citizens(survey).send(CLIENTS)
            away = Citizens(survey)
            away.send(400)
            assert survey.admin("/readyz").status == 200
            kafka.resume()
            wait_until(lambda: survey.metric("sipas_survey_spool_records") == 0, what="the spool to be drained")
    assert len(away.spooled) == 400
    # each would have; one moment in which this machine stands still is no more than one answer of each client
    assert away.waited <= CLIENTS


def test_a_full_spool_answers_503_and_is_not_ready(tmp_path: Path, namespace: str) -> None:
    with KafkaServer(tmp_path / "kafka") as kafka:
        set_up_namespace(kafka.bootstrap, namespace, small_registry())
        settings = {"SIPAS_SURVEY_WORKERS": "1", "SIPAS_SPOOL_MAX_MB": "1"}
        with Survey(kafka.bootstrap, namespace, tmp_path / "survey", **settings) as survey:
            kafka.pause()
            citizens = Citizens(survey)
            while not citizens.refused and citizens.tried < 8_000:
                citizens.send(500)
            assert citizens.refused > 0
            assert survey.admin("/readyz").status == 503
            kafka.resume()
            wait_until(lambda: survey.admin("/readyz").status == 200, what="the survey to be ready again")
            wait_until(lambda: survey.metric("sipas_survey_spool_records") == 0, what="the spool to be drained")
        assert citizens.promised <= set(in_log(kafka, namespace))


def test_a_survey_that_ends_while_kafka_is_away_leaves_its_answers_to_sipas_spool_drain(
    tmp_path: Path, namespace: str
) -> None:
    with KafkaServer(tmp_path / "kafka") as kafka:
        set_up_namespace(kafka.bootstrap, namespace, small_registry())
        with Survey(kafka.bootstrap, namespace, tmp_path / "survey") as survey:
            kafka.kill()
            citizens = Citizens(survey, MARKS)
            citizens.send(100)
            survey.stop()
        assert len(citizens.spooled) == 100
        assert_unmarked(survey)
        command = [str(ROOT / ".venv/bin/sipas"), "spool", "drain"]
        away = subprocess.run(command, env=survey.env, capture_output=True, text=True, check=False)
        assert (away.returncode, "100 answers stay on the disk" in away.stderr) == (1, True)
        kafka.start()
        drained = subprocess.run(command, env=survey.env, capture_output=True, text=True, check=False)
        assert (drained.returncode, drained.stdout) == (0, "100 answers sent\n")
        assert citizens.spooled == set(in_log(kafka, namespace))
        again = subprocess.run(command, env=survey.env, capture_output=True, text=True, check=False)
        assert (again.returncode, again.stdout) == (0, "nothing is left on the disk\n")


def test_whoever_ends_a_survey_can_wait_until_kafka_has_what_was_on_its_disk(tmp_path: Path, namespace: str) -> None:
    """As Kubernetes does before it ends a pod."""
    with KafkaServer(tmp_path / "kafka") as kafka:
        set_up_namespace(kafka.bootstrap, namespace, small_registry())
        with Survey(kafka.bootstrap, namespace, tmp_path / "survey") as survey:
            kafka.pause()
            citizens = Citizens(survey)
            citizens.send(50)
            command = [str(ROOT / ".venv/bin/sipas"), "spool", "wait", "--seconds"]
            away = subprocess.run([*command, "0"], env=survey.env, capture_output=True, text=True, check=False)
            assert (away.returncode, "bytes of answers and comments stay" in away.stderr) == (1, True)
            kafka.resume()
            waited = subprocess.run([*command, "60"], env=survey.env, capture_output=True, text=True, check=False)
            assert (waited.returncode, waited.stdout) == (0, "nothing is left on the disk\n")
            assert citizens.spooled <= set(in_log(kafka, namespace))


def test_a_survey_that_starts_while_kafka_is_away_serves_by_its_copy_of_the_registry(
    tmp_path: Path, namespace: str
) -> None:
    with KafkaServer(tmp_path / "kafka") as kafka:
        set_up_namespace(kafka.bootstrap, namespace, small_registry())
        with Survey(kafka.bootstrap, namespace, tmp_path / "survey") as survey:
            wait_until((survey.spool / "registry.copy").exists, what="the copy")
            survey.stop()
            kafka.kill()
            survey.start()
            assert "serving by the copy on this disk" in survey.log
            assert survey.ask("GET", f"/{OPEN}").status == 200
            assert survey.ask("GET", f"/{REVOKED}").status == 410
            citizens = Citizens(survey)
            citizens.send(200)
            assert len(citizens.spooled) == 200
            kafka.start()
            wait_until(lambda: survey.metric("sipas_survey_spool_records") == 0, what="the spool to be drained")
            newer = entry("counter", OPEN, label=names("Quầy 1"), agencies=["so-a"], place="trung-tam", **REPLACED)
            set_up_namespace(kafka.bootstrap, namespace, [newer])
            wait_until(lambda: survey.ask("GET", f"/{OPEN}").status == 410, what="the registry to be followed again")
        assert Counter(in_log(kafka, namespace)) == Counter(citizens.spooled)


def test_a_copy_of_another_namespace_or_a_damaged_one_is_not_served_by(tmp_path: Path, namespace: str) -> None:
    with KafkaServer(tmp_path / "kafka") as kafka:
        set_up_namespace(kafka.bootstrap, namespace, small_registry())
        with Survey(kafka.bootstrap, namespace, tmp_path / "survey") as survey:
            wait_until((survey.spool / "registry.copy").exists, what="the copy")
    copy = (survey.spool / "registry.copy").read_bytes()
    for name, kept, said in (("another", copy, f"it is of namespace {namespace}"), (namespace, b"x", "it is damaged")):
        (survey.spool / "registry.copy").write_bytes(kept)
        without = Survey(kafka.bootstrap, name, tmp_path / f"survey-{name}", spool=survey.spool)
        without.ready = lambda one=without, words=said: words in one.log  # type: ignore[method-assign]
        with without:
            assert without.admin("/readyz").status == 503


def test_sigterm_finishes_the_requests_that_are_on_their_way(tmp_path: Path, namespace: str) -> None:
    with KafkaServer(tmp_path / "kafka") as kafka:
        set_up_namespace(kafka.bootstrap, namespace, small_registry())
        with Survey(kafka.bootstrap, namespace, tmp_path / "survey") as survey:
            citizens = Citizens(survey)
            sending = threading.Thread(target=citizens.send, args=(1_000,))
            sending.start()
            wait_until(lambda: citizens.tried > 200, what="answers that Kafka took")
            survey.stop()
            sending.join()
        assert citizens.accepted <= set(in_log(kafka, namespace))
        assert not list((tmp_path / "survey/spool").rglob("*.segment"))
