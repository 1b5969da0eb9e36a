"""How one Kafka broker and one Redis are started on one machine; the local stack and the tests share it.

No containers: Apache Kafka's jars and a redis-server binary lie under `.local/`, where `make setup` put them.
"""

import os
import shutil
import socket
import struct
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KAFKA_JARS = ROOT / ".local/kafka/libs"
REDIS_SERVER = ROOT / ".local/redis/redis-server"
HOST = "127.0.0.1"


class NotSetUpError(Exception):
    """Something that `make setup` brings is not there."""


def check_set_up() -> None:
    """Raises NotSetUpError with everything that is missing."""
    missing = [
        name
        for name, there in (
            ("java", shutil.which("java")),
            ("Kafka's jars", any(KAFKA_JARS.glob("kafka_2.13-*.jar"))),
            ("redis-server", REDIS_SERVER.exists()),
        )
        if not there
    ]
    if missing:
        raise NotSetUpError(f"{', '.join(missing)} missing: run `make setup`")


def kafka_properties(port: int, controller_port: int, data: Path) -> str:
    """server.properties of one KRaft node that is broker and controller, on the loopback only."""
    return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{HOST}:{controller_port}
listeners=PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}
advertised.listeners=PLAINTEXT://{HOST}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
# one node: its own topics cannot have three copies
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# topics are created by `sipas topics create`, with their settings, or not at all
auto.create.topics.enable=false
# after a SIGKILL the controller holds the broker's old session for so long; nobody else can be meant here
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=300
# the first member of a group need not wait for others; a killed one may be noticed after a second
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


def java() -> list[str]:
    """With the options of KAFKA_JVM_PERFORMANCE_OPTS, as Kafka's own scripts have it."""
    return [
        "java",
        *os.environ.get("KAFKA_JVM_PERFORMANCE_OPTS", "").split(),
        "-cp",
        f"{KAFKA_JARS}/*",
        f"-Dlog4j2.configurationFile={ROOT}/deploy/kafka/log4j2.properties",
    ]


def kafka_format_command(properties: Path, cluster_id: str) -> list[str]:
    """Prepares an empty data directory; does nothing to one that is already prepared."""
    tool = [
        "kafka.tools.StorageTool",
        "format",
        "--ignore-formatted",
        "-t",
        cluster_id,
        "-c",
        str(properties),
    ]
    return [*java(), *tool]


def kafka_command(properties: Path) -> list[str]:
    return [*java(), "-Xmx512m", "kafka.Kafka", str(properties)]


def redis_command(port: int, data: Path, *, durable: bool = True, cluster: bool = False) -> list[str]:
    """A Redis that never evicts; `durable` writes an append-only file, otherwise nothing reaches the disk."""
    bind = ["--bind", HOST, "--port", str(port), "--dir", str(data), "--save", ""]
    memory = ["--maxmemory-policy", "noeviction"]
    # its title would overwrite the environment that /proc shows, and with it the mark of the local stack
    title = ["--set-proc-title", "no"]
    log = ["--appendonly", "yes", "--appendfsync", "everysec"] if durable else ["--appendonly", "no"]
    # one node with all slots is a whole cluster to a client
    nodes = ["--cluster-enabled", "yes", "--cluster-announce-ip", HOST] if cluster else []
    return [str(REDIS_SERVER), *bind, *memory, *title, *log, *nodes]


def ask_redis(port: int, *words: str) -> bytes:
    """Sends one command, returns the first bytes of the reply; OSError if nobody listens."""
    request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.create_connection((HOST, port), timeout=2) as connection:
        connection.sendall(request.encode())
        return connection.recv(4096)


def redis_answers(port: int) -> bool:
    """True once Redis serves commands (while it still reads its append-only file it refuses them)."""
    try:
        return ask_redis(port, "PING").startswith(b"+PONG")
    except OSError:
        return False


def kafka_answers(port: int) -> bool:
    """True once the broker is in its own cluster's metadata, so that topics can be created and written.

    The port opens a little before that. A Metadata request (API 3, version 1, all topics) in raw bytes:
    a client library would retry and log where we want one plain question.
    """
    body = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            reply = connection.recv(12)
    except OSError:
        return False
    if len(reply) < 12:
        return False
    _size, _correlation, brokers = struct.unpack(">iii", reply)
    return bool(brokers)
