"""Prometheus' and Alertmanager's own tools on the committed files. They come with Debian's packages."""

import subprocess
from pathlib import Path

import pytest

from tests.deploy.prometheus.monitored_stack import DEPLOY, program
from tests.deploy.prometheus.shortened import SECONDS, seconds, write_rules

RULES = sorted(DEPLOY.glob("rules/*.yaml"))


def run(*command: str | Path) -> str:
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_prometheus_takes_its_configuration_and_the_rules() -> None:
    said = run(program("promtool"), "check", "config", DEPLOY / "prometheus.yml")
    assert said.count("rules found") == len(RULES)


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("rules/tests/*.yaml")), ids=lambda path: path.stem)
def test_every_alert_fires_and_ends_as_its_unit_tests_say(path: Path) -> None:
    assert "SUCCESS" in run(program("promtool"), "test", "rules", path)


def test_a_unit_test_that_expects_too_much_fails(tmp_path: Path) -> None:
    """promtool passes over what it does not understand; this one must not pass."""
    text = (
        (DEPLOY / "rules/tests/survey.yaml")
        .read_text("utf-8")
        .replace("rule_files: [../", f"rule_files: [{DEPLOY}/rules/")
    )
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text.replace("exp_samples: []", "exp_samples: [{labels: '{}', value: 1}]", 1), "utf-8")
    ended = subprocess.run([program("promtool"), "test", "rules", wrong], capture_output=True, check=False, timeout=300)
    assert ended.returncode != 0


def test_the_rules_are_rules_also_when_they_are_shortened(tmp_path: Path) -> None:
    write_rules(DEPLOY / "rules", tmp_path / "rules")
    run(program("promtool"), "check", "rules", *(tmp_path / "rules").glob("*.yaml"))
    assert seconds("1h") == 15
    text = "".join(path.read_text("utf-8") for path in (tmp_path / "rules").glob("*.yaml"))
    assert all(short in text for _, short in SECONDS.values())
    assert "[1h]" not in text


def test_alertmanager_takes_its_configuration() -> None:
    run(program("amtool"), "check-config", DEPLOY / "alertmanager.yml")


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (("alertname=SipasKafkaAway", "severity=critical", "service=survey"), "operators-now"),
        (("alertname=SipasSpoolOld", "severity=warning", "service=survey"), "operators"),
        (("alertname=SipasSilentCounters", "severity=info", "service=board"), "operators"),
        (("alertname=SipasWatchdog", "severity=none", "service=notifier"), "dead-mans-switch"),
    ],
)
def test_who_is_told_of_what(labels: tuple[str, ...], receiver: str) -> None:
    said = run(program("amtool"), "config", "routes", "test", f"--config.file={DEPLOY / 'alertmanager.yml'}", *labels)
    assert said.split() == [receiver]
