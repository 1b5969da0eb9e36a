"""Judge and courier with their ledgers on a Redis Cluster: a failover tells nobody twice and keeps nobody waiting."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from tests.deploy.cluster.clusters import PATIENCE_S, KafkaCluster, RedisCluster
from tests.integration.test_notifier import Stack, today, vi
from tests.servers import wait_until

# a client of kafka-python that meets a dead broker leaves its sockets to the garbage collector, which warns
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def stack(brokers: KafkaCluster, nodes: RedisCluster, tmp_path: Path, namespace: str) -> Iterator[Stack]:
    with ExitStack() as closing:
        made = Stack(brokers.bootstrap, nodes, namespace, tmp_path, replication=3)
        closing.callback(made.close)
        made.mailbox.start()
        yield made


@pytest.mark.parametrize("ledger", ["judge:{p0}", "courier:{p0}"])
def test_a_fall_is_told_once_while_the_ledgers_primary_and_a_broker_are_killed(
    stack: Stack, brokers: KafkaCluster, nodes: RedisCluster, ledger: str
) -> None:
    notifier = stack.notifier()
    with ExitStack() as ending:
        ending.enter_context(notifier)
        day = stack.tell_usual(today() - timedelta(days=63), 60)
        wait_until(stack.is_settled, PATIENCE_S, "the usual days to be judged")
        primary = nodes.primary_of(f"{stack.namespace}:{ledger}:position")
        broker = brokers.nodes[len(ledger) % 3]
        primary.kill()
        broker.kill()

        def mailed() -> bool:
            # as a supervisor would
            if not notifier.alive:
                notifier.start()
            return vi("confirmed") in stack.mailbox.subjects()

        # the test is the aggregator here, and it too has to find another leader
        wait_until(lambda: brokers.leads_nothing(stack.topics.tallies, broker), PATIENCE_S, "others to lead")
        stack.tell_fall(day, 4)
        wait_until(mailed, PATIENCE_S, "the fall to be told")
        wait_until(nodes.answers, PATIENCE_S, "a replica to be promoted")
        primary.start()
        broker.start()
        wait_until(nodes.whole, PATIENCE_S, "the old primary to follow")
        wait_until(lambda: brokers.whole(stack.topics.tallies), PATIENCE_S, "every copy to be up to date")
        wait_until(lambda: mailed() and stack.is_settled(), PATIENCE_S, "all to be told")
    for person in ("vi@tinhmau.example", "en@tinhmau.example"):
        told = Counter(stack.mailbox.subjects(person))
        assert set(told.values()) == {1}, told
    assert vi("confirmed") in stack.mailbox.subjects()
