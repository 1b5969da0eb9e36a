"""Snapshots that keep up with a topic of entries: read whole at start, then followed in a daemon thread.

Without a consumer group, so that every process sees everything (design: topics read whole). A snapshot never shows
half a load: readers see committed records only, and what one poll began is read to the end before it is shown.
A failure ends the thread and `alive()` says so; readiness goes red and the supervisor restarts the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sipas.broker import Topics, WholeTopicReader
from sipas.registry import Item, Registry, read_item


class RegistryFollower:
    """The registry as it is now.

    A survey that must start while Kafka is away will seed the snapshot from a local copy in `start`.
    """

    def __init__(
        self,
        bootstrap: Sequence[str],
        namespace: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._bootstrap = bootstrap
        self._topic = Topics(namespace).registry
        self._now = now
        self._newest = Registry.fold(())
        self._zone: ZoneInfo | None = None
        self._today: tuple[date, Registry] | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: Exception | None = None

    def start(self) -> Registry:
        """Return once the topic was read to its end. Raises `KafkaAway` or `WrongTopics`."""
        reader = WholeTopicReader(self._bootstrap, self._topic)
        self._take([read_item(record) for record in reader.to_end()])
        self._thread = threading.Thread(target=self._follow, args=(reader,), name="registry", daemon=True)
        self._thread.start()
        return self.current

    @property
    def current(self) -> Registry:
        """The newest snapshot, as of today in the namespace's time zone."""
        if self._zone is None:
            return self._newest
        today = self._now().astimezone(self._zone).date()
        cached = self._today
        if cached is None or cached[0] != today:
            cached = self._today = (today, self._newest.as_of(today))
        return cached[1]

    def alive(self) -> bool:
        """Whether the snapshot is still kept up to date."""
        return self.failure is None and self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Stop following; the last snapshot stays readable."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _take(self, items: Sequence[Item]) -> None:
        self._newest = self._newest.updated(items)
        facts = self._newest.facts
        self._zone = None if facts is None else ZoneInfo(facts.timezone)
        self._today = None

    def _follow(self, reader: WholeTopicReader) -> None:
        try:
            while not self._stop.is_set():
                if records := reader.poll():
                    self._take([read_item(record) for record in (*records, *reader.to_end())])
        except Exception as failure:  # noqa: BLE001 - whatever it is, this process's registry is no longer current
            self.failure = failure
        finally:
            reader.close()
