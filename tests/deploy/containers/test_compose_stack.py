"""The compose file from nothing to an answer on the board, and through what happens to a stack. In the order written.

Left out, because their images cannot be made from Debian's packages: Grafana and the mail catcher.
"""

import functools

import pytest

from tests.deploy.containers.base_images import UNAVAILABLE
from tests.deploy.containers.compose_stack import (
    AGENCY,
    BACKUP,
    PATIENCE_S,
    SERVERS,
    SERVICES,
    WATCHERS,
    ComposeStack,
)
from tests.deploy.containers.podman import ROOT, podman
from tests.servers import wait_until

GOOD = {"ACCESS": 4, "PROC": 5, "STAFF": 5, "RESULT": 2, "FEEDBACK": None}
REGISTRY = ROOT / "tests/deploy/containers/registry.yaml"


class Answers:
    """What was sent with 202 so far, and who may ask what became of it."""

    def __init__(self, stack: ComposeStack) -> None:
        self.stack = stack
        self.submit, self.read = stack.key("submit"), stack.key("read")
        self.sent = 0

    def send(self, number: int) -> set[str]:
        """{"accepted", "spooled"}: what the survey said."""
        said = set()
        for _ in range(number):
            status, body = self.stack.send(GOOD, self.submit)
            assert status == 202, body
            said.add(body["status"])
            self.sent += 1
        return said

    def counted(self) -> int:
        status, body = self.stack.get(f"/v1/agencies/{AGENCY}/index?period=last-30d&method=quick-5@1", self.read)
        return body["responses"] if status == 200 and not body["rebuilding"] else -1

    def wait_until_counted(self) -> None:
        wait_until(lambda: self.counted() >= self.sent, PATIENCE_S, f"{self.sent} answers to be counted")
        assert self.counted() == self.sent


@pytest.fixture(scope="module")
def stack(fresh: ComposeStack) -> ComposeStack:
    """Everything that can be tried here; the services are there before what they stand on."""
    fresh.up_alone(*SERVICES)
    for service in ("aggregator", "notifier", "board"):
        wait_until(
            lambda name=service: "waiting for Kafka and its topics" in fresh.log(name),
            PATIENCE_S,
            f"{service} to say why",
        )
    fresh.up(*SERVERS, "topics", BACKUP, *WATCHERS)
    fresh.wait_until_healthy(*SERVERS)
    fresh.wait_until_done("topics")
    fresh.wait_until_healthy(*SERVICES, BACKUP, *WATCHERS)
    return fresh


@pytest.fixture(scope="module")
def answers(stack: ComposeStack) -> Answers:
    mounted = f"{REGISTRY}:/registry.yaml:ro"
    load = ["sipas", "registry", "load", "/registry.yaml"]
    stack.compose("run", "--rm", "--no-deps", "-T", "-v", mounted, "board", *load)
    return Answers(stack)


def test_services_that_are_there_first_wait_and_do_not_end(stack: ComposeStack) -> None:
    for service in SERVICES:
        assert "cannot start" not in stack.log(service)


def test_what_runs_is_the_whole_file_but_for_what_cannot_be_had(stack: ComposeStack) -> None:
    services = set(stack.compose("config", "--services").split())
    assert services - {*SERVERS, "topics", *SERVICES, BACKUP, *WATCHERS} == set(UNAVAILABLE)


def test_an_answer_is_seen_on_the_board_and_in_prometheus(answers: Answers) -> None:
    assert answers.send(1) == {"accepted"}
    answers.wait_until_counted()
    wait_until(
        lambda: "=> 1 @" in answers.stack.query("sum(sipas_aggregator_records_total)"), 120, "Prometheus to see it"
    )


def test_prometheus_reaches_every_service_and_the_alertmanager(answers: Answers) -> None:
    up = functools.partial(answers.stack.query, 'count(up{job=~"survey|aggregator|notifier|board|backup"} == 1)')
    wait_until(lambda: "=> 5 @" in up(), 120, "five targets")
    notified = functools.partial(answers.stack.query, "prometheus_notifications_alertmanagers_discovered")
    wait_until(lambda: "=> 1 @" in notified(), 60, "the Alertmanager")


def test_without_a_key_a_figure_of_few_sheets_is_not_published(answers: Answers) -> None:
    path = f"/v1/agencies/{AGENCY}/index?period=last-30d&method=quick-5@1"
    status, body = answers.stack.get(path)
    assert status == 200
    assert body["percent"] is None
    assert body["responses"] != answers.sent
    status, _ = answers.stack.get("/v1/alerts")
    assert status == 401
    _, body = answers.stack.get(path, answers.read)
    assert (body["percent"], body["responses"]) == (75.0, answers.sent)


