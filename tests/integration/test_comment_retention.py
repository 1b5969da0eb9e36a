"""Kafka deletes comments by itself when their time has come."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sipas.broker import Log, Publisher, Topics, WholeTopicReader
from sipas.events import Comment, decode_comment, encode, headers, midnight_ms
from tests.servers import KafkaServer, wait_until

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
# a broker looks every five minutes, and the first time half a minute after its start; a test cannot wait for that
SOON = {
    "log.retention.check.interval.ms": "200",
    "log.initial.task.delay.ms": "200",
    "log.segment.delete.delay.ms": "0",
}


def publish(publisher: Publisher, topic: str, day: date, text: str) -> None:
    comment = Comment(id=uuid.uuid4(), agency="so-a", counter=None, day=day, text=text)
    made = headers(comment, event_id=str(comment.id), source="/test", at=datetime.combine(day, time(tzinfo=UTC)))
    publisher.publish(topic, encode(comment), key="so-a", headers=made, timestamp_ms=midnight_ms(day, ZONE))


def test_comments_go_by_themselves_after_their_time_and_younger_ones_stay(tmp_path: Path, namespace: str) -> None:
    """Also from the disk."""
    today = datetime.now(UTC).astimezone(ZONE).date()
    topic = Topics(namespace).comments
    with KafkaServer(tmp_path, properties=SOON) as kafka:
        log = Log([kafka.bootstrap])
        log.create(namespace, partitions=1, replication=1)
        publisher = Publisher([kafka.bootstrap])
        for ago in (200, 183, 182, 178, 1):
            publish(publisher, topic, today - timedelta(days=ago), f"{ago} ngày trước")
        wait_until(lambda: log.bounds(topic)[0][0] == 3, what="the old comments to go")
        reader = WholeTopicReader([kafka.bootstrap], topic)
        assert [decode_comment(record.value).text for record in reader.to_end()] == ["178 ngày trước", "1 ngày trước"]

        def on_disk() -> bytes:
            return b"".join(path.read_bytes() for path in kafka.data.glob(f"{topic}-0/*.log"))

        wait_until(lambda: "182 ngày".encode() not in on_disk(), what="the old comments to leave the disk")
        assert "178 ngày".encode() in on_disk()
        reader.close()
        publisher.close()
        log.close()


def test_an_old_comment_does_not_wait_for_a_younger_one_to_come(tmp_path: Path, namespace: str) -> None:
    """A quiet agency's last comment goes too, though its segment is the one that is written to."""
    today = datetime.now(UTC).astimezone(ZONE).date()
    topic = Topics(namespace).comments
    with KafkaServer(tmp_path, properties=SOON) as kafka:
        log = Log([kafka.bootstrap])
        log.create(namespace, partitions=1, replication=1)
        publisher = Publisher([kafka.bootstrap])
        publish(publisher, topic, today - timedelta(days=182), "của năm ngoái")
        wait_until(lambda: log.bounds(topic)[0] == (1, 1), what="the only comment to go")
        publisher.close()
        log.close()
