"""The nation's users on a real broker, in Strimzi's place: its KafkaUsers, the passwords of create-secrets.sh, and what
its pods find in their environment. `make test-k8s`.
"""

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from deploy.kafka.access import acl, set_passwords
from sipas.broker import client_options
from tests.contract.documents import ROOT
from tests.contract.manifests import Manifests
from tests.deploy.security.conftest import SIPAS
from tests.deploy.security.secure_servers import ADMIN, Certificates, SecureKafka, command
from tests.servers import RedisServer

NATION = Manifests("nation")
SAMPLE = str(ROOT / "services/board/sample/registry.yaml")


@contextmanager
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """A broker that knows the nation's users and nobody else."""
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    with SecureKafka(tmp_path_factory.mktemp("kafka"), certificates) as server:
        passwords = {}
        for user in NATION.of("KafkaUser"):
            secret = user["spec"]["authentication"]["password"]["valueFrom"]["secretKeyRef"]
            passwords[user["metadata"]["name"]] = NATION.created["sipas-kafka", secret["name"]][secret["key"]]
        set_passwords(server.login(ADMIN), passwords)
        with closing(KafkaAdminClient(**client_options(server.login(ADMIN)))) as admin:
            assert not admin.create_acls([acl(right) for right in NATION.rights()])["failed"]
        yield server


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    with brokers(tmp_path_factory) as server:
        yield server


@pytest.fixture
def another_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    with brokers(tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Redis, whose users are the other file's matter."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


def run(kafka: SecureKafka, workload: str, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """`sipas` with the environment of a pod, but for where the broker is, and that it is one."""
    here = {
        "SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "SIPAS_KAFKA_CA_FILE": str(kafka.authority),
        "SIPAS_REPLICATION": "1",
        "SIPAS_PARTITIONS": "2",
    }
    return command([SIPAS, *words], NATION.environment(NATION.pod(workload)) | here | more)


@pytest.fixture(scope="module")
def filled(kafka: SecureKafka) -> SecureKafka:
    """With what the Jobs of the installation do."""
    for workload, *words in (("topics", "topics", "create"), ("registry-load", "registry", "load", SAMPLE)):
        done = run(kafka, workload, *words)
        assert done.returncode == 0, done.stderr
    return kafka


def test_a_person_makes_a_key_in_the_operators_pod_and_cannot_in_the_boards_own(filled: SecureKafka) -> None:
    made = run(filled, "operator-board", "key", "create", "--scope", "read")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("sipas_read_")
    refused = run(filled, "board", "key", "create", "--scope", "read")
    assert refused.returncode == 1
    assert "refuses board" in refused.stderr
    assert run(filled, "board", "key", "list").stdout.count("valid") == 1


PEOPLES = (
    ("operator-notifier", "alerts", "list"),
    ("operator-notifier", "alerts", "silence", "list"),
    ("operator-board", "scores", "export"),
    ("operator-aggregator", "dlq", "list"),
    # processes of its own log in too
    ("operator-aggregator", "replay", "--processes", "2"),
)


@pytest.mark.parametrize(("workload", "words"), [(workload, words) for workload, *words in PEOPLES])
def test_a_persons_command_logs_in(filled: SecureKafka, ledger: RedisServer, workload: str, words: list[str]) -> None:
    done = run(filled, workload, *words, SIPAS_REDIS_URL=ledger.url)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_backup_reads_everything_and_writes_nothing_and_the_operator_brings_it_back(
    filled: SecureKafka, another_kafka: SecureKafka, tmp_path: Path
) -> None:
    saved = run(filled, "backup", "backup", str(tmp_path))
    assert saved.returncode == 0, saved.stderr
    refused = run(filled, "backup", "key", "create", "--scope", "read")
    assert refused.returncode == 1
    assert "refuses backup" in refused.stderr
    restored = run(another_kafka, "restore", "restore", str(tmp_path))
    assert "restored" in restored.stdout, restored.stderr
    exported = [run(one, "operator-board", "registry", "export").stdout for one in (filled, another_kafka)]
    assert exported[0]
    assert exported[0] == exported[1]


def test_the_survey_reads_the_registry_and_no_alert(filled: SecureKafka) -> None:
    assert run(filled, "survey", "registry", "export").returncode == 0
    refused = run(filled, "survey", "alerts", "list")
    assert refused.returncode == 1
    assert "refuses survey" in refused.stderr
