"""From a request that gunicorn has read to the WSGI application and back, in one write.

Gunicorn's own way costs more than our work on an answer: it validates every header of ours again, formats each date
anew, and sends head and body apart, which wakes the client twice. Reading what strangers send stays gunicorn's.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import StartResponse, WSGIEnvironment

from services.survey.limiter import OVER_LIMIT, Question, never

WSGIApplication = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

_CONTINUE = f"HTTP/1.1 100 {HTTPStatus.CONTINUE.phrase}\r\n\r\n".encode()
_PLAIN = {"CONTENT-TYPE": "CONTENT_TYPE", "CONTENT-LENGTH": "CONTENT_LENGTH"}


class Gateway:
    """Serves one WSGI application whose answers are whole: no streams, no upgrades."""

    def __init__(
        self, app: WSGIApplication, server: tuple[str, int], *, multiprocess: bool, question: Question = never
    ) -> None:
        """`question`: makes what the application may ask about whoever sends a request."""
        self._app = app
        self._question = question
        self._always = {
            "SCRIPT_NAME": "",
            "SERVER_NAME": server[0],
            "SERVER_PORT": str(server[1]),
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
            "wsgi.multithread": True,
            "wsgi.multiprocess": multiprocess,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }
        self._second = 0
        self._date = ""

    def answer(self, request: Any, client: socket.socket, *, keep_alive: bool) -> None:
        """Answer gunicorn's `request`; raises `OSError` where the client is gone."""
        begun: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None, /) -> Any:
            begun[:] = [(status, headers)]
            return None  # WSGI's `write` is used by nothing here

        environ = self._environ(request)
        if request.version >= (1, 1) and environ.get("HTTP_EXPECT", "").lower() == "100-continue":
            client.sendall(_CONTINUE)
        parts = self._app(environ, start_response)
        body = b"".join(parts)
        if hasattr(parts, "close"):
            parts.close()
        ((status, headers),) = begun
        lines = "".join(
            f"{name}: {value}\r\n" for name, value in headers if name.lower() not in {"content-length", "connection"}
        )
        head = (
            f"HTTP/1.1 {status}\r\nDate: {self._now()}\r\nConnection: {'keep-alive' if keep_alive else 'close'}\r\n"
            f"{lines}Content-Length: {len(body)}\r\n\r\n"
        ).encode("latin-1")
        client.sendall(head if request.method == "HEAD" else head + body)

    def _environ(self, request: Any) -> WSGIEnvironment:
        # without the client's address: what the application does not know it cannot write down; it may only ask
        environ: WSGIEnvironment = {
            **self._always,
            "REQUEST_METHOD": request.method,
            "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
            "QUERY_STRING": request.query,
            "SERVER_PROTOCOL": "HTTP/{}.{}".format(*request.version),
            "wsgi.input": request.body,
            OVER_LIMIT: self._question(request.peer_addr, request.headers),
        }
        for name, value in request.headers:
            key = _PLAIN.get(name) or f"HTTP_{name.replace('-', '_')}"
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        return environ

    def _now(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, formatdate(second, usegmt=True)
        return self._date
