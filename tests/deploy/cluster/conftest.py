"""One Kafka cluster and one Redis Cluster for the whole run; a test that kills a node brings it back."""

from collections.abc import Iterator

import pytest

from tests.deploy.cluster.clusters import KafkaCluster, RedisCluster, kafka_cluster, redis_cluster


@pytest.fixture(scope="session")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    with kafka_cluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with redis_cluster(tmp_path_factory.mktemp("redis")) as cluster:
        yield cluster
