"""Every service is a user of its own on Kafka: what it needs is allowed, everything else refused, by a real broker."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from deploy.local.programs import ROOT
from sipas.broker import (
    TOPIC_SETTINGS,
    GroupReader,
    KafkaAway,
    KafkaRefuses,
    Log,
    Publisher,
    PublishFailed,
    Topics,
    WholeTopicReader,
    Written,
    WrongTopics,
    publish_together,
)
from tests.deploy.security.conftest import ACCESS, SIPAS
from tests.deploy.security.secure_servers import ADMIN, SecureKafka, command
from tests.servers import wait_until

RULES = yaml.safe_load((ROOT / "deploy/kafka/acls.yaml").read_text())
SERVICES = [user for user in RULES if user != "operator"]


def test_a_user_may_do_what_its_file_says_and_nothing_else(provinces_kafka: SecureKafka, namespace: str) -> None:
    """Nine topics, read and written, by every user but the operator, who has written one record to each."""
    topics = {kind: f"{namespace}.{kind}.v1" for kind in TOPIC_SETTINGS}
    operator = Publisher(provinces_kafka.login("operator"))
    for topic in topics.values():
        operator.publish(topic, b"{}", key="k", partition=0)
    operator.close()
    found: dict[str, dict[str, set[str]]] = {}
    for user in SERVICES:
        found[user] = {
            kind: {
                *(["Read"] if may_read(provinces_kafka, user, topic) else []),
                *(["Write"] if may_write(provinces_kafka, user, topic) else []),
            }
            for kind, topic in topics.items()
        }
    wanted = {
        user: {kind: set(RULES[user]["topics"].get(kind, ())) - {"Describe"} for kind in topics} for user in SERVICES
    }
    assert found == wanted
    # by name, whatever the file says
    assert "Read" not in found["survey"]["people"]
    assert "Read" not in found["survey"]["responses"]
    assert "Write" not in found["board"]["tallies"]
    assert "Write" not in found["board"]["responses"]


def may_read(kafka: SecureKafka, user: str, topic: str) -> bool:
    try:
        reader = WholeTopicReader(kafka.login(user), topic, [0])
        try:
            return bool(list(reader.to_end()))
        finally:
            reader.close()
    except KafkaRefuses:
        return False


def may_write(kafka: SecureKafka, user: str, topic: str) -> bool:
    # one for each: after a refusal an idempotent producer takes nothing more
    publisher = Publisher(kafka.login(user), delivery_timeout_s=30)
    try:
        publisher.publish(topic, b"{}", key="k", partition=0)
    except PublishFailed as reason:
        assert "AuthorizationFailed" in str(reason)  # noqa: PT017 - the other failures are not what is asked for
        return False
    finally:
        publisher.close()
    return True


def test_who_may_not_see_a_topic_is_told_so_and_not_that_there_is_none(
    provinces_kafka: SecureKafka, namespace: str
) -> None:
    log = Log(provinces_kafka.login("survey"))
    with pytest.raises(KafkaRefuses, match=f"refuses survey.*{Topics(namespace).alerts}"):
        log.partition_count(Topics(namespace).alerts)
    log.close()


def test_a_group_is_its_services_own(provinces_kafka: SecureKafka, namespace: str) -> None:
    with pytest.raises(KafkaRefuses, match="refuses notifier"):
        join(provinces_kafka, "notifier", f"{namespace}.aggregator", Topics(namespace).tallies)
    join(provinces_kafka, "notifier", f"{namespace}.judge", Topics(namespace).tallies)


def join(kafka: SecureKafka, user: str, group: str, topic: str) -> None:
    reader = GroupReader(kafka.login(user), group=group, topics=[topic], max_records=10)
    assigned: set = set()

    def polled() -> bool:
        reader.poll(0.2)
        assigned.update(reader.take_assigned())
        return bool(assigned)

    try:
        wait_until(polled, 30, "partitions")
    finally:
        reader.close()


def test_a_load_of_the_registry_is_the_operators_alone(provinces_kafka: SecureKafka, namespace: str) -> None:
    one = Written(Topics(namespace).registry, "place/x", b"{}", [])
    with pytest.raises((PublishFailed, KafkaRefuses)):
        publish_together(provinces_kafka.login("board"), f"{namespace}.registry.v1.writer", [one])
    assert publish_together(provinces_kafka.login("operator"), f"{namespace}.registry.v1.writer", [one]) == 1


def test_another_province_is_closed_to_the_operator(provinces_kafka: SecureKafka, namespace: str) -> None:
    made = command(
        [SIPAS, "topics", "create"], provinces_kafka.settings("operator") | {"SIPAS_NAMESPACE": f"{namespace}x"}
    )
    assert made.returncode == 1
    assert "refuses operator" in made.stderr
    assert "Traceback" not in made.stderr


def test_giving_the_rights_again_changes_nothing(provinces_kafka: SecureKafka, namespace: str) -> None:
    again = command([*ACCESS, "acls"], provinces_kafka.settings(ADMIN) | {"SIPAS_NAMESPACE": namespace})
    assert again.stdout == "made 0 ACLs\n"


def test_rights_that_the_file_does_not_hold_are_named(
    provinces_kafka: SecureKafka, namespace: str, tmp_path: Path
) -> None:
    fewer = tmp_path / "acls.yaml"
    fewer.write_text(yaml.safe_dump({"survey": {"topics": {"responses": ["Write"], "comments": ["Write"]}}}))
    said = command([*ACCESS, "acls", str(fewer)], provinces_kafka.settings(ADMIN) | {"SIPAS_NAMESPACE": namespace})
    assert "made 0 ACLs" in said.stdout
    assert f"name={namespace}.registry.v1" in said.stdout


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        # the broker closes the connection, sometimes before its reason was read
        ({"SIPAS_KAFKA_PASSWORD": "wrong"}, "refuses operator|SASL_SSL as operator"),
        ({"SIPAS_KAFKA_USERNAME": "nobody"}, "refuses nobody|SASL_SSL as nobody"),
        ({"SIPAS_KAFKA_CA_FILE": ""}, "CERTIFICATE_VERIFY_FAILED|SASL_SSL as operator"),
        ({"SIPAS_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SIPAS_KAFKA_CA_FILE": ""}, "SASL_PLAINTEXT as operator"),
    ],
)
def test_who_cannot_get_in_is_told_why_in_one_line(users: SecureKafka, changed: dict[str, str], said: str) -> None:
    failed = command([SIPAS, "topics", "create"], users.settings("operator") | changed)
    assert failed.returncode == 1
    assert re.search(said, failed.stderr), failed.stderr
    assert "Traceback" not in failed.stderr
    assert "operator-s-secret" not in failed.stderr


def test_a_new_password_lets_in_and_the_old_one_does_not(users: SecureKafka, tmp_path: Path) -> None:
    changed = tmp_path / "users.yaml"
    changed.write_text("backup: another-secret\n")
    assert command([*ACCESS, "users", str(changed)], users.settings(ADMIN)).returncode == 0
    with pytest.raises(KafkaAway):
        WholeTopicReader(users.login("backup"), "any", [0])
    changed.write_text("backup: backup-s-secret\n")
    assert command([*ACCESS, "users", str(changed)], users.settings(ADMIN)).returncode == 0
    with pytest.raises((WrongTopics, KafkaRefuses)):
        WholeTopicReader(users.login("backup"), "any")


def test_without_rights_over_users_nobody_makes_one(users: SecureKafka, tmp_path: Path) -> None:
    passwords = tmp_path / "users.yaml"
    passwords.write_text("thief: secret-of-a-thief\n")
    refused = command(
        [sys.executable, "-m", "deploy.kafka.access", "users", str(passwords)], users.settings("operator")
    )
    assert refused.returncode != 0
