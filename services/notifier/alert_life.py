"""The life of every alert as both topics have it now, for the commands."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from sipas.alert_book import AlertBook
from sipas.alert_records import events_in
from sipas.broker import Topics, WholeTopicReader


def read_book(bootstrap: Sequence[str], namespace: str) -> AlertBook:
    """Read `alerts` and `decisions` to their ends. Raises `KafkaAway` or `WrongTopics`."""
    topics = Topics(namespace)
    book = AlertBook()
    for topic in (topics.alerts, topics.decisions):
        with closing(WholeTopicReader(bootstrap, topic)) as reader:
            book = book.updated(events_in(reader.to_end()))
    return book
