"""`sipas` as its users run it: a process of its own, with exactly the settings of the test."""

import atexit
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.local.programs import ROOT
from tests.servers import GUARDIAN

SIPAS = Path(sys.executable).with_name("sipas")
"""For a call that has to be interrupted, or to run beside another."""
PATIENCE_S = 400

Run = Callable[..., subprocess.CompletedProcess[str]]


def environment_with(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without any setting but these."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")}
    return plain | dict(settings)


class Forked:
    """`forked_sipas`, started with the first call; one call at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def call(
        self, words: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`sipas words` with exactly this environment, in this directory or `cwd`."""
        with self._lock, tempfile.TemporaryDirectory() as directory:
            process = self._process or self._start()
            out, err = Path(directory, "out"), Path(directory, "err")
            said = {
                "words": [str(word) for word in words],
                "environment": dict(environment),
                "cwd": str(cwd or Path.cwd()),
                "out": str(out),
                "err": str(err),
            }
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(said) + "\n")
            process.stdin.flush()
            if not select.select([process.stdout], [], [], PATIENCE_S)[0]:
                raise TimeoutError(f"sipas {words} took more than {PATIENCE_S} s")
            code = int(process.stdout.readline())
            return subprocess.CompletedProcess(["sipas", *words], code, out.read_text(), err.read_text())

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.forked_sipas"],
            cwd=ROOT,
            env=environment_with({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        GUARDIAN.tell("started", self._process.pid)
        return self._process

    def close(self) -> None:
        if self._process is not None and self._process.stdin is not None and self._process.stdout is not None:
            self._process.stdin.close()
            self._process.wait(timeout=30)
            self._process.stdout.close()
            GUARDIAN.tell("ended", self._process.pid)
            self._process = None


FORKED = Forked()
# registered after the guardian's, so that it runs before
atexit.register(FORKED.close)


def sipas(environment: Mapping[str, str], *words: str, cwd: Path | None = None) -> Run:
    """Runs `sipas`, or its command `words`, with exactly these settings, in this directory or `cwd`."""

    def run(*arguments: str, code: int = 0, **settings: str) -> subprocess.CompletedProcess[str]:
        done = FORKED.call([*words, *arguments], environment_with({**environment, **settings}), cwd)
        assert done.returncode == code, done
        assert "Traceback" not in done.stderr
        return done

    return run
