"""`services.notifier`, started again whenever it dies, as by a supervisor: `python -m tests.integration.forking FILE`.

The program's own start loads libraries for a second; here they are loaded once. Each life is a process of its own,
forked before any thread, client or connection exists. FILE holds the pid of the present one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from services.notifier.__main__ import main


def supervise(pid_file: Path) -> int:
    """Returns in the children only, with their exit code."""
    while pid := os.fork():
        beside = pid_file.with_suffix(".new")
        beside.write_text(str(pid))
        beside.replace(pid_file)
        os.waitpid(pid, 0)
    return main()


if __name__ == "__main__":
    sys.exit(supervise(Path(sys.argv[1])))
