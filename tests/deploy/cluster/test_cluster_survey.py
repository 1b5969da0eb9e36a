"""The survey takes answers while a broker is killed and comes back: each is on the log once for whoever counts."""

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.local.programs import ROOT
from sipas.broker import Topics
from tests.deploy.cluster.clusters import PATIENCE_S, KafkaCluster, RedisCluster
from tests.integration.test_board_process import Service
from tests.servers import free_port, wait_until
from tests.survey_stack import OPEN, SUBMIT_KEY, Survey, set_up_namespace, sheets, small_registry

# a client of kafka-python that meets a dead broker leaves its sockets to the garbage collector, which warns
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

GOOD = {"ACCESS": 5, "PROC": 4, "STAFF": 5, "RESULT": 4, "FEEDBACK": None}


@pytest.fixture
def survey(tmp_path: Path, brokers: KafkaCluster, namespace: str) -> Iterator[Survey]:
    set_up_namespace(brokers.bootstrap, namespace, small_registry(), 4, replication=3)
    with Survey(brokers.bootstrap, namespace, tmp_path) as made:
        yield made


def test_every_answer_is_taken_and_counted_once_while_a_broker_is_killed(
    survey: Survey, brokers: KafkaCluster, nodes: RedisCluster, namespace: str, tmp_path: Path
) -> None:
    settings = {
        "SIPAS_NAMESPACE": namespace,
        "SIPAS_KAFKA_BOOTSTRAP": brokers.bootstrap,
        "SIPAS_REDIS_URL": nodes.url,
        "PYTHONPATH": str(ROOT),
    }
    admin = free_port()
    aggregator = Service("aggregator", tmp_path, admin, settings | {"SIPAS_AGGREGATOR_ADMIN": f"127.0.0.1:{admin}"})
    said: Counter[str] = Counter()
    taken: list[str] = []
    stopping = threading.Event()

    def citizen() -> None:
        while not stopping.is_set():
            response_id = str(uuid.uuid4())
            answer = survey.submit({"response_id": response_id, "counter": OPEN, "answers": GOOD}, key=SUBMIT_KEY)
            said[f"{answer.status} {answer.json.get('status', '')}"] += 1
            if answer.status == 202:
                taken.append(response_id)

    citizens = [threading.Thread(target=citizen) for _ in range(4)]
    topic = Topics(namespace).responses
    with ExitStack() as ending:
        ending.callback(stopping.set)
        ending.enter_context(aggregator)
        for one in citizens:
            one.start()
        for broker in brokers.nodes:
            before = len(taken)
            wait_until(lambda before=before: len(taken) > before + 20, PATIENCE_S, "answers to be taken")
            broker.kill()
            wait_until(lambda broker=broker: brokers.leads_nothing(topic, broker), PATIENCE_S, "others to lead")
            before = len(taken)
            wait_until(lambda before=before: len(taken) > before + 20, PATIENCE_S, "answers to be taken without it")
            broker.start()
            wait_until(lambda: brokers.whole(topic), PATIENCE_S, "every copy to be up to date")
        stopping.set()
        for one in citizens:
            one.join(30)
        print(dict(said), len(taken), "taken")
        assert set(said) <= {"202 accepted", "202 spooled"}
        wait_until(
            lambda: {str(sheet.response_id) for sheet in sheets(brokers.bootstrap, namespace)} >= set(taken),
            120,
            "the spool to be empty",
        )
        wait_until(lambda: aggregator.alive or aggregator.start(), PATIENCE_S, "the aggregator to run")
        wait_until(lambda: counted(survey, settings) == len(taken), PATIENCE_S, "each answer to be counted once")


def counted(survey: Survey, settings: dict[str, str]) -> int:
    """The agency's sheets as the ledger has them."""
    from sipas.ledger import Ledgers
    from sipas.packed import layouts
    from sipas.tally_keys import TallyKeys

    ledgers = Ledgers(settings["SIPAS_REDIS_URL"], settings["SIPAS_NAMESPACE"])
    layout, found = layouts()["quick-5@1"], 0
    for number in range(4):
        keys = TallyKeys.of(ledgers, number)
        for day in keys.slot.members(keys.days("so-a")):
            method, date = day.split("/")
            [stored] = ledgers.values([keys.total("so-a", method, date)])
            found += layout.named(layout.unpack(stored))["responses"]
    ledgers.close()
    return found
