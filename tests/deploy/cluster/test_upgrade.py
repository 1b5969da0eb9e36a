"""From the code of the finished backbone to today's: its data are read, and nothing is lost or doubled on the way.

The order is the one of `docs/operations.md`: readers before writers.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from deploy.local.programs import HOST, ROOT
from sipas.broker import Log, Topics
from sipas.ledger import Ledgers
from tests.deploy.cluster.clusters import PATIENCE_S
from tests.integration.test_notifier import Mailbox
from tests.servers import KafkaServer, Program, RedisServer, free_port, wait_until
from tests.survey_stack import Answer, Survey, sheets

BACKBONE = "e4ff6a708532aa93dd225013a7454b9c9d16b057"
"""The last commit before the citizens' pages: answers, index, drop alerts and board work, 2026-11-22."""
NAMESPACE = "tinh-mau"
AGENCIES = ("so-y-te", "so-tu-phap", "so-xay-dung")
FALLEN = AGENCIES[0]
PARTITIONS = 3
SECRET = "s" * 40
OF_TODAY = {"SIPAS_LINK_SECRET": SECRET}
"""Settings that today's board and notifier need, and that the backbone refuses as misspelt ones."""


class Version:
    """The code in one folder, run by the same interpreter and libraries."""

    def __init__(self, root: Path, settings: dict[str, str], more: dict[str, str]) -> None:
        self.root = root
        self.settings = settings
        own = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")}
        self.env = own | {"PYTHONPATH": str(root)} | settings
        self.more = more

    def command_line(self, *words: str) -> list[str]:
        # from its own folder, which Python looks at before everything else
        return ["env", "-C", str(self.root), sys.executable, *words]

    def sipas(self, command: str, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """`command`: module:function, as the entry points have it; those that are installed are today's."""
        module, _, name = command.partition(":")
        run = f"from {module} import {name}; {name}()"
        line = self.command_line("-c", run, *words)
        return subprocess.run(
            line, env=self.env | settings, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    def done(self, command: str, *words: str, **settings: str) -> str:
        ended = self.sipas(command, *words, **settings)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def service(self, name: str, directory: Path) -> "Service":
        more = self.more if name in {"board", "notifier"} else {}
        return Service(name, self.command_line("-m", f"services.{name}"), directory, self.env | more)

    def survey(self, bootstrap: str, directory: Path) -> Survey:
        made = Survey(bootstrap, NAMESPACE, directory, SIPAS_SECRET=SECRET, SIPAS_DEMO="true")
        assert made.env is not None
        made.env["PYTHONPATH"] = str(self.root)
        made.command = self.command_line("-m", "services.survey")
        return made


class Service(Program):
    def __init__(self, name: str, command: list[str], directory: Path, env: dict[str, str]) -> None:
        self.admin, self.port = free_port(), free_port()
        listen = {f"SIPAS_{name.upper()}_ADMIN": f"{HOST}:{self.admin}"}
        if name == "board":
            listen["SIPAS_BOARD_LISTEN"] = f"{HOST}:{self.port}"
        super().__init__(name, command, directory, env | listen)

    def ready(self) -> bool:
        try:
            with urlopen(f"http://{HOST}:{self.admin}/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def start(self, timeout_s: float = PATIENCE_S) -> "Service":
        return super().start(timeout_s)

    def get(self, path: str, key: str) -> dict:
        request = Request(f"http://{HOST}:{self.port}{path}", headers={"Authorization": f"Bearer {key}"})
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)


class Upgrade:
    """A province that was set up by the backbone, with sixty days of answers, one of its agencies fallen."""

    def __init__(self, directory: Path, kafka: KafkaServer, redis: RedisServer, mailbox: Mailbox) -> None:
        self.directory, self.kafka, self.redis, self.mailbox = directory, kafka, redis, mailbox
        self.topics = Topics(NAMESPACE)
        self.log = Log([kafka.bootstrap])
        self.ledgers = Ledgers(redis.url, NAMESPACE)
        settings = {
            "SIPAS_NAMESPACE": NAMESPACE,
            "SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "SIPAS_REDIS_URL": redis.url,
            "SIPAS_PARTITIONS": str(PARTITIONS),
            "SIPAS_DEMO": "true",
            "SIPAS_BOARD_URL": "https://board.example",
            "SIPAS_SMTP_URL": f"smtp://{HOST}:{mailbox.port}",
            "SIPAS_MAIL_FROM": "sipas@tinhmau.example",
        }
        self.old = Version(directory / "backbone", settings, {})
        self.new = Version(ROOT, settings, OF_TODAY | {"SIPAS_QUIET_HOURS": "none"})
        self.keys: dict[str, str] = {}

    def unpack(self) -> None:
        archive = subprocess.run(["git", "-C", str(ROOT), "archive", BACKBONE], capture_output=True, check=False)
        if archive.returncode:
            # a clone without history has nothing to upgrade from
            pytest.skip(f"the commit {BACKBONE[:7]} is not in this clone")
        self.old.root.mkdir()
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(self.old.root, filter="data")

    def set_up(self) -> None:
        self.old.done("services.board.topics_command:topics", "create")
        self.old.done("services.board.registry_commands:registry", "load", "sample")
        self.old.done("services.board.people_commands:people", "load", "sample")
        for scope in ("submit", "import", "read"):
            said = self.old.done("services.board.key_commands:key", "create", "--scope", scope, "--json")
            self.keys[scope] = json.loads(said)["key"]

    def simulate(self, survey: Survey) -> None:
        words = ["--agencies", ",".join(AGENCIES), "--days", "60", "--drop-agency", FALLEN, "--drop-size", "30"]
        self.old.done(
            "services.survey.simulate_command:simulate",
            *words,
            SIPAS_SURVEY_URL=f"http://{HOST}:{survey.port}",
            SIPAS_IMPORT_KEY=self.keys["import"],
        )

    def is_counted(self, generation: str = "g1") -> bool:
        ends = self.log.bounds(self.topics.responses)
        return all(self._position(generation, number) == end for number, (_, end) in ends.items())

    def is_told(self) -> bool:
        """Every total is judged, every alert has come to the courier, and it waits for nothing."""
        totals, alerts = (self.log.bounds(topic) for topic in (self.topics.tallies, self.topics.alerts))
        slot = self.ledgers.slot("courier", 0)
        return (
            all(self._position("judge", number) == end for number, (_, end) in totals.items())
            and self._position("courier", 0) == alerts[0][1]
            and not slot.snapshot([slot.key("queue")])[1][0]
        )

    def _position(self, name: str, number: int) -> int:
        position = self.ledgers.slot(name, number).position()
        return int(position["next_offset"]) if position else -1

    def figures(self, board: Service) -> dict[str, dict]:
        """What was published of each agency, without what newer methods say of its precision."""
        return {
            agency: {
                name: value
                for name, value in board.get(
                    f"/v1/agencies/{agency}/index?period=last-30d&method=quick-5@1", self.keys["read"]
                ).items()
                if name in {"percent", "responses", "answers", "satisfied", "excluded", "as_of"}
            }
            for agency in AGENCIES
        }

    def alerts(self, board: Service) -> list[tuple[str, ...]]:
        """Which falls were told, whatever else is said of them."""
        found = board.get("/v1/alerts", self.keys["read"])["alerts"]
        return sorted((one["agency"], one["method"], one["rule"], one["opened_on"]) for one in found)


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgrade]:
    directory = tmp_path_factory.mktemp("upgrade")
    with KafkaServer(directory) as kafka, RedisServer(directory) as redis, ExitStack() as ending:
        mailbox = Mailbox()
        mailbox.start()
        ending.callback(mailbox.stop)
        made = Upgrade(directory, kafka, redis, mailbox)
        made.unpack()
        made.set_up()
        yield made


def test_todays_services_read_what_the_backbone_wrote_and_tell_nobody_again(upgrade: Upgrade) -> None:
    old, new, directory = upgrade.old, upgrade.new, upgrade.directory
    with ExitStack() as running:
        survey = running.enter_context(old.survey(upgrade.kafka.bootstrap, directory / "first"))
        with (
            old.service("aggregator", directory) as _aggregator,
            old.service("notifier", directory) as _notifier,
            old.service("board", directory) as board,
        ):
            upgrade.simulate(survey)
            wait_until(upgrade.is_counted, PATIENCE_S, "the backbone to count")
            wait_until(
                lambda: upgrade.mailbox.mails and upgrade.is_told(), PATIENCE_S, "the backbone to tell of the fall"
            )
            figures, alerts = upgrade.figures(board), upgrade.alerts(board)
            mails = len(upgrade.mailbox.mails)
        assert all(one["responses"] > 100 for one in figures.values())
        assert {agency for agency, *_ in alerts} == {FALLEN}

        # the ledger is refused by name …
        refused = new.service("aggregator", directory / "refused")
        refused.start_without_waiting()
        assert refused.wait(PATIENCE_S) == 1
        assert "written by another version of this software" in refused.log
        assert "sipas replay" in refused.log
        # … and made anew from the log, while the backbone's survey still takes answers
        new.done("services.aggregator.replay_command:replay", "--switch", "--reason", "upgrade")
        running.enter_context(new.service("aggregator", directory / "new"))
        new.done("services.aggregator.verify_command:verify")

        board = running.enter_context(new.service("board", directory / "new"))
        running.enter_context(new.service("notifier", directory / "new"))
        wait_until(upgrade.is_told, PATIENCE_S, "today's notifier to have read everything")
        assert upgrade.figures(board) == figures
        assert upgrade.alerts(board) == alerts
        assert len(upgrade.mailbox.mails) == mails


def test_the_survey_is_rolled_under_load_with_both_versions_side_by_side(upgrade: Upgrade) -> None:
    """Two replicas, each replaced on its own spool; whoever finds one closed asks the other, as a proxy does."""
    old, new, directory = upgrade.old, upgrade.new, upgrade.directory
    bootstrap = upgrade.kafka.bootstrap
    counter = json.loads(new.done("services.board.registry_commands:registry", "export"))["counters"][0]
    places: dict[str, Survey] = {name: old.survey(bootstrap, directory / name) for name in ("left", "right")}
    said: Counter[str] = Counter()
    taken: list[str] = []
    stopping = threading.Event()

    def citizen(first: str, second: str) -> None:
        while not stopping.is_set():
            response_id = str(uuid.uuid4())
            document = {
                "response_id": response_id,
                "counter": counter["code"],
                "agency": counter["agencies"][0],
                "answers": {"ACCESS": 5, "PROC": 4, "STAFF": 5, "RESULT": 4, "FEEDBACK": None},
            }
            for name in (first, second):
                if (answer := sent(places[name], document)) is not None and answer.status == 202:
                    said[f"{name} {type_of(places[name], old)} {answer.json['status']}"] += 1
                    taken.append(response_id)
                    break
            else:
                said["asked again"] += 1

    def sent(survey: Survey, document: dict) -> Answer | None:
        try:
            return survey.submit(document, key=upgrade.keys["submit"])
        except OSError:
            return None

    citizens = [threading.Thread(target=citizen, args=order) for order in (("left", "right"), ("right", "left")) * 2]
    with ExitStack() as running:
        running.callback(stopping.set)
        for survey in places.values():
            running.enter_context(survey)
        for one in citizens:
            one.start()
        for name in ("left", "right"):
            wait_until(lambda: len(taken) > 50, PATIENCE_S, "load")
            before = len(taken)
            places[name].stop()
            successor = new.survey(bootstrap, directory / name)
            places[name] = running.enter_context(successor)
            wait_until(lambda before=before: len(taken) > before + 50, PATIENCE_S, "load on both")
        stopping.set()
        for one in citizens:
            one.join(60)
        print(dict(said))
        on_the_log = Counter(str(sheet.response_id) for sheet in sheets(bootstrap, NAMESPACE))
        assert [one for one in taken if one not in on_the_log] == []
        with new.service("aggregator", directory / "rolled"):
            wait_until(lambda: upgrade.is_counted(published(upgrade)), PATIENCE_S, "all to be counted")
            new.done("services.aggregator.verify_command:verify")


def test_answers_that_the_backbone_left_on_its_disk_are_sent_by_todays_survey(upgrade: Upgrade) -> None:
    old, new, directory = upgrade.old, upgrade.new, upgrade.directory
    counter = json.loads(new.done("services.board.registry_commands:registry", "export"))["counters"][0]
    response_id = str(uuid.uuid4())
    document = {
        "response_id": response_id,
        "counter": counter["code"],
        "agency": counter["agencies"][0],
        "answers": {"ACCESS": 5, "PROC": 4, "STAFF": 5, "RESULT": 4, "FEEDBACK": None},
    }
    with old.survey(upgrade.kafka.bootstrap, directory / "spooling") as survey:
        upgrade.kafka.kill()
        answer = survey.submit(document, key=upgrade.keys["submit"])
        assert answer.json["status"] == "spooled"
        survey.kill()
    upgrade.kafka.start(PATIENCE_S)
    with new.survey(upgrade.kafka.bootstrap, directory / "spooling"):
        wait_until(
            lambda: response_id in {str(one.response_id) for one in sheets(upgrade.kafka.bootstrap, NAMESPACE)},
            PATIENCE_S,
            "the spooled answer on the log",
        )


def published(upgrade: Upgrade) -> str:
    return upgrade.ledgers.hashes([upgrade.ledgers.pointer_key])[0]["generation"]


def type_of(survey: Survey, old: Version) -> str:
    return "backbone" if str(old.root) in survey.command else "today"
