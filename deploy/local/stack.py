"""What the local stack is made of, as data: who listens where, what is started, what is prepared.

Nothing here starts anything; `up` does. To add a program, add a line to `programs`; a port, one to LISTENERS.
"""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from deploy.local.programs import HOST, ROOT, kafka_answers, kafka_command, redis_answers, redis_command

SIPAS = str(Path(sys.executable).with_name("sipas"))


@dataclass(frozen=True)
class Listener:
    """One port: its default, and the setting (of the form `value`) that moves it."""

    name: str
    port: int
    setting: str | None = None
    value: str = HOST + ":{port}"


LISTENERS = (
    Listener("survey", 8080, "SIPAS_SURVEY_LISTEN"),
    Listener("board", 8081, "SIPAS_BOARD_LISTEN"),
    Listener("survey admin", 9080, "SIPAS_SURVEY_ADMIN"),
    Listener("board admin", 9081, "SIPAS_BOARD_ADMIN"),
    Listener("aggregator admin", 9082, "SIPAS_AGGREGATOR_ADMIN"),
    Listener("notifier admin", 9083, "SIPAS_NOTIFIER_ADMIN"),
    Listener("kafka", 9092, "SIPAS_KAFKA_BOOTSTRAP"),
    Listener("kafka controller", 9093),
    Listener("redis", 6379, "SIPAS_REDIS_URL", f"redis://{HOST}:{{port}}/0"),
    Listener("mail", 1025, "SIPAS_SMTP_URL", f"smtp://{HOST}:{{port}}"),
    Listener("mailbox", 8025),
    Listener("limiter", 6380, "SIPAS_LIMITER_URL", f"redis://{HOST}:{{port}}/0"),
)


@dataclass(frozen=True)
class Program:
    """Something that runs until the stack stops; `ready` says whether it serves."""

    name: str
    command: list[str]
    ready: Callable[[], bool]


@dataclass(frozen=True)
class Step:
    """A command between servers and services. `once`: only on new data, for what a user may change later."""

    name: str
    command: list[str]
    once: bool


@dataclass(frozen=True)
class Stack:
    """One local stack: its directory, its ports by listener name, the settings of its services."""

    home: Path
    ports: Mapping[str, int]
    settings: Mapping[str, str]

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def kafka_properties(self) -> Path:
        return self.data / "kafka.properties"

    def address(self, listener: str) -> str:
        return f"http://{HOST}:{self.ports[listener]}"


SECRETS = {"SIPAS_SECRET": "secret", "SIPAS_LINK_SECRET": "link-secret"}
"""Setting -> the file that keeps it."""


def make_stack(home: Path, environment: Mapping[str, str], secrets: Mapping[str, str], ports_from: int | None) -> Stack:
    """Settings in the environment win; else `secrets` and the defaults, or ports counted up from `ports_from`."""
    own: dict[str, str] = {name: value for name, value in environment.items() if name.startswith("SIPAS_")}
    ports = {}
    for number, listener in enumerate(LISTENERS):
        port = listener.port if ports_from is None else ports_from + number
        if listener.setting is not None:
            value = own.setdefault(listener.setting, listener.value.format(port=port))
            found = re.search(r":(\d+)(?:/\d*)?$", value)
            port = int(found[1]) if found else port
        ports[listener.name] = port
    stack = Stack(home, ports, own)
    for name, value in {
        "SIPAS_PUBLIC_URL": stack.address("survey"),
        "SIPAS_SURVEY_URL": stack.address("survey"),
        "SIPAS_BOARD_URL": stack.address("board"),
        "SIPAS_NAMESPACE": "sipas",
        "SIPAS_TIMEZONE": "Asia/Ho_Chi_Minh",
        "SIPAS_MAIL_FROM": "sipas@tinhmau.example",
        "SIPAS_SPOOL_DIR": str(stack.data / "spool"),
        # a demo tells at any hour, and each time: nobody waits for the morning to see it
        "SIPAS_QUIET_HOURS": "none",
        "SIPAS_ABOVE_HOURS": "0",
        **secrets,
    }.items():
        own.setdefault(name, value)
    # not the user's choice: this stack holds made-up data
    own["SIPAS_DEMO"] = "true"
    return stack


def servers(stack: Stack) -> list[Program]:
    """What the services stand on."""
    ports = stack.ports
    mailbox = [sys.executable, "-m", "deploy.local.mailbox", "--directory", str(stack.data / "mail")]
    listens = ["--smtp", str(ports["mail"]), "--web", str(ports["mailbox"])]
    return [
        Program("kafka", kafka_command(stack.kafka_properties), partial(kafka_answers, ports["kafka"])),
        Program("redis", redis_command(ports["redis"], stack.data / "redis"), partial(redis_answers, ports["redis"])),
        Program(
            "limiter",
            # of clients only hashes are in it, and those not on a disk either
            redis_command(ports["limiter"], stack.data / "limiter", durable=False),
            partial(redis_answers, ports["limiter"]),
        ),
        Program("mailbox", [*mailbox, *listens], partial(says_yes, f"{stack.address('mailbox')}/mails")),
    ]


def services(stack: Stack) -> list[Program]:
    return [
        Program(
            name,
            [sys.executable, "-m", f"services.{name}"],
            partial(says_yes, f"{stack.address(f'{name} admin')}/readyz"),
        )
        for name in ("survey", "aggregator", "notifier", "board")
    ]


PREPARATION = (
    Step("topics", [SIPAS, "topics", "create"], once=False),
    Step("sample registry", [SIPAS, "registry", "load", "sample"], once=True),
    Step("sample leaders", [SIPAS, "people", "load", "sample"], once=True),
    Step("sample scores", [SIPAS, "scores", "load", str(ROOT / "examples/scores-sample.csv")], once=True),
)

KEY_SCOPES = ("submit", "import", "read")


def key_command(scope: str) -> list[str]:
    """Prints {"id", "scope", "key"}."""
    return [SIPAS, "key", "create", "--scope", scope, "--json"]


def says_yes(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
