"""The HTTP server: gunicorn with gevent workers, set up in code.

Its access log is off, and its error log is kept from saying what a client sent: a malformed request would stand
there with address and header.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from typing import Any

import gevent
from gevent.pywsgi import WSGIServer
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.util import write_error
from gunicorn.workers.ggevent import GeventWorker
from prometheus_client import multiprocess

from services.survey import metrics
from services.survey.gateway import Gateway
from services.survey.limiter import Question
from services.survey.siblings import Siblings
from services.survey.worker import Worker
from sipas.settings import Address, SurveySettings
from sipas.telemetry import admin_app, logger

STOP_WITHIN_S = 20
KEEP_ALIVE_S = 75
WAIT_S = 0.1
REGISTRY_S = 3.0
"""How long the registry takes to read when nothing is wrong, generously."""

_log = logger(__name__)


class Logger(GunicornLogger):  # type: ignore[misc]
    """Gunicorn's log lines among ours, in our form."""

    def setup(self, _cfg: object) -> None:
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)


class DiscreetWorker(GeventWorker):  # type: ignore[misc]
    """A gevent worker that logs and echoes nothing of a malformed request, leaves connections to its siblings
    until it can serve them, and answers through our own gateway.
    """

    def run(self) -> None:
        self.app.wait_for_registry(self)
        self._gateway = Gateway(
            self.wsgi, self.sockets[0].getsockname(), multiprocess=self.cfg.workers > 1, question=self.app.question
        )
        super().run()

    def handle_request(self, _listener: object, req: Any, sock: socket.socket, _address: object) -> None:
        keep_alive = self.alive and not req.should_close()
        try:
            self._gateway.answer(req, sock, keep_alive=keep_alive)
        except gevent.GreenletExit:
            return  # the time to stop in has passed
        if not keep_alive:
            raise StopIteration  # gunicorn's word for closing the connection

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: BaseException) -> None:  # noqa: ARG002
        if isinstance(exc, ParseException):
            too_long = isinstance(exc, LimitRequestLine | LimitRequestHeaders)
            status, reason = (431, "Request Header Fields Too Large") if too_long else (400, "Bad Request")
        else:
            status, reason = 500, "Internal Server Error"
        _log.warning("a request could not be read", error=type(exc).__name__, status=status)
        try:
            write_error(client, status, reason, reason)
        except OSError:
            return  # the client is gone


class Server(BaseApplication):  # type: ignore[misc]
    """The arbiter and its workers."""

    def __init__(self, settings: SurveySettings, siblings: Siblings) -> None:
        self._settings = settings
        self._admin = _listen(settings.admin)
        self._worker: Worker | None = None
        self._siblings = siblings
        super().__init__()

    def load_config(self) -> None:
        for name, value in {
            "bind": [str(self._settings.listen)],
            "workers": self._settings.workers,
            "worker_class": DiscreetWorker,
            "worker_connections": 2000,
            "keepalive": KEEP_ALIVE_S,
            "graceful_timeout": STOP_WITHIN_S,
            "timeout": 60,
            "accesslog": None,
            # nobody's headers are believed, and so nobody's address is compared with a list for every request
            "forwarded_allow_ips": "*",
            "forwarder_headers": "",
            "secure_scheme_headers": {},
            "logger_class": Logger,
            "control_socket_disable": True,
            "proc_name": "services.survey",
            "worker_exit": self._exited,
            "child_exit": _forget_metrics,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """In the worker, after fork."""
        # in a thread of its own, so that the other requests go on while the disk writes
        sync = gevent.get_hub().threadpool
        self._worker = worker = Worker(self._settings, sync=lambda fd: sync.apply(os.fsync, (fd,)))
        # every worker listens, and whichever answers adds up the metrics of all; readiness is its own
        WSGIServer(self._admin, admin_app(worker.not_ready, metrics.registry()), log=None).start()
        worker.start()
        return worker.app

    @property
    def question(self) -> Question:
        """What this worker's application may ask about whoever sends a request."""
        assert self._worker is not None  # noqa: S101 - load was called before
        return self._worker.question

    def wait_for_registry(self, of_gunicorn: GeventWorker) -> None:
        """Return when this worker has its registry, or when none has for a while: then it must say 503 itself."""
        worker = self._worker
        assert worker is not None  # noqa: S101 - load was called before
        soon = time.monotonic() + REGISTRY_S
        while of_gunicorn.alive and not worker.has_registry and (time.monotonic() < soon or self._siblings.any_ready()):
            of_gunicorn.notify()
            gevent.sleep(WAIT_S)
        gevent.spawn(self._join, worker)

    def _join(self, worker: Worker) -> None:
        while not worker.has_registry:
            gevent.sleep(WAIT_S)
        self._siblings.join()

    def _exited(self, _arbiter: object, _gunicorn_worker: object) -> None:
        if self._worker is not None:
            self._worker.stop()


def _listen(address: Address) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(16)
    listener.setblocking(False)
    return listener


def _forget_metrics(_arbiter: object, gunicorn_worker: Any) -> None:
    multiprocess.mark_process_dead(gunicorn_worker.pid)  # type: ignore[no-untyped-call]
