"""One broker and one Redis with users, and a namespace whose topics the operator made."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.deploy.security.secure_servers import (
    ADMIN,
    USERS,
    Certificates,
    SecureKafka,
    SecureRedis,
    command,
    password,
)

SIPAS = str(Path(sys.executable).with_name("sipas"))
ACCESS = [sys.executable, "-m", "deploy.kafka.access"]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[SecureKafka]:
    with SecureKafka(tmp_path_factory.mktemp("kafka"), certificates) as server:
        yield server


@pytest.fixture(scope="session")
def users(secure_kafka: SecureKafka, tmp_path_factory: pytest.TempPathFactory) -> SecureKafka:
    """The broker with the users of every service."""
    passwords = tmp_path_factory.mktemp("users") / "users.yaml"
    passwords.write_text(yaml.safe_dump({user: password(user) for user in USERS}))
    made = command([*ACCESS, "users", str(passwords)], secure_kafka.settings(ADMIN))
    assert made.returncode == 0, made.stderr
    return secure_kafka


@pytest.fixture
def provinces_kafka(users: SecureKafka, namespace: str) -> SecureKafka:
    """… their rights in a namespace, and its topics, which the operator made."""
    given = command([*ACCESS, "acls"], users.settings(ADMIN) | {"SIPAS_NAMESPACE": namespace})
    assert given.returncode == 0, given.stderr
    topics = {"SIPAS_NAMESPACE": namespace, "SIPAS_PARTITIONS": "2"}
    made = command([SIPAS, "topics", "create"], users.settings("operator") | topics)
    assert made.returncode == 0, made.stderr
    return users


@pytest.fixture
def provinces_redis(tmp_path: Path, namespace: str) -> Iterator[SecureRedis]:
    with SecureRedis(tmp_path / "redis", namespace) as server:
        yield server
