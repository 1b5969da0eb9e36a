"""Real servers for tests: a Kafka broker, a Redis, or any program, each in its own directory on free ports.

    with KafkaServer(directory) as kafka, RedisServer(directory) as redis:
        kafka.bootstrap, redis.url
        redis.kill()        # SIGKILL
        redis.start()       # the same port and data

Nothing outlives the test process, however it ends: a guard process holds a pipe from it and kills what is
left when the pipe closes. (PR_SET_PDEATHSIG fires when the *thread* ends that started the program, and tests
restart servers from threads.)
"""

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local import programs

# Below the ports that the kernel gives to outgoing connections, so that none is taken between look and use;
# a clustered Redis also listens on its port + 10,000.
PORTS = range(12_000, 21_000)
# A port is given before its program listens: neither to another process of this run nor a second time soon.
OWN_PORTS = PORTS[int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 4 :: 4]
GIVEN: deque[int] = deque(maxlen=500)
CLUSTER_BUS_OFFSET = 10_000
CLUSTER_ID = "c2lwYXMtdGVzdHMtMDAwMA"

GUARD = """
import os, signal, sys
running = set()
for line in sys.stdin:
    verb, pid = line.split()
    (running.add if verb == "started" else running.discard)(int(pid))
for pid in running:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""


class Guard:
    """Kills the process groups it was told about when this process ends, even by SIGKILL."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def tell(self, verb: str, pid: int) -> None:
        with self._lock:
            if self._process is None:
                command = [sys.executable, "-I", "-c", GUARD]
                self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)
            assert self._process.stdin is not None
            self._process.stdin.write(f"{verb} {pid}\n")
            self._process.stdin.flush()

    def close(self) -> None:
        with self._lock:
            if self._process is not None:
                assert self._process.stdin is not None
                self._process.stdin.close()
                self._process.wait(timeout=10)
                self._process = None


GUARDIAN = Guard()
atexit.register(GUARDIAN.close)


