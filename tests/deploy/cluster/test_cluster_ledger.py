"""A ledger on a Redis Cluster that loses nodes: who writes waits for the failover, who starts finds a way in."""

from collections.abc import Iterator

import pytest

from deploy.local.programs import HOST
from sipas.ledger import LedgerAway, Ledgers, Place, Slot, Writes
from tests.deploy.cluster.clusters import PATIENCE_S, RedisCluster
from tests.servers import wait_until


@pytest.fixture
def slot(nodes: RedisCluster, namespace: str) -> Iterator[Slot]:
    ledgers = Ledgers(nodes.url, namespace)
    made = ledgers.slot("g1", 0)
    made.create(0, {})
    yield made
    ledgers.close()


def test_a_commit_that_meets_a_dead_primary_lands_once_on_the_next_one(nodes: RedisCluster, slot: Slot) -> None:
    killed = nodes.primary_of(slot.key("position"))
    slot.commit(0, {"next_offset": 1}, Writes(fields={slot.key("n"): {"sheets": "1"}}))
    # what the old primary acknowledged and gave to no replica is lost; here it is not in question
    assert killed.ask("WAIT", "1", "5000").strip() == ":1"
    killed.kill()
    slot.commit(1, {"next_offset": 2}, Writes(fields={slot.key("n"): {"sheets": "2"}}))
    assert nodes.primary_of(slot.key("position")) is not killed
    position, [sheets] = slot.values([Place(slot.key("n"), "sheets")])
    assert position == {"next_offset": "2"}
    assert sheets == b"2"
    killed.start()
    wait_until(nodes.whole, PATIENCE_S, "the old primary to follow")


def test_whoever_has_no_patience_is_told_at_once_and_served_after_the_failover(
    nodes: RedisCluster, slot: Slot, namespace: str
) -> None:
    page = Ledgers(nodes.url, namespace, patience_s=0)
    page.wait_until_ready(10)
    killed = nodes.primary_of(slot.key("position"))
    assert killed.ask("WAIT", "1", "5000").strip() == ":1"
    killed.kill()
    with pytest.raises(LedgerAway):
        page.hashes([slot.key("position")])
    with pytest.raises(LedgerAway):
        page.values([Place(slot.key("position"), "next_offset")])
    wait_until(nodes.answers, PATIENCE_S, "a replica to be promoted")
    page.wait_until_ready(30)
    assert page.hashes([slot.key("position")]) == [{"next_offset": "0"}]
    page.close()
    killed.start()
    wait_until(nodes.whole, PATIENCE_S, "the old primary to follow")


def test_a_dead_replica_is_missed_by_nobody(nodes: RedisCluster, namespace: str) -> None:
    replica = next(node for node in nodes.nodes if node not in nodes.primaries())
    replica.kill()
    ledgers = Ledgers(nodes.url, namespace)
    ledgers.wait_until_ready(0)
    ledgers.close()
    replica.start()
    wait_until(nodes.whole, PATIENCE_S, "the replica to follow again")


def test_a_client_starts_while_the_node_that_it_is_told_first_is_down(nodes: RedisCluster, namespace: str) -> None:
    first, *others = nodes.nodes
    first.kill()
    wait_until(nodes.answers, PATIENCE_S, "its slots to be served")
    ledgers = Ledgers("redis+cluster://" + ",".join(f"{HOST}:{node.port}" for node in (first, *others)), namespace)
    ledgers.wait_until_ready(10)
    ledgers.close()
    first.start()
    wait_until(nodes.whole, PATIENCE_S, "it to be back")


def test_while_no_node_answers_a_start_says_so(namespace: str) -> None:
    ledgers = Ledgers(f"redis+cluster://{HOST}:1,{HOST}:2", namespace)
    with pytest.raises(LedgerAway, match="Redis does not answer"):
        ledgers.wait_until_ready(0)
