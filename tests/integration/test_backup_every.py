"""`sipas backup --every` as a process: it saves, says so at its admin port, and ends when it is told to."""

import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.command_line import FORKED, SIPAS, environment_with
from tests.servers import KafkaServer, Program, free_port, wait_until
from tests.survey_stack import set_up_namespace


class Backup(Program):
    def __init__(self, settings: dict[str, str], directory: Path) -> None:
        self.port = free_port()
        self.target = directory / "backup"
        self.target.mkdir()
        command = [str(SIPAS), "backup", str(self.target), "--every", "60"]
        admin = {"SIPAS_BACKUP_ADMIN": f"127.0.0.1:{self.port}"}
        super().__init__("backup", command, directory, environment_with(settings | admin))

    def ask(self, path: str) -> tuple[int, str]:
        """Status and text; 0 where nobody listens yet."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()
        except OSError:
            return 0, ""

    def metrics(self) -> dict[str, float]:
        lines = (line.rsplit(" ", 1) for line in self.ask("/metrics")[1].splitlines() if line.startswith("sipas_"))
        return {name: float(value) for name, value in lines}

    def ready(self) -> bool:
        """There is a backup."""
        return self.ask("/readyz")[0] == 200


@pytest.fixture
def backup(kafka: KafkaServer, namespace: str, tmp_path: Path) -> Iterator[Backup]:
    made = Backup({"SIPAS_NAMESPACE": namespace, "SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap}, tmp_path)
    yield made
    made.kill()


def test_it_saves_says_how_old_the_backup_is_and_does_not_begin_again_after_a_restart(
    kafka: KafkaServer, namespace: str, backup: Backup
) -> None:
    set_up_namespace(kafka.bootstrap, namespace, ())
    backup.start()
    metrics = backup.metrics()
    assert metrics['sipas_backup_runs_total{outcome="saved"}'] == 1
    assert metrics["sipas_backup_records"] == 1
    checked = FORKED.call(["backup", str(backup.target), "--check"], backup.env)
    assert "is what was written: 1 records" in checked.stdout
    os.kill(backup.pid, signal.SIGTERM)
    assert backup.wait(30) == 0
    backup.start()
    again = backup.metrics()
    assert again["sipas_backup_begun_timestamp_seconds"] == metrics["sipas_backup_begun_timestamp_seconds"]
    assert again['sipas_backup_runs_total{outcome="saved"}'] == 0


def test_a_run_that_fails_is_counted_with_its_reason_in_the_log_and_the_process_stays(backup: Backup) -> None:
    backup.start_without_waiting()
    wait_until(lambda: backup.metrics().get('sipas_backup_runs_total{outcome="failed"}') == 1, what="a run to fail")
    assert backup.ask("/readyz") == (503, "nothing was saved yet\n")
    assert "sipas_backup_begun_timestamp_seconds" not in backup.metrics()
    assert '"not saved"' in backup.log
    assert "sipas topics create" in backup.log
    assert backup.alive


def test_a_check_does_not_stay(backup: Backup) -> None:
    refused = FORKED.call(["backup", str(backup.target), "--check", "--every", "60"], backup.env)
    assert (refused.returncode, "do not go together" in refused.stderr) == (2, True)
