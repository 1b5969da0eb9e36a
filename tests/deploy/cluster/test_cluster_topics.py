"""`sipas topics create` on three brokers: three copies of everything, and nothing acknowledged that only one has."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from sipas.broker import TOPIC_SETTINGS
from tests.deploy.cluster.clusters import KafkaCluster

# a client of kafka-python that meets a dead broker leaves its sockets to the garbage collector, which warns
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_three_copies_two_of_which_must_have_a_record_and_no_stale_leader(
    brokers: KafkaCluster, namespace: str
) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")}
    settings = {
        "SIPAS_NAMESPACE": namespace,
        "SIPAS_KAFKA_BOOTSTRAP": brokers.bootstrap,
        "SIPAS_REPLICATION": "3",
        "SIPAS_PARTITIONS": "4",
    }
    command = [str(Path(sys.executable).with_name("sipas")), "topics", "create"]
    subprocess.run(command, env=own | settings, check=True, capture_output=True, timeout=120)
    names = [f"{namespace}.{kind}.v1" for kind in TOPIC_SETTINGS]
    with closing(KafkaAdminClient(bootstrap_servers=brokers.brokers)) as admin:
        topics = admin.describe_topics(names)
        assert {len(one["replica_nodes"]) for topic in topics for one in topic["partitions"]} == {3}
        for name in names:
            [config] = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)]).values()
            assert value_of(config[name]["min.insync.replicas"]) == "2"
            assert value_of(config[name]["unclean.leader.election.enable"]) == "false"


def value_of(config) -> str:
    return config["value"] if isinstance(config, dict) else config
