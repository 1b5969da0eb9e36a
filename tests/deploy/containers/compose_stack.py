"""The stack of `docker-compose.yml`, brought up by podman-compose under a project name of its own.

podman-compose starts containers at once where Docker waits for their dependencies, so what waits, waits by itself.
"""

import json
import os
import re
import signal
import subprocess
import uuid
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.deploy.containers.podman import ROOT, is_healthy, podman, run
from tests.servers import free_port, wait_until

SERVERS = ("kafka", "redis", "limiter")
SERVICES = ("survey", "aggregator", "notifier", "board")
WATCHERS = ("prometheus", "alertmanager")
BACKUP = "backup"
COMPOSE = ["-m", "podman_compose"]
AGENCY, COUNTER = "so-noi-vu", "MQJHXJJXR6"
PATIENCE_S = 900
"""Only who waits in vain waits so long: Kafka took three minutes to start where thirty programs shared a processor."""


class ComposeStack:
    """As an administrator has it: commands of compose, and what is published."""

    def __init__(self, project: str, directory: Path) -> None:
        self.project = project
        self.survey, self.board = free_port(), free_port()
        self._env_file = directory / "env"
        made = re.sub(
            r"^(SIPAS_SECRET|SIPAS_LINK_SECRET|REDIS_PASSWORD|GRAFANA_PASSWORD)=$",
            lambda found: f"{found[1]}={uuid.uuid4().hex}{uuid.uuid4().hex}",
            (ROOT / ".env.example").read_text(encoding="utf-8"),
            flags=re.MULTILINE,
        )
        published = f"SURVEY_PUBLISH=127.0.0.1:{self.survey}\nBOARD_PUBLISH=127.0.0.1:{self.board}\n"
        # a machine on which much else runs
        self._env_file.write_text(f"{made}{published}SIPAS_START_WAIT_S=900\n", encoding="utf-8")

    # --- commands

    def compose(self, *words: str, timeout_s: float = 900) -> str:
        """`docker compose …`; what it printed on stdout."""
        python = str(ROOT / ".venv/bin/python")
        where = ["-p", self.project, "--env-file", str(self._env_file), "-f", "docker-compose.yml"]
        return run(python, *COMPOSE, *where, *words, timeout_s=timeout_s).stdout

    def up(self, *services: str) -> None:
        self.compose("up", "-d", *services)

    def up_alone(self, *services: str) -> None:
        """Without what they depend on."""
        self.compose("up", "-d", "--no-deps", *services)

    def name(self, service: str) -> str:
        return f"{self.project}_{service}_1"

    def run_in(self, service: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command in a container that runs."""
        return podman("exec", self.name(service), *words, check=check)

    def log(self, service: str) -> str:
        said = podman("logs", self.name(service), check=False)
        return said.stdout + said.stderr

    def inspect(self, service: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(podman("inspect", self.name(service)).stdout)
        return found[0]

    def wait_until_healthy(self, *services: str, timeout_s: float = PATIENCE_S) -> None:
        for service in services:
            wait_until(partial(is_healthy, self.name(service)), timeout_s, f"{service} to be healthy")

    def wait_until_done(self, service: str, timeout_s: float = PATIENCE_S) -> None:
        """A container that runs once has ended well."""
        wait_until(lambda: self._state(service) == ("exited", 0), timeout_s, f"{service} to be done")

    def _state(self, service: str) -> tuple[str, int]:
        state = self.inspect(service)["State"]
        return state["Status"], state["ExitCode"]

    def kill(self, service: str) -> None:
        """SIGKILL to the first process of the container, behind the engine's back. Returns when it is up again."""
        before = self.inspect(service)["State"]["Pid"]
        os.kill(before, signal.SIGKILL)
        wait_until(
            lambda: self.inspect(service)["State"]["Pid"] not in (0, before), PATIENCE_S, f"{service} to come back"
        )

    def discard(self) -> None:
        self.compose("down", "-v", "--timeout", "5")

    # --- what is published

    def get(self, path: str, key: str | None = None) -> tuple[int, Any]:
        """From the board."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return _ask(Request(f"http://127.0.0.1:{self.board}{path}", headers=headers))

    def send(self, answers: Mapping[str, int | None], key: str) -> tuple[int, Any]:
        """One answer, to the survey."""
        body = {"counter": COUNTER, "answers": answers, "response_id": str(uuid.uuid4())}
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        return _ask(Request(f"http://127.0.0.1:{self.survey}/v1/responses", json.dumps(body).encode(), headers))

    def key(self, scope: str) -> str:
        made = self.run_in("board", "sipas", "key", "create", "--scope", scope, "--json").stdout
        key: str = json.loads(made)["key"]
        return key

    def query(self, expression: str) -> str:
        """What Prometheus says, in promtool's words."""
        return self.run_in("prometheus", "promtool", "query", "instant", "http://127.0.0.1:9090", expression).stdout


def _ask(request: Request) -> tuple[int, Any]:
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refused:
        return refused.code, json.load(refused)
