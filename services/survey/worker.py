"""One worker process: makes its clients, after fork, and passes them to the routes. The composition root.

The worker serves from its first moment. Until it has a registry it answers 503 and is not ready: it cannot know a
counter. Where Kafka gives none within COPY_AFTER_S, the last local copy is the registry until it does
(`registry_copy.py`). What the worker cannot live with ends the process, and the arbiter starts another.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from types import MappingProxyType

from services.survey import metrics
from services.survey.app import make_app
from services.survey.fields import Answers
from services.survey.intake import Intake
from services.survey.languages import load_languages
from services.survey.limiter import Limiter, Question, never
from services.survey.outbox import ACK_S, Outbox
from services.survey.pages import Pages, Site
from services.survey.parts import Parts
from services.survey.registry_copy import RegistryCopy
from services.survey.sheets import Sheets
from services.survey.spools import Spools
from services.survey.tokens import FormTokens
from sipas.broker import Log, Publisher, Topics, require_fast_checksums
from sipas.follower import RegistryFollower
from sipas.methods import load_methods
from sipas.registry import NotSetUp, Registry, WrongNamespace, check_namespace
from sipas.settings import SurveySettings
from sipas.telemetry import Reasons, logger

WRONG_NAMESPACE = 3
"""The exit code that makes gunicorn's arbiter give up instead of starting another worker."""
RETRY_S = 1.0
COPY_AFTER_S = 2.0
"""Longer than the registry takes to read when nothing is wrong; a client that finds no Kafka says so after ten."""

_log = logger(__name__)


class Worker:
    """Everything of one process. `sync` is fsync, or what keeps it from stopping the other requests."""

    def __init__(self, settings: SurveySettings, *, sync: Callable[[int], object] = os.fsync) -> None:
        require_fast_checksums()
        self._settings = settings
        self._follower: RegistryFollower | None = None
        self._copied: RegistryFollower | None = None
        self._waiting_for = "the registry was not read yet"
        self._spools = Spools.open(settings.spool_dir, max_bytes=settings.spool_max_mb * 1024 * 1024, sync=sync)
        if any(adopted := self._spools.adopt()):
            _log.info("adopted answers of a process that died", **adopted._asdict(), cut_bytes=self._spools.cut_bytes)
            metrics.TORN_BYTES.inc(self._spools.cut_bytes)
        self._copy = RegistryCopy(settings.spool_dir, settings.namespace, sync=sync)
        self._intake = Intake(self._spools, self._connect)
        methods = load_methods()
        tokens = FormTokens(settings.secrets)
        answers = MappingProxyType({method.id: Answers(method) for method in methods.values()})
        self.question: Question = never
        if settings.limiter_url:
            limiter = Limiter(settings.limiter_url, settings.namespace, settings.limit, settings.trusted_proxies)
            self.question = limiter.question
        self.app = make_app(
            Parts(
                newest_registry=self._registry,
                sheets=Sheets(answers, tokens, settings.zone),
                intake=self._intake,
                pages=Pages(
                    load_languages(settings.languages_dir, methods),
                    Site(
                        public_url=settings.public_url,
                        contact=settings.contact,
                        complaints=settings.complaints,
                        hotline=settings.hotline,
                        demo=settings.demo,
                    ),
                ),
                tokens=tokens,
            )
        )

    def start(self) -> None:
        """Begin to serve: read the registry and connect to Kafka in the background."""
        self._intake.start()
        threading.Thread(target=self._follow, name="registry", daemon=True).start()
        threading.Thread(target=self._fall_back, name="copy", daemon=True).start()

    def stop(self) -> None:
        """Let go of Kafka and of the spool; requests have ended before."""
        self._intake.stop()
        self._spools.close()

    @property
    def has_registry(self) -> bool:
        """Whether counters are known."""
        return (self._follower or self._copied) is not None

    def not_ready(self) -> Reasons:
        """Why this worker should get no requests."""
        reasons = []
        if not self.has_registry:
            reasons.append(self._waiting_for)
        if not self._intake.has_room:
            reasons.append("Kafka is away and the spool is full")
        return reasons

    def _registry(self) -> Registry | None:
        shown = self._follower or self._copied
        return None if shown is None else shown.current

    def _connect(self) -> Outbox:
        settings = self._settings
        publisher = Publisher(settings.bootstrap, delivery_timeout_s=ACK_S, client_id=f"{settings.namespace}-survey")
        return Outbox(publisher, settings.namespace, settings.zone)

    def _follow(self) -> None:
        while True:
            follower = self._read_registry()
            self._copied = None
            while follower.alive():
                self._copy.keep(follower.newest)
                time.sleep(RETRY_S)
            # the last registry serves on until there is a newer one: Kafka may be away for hours
            _log.error("the registry is no longer followed; reading it again", reason=str(follower.failure))

    def _read_registry(self) -> RegistryFollower:
        while True:
            try:
                self._follower = self._checked_follower()
            except Exception as reason:  # noqa: BLE001 - whatever Kafka's client raises while Kafka comes and goes
                if isinstance(reason, WrongNamespace) and not isinstance(reason, NotSetUp):
                    _log.critical("wrong namespace", reason=str(reason))
                    os._exit(WRONG_NAMESPACE)
                if str(reason) != self._waiting_for:
                    _log.warning("the registry could not be read", reason=str(reason))
                self._waiting_for = str(reason)
                time.sleep(RETRY_S)
            else:
                return self._follower

    def _fall_back(self) -> None:
        time.sleep(COPY_AFTER_S)
        if self._follower is not None:
            return
        settings = self._settings
        registry = self._copy.read()
        if registry is None or registry.facts is None:
            return
        try:
            # the time zone only: how many partitions there are is for Kafka to say
            check_namespace(registry.facts, settings, registry.facts.partitions)
        except WrongNamespace as reason:
            _log.warning("the copy of the registry cannot be used", reason=str(reason))
            return
        _log.warning("Kafka gives no registry; serving by the copy on this disk", counters=len(registry.counters))
        self._copied = RegistryFollower(settings.bootstrap, settings.namespace, copy=registry)

    def _checked_follower(self) -> RegistryFollower:
        settings = self._settings
        follower = RegistryFollower(settings.bootstrap, settings.namespace)
        follower.start()
        try:
            log = Log(settings.bootstrap)
            try:
                partitions = log.partition_count(Topics(settings.namespace).responses)
            finally:
                log.close()
            check_namespace(follower.newest.facts, settings, partitions)
        except Exception:  # whatever it is goes on; its consumer must not stay behind
            follower.close()
            raise
        return follower
