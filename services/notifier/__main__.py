"""Composition root of the notifier: `python -m services.notifier`.

Judge and courier each have a thread and consumers of their own, so that a mail server that does not answer holds up no
judgement. An error in either ends the process; the supervisor starts it again.
"""

from __future__ import annotations

import random
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any, Protocol

from holidays import country_holidays

from services.notifier.channels.all_channels import channels_of
from services.notifier.composing import Composer
from services.notifier.courier import Courier
from services.notifier.courier_record import CourierRecord
from services.notifier.endings import Endings, with_endings
from services.notifier.judge_loop import Judge
from services.notifier.mailer import TIMEOUT_S
from services.notifier.message import load_words
from services.notifier.outgoing import Manner
from services.notifier.record import AlertLog
from services.notifier.sending import Sender
from services.notifier.working_time import Calendar
from sipas.alert_links import AlertLinks
from sipas.broker import GroupReader, KafkaAway, Log, Publisher, Topics, WrongTopics, require_fast_checksums
from sipas.follower import Follower, PeopleFollower, RegistryFollower, registry_at_start
from sipas.ledger import LedgerAway, Ledgers
from sipas.methods import load_methods
from sipas.registry import WrongNamespace, check_namespace
from sipas.settings import NotifierSettings, load_or_exit
from sipas.telemetry import configure_logging, logger, serve_admin

MAX_RECORDS = 500


class Loop(Protocol):
    """Judge or courier."""

    def step(self) -> None: ...
    def close(self) -> None: ...


def now() -> datetime:
    return datetime.now(UTC)


def manner_of(settings: NotifierSettings) -> Manner:
    """How leaders are told here."""
    return Manner(
        calendar=Calendar(settings.zone, country_holidays("VN"), settings.office_hours),
        quiet=settings.quiet_hours,
        confirmed_waits=settings.confirmed_waits,
        group_wait=timedelta(seconds=settings.group_wait_s),
        above_every=timedelta(hours=settings.above_hours),
        escalate_after=timedelta(hours=settings.escalation_hours),
    )


def compose(settings: NotifierSettings) -> tuple[Judge, Courier, Sequence[Follower[Any]]]:
    """Make every client and hand it to who needs it. Raises what says why the process cannot start."""
    topics = Topics(settings.namespace)
    registry_at_start(
        settings.bootstrap,
        settings.namespace,
        settings.start_wait_s,
        lambda reason: logger("notifier").warning("waiting for Kafka and its topics", why=reason),
    )
    kafka = Log(settings.bootstrap)
    registry = RegistryFollower(settings.bootstrap, settings.namespace)
    people = PeopleFollower(settings.bootstrap, settings.namespace)
    decisions = Follower(settings.bootstrap, topics.decisions, Endings(), with_endings)
    registry.start()
    people.start()
    decisions.start()
    check_namespace(registry.newest.facts, settings, kafka.partition_count(topics.tallies))
    ledgers = Ledgers(settings.redis_url, settings.namespace)
    ledgers.wait_until_ready(settings.start_wait_s)
    publisher = Publisher(settings.bootstrap, delivery_timeout_s=Publisher.FAILOVER_S, client_id="sipas-notifier")
    judge = Judge(
        namespace=settings.namespace,
        reader=GroupReader(
            settings.bootstrap,
            group=f"{settings.namespace}.judge",
            topics=[topics.tallies],
            max_records=MAX_RECORDS,
            instance=settings.instance,
        ),
        kafka=kafka,
        publisher=publisher,
        ledgers=ledgers,
        record=AlertLog(settings.bootstrap, settings.namespace),
        endings=lambda: decisions.newest,
        registry=lambda: registry.newest,
        demo=settings.demo,
        zone=settings.zone,
        now=now,
    )
    courier = Courier(
        namespace=settings.namespace,
        reader=GroupReader(
            settings.bootstrap,
            group=f"{settings.namespace}.courier",
            topics=[topics.alerts, topics.decisions],
            max_records=MAX_RECORDS,
            together=True,
            instance=settings.instance,
        ),
        # a client of its own: the admin client is not made to be shared between threads
        kafka=Log(settings.bootstrap),
        publisher=publisher,
        ledgers=ledgers,
        record=CourierRecord(settings.bootstrap, settings.namespace),
        registry=lambda: registry.current,
        people=lambda: people.newest,
        compose=Composer(
            registry=lambda: registry.current,
            methods=load_methods(),
            words=load_words(),
            links=AlertLinks(settings.link_secrets),
            board_url=settings.board_url,
            escalation_hours=settings.escalation_hours,
            demo=settings.demo,
        ),
        sender=Sender(
            channels_of(settings.smtp_url, settings.mail_from, settings.channels), now=now, chance=random.random
        ),
        manner=manner_of(settings),
        digest_time=settings.digest_time,
        now=now,
    )
    return judge, courier, (registry, people, decisions)


def main() -> int:
    settings = load_or_exit(NotifierSettings)
    configure_logging(settings.log_format)
    require_fast_checksums()
    # process 1 of a container would not hear it otherwise, while it waits for its servers
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        judge, courier, followers = compose(settings)
    except (KafkaAway, WrongTopics, WrongNamespace, LedgerAway) as reason:
        logger("notifier").error("cannot start", why=str(reason))
        return 1
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    serve_admin(settings.admin, judge.not_ready)
    return run({"judge": judge, "courier": courier}, followers, stopping)


def run(loops: Mapping[str, Loop], followers: Sequence[Follower[Any]], stopping: threading.Event) -> int:
    """Turn every loop until `stopping`; 1 as soon as one of them, or a follower, fails."""
    failed = threading.Event()
    log = logger("notifier")

    def turn(name: str, loop: Loop) -> None:
        try:
            while not stopping.is_set():
                loop.step()
            loop.close()
        except Exception:  # crash-only: whatever it is, it is logged and ends the process
            log.exception("a loop failed, the process ends", loop=name)
            failed.set()
            stopping.set()

    threads = [threading.Thread(target=turn, args=(name, loop), name=name, daemon=True) for name, loop in loops.items()]
    for thread in threads:
        thread.start()
    while not stopping.wait(1.0):
        if not all(follower.alive() for follower in followers):
            log.error("the registry, the people or the decisions are no longer followed, the process ends")
            failed.set()
            stopping.set()
    if failed.is_set():
        return 1
    for thread in threads:
        thread.join(2 * TIMEOUT_S)
    return int(failed.is_set())


if __name__ == "__main__":
    sys.exit(main())
