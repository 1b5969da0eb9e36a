"""Settings from the environment: declared once, checked together, wrong ones named all at once.

A service takes one frozen dataclass from here; `load` raises `SettingsError` with *every* problem, so that
an administrator mends the file once. Names that start with SIPAS_ and mean nothing are problems too: a
misspelt setting must not become a silent default.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, time
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sipas.bootstrap import MECHANISMS, PROTOCOLS, Access, Bootstrap
from sipas.events import CHANNEL_NAME
from sipas.hours import Hours

PREFIX = "SIPAS_"


class SettingsError(Exception):
    """Every problem found, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Rate(NamedTuple):
    """How many answers in how many seconds."""

    answers: int
    seconds: int


def _text(value: str) -> str:
    return value


def _namespace(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", value):
        raise ValueError("must be 1 to 31 lower-case letters, digits or '-', beginning with a letter")
    return value


def _zone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("is not a time zone name such as Asia/Ho_Chi_Minh") from None


def _flag(value: str) -> bool:
    if value not in {"true", "false"}:
        raise ValueError("must be true or false")
    return value == "true"


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return parse


def _number(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"\d+", value) or not low <= int(value) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return parse


def _rate(value: str) -> Rate:
    found = re.fullmatch(r"([1-9]\d{0,6})/([1-9]\d{0,4})", value)
    if not found:
        raise ValueError("must be answers/seconds, for example 100/60")
    return Rate(int(found[1]), int(found[2]))


def _address(value: str) -> Address:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not re.fullmatch(r"\d{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError("must be host:port, for example 127.0.0.1:8080")
    return Address(host, int(port))


def _bootstrap(value: str) -> tuple[str, ...]:
    return tuple(str(_address(part.strip())) for part in value.split(","))


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        try:
            parts = urlsplit(value)
            host = parts.hostname
        except ValueError:
            host = None
        if not host or parts.scheme not in schemes:
            raise ValueError(f"must be an address that begins with {' or '.join(s + '://' for s in schemes)}")
        return value.rstrip("/")

    return parse


def _directory(value: str) -> Path | None:
    if value and not Path(value).is_dir():
        raise ValueError("is not a directory that can be read")
    return Path(value) if value else None


def _file(value: str) -> Path | None:
    if value and not Path(value).is_file():
        raise ValueError("is not a file that can be read")
    return Path(value) if value else None


def _optional(parse: Callable[[str], str]) -> Callable[[str], str]:
    return lambda value: parse(value) if value else ""


def _secrets(value: str) -> tuple[str, ...]:
    found = tuple(re.split(r"[,\s]+", value.strip()))
    if any(len(one) < 32 for one in found):
        raise ValueError("must have at least 32 characters, each of several")
    return found


def _mail_address(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        raise ValueError("must be an e-mail address")
    return value


def _time(value: str) -> time:
    try:
        return datetime.strptime(value, "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        raise ValueError("must be a time such as 07:30") from None


def _office_hours(value: str) -> Hours:
    hours = Hours.parse(value)
    if hours is None:
        raise ValueError("must be hours such as 07:30-17:00")
    return hours


def _channels(value: str) -> Mapping[str, str]:
    """No reason names a value: they hold secrets."""
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(address, str) for address in found.values()):
        raise ValueError(
            'must be JSON such as {"webhook:ioc": "https://…#whsec_…", "chat:it": "…", "sms": "…{phone}…"}'
        )
    for name, address in found.items():
        kind = name.partition(":")[0]
        if not re.search(CHANNEL_NAME, name) or name == "email":
            raise ValueError(f"{name!r} must be webhook:<name>, chat:<name> or sms")
        if kind == "webhook" and not re.fullmatch(r"https?://[^#\s]+#whsec_[A-Za-z0-9+/]{32,}={0,2}", address):
            raise ValueError(
                f"the address of {name} must be http(s)://…#whsec_ and a secret of at least 24 bytes in base64"
            )
        if kind != "webhook" and not re.match(r"[a-z][a-z0-9+.-]*://", address):
            raise ValueError(f"the address of {name} must be one of apprise, such as mmost://…")
        if kind == "sms" and "{phone}" not in address:
            raise ValueError("the address of sms must say where {phone} goes")
    return MappingProxyType(found)


_REQUIRED = object()


def _setting(
    name: str,
    help_text: str,
    parse: Callable[[str], Any] = _text,
    default: Any = _REQUIRED,
    *,
    secret: bool = False,
) -> Any:
    return field(metadata={"name": name, "help": help_text, "parse": parse, "default": default, "secret": secret})


_http = _url("http", "https")
_redis = _url("redis", "rediss", "redis+cluster", "rediss+cluster")


def _board_url() -> Any:
    return _setting("SIPAS_BOARD_URL", "the board's address, for links in messages and for commands that read", _http)


def _replication() -> Any:
    return _setting(
        "SIPAS_REPLICATION", "copies of each partition: 1 on one machine, 3 on a cluster", _number(1, 5), "1"
    )


def _link_secrets() -> Any:
    return _setting(
        "SIPAS_LINK_SECRET",
        "key that signs the links in messages to leaders, the same for the notifier and every board; of several, newest"
        " first, all are accepted",
        _secrets,
        secret=True,
    )


@dataclass(frozen=True, kw_only=True)
class Common:
    """What every part takes."""

    namespace: str = _setting(
        "SIPAS_NAMESPACE",
        "prefix of topics, groups and Redis keys: one per province or nation",
        _namespace,
        "sipas",
    )
    zone: ZoneInfo = _setting(
        "SIPAS_TIMEZONE",
        "time zone of the local day, fixed when the topics are created",
        _zone,
        "Asia/Ho_Chi_Minh",
    )
    demo: bool = _setting(
        "SIPAS_DEMO", "true only on a stack of made-up data: pages say so, simulate works", _flag, "false"
    )
    log_format: str = _setting("SIPAS_LOG", "json, or pretty for a terminal", _one_of("json", "pretty"), "json")

    @classmethod
    def contradictions(cls, _values: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong with settings that are right one by one: by the names of fields."""
        yield from ()


@dataclass(frozen=True, kw_only=True)
class KafkaSettings(Common):
    """A part that talks to Kafka."""

    addresses: tuple[str, ...] = _setting(
        "SIPAS_KAFKA_BOOTSTRAP", "Kafka brokers, host:port, separated by commas", _bootstrap
    )
    kafka_protocol: str = _setting(
        "SIPAS_KAFKA_SECURITY_PROTOCOL",
        "PLAINTEXT, SSL (encrypted), SASL_PLAINTEXT (with a log-in) or SASL_SSL (both)",
        _one_of(*PROTOCOLS),
        PROTOCOLS[0],
    )
    kafka_mechanism: str = _setting(
        "SIPAS_KAFKA_SASL_MECHANISM",
        f"how a service logs in to Kafka: {', '.join(MECHANISMS)}",
        _one_of(*MECHANISMS),
        MECHANISMS[0],
    )
    kafka_username: str = _setting(
        "SIPAS_KAFKA_USERNAME", "Kafka user of this service, in whose name the ACLs are written", _text, ""
    )
    kafka_password: str = _setting("SIPAS_KAFKA_PASSWORD", "its password", _text, "", secret=True)
    kafka_ca_file: Path | None = _setting(
        "SIPAS_KAFKA_CA_FILE",
        "file (PEM) of the authority that signed the brokers' certificates; by default those that the machine trusts",
        _file,
        "",
    )

    @property
    def bootstrap(self) -> Bootstrap:
        """Where the brokers are, and how to log in there."""
        return Bootstrap(
            self.addresses,
            Access(
                protocol=self.kafka_protocol,
                mechanism=self.kafka_mechanism,
                username=self.kafka_username,
                password=self.kafka_password,
                ca_file=self.kafka_ca_file,
            ),
        )

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[str]:
        access = Access(protocol=values.get("kafka_protocol", PROTOCOLS[0]))
        said = f"SIPAS_KAFKA_SECURITY_PROTOCOL={access.protocol}"
        for name in ("username", "password"):
            given = bool(values.get(f"kafka_{name}"))
            if access.logs_in and not given:
                yield f"SIPAS_KAFKA_{name.upper()} is missing: {said} logs in"
            if given and not access.logs_in:
                yield f"SIPAS_KAFKA_{name.upper()} is given, and {said} does not log in"
        if values.get("kafka_ca_file") and not access.encrypts:
            yield f"SIPAS_KAFKA_CA_FILE is given, and {said} does not encrypt"


@dataclass(frozen=True, kw_only=True)
class TopicsSettings(KafkaSettings):
    """`sipas topics create`."""

    partitions: int = _setting(
        "SIPAS_PARTITIONS",
        "partitions of the topics keyed by agency; never changes afterwards",
        _number(1, 1000),
        "12",
    )
    replication: int = _replication()


@dataclass(frozen=True, kw_only=True)
class PublicSettings(KafkaSettings):
    """A part that tells citizens where the survey is: `sipas poster`, and the survey itself."""

    public_url: str = _setting("SIPAS_PUBLIC_URL", "the survey's address as citizens see it", _http)


@dataclass(frozen=True, kw_only=True)
class SurveySettings(PublicSettings):
    """services.survey."""

    listen: Address = _setting("SIPAS_SURVEY_LISTEN", "where the survey listens", _address, "127.0.0.1:8080")
    admin: Address = _setting(
        "SIPAS_SURVEY_ADMIN", "the survey's metrics and health, never public", _address, "127.0.0.1:9080"
    )
    workers: int = _setting("SIPAS_SURVEY_WORKERS", "worker processes of the survey", _number(1, 64), "2")
    secrets: tuple[str, ...] = _setting(
        "SIPAS_SECRET",
        "key that signs form tokens, the same on every replica; of several, newest first, all are accepted",
        _secrets,
        secret=True,
    )
    spool_dir: Path = _setting("SIPAS_SPOOL_DIR", "directory that keeps answers while Kafka is away", Path)
    spool_max_mb: int = _setting(
        "SIPAS_SPOOL_MAX_MB",
        "size at which a worker's spool is full: that of answers, and that of comments",
        _number(1, 1_000_000),
        "256",
    )
    languages_dir: Path | None = _setting(
        "SIPAS_LANGUAGES_DIR",
        "directory with files of further languages for the citizens' pages, such as fr.yaml; none by default",
        _directory,
        "",
    )
    limiter_url: str = _setting(
        "SIPAS_LIMITER_URL",
        "Redis that counts answers for the limits, of its own and without a disk; without it nothing is limited",
        _optional(_url("redis", "rediss")),
        "",
        secret=True,
    )
    limit: Rate = _setting(
        "SIPAS_LIMIT",
        "answers/seconds of one coarse client at one counter, beyond which they are flagged burst",
        _rate,
        "100/60",
    )
    trusted_proxies: int = _setting(
        "SIPAS_TRUSTED_PROXIES",
        "proxies of ours in front of the survey: that many from the right of X-Forwarded-For is the client",
        _number(0, 10),
        "0",
    )
    contact: str = _setting(
        "SIPAS_CONTACT",
        "who is responsible and how to reach them, as the privacy notice says it",
        _text,
        "Bộ phận Một cửa nơi Ông/Bà làm thủ tục",
    )
    complaints: str = _setting(
        "SIPAS_COMPLAINTS",
        "where citizens send complaints and suggestions (PAKN), as the thanks page says it; by default the National"
        " Public Service Portal, in the page's language",
        _text,
        "",
    )
    hotline: str = _setting(
        "SIPAS_HOTLINE", "whom citizens call where the registry names no hotline for their place", _text, ""
    )


@dataclass(frozen=True, kw_only=True)
class LedgerSettings(KafkaSettings):
    """A part that knows the log and a ledger: verify, dlq, replay, and the services below."""

    redis_url: str = _setting("SIPAS_REDIS_URL", "Redis that holds the ledgers", _redis, secret=True)
    start_wait_s: int = _setting(
        "SIPAS_START_WAIT_S",
        "seconds that a service waits at its start for Kafka, for its topics and for Redis, before it gives up",
        _number(0, 86_400),
        "300",
    )


@dataclass(frozen=True, kw_only=True)
class BackupSettings(KafkaSettings):
    """`sipas backup`."""

    admin: Address = _setting(
        "SIPAS_BACKUP_ADMIN",
        "metrics and health of `sipas backup --every`, never public",
        _address,
        "127.0.0.1:9084",
    )


@dataclass(frozen=True, kw_only=True)
class RestoreSettings(LedgerSettings):
    """`sipas restore`, which makes the topics anew."""

    replication: int = _replication()


@dataclass(frozen=True, kw_only=True)
class MemberSettings(LedgerSettings):
    """A member of a consumer group."""

    instance: str = _setting(
        "SIPAS_INSTANCE",
        "name that this process keeps over restarts, unlike every other replica's; it then gets its partitions"
        " back at once",
        _text,
        "",
    )


@dataclass(frozen=True, kw_only=True)
class AggregatorSettings(MemberSettings):
    """services.aggregator."""

    admin: Address = _setting(
        "SIPAS_AGGREGATOR_ADMIN",
        "the aggregator's metrics and health, never public",
        _address,
        "127.0.0.1:9082",
    )


@dataclass(frozen=True, kw_only=True)
class NotifierSettings(MemberSettings):
    """services.notifier."""

    admin: Address = _setting(
        "SIPAS_NOTIFIER_ADMIN", "the notifier's metrics and health, never public", _address, "127.0.0.1:9083"
    )
    board_url: str = _board_url()
    link_secrets: tuple[str, ...] = _link_secrets()
    smtp_url: str = _setting(
        "SIPAS_SMTP_URL",
        "mail server, smtp://[user:password@]host:port or smtps://…",
        _url("smtp", "smtps"),
        secret=True,
    )
    mail_from: str = _setting("SIPAS_MAIL_FROM", "sender of the messages to leaders", _mail_address)
    channels: Mapping[str, str] = _setting(
        "SIPAS_CHANNELS",
        "further channels as JSON, name to address with its secret: webhook:<name> (https://…#whsec_…), chat:<name> and"
        " sms (addresses of apprise, {phone} in that of sms)",
        _channels,
        "{}",
        secret=True,
    )
    quiet_hours: Hours | None = _setting(
        "SIPAS_QUIET_HOURS",
        "local hours in which nobody is told, nor on days off, where people say no other; none: at any time",
        Hours.parse,
        "21:00-06:30",
    )
    confirmed_waits: bool = _setting(
        "SIPAS_CONFIRMED_WAITS", "false: confirmed falls are told in quiet hours too", _flag, "true"
    )
    office_hours: Hours = _setting(
        "SIPAS_OFFICE_HOURS", "local hours that count as working hours on working days", _office_hours, "07:30-17:00"
    )
    escalation_hours: int = _setting(
        "SIPAS_ESCALATION_HOURS",
        "working hours after which the chairman is told of a confirmed fall that nobody acknowledged",
        _number(0, 1000),
        "8",
    )
    group_wait_s: int = _setting(
        "SIPAS_GROUP_WAIT_S", "seconds that a message waits for others to be said with it", _number(0, 86_400), "0"
    )
    above_hours: int = _setting(
        "SIPAS_ABOVE_HOURS",
        "who is above many agencies is told of them at most once in so many hours",
        _number(0, 1000),
        "24",
    )
    digest_time: time = _setting(
        "SIPAS_DIGEST_TIME", "local time of the daily and weekly digests, on working days", _time, "07:30"
    )


@dataclass(frozen=True, kw_only=True)
class BoardSettings(LedgerSettings):
    """services.board."""

    listen: Address = _setting("SIPAS_BOARD_LISTEN", "where the board listens", _address, "127.0.0.1:8081")
    admin: Address = _setting(
        "SIPAS_BOARD_ADMIN", "the board's metrics and health, never public", _address, "127.0.0.1:9081"
    )
    workers: int = _setting("SIPAS_BOARD_WORKERS", "worker processes of the board", _number(1, 64), "1")
    link_secrets: tuple[str, ...] = _link_secrets()
    publication_minimum: int = _setting(
        "SIPAS_PUBLICATION_MINIMUM",
        "fewest sheets of a number that the public may see",
        _number(1, 1000),
        "5",
    )
    ranking_minimum: int = _setting(
        "SIPAS_RANKING_MINIMUM", "fewest sheets of an agency that is given a rank", _number(1, 100_000), "30"
    )


@dataclass(frozen=True, kw_only=True)
class ClientSettings(Common):
    """Commands that send answers through the HTTP API: import, simulate."""

    survey_url: str = _setting(
        "SIPAS_SURVEY_URL", "the survey's address for import and simulate", _http, "http://127.0.0.1:8080"
    )
    import_key: str = _setting("SIPAS_IMPORT_KEY", "key of scope import for import and simulate", secret=True)


@dataclass(frozen=True, kw_only=True)
class ReaderSettings(Common):
    """Commands that read through the board's HTTP API: comments."""

    board_url: str = _board_url()
    read_key: str = _setting("SIPAS_READ_KEY", "key of scope read for comments", secret=True)


ALL: tuple[type[Common], ...] = (
    Common,
    KafkaSettings,
    TopicsSettings,
    PublicSettings,
    SurveySettings,
    AggregatorSettings,
    NotifierSettings,
    BoardSettings,
    ClientSettings,
    ReaderSettings,
    LedgerSettings,
    BackupSettings,
    RestoreSettings,
    MemberSettings,
)

T = TypeVar("T", bound=Common)


class Described(NamedTuple):
    """One setting as `sipas settings` prints it. `default` is None where the setting must be given."""

    name: str
    help: str
    default: str | None
    secret: bool
    used_by: tuple[str, ...]


def describe() -> Iterator[Described]:
    """Every setting once, in the order of declaration, with the parts that use it."""
    seen: dict[str, Described] = {}
    for part in ALL:
        for f in fields(part):
            m = f.metadata
            used = seen[m["name"]].used_by if m["name"] in seen else ()
            default = None if m["default"] is _REQUIRED else str(m["default"])
            seen[m["name"]] = Described(m["name"], m["help"], default, m["secret"], (*used, part.__name__))
    yield from seen.values()


def load(part: type[T], environment: Mapping[str, str]) -> T:
    """Read `part` from the environment; raises `SettingsError` that lists all that is wrong."""
    problems: list[str] = []
    values: dict[str, Any] = {}
    for f in fields(part):
        m = f.metadata
        raw = environment.get(m["name"]) or m["default"]
        if raw is _REQUIRED:
            problems.append(f"{m['name']} is missing: {m['help']}")
            continue
        try:
            values[f.name] = m["parse"](raw)
        except ValueError as reason:
            shown = "(secret)" if m["secret"] else repr(raw)
            problems.append(f"{m['name']}={shown} {reason}")
    problems += part.contradictions(values)
    known = {setting.name for setting in describe()}
    problems += [
        f"{name} is not a setting of sipas (see: sipas settings)"
        for name in sorted(environment)
        if name.startswith(PREFIX) and name not in known
    ]
    if problems:
        raise SettingsError(problems)
    return part(**values)


def load_or_exit(part: type[T], given: Mapping[str, str | None] = MappingProxyType({})) -> T:
    """`load` from what was `given` and else this process's environment; print every problem and exit with 2."""
    try:
        return load(part, {**os.environ, **{name: value for name, value in given.items() if value}})
    except SettingsError as error:
        print("sipas: the settings are wrong:", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        sys.exit(2)
