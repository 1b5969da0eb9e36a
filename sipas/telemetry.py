"""Logs, metrics and health, the same in every service.

The admin port serves `/metrics` (Prometheus), `/livez` (the process answers) and `/readyz` (503 and the reasons
while it should get no work). It is never public.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app

from sipas.settings import Address

Reasons = list[str]
SAME_AGAIN_S = 60.0
MOST_TOLD = 1000


class OnceAMinute(logging.Filter):
    """Of a library that says the same of each of its attempts, several times a second; what differs is all told."""

    def __init__(self, library: str) -> None:
        super().__init__()
        self._library = library
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(self._library):
            return True
        words = record.getMessage()
        if record.created - self._told.get(words, -SAME_AGAIN_S) < SAME_AGAIN_S:
            return False
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
        self._told[words] = record.created
        return True


def configure_logging(log_format: str) -> None:
    """Everything that is logged, ours and the libraries', as one JSON object a line or pretty for people."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if log_format == "pretty"
        else structlog.processors.JSONRenderer(serializer=lambda value, **_: json.dumps(value, ensure_ascii=False))
    )
    handler = logging.StreamHandler(sys.stderr)
    # a name that stands for no address, as that of a container that is stopped, is told twice a second by each client
    handler.addFilter(OnceAMinute("kafka."))
    final: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if log_format == "json":
        final.append(structlog.processors.format_exc_info)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*final, renderer]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # the client tells of every reconnect at warning level; the services log what it means for them
    logging.getLogger("kafka").setLevel(logging.ERROR)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose events are short sentences and whose values are fields."""
    made: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return made


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """A probe every few seconds is not news."""


def admin_app(
    not_ready: Callable[[], Reasons], registry: CollectorRegistry = REGISTRY
) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    """The WSGI application of the admin port; `not_ready` gives the reasons, none meaning ready."""
    metrics = make_wsgi_app(registry)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            served: Iterable[bytes] = metrics(environ, start_response)
            return served
        reasons: Reasons = []
        status = "200 OK"
        if path == "/readyz":
            reasons = not_ready()
            status = "503 Service Unavailable" if reasons else status
        elif path != "/livez":
            status = "404 Not Found"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return ["".join(f"{line}\n" for line in reasons or [status.split(" ", 1)[1]]).encode()]

    return app


def serve_admin(
    address: Address, not_ready: Callable[[], Reasons], registry: CollectorRegistry = REGISTRY
) -> WSGIServer:
    """Serve the admin port from a daemon thread; returns the server, to be shut down or left to die."""
    server = make_server(address.host, address.port, admin_app(not_ready, registry), handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, name="admin", daemon=True).start()
    return server
