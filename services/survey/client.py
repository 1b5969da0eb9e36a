"""Sends sheets to a survey over HTTP, from many connections at once.

Every sheet carries its own id, so that a sheet whose answer was lost may be sent again: it is counted once. What may
pass by itself (no connection, a 5xx answer) is tried again until nothing was taken for `patience_s`; what will not
(a key, an agency, a field that is refused) ends the whole sending with the survey's own words.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

TIMEOUT_S = 30.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
TOLD_EVERY_S = 0.1

Document = Mapping[str, Any]

_encode = msgspec.json.Encoder().encode


class SendFailed(Exception):
    """Why the survey takes no more; the message is for people."""


@dataclass(frozen=True, slots=True)
class Taken:
    """How many sheets the survey has taken: on Kafka, or on its disk until Kafka is back."""

    accepted: int = 0
    spooled: int = 0

    @property
    def sheets(self) -> int:
        """All of them."""
        return self.accepted + self.spooled

    def __add__(self, other: Taken) -> Taken:
        return Taken(self.accepted + other.accepted, self.spooled + other.spooled)


class About(msgspec.Struct, frozen=True):
    """What a survey says of itself."""

    namespace: str
    demo: bool


class _Words(msgspec.Struct, frozen=True):
    vi: str
    en: str


class _FieldError(msgspec.Struct, frozen=True):
    field: str
    code: str
    detail: _Words


class _Refused(msgspec.Struct, frozen=True):
    errors: tuple[_FieldError, ...] = ()


class SurveyClient:
    """Keep-alive connections to one survey. Use it as a context manager."""

    def __init__(self, url: str, key: str, *, connections: int = 32, patience_s: float = 120.0) -> None:
        self._url = url
        self._patience_s = patience_s
        self._lines = [_Line(url, key) for _ in range(connections)]

    def about(self) -> About:
        """Raises `SendFailed` where no survey answers."""
        try:
            status, body = self._lines[0].ask("GET", "/v1/about", None)
        except (OSError, http.client.HTTPException) as reason:
            raise SendFailed(f"no survey answers at {self._url}: {_said_by(reason)}") from reason
        if status == 200:
            try:
                return msgspec.json.decode(body, type=About)
            except msgspec.MsgspecError:
                status = 404
        if status == 404:
            raise SendFailed(f"what answers at {self._url} does not say what it is: it is no survey, or an old one")
        raise SendFailed(f"the survey at {self._url} says: {_problem(status, body)}")

    def refusal(self, sheet: Document) -> str | None:
        """Why the survey would refuse a sheet, None where it would not; not taken, because its day must be after today.

        Raises `SendFailed` where the survey cannot say.
        """
        try:
            status, body = self._lines[0].ask("POST", "/v1/responses", _encode(sheet))
        except (OSError, http.client.HTTPException) as reason:
            raise SendFailed(f"no survey answers at {self._url}: {_said_by(reason)}") from reason
        if status in {401, 403, 429} or status >= 500 or status < 400:
            raise SendFailed(f"the survey at {self._url} says: {_problem(status, body)}")
        errors = _errors(body)
        others = [error for error in errors if (error.field, error.code) != ("answered_on", "in-the-future")]
        if len(others) < len(errors):
            said = [f"{error.field}: {error.detail.vi} / {error.detail.en}" for error in others]
            return "; ".join(said) or None
        return _problem(status, body)

    def send(self, sheets: Iterable[Document], progress: Callable[[int], None] = lambda _sheets: None) -> Taken:
        """Return when the survey has taken all `sheets`; calls `progress` with how many it has so far.

        Raises `SendFailed`.
        """
        sending = _Sending(iter(sheets), self._url, self._patience_s)
        threads = [threading.Thread(target=sending.run, args=(line,), name="send", daemon=True) for line in self._lines]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(TOLD_EVERY_S)
                    progress(sending.taken.sheets)
        finally:  # also on Ctrl-C
            sending.stop()
        if sending.failure is not None:
            raise sending.failure
        return sending.taken

    def close(self) -> None:
        """Close the connections."""
        for line in self._lines:
            line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Sending:
    """One `send`, shared by its threads."""

    def __init__(self, sheets: Iterator[Document], url: str, patience_s: float) -> None:
        self.taken = Taken()
        self.failure: BaseException | None = None
        self._sheets = sheets
        self._url = url
        self._patience_s = patience_s
        self._last_taken = time.monotonic()
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def run(self, line: _Line) -> None:
        """Send sheets until there are no more, or one of the threads has failed."""
        try:
            while (sheet := self._next()) is not None:
                self._send(line, _encode(sheet))
        except Exception as failure:  # noqa: BLE001 - `send` raises it in the caller's thread
            with self._lock:
                self.failure = self.failure or failure
            self.stop()

    def stop(self) -> None:
        """Let the threads end after the request they are in."""
        self._stopped.set()

    def _next(self) -> Document | None:
        with self._lock:
            return None if self._stopped.is_set() else next(self._sheets, None)

    def _send(self, line: _Line, body: bytes) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopped.is_set():
            try:
                status, answer = line.ask("POST", "/v1/responses", body)
            except (OSError, http.client.HTTPException) as reason:
                trouble = _said_by(reason)
            else:
                if status == 202:
                    self._count(json.loads(answer)["status"])
                    return
                if status < 500 and status != 429:
                    raise SendFailed(f"the survey at {self._url} refused a sheet: {_problem(status, answer)}")
                trouble = _problem(status, answer)
            if time.monotonic() - self._last_taken > self._patience_s:
                raise SendFailed(f"the survey at {self._url} took no sheet for {self._patience_s:g} s: {trouble}")
            self._stopped.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _count(self, status: str) -> None:
        with self._lock:
            self.taken += Taken(spooled=1) if status == "spooled" else Taken(accepted=1)
            self._last_taken = time.monotonic()


class _Line:
    """One connection, made when it is needed and again after it broke."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        self._path = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def ask(self, verb: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """Status and body of the answer. Raises OSError or HTTPException."""
        try:
            self._connection.request(verb, self._path + path, body, self._headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()


def _said_by(reason: Exception) -> str:
    return str(reason) or type(reason).__name__


def _problem(status: int, body: bytes) -> str:
    """The survey's words for what it refused (RFC 9457), or the bare status where it is none of its own answers."""
    try:
        problem = json.loads(body)
        said = [problem["title"], problem.get("detail")]
    except (ValueError, TypeError, KeyError):
        return f"HTTP {status}"
    return f"{'; '.join(str(part) for part in said if part)} (HTTP {status})"


def _errors(body: bytes) -> tuple[_FieldError, ...]:
    try:
        return msgspec.json.decode(body, type=_Refused).errors
    except msgspec.MsgspecError:
        return ()
