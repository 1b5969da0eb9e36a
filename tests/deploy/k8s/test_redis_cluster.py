"""The nation's Redis Cluster on six real servers of this machine, with the overlay's script, configuration and users:
`make test-k8s`.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import ResponseError

from deploy.local import programs
from deploy.local.programs import HOST
from sipas.ledger import LedgerAway, Ledgers, Place, Slot, Writes
from tests.contract.manifests import K8S, NAMESPACE, created
from tests.servers import Program, debians_redis, free_port, wait_until

SCRIPT = K8S / "overlays/nation/redis/cluster.sh"
CONF = K8S / "overlays/nation/redis/redis.conf"
SECRETS = created("cluster")
"""What create-secrets.sh makes: passwords, the file of users, the services' addresses."""
PASSWORD = SECRETS[NAMESPACE, "sipas-redis-admin"]["password"]
ENV = {**os.environ, "REDISCLI_AUTH": PASSWORD}
PARTITIONS = range(12)
REFUSED = "permission|can't (run|access)"


class Node(Program):
    """A Redis with the overlay's own configuration, but for its directories."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.port = free_port()
        super().__init__("redis", [], directory)
        self._address()

    def _address(self) -> None:
        at = ["--bind", HOST, "--port", str(self.port), "--cluster-announce-ip", HOST]
        # a process of the same machine, in a directory of its own
        users = self.directory / "users.acl"
        users.write_text(SECRETS[NAMESPACE, "sipas-redis-acl"]["users.acl"], encoding="utf-8")
        said = CONF.read_text(encoding="utf-8").replace("/etc/redis-acl/users.acl", str(users))
        conf = self.directory / "redis.conf"
        conf.write_text(said.replace("dir /data", f"dir {self.directory}"), encoding="utf-8")
        rest = ["--masterauth", PASSWORD, "--cluster-announce-hostname", "localhost"]
        self.command = [debians_redis(self.directory), str(conf), *at, *rest]

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
        command = ["redis-cli", "--user", "admin", "-h", HOST, "-p", str(self.port), *words]
        return subprocess.run(command, env=ENV, capture_output=True, text=True, check=True).stdout


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


# --- users


def ledgers(nodes: list[Node], user: str) -> Ledgers:
    """With the user's own address, but for where the nodes are."""
    login, _, named = SECRETS[NAMESPACE, f"sipas-redis-{user}"]["url"].partition("@")
    return Ledgers(f"{login}@{','.join(node.where for node in nodes[: len(named.split(','))])}", "sipas")


def counted(slot: Slot) -> bytes | None:
    return slot.values([Place(slot.key("total"), "22")])[1][0]


def test_the_aggregator_counts_on_every_node_and_the_board_reads_and_may_not_write(nodes: list[Node]) -> None:
    cluster("form", nodes)
    aggregator, board = (ledgers(nodes, user) for user in ("aggregator", "board"))
    for number in PARTITIONS:
        slot, seen = aggregator.slot("g1", number), board.slot("g1", number)
        slot.create(0, {})
        slot.commit(0, {"next_offset": 1}, Writes(fields={slot.key("total"): {"22": f"of-{number}"}}))
        assert counted(seen) == f"of-{number}".encode()
        with pytest.raises(ResponseError, match=REFUSED):
            seen.commit(1, {"next_offset": 2}, Writes(fields={seen.key("total"): {"22": "of-a-thief"}}))
        assert counted(slot) == f"of-{number}".encode()
    assert all(int(node.says("dbsize")) > 0 for node in nodes[:3])
    aggregator.close()
    board.close()


def test_a_ledger_of_others_is_closed_and_the_operator_may_drop_one(nodes: list[Node]) -> None:
    cluster("form", nodes)
    aggregator, notifier, operator = (ledgers(nodes, user) for user in ("aggregator", "notifier", "operator"))
    for number in PARTITIONS:
        notifier.slot("judge", number).create(0, {})
        for stranger, name in ((aggregator, "judge"), (notifier, "g1")):
            with pytest.raises(ResponseError, match=REFUSED):
                stranger.slot(name, number).position()
    assert operator.drop("judge") == len(PARTITIONS)
    for one in (aggregator, notifier, operator):
        one.close()


def test_a_service_starts_while_the_first_node_of_its_address_is_away_and_a_replica_has_what_it_wrote(
    nodes: list[Node],
) -> None:
    cluster("form", nodes)
    before = ledgers(nodes, "aggregator")
    for number in PARTITIONS:
        before.slot("g1", number).create(0, {})
    before.close()
    for node in nodes[:3]:
        wait_until(lambda node=node: replicas_have_all(node), 60, "the replicas, as admin, to have it all")
    nodes[0].kill()
    after = ledgers(nodes, "aggregator")
    after.wait_until_ready(60)
    for number in PARTITIONS:
        assert after.slot("g1", number).position() == {"next_offset": "0"}
    after.close()


def replicas_have_all(primary: Node) -> bool:
    said = dict(line.split(":", 1) for line in primary.says("info", "replication").split() if ":" in line)
    return f"offset={said['master_repl_offset']}," in said.get("slave0", "")


def test_a_new_file_of_users_replaces_a_password(nodes: list[Node]) -> None:
    """As docs/security.md says it, on each node."""
    cluster("form", nodes)
    old = SECRETS[NAMESPACE, "sipas-redis-aggregator"]["password"]
    for node in nodes:
        users = node.directory / "users.acl"
        users.write_text(users.read_text(encoding="utf-8").replace(old, "another"), encoding="utf-8")
        assert node.says("ACL", "LOAD") == "OK\n"
    late = ledgers(nodes, "aggregator")
    with pytest.raises(LedgerAway, match="no such user"):
        late.wait_until_ready(60)
    where = ",".join(node.where for node in nodes[:3])
    now = Ledgers(f"redis+cluster://aggregator:another@{where}", "sipas")
    now.slot("g1", 0).create(0, {})
    now.close()


def test_without_a_name_nobody_is_let_in(nodes: list[Node]) -> None:
    assert {programs.ask_redis(node.port, "PING").split()[0] for node in nodes} == {b"-NOAUTH"}
