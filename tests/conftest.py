"""One real broker and one real Redis for a whole test run; each test keeps to a namespace of its own."""

import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from kafka.net.inet import KafkaNetSocket

from deploy.local.programs import NotSetUpError, check_set_up
from tests.servers import KafkaServer, RedisServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# hypothesis times examples and their making, and fails where a machine is busy: no test of ours has a stopwatch
settings.register_profile("no stopwatch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no stopwatch")

# a test's broker lives for seconds: compiled less it starts with half of the processor's time (measured: 6 s for 11)
os.environ.setdefault("KAFKA_JVM_PERFORMANCE_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")


class KafkaPythonSocket(socket.socket):
    """kafka-python (3.0.12) leaves one that is refused, or given up while it connects, to the garbage collector, which
    tells of it in whatever test runs then. By this name it is known; of any other socket that is left an error is made.
    """


KafkaNetSocket.socket = lambda _self, family, kind, proto: KafkaPythonSocket(family, kind, proto)


@pytest.fixture(scope="session")
def server_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        check_set_up()
    except NotSetUpError as error:
        pytest.fail(str(error))
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def kafka(server_directory: Path) -> Iterator[KafkaServer]:
    """A broker for the whole run: `kafka.bootstrap`. A test that stops it starts its own."""
    with KafkaServer(server_directory) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(server_directory: Path) -> Iterator[RedisServer]:
    """A Redis for the whole run: `redis_server.url`. A test that stops or flushes it starts its own."""
    with RedisServer(server_directory) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Of a file, not of the run: playwright's event loop must be gone when the next test needs one."""
    from tests.chromium import NoChromiumError, chromium

    try:
        with chromium() as running:
            yield running
    except NoChromiumError as error:
        pytest.fail(str(error))


@pytest.fixture
def namespace() -> str:
    """A prefix for topics, groups and keys that no other test has."""
    return f"t{uuid.uuid4().hex[:10]}"
