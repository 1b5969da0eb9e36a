"""Snapshots that keep up with a topic: read whole at start, then followed in a daemon thread.

Without a consumer group, so that every process sees everything. Readers see committed records only, and what one
poll began is read to the end before it is shown, so that a load appears at once. A failure ends the thread and
`alive()` says so; readiness goes red and the supervisor restarts the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Generic, Protocol, Self, TypeVar
from zoneinfo import ZoneInfo

from sipas.broker import KafkaAway, Record, Topics, WholeTopicReader, WrongTopics
from sipas.people import People
from sipas.registry import Item, NotSetUp, Registry, known_facts, read_item


class Entries(Protocol):
    """A snapshot of a topic of entries."""

    def updated(self, items: Iterable[Item], /) -> Self: ...


ASK_AGAIN_S = 0.5

E = TypeVar("E", bound=Entries)
S = TypeVar("S")


def with_entries(entries: E, records: Iterable[Record]) -> E:
    """The snapshot after further records."""
    return entries.updated(map(read_item, records))


def read_whole(bootstrap: Sequence[str], topic: str, empty: E) -> E:
    """The snapshot of a topic of entries as it is now. Raises `KafkaAway` or `WrongTopics`."""
    reader = WholeTopicReader(bootstrap, topic)
    try:
        return with_entries(empty, reader.to_end())
    finally:
        reader.close()


def registry_at_start(
    bootstrap: Sequence[str], namespace: str, patience_s: float, waiting: Callable[[str], object]
) -> Registry:
    """The registry, once Kafka answers and `sipas topics create` has set the namespace up.

    `waiting` is told why it is not there yet, each reason once. Raises the last one after `patience_s`: `KafkaAway`,
    `WrongTopics` or `NotSetUp`.
    """
    deadline = time.monotonic() + patience_s
    told = None
    while True:
        try:
            registry = read_whole(bootstrap, Topics(namespace).registry, Registry.fold(()))
            known_facts(registry.facts, namespace)
        except (KafkaAway, WrongTopics, NotSetUp) as reason:
            if time.monotonic() >= deadline:
                raise
            if str(reason) != told:
                told = str(reason)
                waiting(told)
            time.sleep(ASK_AGAIN_S)  # servers that start announce nothing
        else:
            return registry


class Follower(Generic[S]):
    """A topic as it is now: `newest`. `fold` makes the snapshot after further records, in the order of the log."""

    def __init__(
        self, bootstrap: Sequence[str], topic: str, empty: S, fold: Callable[[S, Iterable[Record]], S]
    ) -> None:
        self.newest = empty
        self._empty = empty
        self.failure: Exception | None = None
        self._fold = fold
        self._bootstrap = bootstrap
        self._topic = topic
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Return once the topic was read to its end. Raises `KafkaAway` or `WrongTopics`."""
        reader = WholeTopicReader(self._bootstrap, self._topic)
        self.newest = self._fold(self._empty, reader.to_end())
        self._thread = threading.Thread(target=self._follow, args=(reader,), name=self._topic, daemon=True)
        self._thread.start()

    def alive(self) -> bool:
        """Whether the snapshot is still kept up to date."""
        return self.failure is None and self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Stop following; the last snapshot stays readable."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _follow(self, reader: WholeTopicReader) -> None:
        try:
            while not self._stop.is_set():
                if records := reader.poll():
                    self.newest = self._fold(self.newest, (*records, *reader.to_end()))
        except Exception as failure:  # noqa: BLE001 - whatever it is, the snapshot is no longer kept up to date
            self.failure = failure
        finally:
            reader.close()


class RegistryFollower(Follower[Registry]):
    """The registry: `current` is as of today in the namespace's time zone, `newest` whatever was written last."""

    def __init__(
        self,
        bootstrap: Sequence[str],
        namespace: str,
        *,
        copy: Registry | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`copy`: what to show where Kafka is away; `start` reads anew and takes nothing over from it."""
        super().__init__(bootstrap, Topics(namespace).registry, Registry.fold(()), with_entries)
        if copy is not None:
            self.newest = copy
        self._now = now
        self._view: tuple[Registry, date, Registry] | None = None

    @property
    def current(self) -> Registry:
        newest = self.newest
        if newest.facts is None:
            return newest
        today = self._now().astimezone(ZoneInfo(newest.facts.timezone)).date()
        view = self._view
        if view is None or view[0] is not newest or view[1] != today:
            view = self._view = (newest, today, newest.as_of(today))
        return view[2]


class PeopleFollower(Follower[People]):
    """The people: `newest`."""

    def __init__(self, bootstrap: Sequence[str], namespace: str) -> None:
        super().__init__(bootstrap, Topics(namespace).people, People.fold(()), with_entries)
