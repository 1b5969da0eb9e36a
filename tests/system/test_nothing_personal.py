"""Marked values go through every page, field and header of the whole stack; afterwards every store is searched.

Nothing of ours is imported: this is what a data-protection officer with all the passwords would do.
"""

import errno
import http.client
import json
import os
import re
import signal
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import redis

from tests.servers import wait_until
from tests.system.running_stack import BOARD, KAFKA, LIMITER, REDIS, SURVEY, RunningStack

CLIENT = "127.0.0.77"
"""Where the citizen's requests come from: the loopback has more than one address."""
PHONE = "0912345678"
FORWARDED = "198.51.100.77"
TRACE = "abcdefabcdefabcdefabcdefabcdef77"
COMMENT = f"Ghế chờ êm. Gọi tôi 0912 345 678, CCCD 079 123 456 789, tu.dinh@{PHONE}.example, xe 51F-123.45."
COMMENT_KEPT = "Ghế chờ êm"
STEM = "zqmark"
"""In every other marked value; nothing of ours is called so."""
MARKED = re.compile(
    rb"zqmark|127\.0\.0\.77|7f00004d|198\.51\.100\.77|c633644d|abcdefabcdefabcdefabcdefabcdef77|"
    rb"0912[. -]?345[. -]?678|079[. -]?123[. -]?456[. -]?789|tu\.dinh|51F-123",
    re.IGNORECASE,
)

TELLING = (
    "User-Agent",
    "Referer",
    "Cookie",
    "Accept-Language",
    "From",
    "Via",
    "Origin",
    "DNT",
    "tracestate",
    "baggage",
    "X-Real-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Request-ID",
    "X-Correlation-ID",
    "X-Device-ID",
    "X-Phone",
    "X-MSISDN",
    "X-Wap-Profile",
    "X-Requested-With",
    "X-Forwarded-Host",
    "X-Forwarded-User",
    "Sec-CH-UA",
    "Sec-CH-UA-Model",
    "Sec-CH-UA-Platform",
    "Sec-Fetch-Site",
    "Save-Data",
    "If-None-Match",
    "If-Modified-Since",
    "Range",
    "Pragma",
    "Priority",
)
HEADERS = {name: f"{STEM}-{name.lower()}" for name in TELLING} | {
    "X-Forwarded-For": FORWARDED,
    "Forwarded": f"for={FORWARDED};host={STEM}.example",
    "traceparent": f"00-{TRACE}-abcdefabcdefab77-01",
    "Accept-Language": f"vi;q=0.9, x-{STEM}",
    "Cookie": f"session={STEM}; phone={PHONE}",
    "Referer": f"https://{STEM}.example/?phone={PHONE}",
}
QUERY = f"{STEM}={STEM}&phone={PHONE}"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Citizen:
    """Asks from an address of its own, and lets everything slip that a client can."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self.statuses: dict[int, set[int]] = {SURVEY: set(), BOARD: set()}

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str | None = None,
        key: str | None = None,
        *,
        of: int = SURVEY,
        query: str = QUERY,
    ) -> Answer:
        given = dict(HEADERS)
        if content_type:
            given["Content-Type"] = content_type
        if key:
            given["Authorization"] = f"Bearer {key}"
        port = self._stack.first_port + of
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30, source_address=(CLIENT, 0))
        try:
            connection.request(method, f"{path}{'&' if '?' in path else '?'}{query}", body, given)
            answer = connection.getresponse()
            self.statuses[of].add(answer.status)
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def submit(self, document: object, key: str | None = None) -> Answer:
        return self.ask("POST", "/v1/responses", json.dumps(document).encode(), "application/json", key)

    def raw(self, request: bytes, *, of: int) -> bytes:
        """What no client library would send."""
        address = ("127.0.0.1", self._stack.first_port + of)
        with socket.create_connection(address, timeout=10, source_address=(CLIENT, 0)) as connection:
            connection.sendall(request)
            return connection.recv(65_536)


class Hidden(HTMLParser):
    """The hidden fields of a form."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "input" and given.get("type") == "hidden":
            self.fields[given["name"] or ""] = given.get("value") or ""


