"""Whether another worker of this service can serve. Told by locks on one file: the kernel drops those of the dead.

A worker that is started while Kafka is away cannot read the registry. It must not take connections, and refuse
them, that a sibling with a registry would serve.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Siblings:
    """Made before fork; `path` is the lock file of this service, and nobody else's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()

    def join(self) -> None:
        """Tell the others that this worker can serve, until it ends."""
        fcntl.flock(self._open(), fcntl.LOCK_SH)  # the descriptor lives as long as the process

    def any_ready(self) -> bool:
        """Whether another can serve."""
        fd = self._open()
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