def wait_until(condition: Callable[[], object], timeout_s: float = 60, what: str = "the condition") -> None:
    """Asks every 20 ms; raises TimeoutError after `timeout_s`, which is patience with a busy machine and no measure."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s} s for {what}")
        time.sleep(0.02)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # as servers do: a port whose last connections are still closing counts as free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((programs.HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    # SystemRandom: two test runs that seed `random` alike must not meet on one port
    draw = random.SystemRandom()
    while True:
        port = draw.choice(OWN_PORTS)
        if port not in GIVEN and is_free(port) and is_free(port + CLUSTER_BUS_OFFSET):
            GIVEN.append(port)
            return port


class Program:
    """A program in its own process group; its output goes to `<name>.log` in `directory`."""

    def __init__(
        self, name: str, command: Sequence[str], directory: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.command = list(command)
        self.directory = directory
        self.env = dict(env) if env is not None else None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        return None if self._process is None else self._process.poll()

    @property
    def log(self) -> str:
        path = self.directory / f"{self.name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def ready(self) -> bool:
        """Whether it serves; a server overrides this."""
        return True

    def start(self, timeout_s: float = 180) -> Self:
        """Starts it and waits until it serves."""
        self.start_without_waiting()
        try:
            wait_until(lambda: self.ready() or not self.alive, timeout_s, f"{self.name} to answer")
        except TimeoutError as error:
            self.kill()
            raise TimeoutError(f"{error}\n{self.log[-2000:]}") from None
        if code := self.returncode:
            self._forget(self._process)
            raise RuntimeError(f"{self.name} ended with {code}\n{self.log[-2000:]}")
        return self

    def start_without_waiting(self) -> None:
        """For one that serves only together with others."""
        if self.alive:
            raise RuntimeError(f"{self.name} runs already")
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        GUARDIAN.tell("started", self.pid)

    def stop(self, timeout_s: float = 30) -> None:
        """SIGTERM; SIGKILL if it does not end by then. Nothing to do if it does not run."""
        if self.alive:
            os.kill(self.pid, signal.SIGCONT)
            os.kill(self.pid, signal.SIGTERM)
            try:
                self.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self._forget(self._process)

    def kill(self) -> None:
        """SIGKILL to it and to its children; from any thread, also while another starts it anew."""
        process = self._process
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
        self._forget(process)

    def restart(self) -> Self:
        """The same port and data."""
        self.stop()
        return self.start()

    def pause(self) -> None:
        """SIGSTOP: it lives, holds its connections and does nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def wait(self, timeout_s: float = 30) -> int:
        """Waits until it ends by itself; its exit code."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.wait(timeout_s)

    def _forget(self, process: subprocess.Popen[bytes] | None) -> None:
        if process is not None:
            GUARDIAN.tell("ended", process.pid)
            if self._process is process:
                self._process = None

    def __enter__(self) -> Self:
        return self if self.alive else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class KafkaServer(Program):
    """One KRaft node, Apache Kafka itself. `data` survives stop, kill and start; `wipe` empties it.

    `properties`: the broker's own, beside those of the local stack.
    """

    def __init__(self, directory: Path, port: int | None = None, properties: Mapping[str, str] | None = None) -> None:
        self.port = port or free_port()
        self.data = directory / "kafka-data"
        self.format_options: list[str] = []
        self._more = dict(properties or {})
        self._properties = directory / "kafka.properties"
        super().__init__("kafka", programs.kafka_command(self._properties), directory)
        self.controller_port = free_port()

    def set(self, properties: Mapping[str, str]) -> None:
        """Further properties, before the first start."""
        self._more |= properties

    @property
    def bootstrap(self) -> str:
        return f"{programs.HOST}:{self.port}"

    def ready(self) -> bool:
        return programs.kafka_answers(self.port)

    def start_without_waiting(self) -> None:
        programs.check_set_up()
        self.directory.mkdir(parents=True, exist_ok=True)
        if not (self.data / "meta.properties").exists():
            own = programs.kafka_properties(self.port, self.controller_port, self.data)
            more = "".join(f"{name}={value}\n" for name, value in self._more.items())
            self._properties.write_text(own + more, encoding="utf-8")
            format_command = [*programs.kafka_format_command(self._properties, CLUSTER_ID), *self.format_options]
            subprocess.run(format_command, check=True, capture_output=True)
        super().start_without_waiting()

    def wipe(self) -> None:
        """Stops it and deletes its data: the next start is an empty cluster."""
        self.kill()
        shutil.rmtree(self.data)


def debians_redis(directory: Path) -> str:
    """A Redis of Debian, which is newer than ours and speaks TLS, as a program in `directory`.

    Its package redis-tools has it under another name, and it is its name that makes it a server.
    """
    found = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    assert found is not None, "apt-get install redis-tools"
    named = directory / "redis-server"
    if not named.exists():
        named.symlink_to(found)
    return str(named)


class RedisServer(Program):
    """One Redis with an append-only file; `data` survives kill and start and may be copied away and back.

    `cluster=True`: one node that serves all slots in cluster mode; `url` is then for a cluster client.
    """

    def __init__(
        self, directory: Path, port: int | None = None, *, durable: bool = True, cluster: bool = False
    ) -> None:
        self.port = port or free_port()
        self.cluster = cluster
        self.data = directory / "redis-data"
        command = programs.redis_command(self.port, self.data, durable=durable, cluster=cluster)
        super().__init__("redis", command, directory)

    @property
    def url(self) -> str:
        address = f"{programs.HOST}:{self.port}"
        return f"redis+cluster://{address}" if self.cluster else f"redis://{address}/0"

    def ready(self) -> bool:
        if not programs.redis_answers(self.port):
            return False
        if not self.cluster:
            return True
        state = programs.ask_redis(self.port, "CLUSTER", "INFO")
        if b"cluster_slots_assigned:0\r" in state:
            # one by one: 6.2 knows no ADDSLOTSRANGE
            programs.ask_redis(self.port, "CLUSTER", "ADDSLOTS", *map(str, range(16_384)))
        return b"cluster_state:ok" in state

    def start_without_waiting(self) -> None:
        programs.check_set_up()
        self.data.mkdir(parents=True, exist_ok=True)
        super().start_without_waiting()
