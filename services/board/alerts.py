"""The life of every alert as it is now, from `alerts` and `decisions`, and what is added to it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from sipas.alert_book import AlertBook
from sipas.alert_records import events_in
from sipas.broker import Record, Topics
from sipas.follower import Follower


class AlertFollower:
    """Both topics, followed apart into one `book`."""

    def __init__(self, bootstrap: Sequence[str], namespace: str) -> None:
        self.book = AlertBook()
        self._changed = threading.Condition()
        topics = Topics(namespace)
        self._followers = tuple(
            Follower(bootstrap, topic, None, self._take) for topic in (topics.alerts, topics.decisions)
        )

    def start(self) -> None:
        """Return once both were read to their ends. Raises `KafkaAway` or `WrongTopics`."""
        for follower in self._followers:
            follower.start()

    def alive(self) -> bool:
        """Whether the book is still kept up to date."""
        return all(follower.alive() for follower in self._followers)

    @property
    def failure(self) -> Exception | None:
        """Why it no longer is, None while it is."""
        return next((one.failure for one in self._followers if one.failure is not None), None)

    def wait_for(self, event_id: str, seconds: float) -> bool:
        """Whether the book has an event, which another process may just have written; False after so long."""
        with self._changed:
            return self._changed.wait_for(lambda: self.book.has(event_id), seconds)

    def close(self) -> None:
        """Stop following; the last book stays readable."""
        for follower in self._followers:
            follower.close()

    def _take(self, _none: None, records: Iterable[Record]) -> None:
        events = list(events_in(records))
        with self._changed:
            self.book = self.book.updated(events)
            self._changed.notify_all()