def test_nothing_that_a_client_lets_slip_is_written_down(stack: RunningStack) -> None:
    citizen = Citizen(stack)
    exported = json.loads(stack.sipas("registry", "export").stdout)
    (one, *_), (several, *_) = (
        [c for c in exported["counters"] if (len(c["agencies"]) > 1) is shared and c.get("status") != "revoked"]
        for shared in (False, True)
    )
    revoked = next(c for c in exported["counters"] if c.get("status") == "revoked")
    accepted = visit_survey(citizen, stack, one, several, revoked)
    visit_board(citizen, stack, one["agencies"][0])
    send_nonsense(citizen)
    with kafka_away(stack):
        document = {"counter": one["code"], "answers": {"ACCESS": 4}, "comment": COMMENT}
        answer = citizen.submit(document, stack.key("submit"))
        assert json.loads(answer.body)["status"] == "spooled"
        spooled = json.loads(answer.body)["response_id"]
        spool = below(stack.home / "data/spool")
    assert spooled.encode() in spool
    assert COMMENT_KEPT.encode() in spool
    assert {200, 202, 303, 400, 401, 403, 404, 405, 410, 413, 415, 422} <= citizen.statuses[SURVEY]
    assert {200, 401, 404, 405, 422} <= citizen.statuses[BOARD]

    kafka = stack.home / "data/kafka"
    wait_until(lambda: spooled.encode() in below(kafka), what="what was spooled to be on Kafka's disk")
    assert accepted.encode() in below(kafka)
    assert COMMENT_KEPT.encode() in below(kafka)
    control = CONTROL | {"ledger": one["agencies"][0].encode()}
    for name, store in {"spool": spool, **stores(stack)}.items():
        # as it was written: what is compressed would be searched in vain
        assert control[name] in store, f"{name} holds nothing that could be found"
        found = MARKED.search(store)
        assert found is None, f"{name}: …{store[max(found.start() - 200, 0) : found.end() + 50]!r}"
    for response_id in (accepted, spooled):
        assert response_id.encode() not in stores(stack)["logs"]


def visit_survey(citizen: Citizen, stack: RunningStack, one: dict, several: dict, revoked: dict) -> str:
    """Every page and every way to answer, right and wrong; the id of an accepted sheet."""
    code, key = one["code"], stack.key("submit")
    good = {"counter": code, "answers": {"ACCESS": 4}}
    for path in (f"/{code}", f"/{code.lower()}?lang=en", f"/{code}?kiosk=1", f"/{several['code']}", f"/check/{code}"):
        citizen.ask("GET", path)
    for path in ("/", f"/{PHONE}", f"/{STEM}", f"/check/{PHONE}", f"/check?code={PHONE}", "/thanks", "/sw.js"):
        citizen.ask("GET", path)
    for path in (f"/thanks?counter={PHONE}", f"/thanks?lang={STEM}", "/v1/about", "/v1/openapi.json", f"/v1/{STEM}"):
        citizen.ask("GET", path)
    for method in ("HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"):
        for path in (f"/{code}", "/v1/responses"):
            citizen.ask(method, path)

    for path in (f"/{revoked['code']}", f"/check/{revoked['code']}", "/check", f"/check?code={code}"):
        citizen.ask("GET", path)

    page = citizen.ask("GET", f"/{code}")
    hidden = Hidden(page.body.decode()).fields
    for asked in (hidden["form_token"], STEM):
        citizen.ask("POST", f"/{code}/token", urlencode({"form_token": asked, "phone": PHONE}).encode(), FORM)
    private = {"name": STEM, "phone": PHONE, "form_token2": STEM, "assisted": STEM}
    for fields in (
        {**hidden, **private, "answers.ACCESS": "4", "comment": COMMENT},
        {**hidden, **private},
        {**hidden, "answers.ACCESS": STEM, "choice": STEM},
        {**hidden, f"answers.{STEM}": "4"},
        {"form_token": STEM, "answers.ACCESS": "4", STEM: STEM},
    ):
        citizen.ask("POST", f"/{code}", urlencode(fields).encode(), FORM)
    citizen.ask("POST", f"/{code}", STEM.encode(), f"text/{STEM}")
    citizen.ask("POST", f"/{code}", STEM.encode() * 100_000, FORM)
    citizen.ask("POST", f"/{PHONE}", b"answers.ACCESS=4", FORM)

    for document in (
        good | {PHONE: 1},
        good | {"response_id": STEM},
        good | {"counter": PHONE},
        good | {"answers": {STEM: PHONE}},
        good | {"answers": {"ACCESS": PHONE}},
        good | {"language": STEM, "agency": STEM, "sector": STEM},
        good | {"form_token": STEM},
        good | {"channel": STEM},
        good | {"comment": [COMMENT]},
        good | {"comment": COMMENT * 50},
        [STEM, PHONE],
    ):
        for who in (None, key):
            citizen.submit(document, who)
    citizen.submit(good, f"sipas_submit_{STEM}")
    citizen.submit(good, stack.key("read"))
    citizen.ask("POST", "/v1/responses", STEM.encode(), "application/json")
    citizen.ask("POST", "/v1/responses", STEM.encode(), f"text/{STEM}")
    citizen.ask("POST", "/v1/responses", STEM.encode() * 100_000, "application/json")
    accepted = citizen.submit(good | {"response_id": str(uuid.uuid4())}, key)
    assert accepted.status == 202
    return str(json.loads(accepted.body)["response_id"])


