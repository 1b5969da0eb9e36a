"""Who listens on a port, and which processes carry our mark: read from /proc, so on Linux only.

Elsewhere nothing is found, and the caller says what it knows without it.
"""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LISTENING = "0A"


@dataclass(frozen=True)
class Process:
    pid: int
    command: str

    def __str__(self) -> str:
        # java and python say only at the end what they run
        shown = self.command if len(self.command) <= 160 else f"{self.command[:60]} … {self.command[-100:]}"
        return f"{shown} (process {self.pid})"


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # as servers do: connections that are still closing do not count
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def holder(port: int) -> Process | None:
    """The process that listens on `port`, None if it cannot be seen (another user's, another system)."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for folder in _processes():
        try:
            if any(str(handle.readlink()) in sockets for handle in (folder / "fd").iterdir()):
                return _process(folder)
        except OSError:
            continue
    return None


def marked(mark: str) -> list[Process]:
    """The processes whose environment holds `mark` ("NAME=value"): it passes on to every child."""
    found = []
    for folder in _processes():
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark.encode() in environment and int(folder.name) != os.getpid():
            found.append(_process(folder))
    return found


def is_marked(process: Process, mark_name: str) -> bool:
    """Whether the process carries the mark, whatever its value."""
    try:
        environment = (PROC / str(process.pid) / "environ").read_bytes()
    except OSError:
        return False
    return f"\0{mark_name}=".encode() in b"\0" + environment


def _processes() -> Iterator[Path]:
    if PROC.is_dir():
        yield from (folder for folder in PROC.iterdir() if folder.name.isdigit())


def _process(folder: Path) -> Process:
    try:
        words = (folder / "cmdline").read_bytes().split(b"\0")
    except OSError:
        words = []
    command = " ".join(word.decode(errors="replace") for word in words if word)
    return Process(int(folder.name), command or "a program")


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("net/tcp", "net/tcp6"):
        try:
            lines = (PROC / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _number, local, _remote, state, *rest = line.split()
            if state == LISTENING and int(local.rpartition(":")[2], 16) == port:
                yield rest[5]
