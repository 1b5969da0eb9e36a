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


@pytest.fixture(params=["one server", "one-node cluster"])
def any_stack(
    request: pytest.FixtureRequest, tmp_path: Path, kafka: KafkaServer, namespace: str
) -> Iterator[AggregatorStack]:
    """The same on both kinds of Redis. The cluster tells its clients that it lives behind its proxy."""
    redis = RedisServer(tmp_path, cluster=request.param == "one-node cluster")
    proxy_port = free_port() if redis.cluster else None
    if proxy_port:
        redis.command += ["--cluster-announce-port", str(proxy_port)]
    with redis:
        made = AggregatorStack(tmp_path, kafka, redis, namespace, proxy_port=proxy_port)
        yield made
        made.close()
