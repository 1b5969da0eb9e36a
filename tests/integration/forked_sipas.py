"""`sipas` for tests that call it two hundred times: loaded once, each call a process of its own, forked before any
thread or connection exists.

Reads a call a line (JSON: words, environment, cwd, and the files for what it prints), answers with its exit code.
That the installed program starts by itself is what tests/system tries.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from importlib.metadata import entry_points
from typing import Any

from sipas.cli import main as sipas


def serve() -> None:
    """Returns at the end of its input; in the children it does not return."""
    for point in entry_points(group="sipas.commands"):
        point.load()
    # what is loaded stays; without this each child would go through all of it when it ends
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _run(json.loads(line))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(call: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(call["environment"])
    os.chdir(call["cwd"])
    for number, name, mode in ((0, os.devnull, "rb"), (1, call["out"], "wb"), (2, call["err"], "wb")):
        with open(name, mode) as file:  # noqa: PTH123 - by its number
            os.dup2(file.fileno(), number)
    sys.argv = ["sipas", *call["words"]]
    sipas(prog_name="sipas")


if __name__ == "__main__":
    serve()
