"""cluster.sh of the nation overlay, on six real Redis servers of this machine: `make test-k8s`."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.local import programs
from deploy.local.programs import HOST
from tests.contract.manifests import K8S
from tests.servers import Program, free_port, wait_until

SCRIPT = K8S / "overlays/nation/redis/cluster.sh"
CONF = K8S / "overlays/nation/redis/redis.conf"
PASSWORD = "of-the-test"


def server(directory: Path) -> str:
    """A Redis of 7.0 or newer, as the image's. Debian's redis-tools has one under another name, and it is its name that
    makes it a server."""
    found = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    assert found, "redis-tools is not installed"
    named = directory / "redis-server"
    if not named.exists():
        named.symlink_to(found)
    return str(named)


class Node(Program):
    """A Redis with the overlay's own configuration, but for the directory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.port = free_port()
        super().__init__("redis", [], directory)
        self._address()

    def _address(self) -> None:
        at = ["--bind", HOST, "--port", str(self.port), "--dir", str(self.directory), "--cluster-announce-ip", HOST]
        passwords = ["--requirepass", PASSWORD, "--masterauth", PASSWORD]
        # a process of the same machine, in a directory of its own
        conf = self.directory / "redis.conf"
        lines = CONF.read_text(encoding="utf-8").splitlines()
        conf.write_text("\n".join(line for line in lines if not line.startswith("dir ")) + "\n", encoding="utf-8")
        self.command = [server(self.directory), str(conf), *at, *passwords]

    def moves(self) -> None:
        """Comes back with its data at another address, as a pod does."""
        self.kill()
        self.port = free_port()
        self._address()
        self.start()

    @property
    def where(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def holds(self) -> str:
        """Its slots, as it sees it."""
        (myself,) = [line for line in self.says("cluster", "nodes").splitlines() if "myself" in line]
        return " ".join(myself.split()[8:])

    def ready(self) -> bool:
        # it answers, be it that it wants a password
        try:
            return programs.ask_redis(self.port, "PING") != b""
        except OSError:
            return False

    def says(self, *words: str) -> str:
        command = ["redis-cli", "-h", HOST, "-p", str(self.port), *words]
        return subprocess.run(command, env=ENV, capture_output=True, text=True, check=True).stdout


ENV = {**os.environ, "REDISCLI_AUTH": PASSWORD}


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    assert shutil.which("redis-cli"), "redis-cli is not installed"
    with ExitStack() as running:
        yield [running.enter_context(Node(tmp_path / str(number))) for number in range(6)]


def cluster(what: str, nodes: list[Node], **env: str) -> str:
    command = ["sh", str(SCRIPT), what, *(node.where for node in nodes)]
    done = subprocess.run(command, env=ENV | env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_six_empty_nodes_become_a_cluster_once_and_stay_it(nodes: list[Node]) -> None:
    assert "the cluster of 6 nodes is whole" in cluster("form", nodes)
    roles = [node.says("role").splitlines()[0] for node in nodes]
    assert roles == ["master"] * 3 + ["slave"] * 3
    followed = {node.says("role").splitlines()[2] for node in nodes[3:]}
    assert followed == {str(node.port) for node in nodes[:3]}
    before = [node.holds for node in nodes]
    assert before == ["0-5460", "5461-10921", "10922-16383", "", "", ""]
    assert "all slots are assigned" in cluster("form", nodes)
    assert [node.holds for node in nodes] == before
    assert [node.says("role").splitlines()[0] for node in nodes] == roles


def test_nodes_that_all_come_back_with_other_addresses_find_each_other_and_their_data(nodes: list[Node]) -> None:
    cluster("form", nodes)
    assert nodes[0].says("-c", "set", "kept", "yes") == "OK\n"
    for node in nodes:
        node.kill()
    for node in nodes:
        node.moves()
    for node in nodes:
        cluster("meet", nodes, PORT=str(node.port))
    for node in nodes:
        wait_until(lambda node=node: "cluster_state:ok" in node.says("cluster", "info"), 60, "a whole cluster")
    assert nodes[0].says("-c", "get", "kept") == "yes\n"
