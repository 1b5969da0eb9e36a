"""The life of every alert as it is now, from `alerts` and `decisions`."""

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
        self._one_at_a_time = threading.Lock()
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

    def close(self) -> None:
        """Stop following; the last book stays readable."""
        for follower in self._followers:
            follower.close()

    def _take(self, _none: None, records: Iterable[Record]) -> None:
        events = list(events_in(records))
        with self._one_at_a_time:
            self.book = self.book.updated(events)
