"""The stack of `make up` with a real Prometheus that scrapes it, a real Alertmanager, and an answer every half second.

Configurations are the committed ones; changed are addresses, how often is scraped, and how long is waited
(`shortened.py`).
"""

import json
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.deploy.prometheus.shortened import write_rules
from tests.integration.command_line import environment_with
from tests.servers import Program, free_port, wait_until
from tests.system.running_stack import BOARD, LIMITER, MAIL, REDIS, ROOT, SURVEY, RunningStack, free_ports

DEPLOY = ROOT / "deploy/prometheus"
SCRAPE_S = 2
ADMIN_PORTS = {"survey": 2, "board": 3, "aggregator": 4, "notifier": 5}
HOOK_SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
FIRES_S = 180
ENDS_S = 300


def program(name: str) -> str:
    """Where a program is; fails the test where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed: apt-get install prometheus prometheus-alertmanager")
    return found


def status_of(request: Request, timeout_s: float) -> int:
    """The answer's status, 0 where none came."""
    try:
        with urlopen(request, timeout=timeout_s) as answer:
            return int(answer.status)
    except HTTPError as refused:
        with refused:
            return refused.code
    except (URLError, OSError):
        return 0


class Hooks:
    """An HTTP server that takes webhooks: of the dead-man's switch, and of a leader's channel that may refuse."""

    def __init__(self) -> None:
        hooks = self
        self.got: list[str] = []
        self.answers = {"/ioc": 200}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                hooks.got.append(self.path)
                self.send_response(hooks.answers.get(self.path, 200))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Served(Program):
    """A program that says when it is ready."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        directory: Path,
        port: int,
        *,
        env: Mapping[str, str] | None = None,
        path: str = "/-/ready",
    ) -> None:
        self.port = port
        self._path = path
        super().__init__(name, command, directory, env)

    def ready(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{self._path}", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False


class Monitored:
    """`with` starts all of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.hooks = Hooks()
        self.targets = directory / "more-targets.json"
        self.seen: set[str] = set()
        """The alerts that have fired in this run."""
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        own = {
            # so that it can be filled in a minute
            "SIPAS_SPOOL_MAX_MB": "1",
            "SIPAS_CHANNELS": json.dumps({"webhook:ioc": f"{self.hooks.url('/ioc')}#{HOOK_SECRET}"}),
        }
        before = {name: os.environ.get(name) for name in own}
        os.environ |= own
        try:
            self.stack = RunningStack(self.directory / "home", free_ports())
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        self.stack.wait_until_ready()
        self.backup = self._backup().start()
        self.alertmanager = self._alertmanager().start()
        self.prometheus = self._prometheus().start()
        counters = json.loads(self.stack.sipas("registry", "export").stdout)["counters"]
        self.counters = [one for one in counters if len(one["agencies"]) == 1 and not one["sectors"]]
        self.busy = next(one for one in self.counters if one["agencies"] == ["so-noi-vu"])
        threading.Thread(target=self._answer, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.prometheus.kill()
        self.alertmanager.kill()
        self.backup.kill()
        for pid in self.stack.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.stack.discard()
        self.hooks.close()

    def _backup(self) -> Served:
        """Every minute; there is one when this returns."""
        self.backups = self.directory / "backups"
        self.backups.mkdir()
        port = free_port()
        command = self.stack.command("backup", str(self.backups), "--every", "1")
        admin = environment_with({"SIPAS_BACKUP_ADMIN": f"127.0.0.1:{port}"})
        return Served("backup", command, self.directory, port, env=admin, path="/readyz")

    def _alertmanager(self) -> Served:
        config = yaml.safe_load((DEPLOY / "alertmanager.yml").read_text("utf-8"))
        config["global"]["smtp_smarthost"] = f"127.0.0.1:{self.stack.first_port + MAIL}"
        for route in (config["route"], *config["route"]["routes"]):
            route |= {"group_wait": "1s", "group_interval": "2s"}
        config["route"]["routes"][0]["repeat_interval"] = "2s"
        [switch] = (one for one in config["receivers"] if one["name"] == "dead-mans-switch")
        switch["webhook_configs"][0]["url"] = self.hooks.url("/switch")
        path = self.directory / "alertmanager.yml"
        path.write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
        port = free_port()
        command = [
            program("prometheus-alertmanager"),
            f"--config.file={path}",
            f"--storage.path={self.directory / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]
        return Served("alertmanager", command, self.directory, port)

    def _prometheus(self) -> Served:
        config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
        config["global"] = dict.fromkeys(config["global"], f"{SCRAPE_S}s")
        config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{self.alertmanager.port}"]
        port = free_port()
        ports = {name: self.stack.first_port + number for name, number in ADMIN_PORTS.items()}
        ports |= {"backup": self.backup.port, "prometheus": port}
        for job in config["scrape_configs"]:
            job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
            if job["job_name"] == "survey":
                job["file_sd_configs"] = [{"files": [str(self.targets)]}]
        self.targets.write_text("[]")
        write_rules(DEPLOY / "rules", self.directory / "rules")
        config["rule_files"] = [str(self.directory / "rules/*.yaml")]
        path = self.directory / "prometheus.yml"
        path.write_text(yaml.safe_dump(config), "utf-8")
        command = [
            program("prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={self.directory / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ]
        return Served("prometheus", command, self.directory, port)

    # --- what Prometheus says ----------------------------------------------------------------------------------

    def _get(self, path: str, server: Served | None = None) -> Any:
        with urlopen(f"http://127.0.0.1:{(server or self.prometheus).port}{path}", timeout=30) as answer:
            return json.load(answer)

    def query(self, expr: str) -> list[Any]:
        return self._get(f"/api/v1/query?{urlencode({'query': expr})}")["data"]["result"]

    def firing(self) -> dict[str, Any]:
        """The alerts that fire, by name; of each one."""
        alerts = self._get("/api/v1/alerts")["data"]["alerts"]
        return {one["labels"]["alertname"]: one for one in alerts if one["state"] == "firing"}

    def inhibited(self) -> set[str]:
        """The alerts that Alertmanager mails to nobody, because another says more."""
        alerts = self._get("/api/v2/alerts?active=true", self.alertmanager)
        return {one["labels"]["alertname"] for one in alerts if one["status"]["inhibitedBy"]}

    def wait_until_firing(self, *names: str) -> None:
        """All of them at one time."""
        self._wait(lambda firing: set(names) <= set(firing), FIRES_S, f"{names} to fire")
        firing = self.firing()
        assert "<error" not in str([firing.get(name) for name in names])
        self.seen.update(names)

    def wait_until_over(self, *names: str) -> None:
        self._wait(lambda firing: not set(names) & set(firing), ENDS_S, f"{names} to end")

    def _wait(self, condition: Callable[[dict[str, Any]], bool], timeout_s: float, what: str) -> None:
        try:
            wait_until(lambda: condition(self.firing()), timeout_s, what)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; what fires is {sorted(self.firing())}") from None

    # --- faults ------------------------------------------------------------------------------------------------

    @contextmanager
    def paused(self, word: str) -> Iterator[None]:
        """Processes of the stack that neither answer nor end, as on a machine that hangs."""
        pids = self.stack.processes(word)
        assert pids, word
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def port_of(self, listener: int) -> str:
        return str(self.stack.first_port + listener)

    @property
    def redis_port(self) -> int:
        return self.stack.first_port + REDIS

    @property
    def limiter_port(self) -> int:
        return self.stack.first_port + LIMITER

    # --- answers -----------------------------------------------------------------------------------------------

    def post(self, counter: dict[str, Any]) -> int:
        """Send an answer with a kiosk's key; the status, 0 where none came."""
        return self.post_document({"counter": counter["code"], "answers": {"ACCESS": 5, "STAFF": 4}}, "submit")

    def post_document(self, body: dict[str, Any], scope: str | None = None, timeout_s: float = 30) -> int:
        """The status, 0 where no answer came."""
        headers = {"Content-Type": "application/json"}
        if scope:
            headers["Authorization"] = f"Bearer {self.stack.key(scope)}"
        request = Request(self.stack.url(SURVEY, "/v1/responses"), json.dumps(body).encode(), headers)
        return status_of(request, timeout_s)

    def ask_board(self, path: str, timeout_s: float = 60) -> int:
        """The status of a page of the board, 0 where none came."""
        request = Request(self.stack.url(BOARD, path), headers={"Authorization": f"Bearer {self.stack.key('read')}"})
        return status_of(request, timeout_s)

    def counted(self, agency: str) -> int:
        """The agency's counted answers of the last 30 days, as the ledger has them."""
        path = f"/v1/agencies/{agency}/index?period=last-30d&method=quick-5@1"
        return int(self.stack.get(BOARD, path, "read")["responses"])

    def _answer(self) -> None:
        dice = random.Random(7)
        while not self._stop.wait(0.3 + 0.4 * dice.random()):
            self.post(self.busy)
            # without a key, as forms come: only of these the limiter is asked. Without a form's token they are flagged
            self.post_document({"counter": self.busy["code"], "answers": {"ACCESS": 3}})
