"""The comments of an agency and day, read from Kafka when they are asked for. Nothing is kept of them here.

- From the next working day on, shuffled anew for every reader, without time and id: no officer can tell whose comment
  just came.
- The first of an id wins. A form may be sent again as late as 30 days after it was opened and its comment then carries
  the later day, so reading begins so many days before the day that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import SystemRandom
from zoneinfo import ZoneInfo

from services.board.wording import wrong
from sipas.broker import Record, Topics, WholeTopicReader, partition_of
from sipas.events import Comment, MalformedEvent, decode_comment, midnight_ms
from sipas.problems import Problem
from sipas.working_days import next_working_day

SENT_AGAIN = timedelta(days=31)

ReadComments = Callable[[str, date], list[Comment]]
"""The comments of an agency and a day, each once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentTopic:
    """The topic of a namespace."""

    bootstrap: Sequence[str]
    namespace: str
    partitions: int
    zone: ZoneInfo

    def read(self, agency: str, day: date) -> list[Comment]:
        """The comments of the agency and day, in no order that means anything. Raises `KafkaAway` or `WrongTopics`."""
        partition = partition_of(agency, self.partitions)
        reader = WholeTopicReader(self.bootstrap, Topics(self.namespace).comments, [partition])
        try:
            reader.start_at(partition, midnight_ms(day - min(SENT_AGAIN, day - date.min), self.zone))
            return comments_of(reader.to_end(), agency, day)
        finally:
            reader.close()


def comments_of(records: Iterable[Record], agency: str, day: date) -> list[Comment]:
    """Those of one agency and day; the first of an id, whatever its day is. What is no comment is passed over."""
    first: dict[object, Comment] = {}
    for record in records:
        try:
            comment = decode_comment(record.value)
        except MalformedEvent:
            continue
        if comment.agency == agency:
            first.setdefault(comment.id, comment)
    return [comment for comment in first.values() if comment.day == day]


def readable(read: ReadComments, agency: str, day: date, *, today: date, holidays: Container[date]) -> list[Comment]:
    """The comments, shuffled; raises `Problem` invalid that names the first day on which they may be read."""
    first = next_working_day(day, holidays)
    if today < first:
        raise Problem("invalid", errors=[wrong("day", "comments-later", first=first.strftime("%d/%m/%Y"))])
    comments = read(agency, day)
    SystemRandom().shuffle(comments)
    return comments
