"""supervisord as a child of the runner: restarts what dies, and is told over a socket what to start."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

from deploy.local.programs import ROOT
from deploy.local.stack import Program

TRIES = 3
STOP_TIMEOUT_S = 15

HEAD = """\
[supervisord]
nodaemon = true
logfile = {log}/supervisord.log
pidfile = {folder}/supervisord.pid
childlogdir = {log}
directory = {root}

[unix_http_server]
file = {folder}/socket
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

# A group is stopped as a whole, the higher priority first: no service sees its servers go before it.
GROUP = """
[group:{name}]
programs = {programs}
priority = {priority}
"""

# SIPAS_INSTANCE: one that died gets its partitions back as soon as it is there again
# startretries: a service that ends while Kafka is away must still be tried when it is back
PROGRAM = """
[program:{name}]
command = {command}
autostart = false
autorestart = true
startsecs = 3
startretries = 1000000
stopsignal = TERM
stopwaitsecs = 10
killasgroup = true
redirect_stderr = true
stdout_logfile = {log}/{name}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 2
environment = SIPAS_INSTANCE="{name}"
"""


def configuration(folder: Path, log: Path, groups: Mapping[str, list[Program]]) -> str:
    """`groups` in the order of their start."""
    text = HEAD.format(folder=folder, log=log, root=ROOT)
    for number, (name, programs) in enumerate(groups.items(), start=1):
        names = ",".join(program.name for program in programs)
        text += GROUP.format(name=name, programs=names, priority=number)
        for program in programs:
            # supervisord expands % in values
            command = shlex.join(program.command).replace("%", "%%")
            text += PROGRAM.format(name=program.name, command=command, log=log)
    return text


class Supervisor:
    """Started in its own session, so that Ctrl-C reaches only the runner, which then stops it in order."""

    def __init__(self, log: Path, groups: Mapping[str, list[Program]], environment: Mapping[str, str]) -> None:
        # not in the data directory: the path of a socket may have 107 characters at most
        self._folder = tempfile.TemporaryDirectory(prefix="sipas-")
        self._group_of = {p.name: name for name, programs in groups.items() for p in programs}
        folder = Path(self._folder.name)
        file = folder / "supervisord.conf"
        file.write_text(configuration(folder, log, groups), encoding="utf-8")
        self._command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(file)]
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._quick_ends: set[tuple[str, int]] = set()
        self._socket = folder / "socket"
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        self._rpc: Any = ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def launch(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket)) == 0

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, programs: Iterable[Program]) -> None:
        for program in programs:
            self._rpc.startProcess(f"{self._group_of[program.name]}:{program.name}", False)

    def keeps_ending(self, program: Program) -> bool:
        """Whether it ended soon after its start, again and again: wrong settings, or a fault of its own.

        To be asked often: each answer looks at the latest start only.
        """
        info = self._rpc.getProcessInfo(f"{self._group_of[program.name]}:{program.name}")
        if info["statename"] == "BACKOFF":
            self._quick_ends.add((program.name, info["start"]))
        return sum(name == program.name for name, _start in self._quick_ends) >= TRIES

    def stop(self) -> None:
        """Returns when supervisord and what it started have ended."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(2 * STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.kill(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._folder.cleanup()
