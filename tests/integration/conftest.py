"""The stack that the integration tests of the aggregator share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.aggregator_stack import AggregatorStack
from tests.servers import KafkaServer, RedisServer, free_port


@pytest.fixture
def stack(tmp_path: Path, kafka: KafkaServer, namespace: str) -> Iterator[AggregatorStack]:
    """A namespace and a Redis of its own; aggregators are started by the test."""
    with RedisServer(tmp_path) as redis:
        made = AggregatorStack(tmp_path, kafka, redis, namespace)
        yield made
        made.close()


@pytest.fixture
def cluster_stack(tmp_path: Path, kafka: KafkaServer, namespace: str) -> Iterator[AggregatorStack]:
    """The same on a one-node Redis Cluster, which tells its clients that it lives behind `proxy_port`."""
    redis = RedisServer(tmp_path, cluster=True)
    proxy_port = free_port()
    redis.command += ["--cluster-announce-port", str(proxy_port)]
    with redis:
        made = AggregatorStack(tmp_path, kafka, redis, namespace, proxy_port=proxy_port)
        yield made
        made.close()
