"""Three Kafka brokers, and a Redis Cluster of three primaries with a replica each: processes of this machine."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Self

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from deploy.local import programs
from deploy.local.programs import HOST, ask_redis
from tests.servers import KafkaServer, RedisServer, wait_until

SLOTS = 16_384
PATIENCE_S = 400
"""How long a busy machine may take for anything: this is no stopwatch."""
NODE_TIMEOUT_MS = 3_000
"""A primary that is silent for so long is replaced (Redis's own default is 15,000)."""


class KafkaCluster:
    """Three nodes, each broker and controller; everything has three copies, of which two must have a record."""

    def __init__(self, directory: Path) -> None:
        self.nodes = [KafkaServer(directory / f"kafka-{number}") for number in (1, 2, 3)]
        voters = ",".join(f"{number}@{HOST}:{node.controller_port}" for number, node in enumerate(self.nodes, 1))
        for number, node in enumerate(self.nodes, 1):
            node.command = [word.replace("-Xmx512m", "-Xmx256m") for word in node.command]
            node.set(
                {
                    "node.id": str(number),
                    "controller.quorum.voters": voters,
                    "offsets.topic.replication.factor": "3",
                    "transaction.state.log.replication.factor": "3",
                    "transaction.state.log.min.isr": "2",
                    # as on a cluster, not as on the one machine of the local stack
                    "broker.session.timeout.ms": "3000",
                    "broker.heartbeat.interval.ms": "500",
                    "replica.lag.time.max.ms": "5000",
                }
            )

    @property
    def bootstrap(self) -> str:
        return ",".join(node.bootstrap for node in self.nodes)

    @property
    def brokers(self) -> list[str]:
        return [node.bootstrap for node in self.nodes]

    def start(self) -> Self:
        """All at once: one alone has no quorum."""
        with ExitStack() as stack:
            for node in self.nodes:
                node.start_without_waiting()
                stack.callback(node.kill)
            for node in self.nodes:
                wait_until(node.ready, PATIENCE_S, f"broker {node.port}")
            stack.pop_all()
        return self

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def leads_nothing(self, topic: str, broker: KafkaServer) -> bool:
        """Whether every partition has a leader, and it is another."""
        number = self.nodes.index(broker) + 1
        return all(leader not in {-1, number} for leader, _ in self._partitions(topic))

    def whole(self, topic: str) -> bool:
        """Whether all copies of every partition are up to date."""
        return all(copies == len(self.nodes) for _, copies in self._partitions(topic))

    def _partitions(self, topic: str) -> list[tuple[int, int]]:
        """Leader and number of copies that are in sync, of each partition; nothing known is leader -1."""
        living = [node.bootstrap for node in self.nodes if node.alive]
        try:
            with closing(KafkaAdminClient(bootstrap_servers=living, bootstrap_timeout_ms=5_000)) as admin:
                [described] = admin.describe_topics([topic])
        except KafkaError:
            return [(-1, 0)]
        return [(one["leader_id"], len(one["isr_nodes"])) for one in described["partitions"]]


class RedisNode(RedisServer):
    """A node of a cluster, which serves keys only once it has slots."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, cluster=True)
        self.command += ["--cluster-node-timeout", str(NODE_TIMEOUT_MS)]

    def ready(self) -> bool:
        return programs.redis_answers(self.port)

    def ask(self, *words: str) -> str:
        reply = ask_redis(self.port, *words).decode()
        if reply.startswith("-"):
            raise RuntimeError(f"{' '.join(words)}: {reply}")
        return reply.partition("\r\n")[2] if reply.startswith("$") else reply


class RedisCluster:
    """`url` names every node: any of them may be down when a client starts."""

    def __init__(self, directory: Path) -> None:
        self.nodes = [RedisNode(directory / f"redis-{number}") for number in range(6)]
        self.port = self.nodes[0].port

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    def start(self) -> Self:
        for node in self.nodes:
            node.start()
        primaries, replicas = self.nodes[:3], self.nodes[3:]
        for number, node in enumerate(primaries):
            first, last = (SLOTS * part // 3 for part in (number, number + 1))
            for low in range(first, last, 4_000):
                node.ask("CLUSTER", "ADDSLOTS", *map(str, range(low, min(low + 4_000, last))))
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
        for node in self.nodes[1:]:
            node.ask("CLUSTER", "MEET", HOST, str(self.nodes[0].port))
        wait_until(
            lambda: all(len(self.others(node)) == 5 for node in self.nodes), PATIENCE_S, "all nodes to know each other"
        )
        for primary, replica in zip(primaries, replicas, strict=True):
            replica.ask("CLUSTER", "REPLICATE", primary.ask("CLUSTER", "MYID").strip())
        wait_until(self.whole, PATIENCE_S, "every primary to have a replica")
        return self

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    @staticmethod
    def others(node: RedisNode) -> Sequence[str]:
        """The lines of CLUSTER NODES about the others that `node` has shaken hands with."""
        lines = node.ask("CLUSTER", "NODES").splitlines()
        return [line for line in lines if line.strip() and "myself" not in line and "handshake" not in line]

    def whole(self) -> bool:
        """Every slot has a primary, and every primary a replica whose copy is up to date."""
        for node in self.nodes:
            if not node.alive or "cluster_state:ok" not in node.ask("CLUSTER", "INFO"):
                return False
        roles = [node.ask("INFO", "replication") for node in self.nodes]
        return (
            sum("role:master" in role for role in roles) == 3
            and sum("master_link_status:up" in role for role in roles) == 3
        )

    def primaries(self) -> list[RedisNode]:
        return [node for node in self.nodes if node.alive and "role:master" in node.ask("INFO", "replication")]

    def primary_of(self, key: str) -> RedisNode:
        """Whoever serves the key now; every other sends its client there."""
        [found] = [
            node
            for node in self.primaries()
            if not ask_redis(node.port, "EXISTS", key).startswith((b"-MOVED", b"-CLUSTERDOWN"))
        ]
        return found

    def answers(self) -> bool:
        """Whether every slot has a primary that serves."""
        living = [node for node in self.nodes if node.alive]
        return all("cluster_state:ok" in node.ask("CLUSTER", "INFO") for node in living) and len(self.primaries()) == 3


@contextmanager
def kafka_cluster(directory: Path) -> Iterator[KafkaCluster]:
    cluster = KafkaCluster(directory)
    try:
        yield cluster.start()
    finally:
        cluster.kill()


@contextmanager
def redis_cluster(directory: Path) -> Iterator[RedisCluster]:
    cluster = RedisCluster(directory)
    try:
        yield cluster.start()
    finally:
        cluster.kill()