def visit_board(citizen: Citizen, stack: RunningStack, agency: str) -> None:
    for path in (
        "/",
        f"/?lang={STEM}&period={STEM}",
        f"/agencies/{agency}",
        f"/agencies/{STEM}",
        f"/{PHONE}",
        "/v1/agencies",
        f"/v1/agencies/{agency}/index",
        f"/v1/agencies/{agency}/index?period={STEM}",
        f"/v1/agencies/{STEM}/index?period=2026-11",
        f"/v1/agencies/{agency}/series?by=day&from={STEM}",
        f"/v1/rankings?block={STEM}",
        "/v1/alerts",
        f"/v1/agencies/{agency}/comments?day={STEM}",
        f"/v1/agencies/{agency}/comments?day=2026-11-24",
        "/v1/openapi.json",
        f"/static/{STEM}",
    ):
        for key in (None, stack.key("read"), f"sipas_read_{STEM}"):
            # with a question that it does not know the board refuses before it looks at the key
            for query in ("", QUERY):
                citizen.ask("GET", path, key=key, of=BOARD, query=query)
    citizen.ask("POST", "/", f"name={STEM}".encode(), FORM, of=BOARD)


def send_nonsense(citizen: Citizen) -> None:
    """Requests that are none: what cannot be read is easily logged."""
    slipped = f"X-Forwarded-For: {FORWARDED}\r\n".encode()
    phone = PHONE.encode()
    for start in (
        b"GET /" + phone,
        b"GET / HTTP/1.1\r\n" + phone + b": x\r\nA b: " + phone,
        phone + b" / HTTP/1.1",
        b"GET /" + phone + b" HTTP/9.9",
        b"POST / HTTP/1.1\r\nContent-Length: " + phone + b"x",
        b"GET / HTTP/1.1\r\nHost: " + STEM.encode() + b"\x00.example",
    ):
        for listener in (SURVEY, BOARD):
            answer = citizen.raw(start + b"\r\n" + slipped + b"\r\n", of=listener)
            assert answer
            # the board's server says such a line to whoever sent it, and writes it nowhere
            assert listener == BOARD or not MARKED.search(answer)


@contextmanager
def kafka_away(stack: RunningStack) -> Iterator[None]:
    kafka = stack.pid_of("kafka.Kafka")
    os.kill(kafka, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(kafka, signal.SIGCONT)


# --- where anything could have been written

CONTROL = {
    "kafka": b'"response_id"',
    "spool": b'"response_id"',
    "limiter": b"LIMIT",
    "logs": b'"event"',
    "metrics": b"sipas_survey_responses_total",
    "open files": b"sipas_survey_responses_total",
    "files": b"response_id",
}
"""What each store must hold for the search of it to mean anything; the ledger the agency that was answered about."""


def stores(stack: RunningStack) -> dict[str, bytes]:
    data = stack.home / "data"
    return {
        "kafka": below(data / "kafka"),
        "ledger": in_redis(stack.first_port + REDIS),
        "limiter": in_redis(stack.first_port + LIMITER),
        "logs": below(stack.home / "log") + stack.output.encode(),
        "metrics": b"".join(metrics_of(stack.first_port + listener) for listener in range(BOARD + 1, KAFKA)),
        "open files": open_files(stack),
        "files": below(stack.home),
    }


def below(directory: Path) -> bytes:
    """The bytes of all files; those that go meanwhile are gone."""
    return b"\n".join(content(path) for path in sorted(directory.rglob("*")))


def content(path: Path) -> bytes:
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return b"".join(what_was_written(file.fileno()))
    except FileNotFoundError:
        return b""


def what_was_written(file: int) -> Iterator[bytes]:
    """Without holes: Kafka sets 20 MB aside for the indices of each partition, gigabytes in all."""
    at = 0
    while True:
        try:
            at = os.lseek(file, at, os.SEEK_DATA)
        except OSError as reason:
            if reason.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(file, at, os.SEEK_HOLE)
        yield os.pread(file, end - at, at)
        at = end


def metrics_of(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read()
    finally:
        connection.close()


def in_redis(port: int) -> bytes:
    """All keys and values."""
    read = {
        "string": lambda client, key: [client.get(key)],
        "hash": lambda client, key: [part for pair in client.hgetall(key).items() for part in pair],
        "set": lambda client, key: client.smembers(key),
        "zset": lambda client, key: client.zrange(key, 0, -1),
        "list": lambda client, key: client.lrange(key, 0, -1),
        "stream": lambda client, key: [repr(client.xrange(key)).encode()],
    }
    with redis.Redis(port=port) as client:
        found = []
        for key in client.scan_iter(count=1000):
            found += [key, *read[client.type(key).decode()](client, key)]
    return b"\n".join(part for part in found if part is not None)


def open_files(stack: RunningStack) -> bytes:
    """What the stack's processes hold open for writing or share in memory, wherever it lies: the metrics of the
    survey's workers are files that no other process is told of."""
    paths: set[Path] = set()
    for pid in stack.processes():
        try:
            lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
            descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
        except OSError:
            continue
        paths |= {Path(line.split(maxsplit=5)[5]) for line in lines if line.split()[1] == "rw-s" and "/" in line}
        paths |= {target for target in map(target_of, descriptors) if target.is_file()}
    return b"\n".join(content(path) for path in sorted(paths) if not str(path).startswith(("/dev/", "/proc/")))


def target_of(descriptor: Path) -> Path:
    try:
        return descriptor.readlink()
    except OSError:
        return Path("/dev/null")
