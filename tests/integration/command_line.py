"""`sipas` as its users run it: a process of its own, with exactly the settings of the test."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

SIPAS = Path(sys.executable).with_name("sipas")

Run = Callable[..., subprocess.CompletedProcess[str]]


def environment_with(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without any setting but these."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")}
    return plain | dict(settings)


def sipas(environment: Mapping[str, str], *words: str, cwd: Path | None = None) -> Run:
    """Runs `sipas`, or its command `words`, with exactly these settings, in this directory or `cwd`."""

    def run(*arguments: str, code: int = 0, **settings: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [SIPAS, *words, *arguments],
            env=environment_with({**environment, **settings}),
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, done
        assert "Traceback" not in done.stderr
        return done

    return run
