"""Nothing is lost and nothing counted twice while brokers and Redis primaries are killed, failover included."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sipas.broker import Publisher
from tests.deploy.cluster.clusters import PATIENCE_S, KafkaCluster, RedisCluster
from tests.integration.aggregator_stack import AggregatorStack
from tests.integration.answers import make_answers
from tests.servers import Program, wait_until

# a client of kafka-python that meets a dead broker leaves its sockets to the garbage collector, which warns
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

FAULTS = (
    "a broker",
    "a Redis primary",
    "the aggregator",
    "a broker",
    "a Redis primary and the aggregator",
    "a broker and a Redis primary",
    "a broker and the aggregator",
    "a Redis primary",
)


@pytest.fixture
def stack(tmp_path: Path, brokers: KafkaCluster, nodes: RedisCluster, namespace: str) -> Iterator[AggregatorStack]:
    made = AggregatorStack(tmp_path, brokers, nodes, namespace, replication=3)
    yield made
    made.close()


def test_every_answer_counts_once_while_brokers_and_redis_primaries_are_killed(
    stack: AggregatorStack, brokers: KafkaCluster, nodes: RedisCluster
) -> None:
    """Each fault meets a piece of the log that is being written and counted.

    A killed broker is started again once others lead its partitions, a killed primary once a replica has its place.
    """
    answers = make_answers(80_000)
    aggregators = [stack.aggregator("first"), stack.aggregator("second")]
    happened: Counter[str] = Counter()
    dice = random.Random(7)
    piece = len(answers.records) // len(FAULTS) + 1
    publisher = Publisher(stack.brokers, linger_ms=20, delivery_timeout_s=120)

    def write(records: list[tuple[str, bytes | None]]) -> None:
        for start in range(0, len(records), 500):
            some = records[start : start + 500]
            publisher.wait([publisher.send(stack.topics.responses, value, key=key) for key, value in some])

    def wait(condition: Callable[[], bool], what: str) -> None:
        """As a supervisor would, start again what ended by itself."""

        def supervised() -> bool:
            for one in aggregators:
                if not one.alive:
                    happened["started again"] += one.returncode is not None
                    one.start()
            return condition()

        wait_until(supervised, PATIENCE_S, what)

    def heal(broker: Program | None, primary: Program | None) -> None:
        if primary is not None:
            wait(nodes.answers, "a replica to be promoted")
            primary.start()
            wait(nodes.whole, "the old primary to follow the new one")
            assert primary not in nodes.primaries()
        if broker is not None:
            wait(lambda: brokers.leads_nothing(stack.topics.responses, broker), "others to lead its partitions")
            broker.start()
            wait(lambda: brokers.whole(stack.topics.responses), "every copy to be up to date")

    for number, fault in enumerate(FAULTS):
        records = answers.records[piece * number : piece * (number + 1)]
        writing = threading.Thread(target=write, args=(records,))
        writing.start()
        goal = piece * number + dice.randrange(piece * 2 // 3)
        wait(lambda goal=goal: stack.counted() >= goal, f"{goal} records to be counted")
        assert stack.counted() < piece * number + len(records), "the fault must meet a system that is at work"
        broker = dice.choice(brokers.nodes) if "broker" in fault else None
        primary = dice.choice(nodes.primaries()) if "primary" in fault else None
        aggregator = aggregators[number % 2] if "aggregator" in fault else None
        for victim in filter(None, (broker, primary, aggregator)):
            victim.kill()
        heal(broker, primary)
        writing.join(180)
        happened[fault] += 1
    publisher.close()
    wait(lambda: stack.counted() == len(answers.records), "the whole log to be counted")
    print(dict(happened), len(answers.records), "records")
    assert sum(stack.ends()) == len(answers.records), "an idempotent producer writes no record twice"
    assert stack.differences(answers) == []
    assert len(stack.dead_letters()) == answers.malformed
    verdict = stack.command("verify")
    assert verdict.returncode == 0, verdict.stderr
    assert "the ledger agrees with the log" in verdict.stdout
