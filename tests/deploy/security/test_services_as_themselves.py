"""All four services at work, each as its own user of Kafka and of Redis, over SASL_SSL and with Redis's ACL."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local.programs import HOST, ROOT
from sipas.broker import Topics, WholeTopicReader, Written, publish_together
from sipas.events import encode, headers
from tests.deploy.security.secure_servers import SecureKafka, SecureRedis, command
from tests.integration.test_board_process import Service
from tests.integration.test_notifier import Mailbox
from tests.servers import free_port, wait_until
from tests.survey_stack import OPEN, READ_KEY, SUBMIT_KEY, Survey, small_registry

from tests.deploy.security.conftest import SIPAS  # isort: skip

GOOD = {"ACCESS": 5, "PROC": 4, "STAFF": 5, "RESULT": 4, "FEEDBACK": None}
PATIENCE_S = 300


class Province:
    def __init__(self, kafka: SecureKafka, redis: SecureRedis, namespace: str, directory: Path) -> None:
        self.kafka, self.redis, self.namespace, self.directory = kafka, redis, namespace, directory
        self.mailbox = Mailbox()
        now = datetime.now(UTC)
        publish_together(
            kafka.login("operator"),
            f"{namespace}.registry.v1.writer",
            [
                Written(
                    Topics(namespace).registry,
                    f"{one.kind}/{one.id}",
                    encode(one),
                    headers(one, event_id=one.id, source="/test", at=now),
                )
                for one in small_registry()
            ],
        )

    def settings(self, user: str) -> dict[str, str]:
        common = {"SIPAS_NAMESPACE": self.namespace, "PYTHONPATH": str(ROOT)}
        return self.kafka.settings(user) | common | {"SIPAS_REDIS_URL": self.redis.address(user)}

    def service(self, name: str, **more: str) -> Service:
        admin = free_port()
        own = {f"SIPAS_{name.upper()}_ADMIN": f"{HOST}:{admin}"}
        return Service(name, self.directory, admin, self.settings(name) | own | more)

    def survey(self) -> Survey:
        own = self.kafka.settings("survey") | {"SIPAS_LIMITER_URL": self.redis.address("limiter", name="survey")}
        return Survey(own.pop("SIPAS_KAFKA_BOOTSTRAP"), self.namespace, self.directory, **own)

    def records(self, kind: str) -> int:
        reader = WholeTopicReader(self.kafka.login("operator"), getattr(Topics(self.namespace), kind))
        try:
            return sum(1 for _ in reader.to_end())
        finally:
            reader.close()


@pytest.fixture
def province(
    provinces_kafka: SecureKafka, provinces_redis: SecureRedis, namespace: str, tmp_path: Path
) -> Iterator[Province]:
    made = Province(provinces_kafka, provinces_redis, namespace, tmp_path)
    made.mailbox.start()
    yield made
    made.mailbox.stop()


def test_an_answer_goes_from_the_form_to_the_board_with_each_service_in_its_own_name(province: Province) -> None:
    board_port = free_port()
    leaders = {"SIPAS_BOARD_URL": "https://board.example", "SIPAS_LINK_SECRET": "s" * 32}
    mail = {"SIPAS_SMTP_URL": f"smtp://{HOST}:{province.mailbox.port}", "SIPAS_MAIL_FROM": "sipas@tinhmau.example"}
    aggregator = province.service("aggregator")
    notifier = province.service("notifier", **leaders, **mail)
    board = province.service(
        "board", SIPAS_BOARD_LISTEN=f"{HOST}:{board_port}", SIPAS_LINK_SECRET=leaders["SIPAS_LINK_SECRET"]
    )
    with ExitStack() as running:
        survey = running.enter_context(province.survey())
        for service in (aggregator, notifier, board):
            running.callback(service.kill)
            service.start(PATIENCE_S)
        for _ in range(6):
            sheet = {"response_id": str(uuid.uuid4()), "counter": OPEN, "answers": GOOD, "comment": "Tốt lắm"}
            answer = survey.submit(sheet, key=SUBMIT_KEY)
            assert (answer.status, answer.json["status"]) == (202, "accepted")

        def shown() -> int | None:
            path = f"/v1/agencies/so-a/index?period={datetime.now(UTC).year}&method=quick-5@1"
            found = Survey._ask(board_port, "GET", path, None, {"Authorization": f"Bearer {READ_KEY}"})
            return found.json["responses"] if found.status == 200 else None

        wait_until(lambda: shown() == 6, PATIENCE_S, "the board to show the answers")
        wait_until(lambda: province.records("tallies") > 0, PATIENCE_S, "totals for the notifier")
        assert province.records("comments") == 6
        assert survey.metric("sipas_survey_unlimited_total") == 0
        for service in (aggregator, notifier, board):
            assert service.alive, service.log[-2000:]
            assert service.ready()
        verdict = command([SIPAS, "verify"], province.settings("operator"))
        assert verdict.returncode == 0, verdict.stderr


def test_a_service_in_another_s_name_says_what_it_is_refused_and_ends(province: Province) -> None:
    as_board = province.service("aggregator")
    assert as_board.env is not None
    as_board.env = dict(as_board.env) | {
        name: value for name, value in province.settings("board").items() if name.startswith("SIPAS_KAFKA")
    }
    as_board.start_without_waiting()
    assert as_board.wait(PATIENCE_S) == 1
    assert "refuses board" in as_board.log
