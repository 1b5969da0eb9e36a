"""The composition root: checks what the settings point to, then gunicorn with workers that make their own clients.

A worker that can no longer follow the registry or the alerts would go on telling old news, so it ends, and the
arbiter starts another.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from datetime import UTC, datetime
from typing import Any, Protocol

from gevent.pywsgi import WSGIServer
from gunicorn.app.base import BaseApplication
from holidays import country_holidays
from prometheus_client import multiprocess

from services.board import metrics
from services.board.alert_forms import FormNonces
from services.board.alerts import AlertFollower
from services.board.app import make_app
from services.board.comments import CommentTopic
from services.board.figure_metrics import FigureMetrics
from services.board.figures import Figures
from services.board.memory import collect_seldom
from services.board.parts import Leading, Parts
from services.board.reading import TallyReader
from services.board.scores import ScoreBook, with_tables
from sipas.alert_links import AlertLinks
from sipas.alert_records import publish_decision
from sipas.broker import Log, Publisher, Topics, require_fast_checksums
from sipas.follower import Follower, PeopleFollower, RegistryFollower, registry_at_start
from sipas.ledger import LedgerAway, Ledgers
from sipas.methods import load_methods
from sipas.registry import check_namespace
from sipas.settings import Address, BoardSettings
from sipas.telemetry import Reasons, admin_app, logger

HEAR_S = 3.0
WATCH_S = 1.0
STOP_WITHIN_S = 10

_log = logger("board")


def check(settings: BoardSettings) -> int:
    """The namespace's partitions. Raises `KafkaAway`, `WrongTopics`, `WrongNamespace` or `LedgerAway`."""
    require_fast_checksums()
    topics = Topics(settings.namespace)
    registry = registry_at_start(
        settings.bootstrap,
        settings.namespace,
        settings.start_wait_s,
        lambda reason: _log.warning("waiting for Kafka and its topics", reason=reason),
    )
    kafka = Log(settings.bootstrap)
    try:
        partitions = kafka.partition_count(topics.responses)
    finally:
        kafka.close()
    check_namespace(registry.facts, settings, partitions)
    ledgers = Ledgers(settings.redis_url, settings.namespace)
    try:
        ledgers.wait_until_ready(settings.start_wait_s)
    finally:
        ledgers.close()
    return partitions


class Server(BaseApplication):  # type: ignore[misc]
    """The arbiter and its workers."""

    def __init__(self, settings: BoardSettings, partitions: int) -> None:
        self._settings = settings
        self._partitions = partitions
        self._admin = _listen(settings.admin)
        super().__init__()

    def load_config(self) -> None:
        for name, value in {
            "bind": [str(self._settings.listen)],
            "workers": self._settings.workers,
            "worker_class": "gevent",
            "graceful_timeout": STOP_WITHIN_S,
            "timeout": 60,
            # neither log may say who asked for what
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "error",
            "control_socket_disable": True,
            "proc_name": "services.board",
            "child_exit": _forget_metrics,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """In the worker, after fork."""
        settings = self._settings
        collect_seldom()
        registry = RegistryFollower(settings.bootstrap, settings.namespace)
        alerts = AlertFollower(settings.bootstrap, settings.namespace)
        scores = Follower(settings.bootstrap, Topics(settings.namespace).results, ScoreBook(), with_tables)
        # who looks at a page waits for no failover
        ledgers = Ledgers(settings.redis_url, settings.namespace, patience_s=0)
        people = PeopleFollower(settings.bootstrap, settings.namespace)
        publisher = Publisher(settings.bootstrap, client_id="sipas-board")
        registry.start()
        people.start()
        alerts.start()
        scores.start()
        threading.Thread(target=_watch, args=(registry, people, alerts, scores), name="watch", daemon=True).start()

        def not_ready() -> Reasons:
            try:
                ledgers.wait_until_ready(0)
            except LedgerAway as reason:
                return [str(reason)]
            return []

        methods = load_methods()
        reader = TallyReader(ledgers, self._partitions)
        topic = CommentTopic(
            bootstrap=settings.bootstrap,
            namespace=settings.namespace,
            partitions=self._partitions,
            zone=settings.zone,
        )
        parts = Parts(
            registry=lambda: registry.current,
            alerts=lambda: alerts.book,
            scores=lambda: scores.newest,
            leading=Leading(
                people=lambda: people.newest,
                links=AlertLinks(settings.link_secrets),
                nonces=FormNonces(settings.link_secrets),
                decide=lambda event: publish_decision(
                    publisher, settings.namespace, event, service="board", at=event.at
                ),
                heard=lambda event_id: _hear(alerts, event_id),
            ),
            comments=topic.read,
            figures=Figures(reader, methods, settings.publication_minimum),
            methods=methods,
            zone=settings.zone,
            # it makes the days of a year, the moon's too, when one of that year is asked for
            holidays=country_holidays("VN"),
            now=lambda: datetime.now(UTC),
            publication_minimum=settings.publication_minimum,
            ranking_minimum=settings.ranking_minimum,
            demo=settings.demo,
        )
        figures = FigureMetrics(parts, reader)
        exposed = metrics.registry()
        exposed.register(figures)
        figures.start()
        # every worker listens, and whichever answers adds up the metrics of all; readiness and figures are its own
        WSGIServer(self._admin, admin_app(not_ready, exposed), log=None).start()
        return make_app(parts)


class Followed(Protocol):
    """A topic, or several, kept up with."""

    @property
    def failure(self) -> Exception | None: ...
    def alive(self) -> bool: ...


def _hear(alerts: AlertFollower, event_id: str) -> None:
    alerts.wait_for(event_id, HEAR_S)


def _watch(*followers: Followed) -> None:
    while all(follower.alive() for follower in followers):
        time.sleep(WATCH_S)
    _log.critical("a topic is no longer followed", reasons=[str(one.failure) for one in followers if one.failure])
    os._exit(1)


def _listen(address: Address) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(16)
    listener.setblocking(False)
    return listener


def _forget_metrics(_arbiter: object, gunicorn_worker: Any) -> None:
    multiprocess.mark_process_dead(gunicorn_worker.pid)  # type: ignore[no-untyped-call]
