"""A survey service on a real Kafka, started as its users start it, with a registry of the test's own."""

import gzip
import http.client
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from deploy.local.programs import HOST, ROOT
from sipas.broker import Log, Topics, WholeTopicReader, Written, publish_together
from sipas.codes import with_check
from sipas.events import Entry, Response, decode_response, encode, headers
from sipas.registry import token_hash
from tests.servers import Program, free_port

SECRET = "not-a-secret-but-long-enough-for-a-test"
SUBMIT_KEY = "sipas_submit_" + "s" * 43
IMPORT_KEY = "sipas_import_" + "i" * 43
READ_KEY = "sipas_read_" + "r" * 43
REVOKED_KEY = "sipas_submit_" + "x" * 43
OPEN = with_check("7K3M9QX2T")
"""A counter of one agency."""
SHARED = with_check("8K3M9QX2T")
"""A counter of two agencies, one with two sectors, one with one."""
REVOKED = with_check("9K3M9QX2T")
LONG = with_check("AK3M9QX2T")
"""A counter with the 22 questions of qd2640@1."""
UNKNOWN = with_check("0K3M9QX2T")


def names(text: str) -> dict[str, str]:
    return {"vi": text, "en": f"{text} (en)"}


def entry(of_kind: str, entry_id: str, /, **fields: Any) -> Entry:
    return Entry(kind=of_kind, id=entry_id, history=({"valid_from": None, "valid_to": None, **fields},))


def small_registry() -> list[Entry]:
    sectors = [
        {"id": "dat-dai", "name": names("Đất đai"), "agency": "so-a"},
        {"id": "moi-truong", "name": names("Môi trường"), "agency": "so-a"},
        {"id": "ho-tich", "name": names("Hộ tịch"), "agency": "so-b"},
    ]
    at = {"place": "trung-tam", "method": "quick-5@1"}
    return [
        entry("block", "so", name=names("Sở"), order=1),
        entry("agency", "so-a", name=names("Sở A"), block="so", kind="SO"),
        entry("agency", "so-b", name=names("Sở B"), block="so", kind="SO"),
        entry("place", "trung-tam", name=names("Trung tâm")),
        entry("counter", OPEN, label=names("Quầy 1"), agencies=["so-a"], **at),
        entry("counter", LONG, label=names("Quầy 4"), agencies=["so-a"], place="trung-tam", method="qd2640@1"),
        entry("counter", SHARED, label=names("Quầy 2"), agencies=["so-a", "so-b"], sectors=sectors, **at),
        entry("counter", REVOKED, label=names("Quầy 3"), agencies=["so-a"], status="revoked", replaced_by=OPEN, **at),
        *keys(),
    ]


def wide_registry(agencies: int) -> list[Entry]:
    """One counter for each of so many agencies."""
    made = [entry("block", "b", name=names("Khối"), order=1), entry("place", "p", name=names("Nơi"))]
    for number, code in enumerate(wide_counters(agencies)):
        made.append(entry("agency", f"a-{number}", name=names(f"Cơ quan {number}"), block="b", kind="SO"))
        made.append(
            entry("counter", code, label=names("Quầy"), agencies=[f"a-{number}"], place="p", method="quick-5@1")
        )
    return made + keys()


def wide_counters(agencies: int) -> list[str]:
    return [with_check(f"{number:09d}") for number in range(agencies)]


def keys() -> list[Entry]:
    made = {
        "submit": (SUBMIT_KEY, False),
        "import": (IMPORT_KEY, False),
        "read": (READ_KEY, False),
        "revoked": (REVOKED_KEY, True),
    }
    return [
        entry(
            "key", name, scope=name if name in {"import", "read"} else "submit", hash=token_hash(token), revoked=revoked
        )
        for name, (token, revoked) in made.items()
    ]


def set_up_namespace(
    bootstrap: str, namespace: str, registry: Iterable[Entry], partitions: int = 3, replication: int = 1
) -> None:
    brokers = bootstrap.split(",")
    log = Log(brokers)
    log.create(namespace, partitions=partitions, replication=replication)
    log.close()
    facts = entry("namespace", namespace, timezone="Asia/Ho_Chi_Minh", partitions=partitions)
    topic = Topics(namespace).registry
    written = [Written(topic, f"{one.kind}/{one.id}", encode(one), _headers(one)) for one in (facts, *registry)]
    publish_together(brokers, f"{namespace}-test", written)


def _headers(one: Entry) -> list[tuple[str, bytes]]:
    from datetime import UTC, datetime

    return headers(one, event_id=one.id, source="/test", at=datetime.now(UTC))


def records(bootstrap: str, namespace: str, kind: str = "responses") -> list[Any]:
    """Every record of a topic as it is now."""
    reader = WholeTopicReader(bootstrap.split(","), getattr(Topics(namespace), kind))
    try:
        return list(reader.to_end())
    finally:
        reader.close()


def sheets(bootstrap: str, namespace: str) -> list[Response]:
    return [decode_response(record.value) for record in records(bootstrap, namespace)]


class Answer:
    """An HTTP answer, read to its end."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def page(self) -> str:
        """The text, also where it came in gzip."""
        return (gzip.decompress(self.body) if self.headers.get("Content-Encoding") == "gzip" else self.body).decode()

    @property
    def transferred(self) -> int:
        """Bytes on the wire: status line, headers and body, without the request and TLS."""
        reason = http.client.responses[self.status]
        head = [
            f"HTTP/1.1 {self.status} {reason}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            "",
            "",
        ]
        return len("\r\n".join(head)) + len(self.body)


class Survey(Program):
    """`python -m services.survey`; ready when /readyz says so."""

    def __init__(
        self, bootstrap: str, namespace: str, directory: Path, *, spool: Path | None = None, **settings: str
    ) -> None:
        self.port, self.admin_port = free_port(), free_port()
        self.spool = spool or directory / "spool"
        self.namespace = namespace
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")} | {
            "PYTHONPATH": str(ROOT),
            "SIPAS_NAMESPACE": namespace,
            "SIPAS_KAFKA_BOOTSTRAP": bootstrap,
            "SIPAS_PUBLIC_URL": "https://khaosat.example",
            "SIPAS_SURVEY_LISTEN": f"{HOST}:{self.port}",
            "SIPAS_SURVEY_ADMIN": f"{HOST}:{self.admin_port}",
            "SIPAS_SECRET": SECRET,
            "SIPAS_SPOOL_DIR": str(self.spool),
            **settings,
        }
        super().__init__("survey", [sys.executable, "-m", "services.survey"], directory, environment)

    def ready(self) -> bool:
        try:
            return self.admin("/readyz").status == 200
        except OSError:
            return False

    def admin(self, path: str) -> Answer:
        return self._ask(self.admin_port, "GET", path, None, {})

    def metric(self, line_start: str) -> float:
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in self.admin("/metrics").text.splitlines()
            if line.startswith(line_start)
        )

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return self._ask(self.port, method, path, body, headers or {})

    def submit(self, document: Any, key: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        sent = {"Content-Type": "application/json", **(headers or {})}
        if key:
            sent["Authorization"] = f"Bearer {key}"
        return self.ask("POST", "/v1/responses", json.dumps(document).encode(), sent)

    def workers(self) -> Sequence[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children]

    def start(self, timeout_s: float = 30) -> Self:
        return super().start(timeout_s)

    @staticmethod
    def _ask(at: int, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection(HOST, at, timeout=30)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()
