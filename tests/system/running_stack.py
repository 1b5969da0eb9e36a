"""The stack of `make up` on ports and in a directory of its own, so that it runs beside one that is up."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

from tests.integration.command_line import SIPAS, environment_with
from tests.servers import is_free, wait_until

ROOT = Path(__file__).resolve().parents[2]
RUNNER = [sys.executable, "-m", "deploy.local.up"]
LISTENERS = 12
SURVEY, BOARD, KAFKA, REDIS, MAIL, MAILBOX, LIMITER = 0, 1, 6, 8, 9, 10, 11


class RunningStack:
    """The runner on its own ports, with what it prints and the processes that belong to its directory."""

    def __init__(self, home: Path, first_port: int, *options: str) -> None:
        self.home = home
        self.first_port = first_port
        command = [*RUNNER, "--home", str(home), "--ports-from", str(first_port), *options]
        home.parent.mkdir(parents=True, exist_ok=True)
        self._output = home.parent / f"{home.name}.out"
        with self._output.open("w") as output:
            # its own session, as a terminal would give it
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_until_ready(self) -> None:
        wait_until(lambda: "READY" in self.output or self.process.poll() is not None, 300, "READY")
        assert self.process.poll() is None, self.output

    def processes(self, word: str = "") -> list[int]:
        """All but the runner: whatever names the directory in its command line or its environment.

        `word`: only those with it in their command line.
        """
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit() or int(folder.name) in (os.getpid(), self.process.pid):
                continue
            try:
                command = (folder / "cmdline").read_bytes()
                said = command + (folder / "environ").read_bytes()
            except OSError:
                continue
            if str(self.home).encode() in said and word.encode() in command:
                found.append(int(folder.name))
        return found

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> int:
        """As Ctrl-C does: to the whole process group of the terminal."""
        os.killpg(self.process.pid, number)
        return self.process.wait(40)

    def discard(self) -> None:
        if self.process.poll() is None:
            self.interrupt()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    # --- as its user sees it -----------------------------------------------------------------------------------

    def url(self, listener: int, path: str = "") -> str:
        return f"http://127.0.0.1:{self.first_port + listener}{path}"

    def key(self, scope: str) -> str:
        return json.loads((self.home / "keys.json").read_text())[scope]

    def get(self, listener: int, path: str, scope: str | None = None) -> dict:
        headers = {"Authorization": f"Bearer {self.key(scope)}"} if scope else {}
        with urlopen(Request(self.url(listener, path), headers=headers), timeout=30) as answer:
            return json.load(answer)

    def sipas(self, *words: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        """A command in another terminal, with the settings that the stack wrote down; to its end."""
        return subprocess.run(
            self.command(*words),
            cwd=ROOT,
            env=environment_with({}),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def command(self, *words: str) -> list[str]:
        """`sipas words` after the settings that the stack wrote down."""
        return ["bash", "-c", '. "$0"; exec "$@"', str(self.home / "env"), str(SIPAS), *words]

    def mails(self) -> list[dict]:
        with urlopen(self.url(MAILBOX, "/mails"), timeout=30) as answer:
            return json.load(answer)

    def pid_of(self, word: str) -> int:
        (pid,) = self.processes(word)
        return pid


def free_ports() -> int:
    """The first of a row of free ports."""
    draw = random.SystemRandom()
    while True:
        first = draw.randrange(21_000, 21_980)
        if all(is_free(port) for port in range(first, first + LISTENERS)):
            return first