def test_nothing_but_survey_and_board_is_published(stack: ComposeStack) -> None:
    published = {}
    for service in (*SERVERS, *SERVICES, BACKUP, *WATCHERS):
        ports = stack.inspect(service)["NetworkSettings"]["Ports"] or {}
        if reachable := sorted(port for port, where in ports.items() if where):
            published[service] = reachable
    assert published == {
        "survey": ["8080/tcp"],
        "board": ["8081/tcp"],
    }


@pytest.mark.parametrize("service", [*SERVICES, BACKUP, *SERVERS, *WATCHERS])
def test_a_container_has_no_rights_and_none_runs_as_root(stack: ComposeStack, service: str) -> None:
    status = stack.run_in(service, "cat", "/proc/1/status").stdout
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in told["Uid"].split()
    assert int(told["CapEff"], 16) == 0
    assert int(told["CapBnd"], 16) == 0
    assert told["NoNewPrivs"] == "1"


@pytest.mark.parametrize("service", [*SERVICES, BACKUP, "redis", "limiter", *WATCHERS])
def test_the_root_of_a_container_cannot_be_written(stack: ComposeStack, service: str) -> None:
    assert stack.inspect(service)["HostConfig"]["ReadonlyRootfs"]
    for folder in ("/", "/etc", "/usr/bin", "/var"):
        tried = stack.run_in(service, "sh", "-c", f"touch {folder}/written", check=False)
        assert "Read-only file system" in tried.stderr, (folder, tried.stderr)


@pytest.mark.parametrize("service", ["aggregator", "survey", "redis", "kafka", "notifier", "board"])
def test_a_container_that_is_killed_comes_back_and_nothing_is_lost(answers: Answers, service: str) -> None:
    answers.send(5)
    answers.stack.kill(service)
    answers.stack.wait_until_healthy(service, "survey", "board")
    answers.send(5)
    answers.wait_until_counted()


def test_while_kafka_is_away_answers_are_kept_and_counted_when_it_is_back(answers: Answers) -> None:
    answers.stack.compose("stop", "kafka")
    assert answers.send(3) == {"spooled"}
    answers.stack.compose("start", "kafka")
    answers.wait_until_counted()


def test_after_a_restart_of_all_nothing_is_lost(answers: Answers) -> None:
    answers.stack.compose("restart", *SERVERS, *SERVICES)
    answers.stack.wait_until_healthy(*SERVERS, *SERVICES)
    answers.wait_until_counted()
    answers.send(3)
    answers.wait_until_counted()


def all_come_up_and_agree_with_the_log(answers: Answers) -> None:
    """After `down`; further answers are counted too."""
    stack = answers.stack
    stack.up(*SERVERS, "topics", *SERVICES, BACKUP, *WATCHERS)
    stack.wait_until_healthy(*SERVERS, *SERVICES, BACKUP, *WATCHERS)
    answers.wait_until_counted()
    answers.send(3)
    answers.wait_until_counted()
    assert stack.run_in("aggregator", "sipas", "verify").returncode == 0


def test_after_down_and_up_nothing_is_lost_and_the_figures_agree_with_the_log(answers: Answers) -> None:
    stack = answers.stack
    stack.compose("down")
    all_come_up_and_agree_with_the_log(answers)
    records = functools.partial(stack.query, "sum(sipas_aggregator_records_total)")
    wait_until(lambda: "=> " in records(), 120, "Prometheus to see them again")


def test_kafkas_volume_is_lost_and_comes_back_from_the_backup_that_was_made_by_itself(answers: Answers) -> None:
    """By the commands of docs/compose.md."""
    stack = answers.stack
    assert stack.run_in(BACKUP, "sipas", "backup", "/backup").returncode == 0
    checked = stack.run_in(BACKUP, "sipas", "backup", "/backup", "--check")
    assert "is what was written" in checked.stdout
    stack.compose("down")
    podman("volume", "rm", f"{stack.project}_kafka")
    stack.up("kafka", "redis")
    stack.wait_until_healthy("kafka", "redis")
    once = ("run", "--rm", "--no-deps", "-T")
    restored = stack.compose(*once, BACKUP, "sipas", "restore", "/backup")
    assert "sipas replay --switch" in restored
    stack.compose(*once, "aggregator", "sipas", "replay", "--switch")
    all_come_up_and_agree_with_the_log(answers)
    # the directory goes on with the log that came out of it
    assert stack.run_in(BACKUP, "sipas", "backup", "/backup").returncode == 0
