"""The gateway between gunicorn's requests and the application, over a real socket pair."""

import io
import socket
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.validate import validator

from services.survey.gateway import Gateway
from services.survey.limiter import OVER_LIMIT, Limiter, Question, never
from sipas.settings import Rate

ADDRESS = "198.51.100.77"


class Echo:
    """Answers `whole` with a header of its own, and remembers what it was asked."""

    def __init__(self) -> None:
        self.environ: WSGIEnvironment = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.environ = environ
        start_response("202 Accepted", [("X-Own", "yes"), ("Content-Type", "text/plain"), ("Content-Length", "5")])
        return [b"who", b"le"]


def request(method: str = "GET", headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Any:
    return SimpleNamespace(
        method=method,
        path="/a%20b",
        query="lang=en",
        version=(1, 1),
        headers=list(headers),
        body=io.BytesIO(body),
        peer_addr=(ADDRESS, 50000),
    )


def answered(asked: Any, app: Any = None, *, keep_alive: bool = True, question: Question = never) -> bytes:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        gateway = Gateway(app or Echo(), ("127.0.0.1", 8080), multiprocess=True, question=question)
        gateway.answer(asked, ours, keep_alive=keep_alive)
        return theirs.recv(65536)


def test_an_answer_is_one_write_with_one_length() -> None:
    head, _, body = answered(request()).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 202 Accepted"
    assert lines.count(b"Content-Length: 5") == 1
    assert {b"X-Own: yes", b"Connection: keep-alive"} <= set(lines)
    assert body == b"whole"


def test_head_gets_the_length_and_not_the_body() -> None:
    answer = answered(request("HEAD"))
    assert b"Content-Length: 5\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_the_last_answer_of_a_connection_says_so() -> None:
    assert b"\r\nConnection: close\r\n" in answered(request(), keep_alive=False)


def test_a_client_that_waits_for_leave_to_send_its_body_gets_it() -> None:
    assert answered(request("POST", [("EXPECT", "100-continue")])).startswith(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202"
    )


def test_the_application_hears_what_was_asked_and_not_by_whom() -> None:
    echo = Echo()
    answered(request("POST", [("CONTENT-TYPE", "a/b"), ("ACCEPT", "x"), ("ACCEPT", "y"), ("HOST", "h")], b"body"), echo)
    heard = echo.environ
    assert (heard["REQUEST_METHOD"], heard["PATH_INFO"], heard["QUERY_STRING"]) == ("POST", "/a b", "lang=en")
    assert (heard["CONTENT_TYPE"], heard["HTTP_ACCEPT"], heard["wsgi.input"].read()) == ("a/b", "x,y", b"body")
    assert ADDRESS not in repr(heard)


def test_the_application_may_ask_about_the_client_without_hearing_who_it_is() -> None:
    echo = Echo()
    limiter = Limiter("redis://127.0.0.1:1/0", "n", Rate(100, 60), trusted_proxies=0)
    answered(request(), echo, question=limiter.question)
    assert echo.environ[OVER_LIMIT]("7K3M9QX2TB") is False
    assert ADDRESS not in repr(echo.environ)
    assert ADDRESS not in repr(vars(limiter))


def test_it_keeps_to_wsgi() -> None:
    assert answered(request(), validator(Echo()))
