"""Kafka, and the only module that knows its client.

Facts that cost days, each the reason for a line below (kafka-python 3.0.12):
- `acks="all"` with idempotence must be asked for; `delivery_timeout_ms` must be below the caller's patience.
- An exception in a `value_deserializer` makes the next `poll()` hang: bytes are decoded by the caller.
- Blocking consumer calls inside a rebalance listener raise. Ours does no I/O: it pauses what was assigned at
  offset 0, and the caller opens each partition (reads its ledger, checks the log) after `poll()` returned.
- `auto_offset_reset="none"`: a position outside the log must be an error, never a silent jump.
- Without the `crc32c` wheel every record is checksummed in pure Python, silently: `require_fast_checksums`.
"""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, NamedTuple, Protocol, cast
from uuid import UUID

from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import NewTopic
from kafka.partitioner import murmur2
from kafka.protocol.consumer import OffsetSpec

from sipas.bootstrap import Access, Bootstrap
from sipas.events import Headers

POLL_S = 0.5
CONNECT_MS = 10_000
SESSION_MS = 10_000
"""After this long without a heartbeat a member's partitions go to others."""
READABLE_S = 30
"""How long a committed transaction may take to stand in the log."""


class PublishFailed(Exception):
    """Kafka did not acknowledge a record in time, or refused it."""


class KafkaAway(Exception):
    """No broker answered."""


class KafkaRefuses(KafkaAway):
    """The brokers know no such user with this password, or do not let the user do this. Needs a person."""


REFUSALS = (kafka_errors.AuthorizationError, kafka_errors.SaslAuthenticationFailedError)


def client_options(bootstrap: Sequence[str]) -> dict[str, Any]:
    """What every client takes: where the brokers are, how to log in, how long to look for them."""
    access = bootstrap.access if isinstance(bootstrap, Bootstrap) else Access()
    options: dict[str, Any] = {
        "bootstrap_servers": list(bootstrap),
        "bootstrap_timeout_ms": CONNECT_MS,
        "security_protocol": access.protocol,
    }
    if access.logs_in:
        options |= {
            "sasl_mechanism": access.mechanism,
            "sasl_plain_username": access.username,
            "sasl_plain_password": access.password,
        }
    if access.encrypts and access.ca_file is not None:
        options["ssl_cafile"] = str(access.ca_file)
    return options


class _Asking:
    """Around a question to the brokers: where none answers it, `KafkaAway`. What one did answer is raised as it is."""

    def __init__(self, bootstrap: Sequence[str]) -> None:
        access = bootstrap.access if isinstance(bootstrap, Bootstrap) else Access()
        self._who = access.username or "whoever has no name"
        way = f" ({access.protocol}{' as ' + access.username if access.logs_in else ''})"
        self._where = ", ".join(bootstrap) + (way if access != Access() else "")

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, REFUSALS):
            raise self.refusal(error) from error
        # a request that timed out is filed under answers, but the client says it by itself
        answered = isinstance(error, kafka_errors.BrokerResponseError) and not isinstance(
            error, kafka_errors.RequestTimedOutError
        )
        if isinstance(error, kafka_errors.KafkaError) and not answered:
            raise KafkaAway(f"no Kafka broker answers at {self._where}: {error}") from error

    def refusal(self, error: BaseException) -> KafkaRefuses:
        return KafkaRefuses(f"Kafka at {self._where} refuses {self._who}: {error}")


class _Connecting(_Asking):
    """Around the making of a client, which tells why no broker let it in only to its log, and then is out of time."""

    def __enter__(self) -> None:
        self._heard = _Heard()
        _CONNECTIONS.addHandler(self._heard)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _CONNECTIONS.removeHandler(self._heard)
        reason = self._heard.reason
        if isinstance(error, kafka_errors.KafkaError) and isinstance(reason, REFUSALS):
            raise self.refusal(reason) from error
        if isinstance(error, kafka_errors.KafkaTimeoutError) and reason is not None:
            raise KafkaAway(f"no Kafka broker answers at {self._where}: {reason}") from error
        super().__exit__(kind, error, trace)


_CONNECTIONS = logging.getLogger("kafka.net.manager")


class _Heard(logging.Handler):
    """Keeps the newest error that was logged; a refusal before all others, which often end in a closed connection."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.reason: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        for said in record.args if isinstance(record.args, tuple) else ():
            if isinstance(said, Exception) and not isinstance(self.reason, REFUSALS):
                self.reason = said


class WrongTopics(Exception):
    """The topics are not as this namespace needs them; the message says what to do."""


class Record(Protocol):
    """One record as it was read. `timestamp` is in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


def require_fast_checksums() -> None:
    """Raise RuntimeError when kafka-python would checksum in pure Python (four times slower, silently)."""
    if importlib.util.find_spec("crc32c") is None:
        raise RuntimeError("the package crc32c is not installed; install sipas from requirements.lock")


# pure Python, and asked for every agency of a ranking
@lru_cache(maxsize=16_384)
def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: Kafka's murmur2, so that every Kafka client agrees."""
    return cast("int", (murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


# --- topics ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Topics:
    """Names of a namespace's topics."""

    namespace: str

    def __getattr__(self, kind: str) -> str:
        if kind not in TOPIC_SETTINGS:
            raise AttributeError(kind)
        return f"{self.namespace}.{kind}.v1"


DAY_MS = 24 * 3600 * 1000
BY_AGENCY = "by agency"
"""As many partitions as the namespace has; everything else has one."""

TOPIC_SETTINGS: Mapping[str, tuple[str | None, Mapping[str, str]]] = {
    "responses": (BY_AGENCY, {"retention.ms": "-1"}),
    # a segment goes as a whole when its newest record is old enough: without segment.ms a week would wait for it
    "comments": (BY_AGENCY, {"retention.ms": str(180 * DAY_MS), "segment.ms": str(DAY_MS)}),
    "tallies": (BY_AGENCY, {"retention.ms": str(400 * DAY_MS)}),
    "dlq": (BY_AGENCY, {"retention.ms": str(90 * DAY_MS)}),
    "alerts": (None, {"retention.ms": "-1"}),
    "decisions": (None, {"retention.ms": "-1"}),
    "results": (None, {"retention.ms": "-1"}),
    "registry": (None, {"cleanup.policy": "compact"}),
    "people": (None, {"cleanup.policy": "compact"}),
}


class Log:
    """What the cluster says of its topics: they can be made, counted and measured. All of it raises `KafkaAway`."""

    def __init__(self, bootstrap: Sequence[str]) -> None:
        self._asking = _Asking(bootstrap)
        with _Connecting(bootstrap):
            self._admin = KafkaAdminClient(client_id="sipas-log", **client_options(bootstrap))

    def close(self) -> None:
        self._admin.close()

    def existing(self) -> set[str]:
        with self._asking:
            return set(self._admin.list_topics())

    def create(self, namespace: str, *, partitions: int, replication: int) -> list[str]:
        """Make the topics that are missing; returns their names. An existing count that differs is an error."""
        names = Topics(namespace)
        wanted = {
            getattr(names, kind): (partitions if split else 1, dict(config))
            for kind, (split, config) in TOPIC_SETTINGS.items()
        }
        existing = self.existing()
        for name, (count, _) in wanted.items():
            if name in existing and (found := self.partition_count(name)) != count:
                raise WrongTopics(
                    f"topic {name} has {found} partitions, not {count}: the count of a live topic never changes"
                )
        safety = {"flush.messages": "1"} if replication == 1 else {"min.insync.replicas": "2"}
        missing = [name for name in wanted if name not in existing]
        if missing:
            asked = [
                NewTopic(
                    name,
                    num_partitions=wanted[name][0],
                    replication_factor=replication,
                    topic_configs=wanted[name][1] | safety | {"unclean.leader.election.enable": "false"},
                )
                for name in missing
            ]
            with self._asking:
                self._admin.create_topics(asked)
                self._admin.wait_for_topics(missing)
        return missing

    def delete(self, topics: Sequence[str]) -> None:
        """Delete topics and all they hold."""
        with self._asking:
            self._admin.delete_topics(list(topics))

    def cut(self, topic: str, before: Mapping[int, int]) -> None:
        """Delete the records of each partition below the given offset."""
        with self._asking:
            self._admin.delete_records({TopicPartition(topic, number): offset for number, offset in before.items()})

    def _describe(self, topic: str) -> dict[str, Any]:
        with self._asking:
            described = self._admin.describe_topics([topic])
            if described and described[0]["error_code"] == kafka_errors.TopicAuthorizationFailedError.errno:
                raise kafka_errors.TopicAuthorizationFailedError(topic)
        if not described or described[0]["error_code"]:
            raise WrongTopics(f"topic {topic} does not exist; make the topics with: sipas topics create")
        return cast("dict[str, Any]", described[0])

    def partition_count(self, topic: str) -> int:
        return len(self._describe(topic)["partitions"])

    def shape(self, topic: str) -> tuple[int, int]:
        """(partitions, copies of each)"""
        partitions = self._describe(topic)["partitions"]
        return len(partitions), len(partitions[0]["replica_nodes"])

    def topic_id(self, topic: str) -> str:
        return str(self._describe(topic)["topic_id"])

    def bounds(self, topic: str, partitions: Iterable[int] | None = None) -> dict[int, tuple[int, int]]:
        """Partition -> (first offset, end offset), the end being the next offset to be written."""
        numbers = range(self.partition_count(topic)) if partitions is None else partitions
        tps = [TopicPartition(topic, number) for number in numbers]
        with self._asking:
            first = self._admin.list_partition_offsets(dict.fromkeys(tps, OffsetSpec.EARLIEST))
            end = self._admin.list_partition_offsets(dict.fromkeys(tps, OffsetSpec.LATEST))
        return {tp.partition: (first[tp].offset, end[tp].offset) for tp in tps}


# --- writing --------------------------------------------------------------------------------------------------


class Sent(Protocol):
    """A record on its way."""

    def get(self, timeout: float | None = None) -> Any: ...


class Publisher:
    """Writes records; a record counts as written only when every in-sync replica has it.

    Make it after fork, never before. Safe to share between threads.
    """

    FAILOVER_S = 30.0
    """For who has nobody waiting: brokers miss a dead one after nine seconds (their `broker.session.timeout.ms`), and
    only then is another the leader of its partitions."""

    def __init__(
        self,
        bootstrap: Sequence[str],
        *,
        delivery_timeout_s: float = 10.0,
        linger_ms: int = 0,
        batch_bytes: int = 16_384,
        client_id: str = "sipas",
    ) -> None:
        """`batch_bytes`: of one write to a partition; where every write is synced, large ones are many times faster."""
        self._wait_s = delivery_timeout_s + 1.0
        delivery_ms = int(delivery_timeout_s * 1000)
        with _Connecting(bootstrap):
            self._producer = KafkaProducer(
                **client_options(bootstrap),
                client_id=client_id,
                acks="all",
                enable_idempotence=True,
                linger_ms=linger_ms,
                batch_size=batch_bytes,
                delivery_timeout_ms=delivery_ms,
                # a broker that hangs is asked once more while there is time
                request_timeout_ms=max(1000, min(10_000, delivery_ms - linger_ms - 500)),
                max_block_ms=delivery_ms,
            )

    def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: str | bytes | None,
        headers: Headers | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> Sent:
        """Hand a record over without waiting; raises `PublishFailed` when it cannot even be taken."""
        try:
            return cast(
                "Sent",
                self._producer.send(
                    topic,
                    value=value,
                    key=key.encode() if isinstance(key, str) else key,
                    headers=headers or [],
                    partition=partition,
                    timestamp_ms=timestamp_ms,
                ),
            )
        except kafka_errors.KafkaError as reason:
            raise PublishFailed(f"{topic}: {reason}") from reason

    def wait(self, sent: Iterable[Sent]) -> None:
        """Return when all are acknowledged; raises `PublishFailed` for the first that is not."""
        for one in sent:
            try:
                one.get(self._wait_s)
            except kafka_errors.KafkaError as reason:
                raise PublishFailed(str(reason)) from reason

    def wait_for_offsets(self, sent: Iterable[Sent]) -> list[int]:
        """The offsets at which they stand, once all are acknowledged. Raises `PublishFailed`."""
        acknowledged = list(sent)
        self.wait(acknowledged)
        return [one.get(0).offset for one in acknowledged]

    def publish(self, topic: str, value: bytes | None, **kwargs: Any) -> None:
        """`send` and `wait` for one record."""
        self.wait([self.send(topic, value, **kwargs)])

    def close(self, timeout_s: float = 5.0) -> None:
        """Give what is on its way `timeout_s`, then end. Whoever waits for a record that is left: `PublishFailed`."""
        try:
            self._producer.close(timeout=timeout_s)
        except kafka_errors.KafkaTimeoutError:
            # it gave up before it ended anything, and would go on sending; only its sender can fail what is left
            sender = self._producer._sender  # noqa: SLF001
            sender.force_close()
            sender.join(timeout_s)
            self._producer.close(timeout=0)


class Written(NamedTuple):
    """A record to be written in a transaction."""

    topic: str
    key: str
    value: bytes | None
    headers: Headers
    timestamp_ms: int | None = None


def publish_together(bootstrap: Sequence[str], transaction: str, records: Iterable[Written]) -> int:
    """Write all records or none, as readers of committed records see it; returns how many, once they see them.

    Raises `KafkaAway` or `PublishFailed`.
    """
    with _Connecting(bootstrap):
        producer = KafkaProducer(
            **client_options(bootstrap),
            transactional_id=transaction,
            acks="all",
            enable_idempotence=True,
        )
    try:
        try:
            producer.init_transactions()
            producer.begin_transaction()
        except REFUSALS as reason:
            raise _Asking(bootstrap).refusal(reason) from reason
        except kafka_errors.KafkaError as reason:
            raise PublishFailed(str(reason)) from reason
        try:
            sent = [
                producer.send(
                    r.topic, key=r.key.encode(), value=r.value, headers=r.headers, timestamp_ms=r.timestamp_ms
                )
                for r in records
            ]
            producer.flush()
            ends = {(known := one.get(0)).topic_partition: known.offset + 1 for one in sent}
            producer.commit_transaction()
        except kafka_errors.KafkaError as reason:
            producer.abort_transaction()
            raise PublishFailed(str(reason)) from reason
    finally:
        producer.close()
    _wait_until_readable(bootstrap, ends)
    return len(sent)


def _wait_until_readable(bootstrap: Sequence[str], ends: Mapping[TopicPartition, int]) -> None:
    """A commit is acknowledged before its marker stands in the log: who reads at once would see nothing of it."""
    with _Connecting(bootstrap):
        consumer = KafkaConsumer(
            **client_options(bootstrap),
            group_id=None,
            isolation_level="read_committed",
        )
        with closing(consumer):
            deadline = time.monotonic() + READABLE_S
            while any(end < ends[tp] for tp, end in consumer.end_offsets(list(ends)).items()):
                if time.monotonic() > deadline:
                    raise PublishFailed(f"written, but no reader has seen it in {READABLE_S} s: look again")
                time.sleep(0.01)  # the broker announces nothing, and is done within milliseconds


# --- reading --------------------------------------------------------------------------------------------------


class _Assignments(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes what came and went; the reader acts on it after `poll()`."""

    def __init__(self) -> None:
        self.consumer: KafkaConsumer | None = None
        self.came: set[Partition] = set()
        self.went: set[Partition] = set()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        assert self.consumer is not None  # noqa: S101 - the reader sets it before it subscribes
        for tp in assigned:
            # paused before its first fetch, at a position that needs no question to the broker
            self.consumer.seek(tp, 0)
            self.consumer.pause(tp)
            self.came.add(Partition(*tp))
            self.went.discard(Partition(*tp))

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        for tp in revoked:
            self.went.add(Partition(*tp))
            self.came.discard(Partition(*tp))

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        self.on_partitions_revoked(lost)


class GroupReader:
    """A member of a consumer group whose positions live elsewhere.

    After every `poll`: `take_revoked` (forget those), `take_assigned` (call `start` for each with the offset to
    read next). Records of a partition come only after `start`. Kafka's own group offset is written for lag
    tools by `note_progress` and never read.
    """

    def __init__(
        self,
        bootstrap: Sequence[str],
        *,
        group: str,
        topics: Sequence[str],
        max_records: int,
        together: bool = False,
        instance: str = "",
    ) -> None:
        """`together`: range assignment, so that partition 0 of every topic has the same owner.

        `instance`: a name that a process keeps over restarts (static membership), so that one that died gets its
        partitions back as soon as it is there again, instead of after the session timeout. "" for none.

        Raises `KafkaAway`.
        """
        from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor  # noqa: PLC0415
        from kafka.coordinator.assignors.range import RangePartitionAssignor  # noqa: PLC0415

        self._assignments = _Assignments()
        self._asking = _Asking(bootstrap)
        with _Connecting(bootstrap):
            self._consumer = KafkaConsumer(
                **client_options(bootstrap),
                client_id=group,
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="none",
                max_poll_records=max_records,
                fetch_max_bytes=4 * 1024 * 1024,
                group_instance_id=instance or None,
                session_timeout_ms=SESSION_MS,
                heartbeat_interval_ms=SESSION_MS // 3,
                partition_assignment_strategy=[RangePartitionAssignor if together else CooperativeStickyAssignor],
            )
        self._assignments.consumer = self._consumer
        self._consumer.subscribe(topics=list(topics), listener=self._assignments)

    def poll(self, timeout_s: float = POLL_S) -> dict[Partition, list[Record]]:
        """Records by partition. Errors of the log (position out of range, …) are raised, and `KafkaRefuses`."""
        # A join that goes on when a poll runs out of time is forgotten where newer metadata was its reason: the
        # broker counts us in, and no partition ever comes. Measured: 1 start in 20 on a busy machine.
        if self._consumer._coordinator.rejoining:  # noqa: SLF001
            self._consumer._coordinator.request_rejoin()  # noqa: SLF001
        try:
            polled = self._consumer.poll(timeout_ms=int(timeout_s * 1000))
        except REFUSALS as error:
            raise self._asking.refusal(error) from error
        return {Partition(*tp): records for tp, records in polled.items()}

    def take_assigned(self) -> set[Partition]:
        came, self._assignments.came = self._assignments.came, set()
        return came

    def take_revoked(self) -> set[Partition]:
        went, self._assignments.went = self._assignments.went, set()
        return went

    def start(self, partition: Partition, offset: int) -> None:
        """Read `partition` from `offset`; also used to go back."""
        self._consumer.seek(TopicPartition(*partition), offset)
        self._consumer.resume(TopicPartition(*partition))

    def pause(self, partition: Partition) -> None:
        self._consumer.pause(TopicPartition(*partition))

    def topic_id(self, topic: str) -> str | None:
        """The topic's id as the client last heard it. A topic made anew changes it before its records come.

        The client has no public way to ask without a round trip, and this is asked after every poll.
        """
        found: UUID | None = self._consumer._cluster.topic_id(topic)  # noqa: SLF001
        return None if found is None else str(found)

    def end(self, partition: Partition) -> int:
        """The next offset to be written, as the newest fetch said; asked for only where nothing is fetched.

        Asking waits for a leader, for half a minute where a broker has just died, and whoever asks is the loop that
        has other partitions to read. Raises `KafkaAway`.
        """
        tp = TopicPartition(*partition)
        if tp in self._consumer.assignment() and tp not in self._consumer.paused():
            known: int | None = self._consumer.highwater(tp)
            if known is not None:
                return known
        with self._asking:
            return cast("int", self._consumer.end_offsets([tp])[tp])

    def note_progress(self, next_offsets: Mapping[Partition, int]) -> None:
        """Tell Kafka's group offset, for lag tools only."""
        from kafka import OffsetAndMetadata  # noqa: PLC0415

        if next_offsets:
            self._consumer.commit_async(
                {TopicPartition(*p): OffsetAndMetadata(offset, "", -1) for p, offset in next_offsets.items()}
            )

    def close(self) -> None:
        self._consumer.close(autocommit=False)


class WholeTopicReader:
    """Reads a topic, or some partitions of it, from its first record, without a group; committed records only."""

    def __init__(self, bootstrap: Sequence[str], topic: str, partitions: Iterable[int] | None = None) -> None:
        """Raises `KafkaAway` or `WrongTopics`."""
        self._asking = _Asking(bootstrap)
        with _Connecting(bootstrap):
            self._consumer = KafkaConsumer(
                **client_options(bootstrap),
                client_id="sipas-reader",
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_committed",
                max_poll_records=5000,
            )
        try:
            self._tps = self._begin(bootstrap, topic, partitions)
        except (KafkaAway, WrongTopics):
            self._consumer.close()
            raise

    def _begin(self, bootstrap: Sequence[str], topic: str, partitions: Iterable[int] | None) -> list[TopicPartition]:
        with self._asking:
            numbers = self._consumer.partitions_for_topic(topic) if partitions is None else set(partitions)
            if not numbers:
                # a consumer is not told whether there is none or whether it may not see it
                with closing(Log(bootstrap)) as log:
                    numbers = set(range(log.partition_count(topic)))
            tps = [TopicPartition(topic, number) for number in sorted(numbers)]
            self._consumer.assign(tps)
            for tp, offset in self._consumer.beginning_offsets(tps).items():
                self._consumer.seek(tp, offset)
        return tps

    def start(self, partition: int, offset: int) -> None:
        """Read `partition` from `offset`."""
        self._consumer.seek(next(tp for tp in self._tps if tp.partition == partition), offset)

    def start_at(self, partition: int, timestamp_ms: int) -> None:
        """Read `partition` from its first record that is not older; from its end where all are. Raises `KafkaAway`."""
        tp = next(tp for tp in self._tps if tp.partition == partition)
        with self._asking:
            found = self._consumer.offsets_for_times({tp: timestamp_ms})[tp]
            offset = self._consumer.end_offsets([tp])[tp] if found is None else found.offset
        self._consumer.seek(tp, offset)

    def to_end(self) -> Iterator[Record]:
        """Every record up to the end as it is now; may be called again for what came since. Raises `KafkaAway`."""
        with self._asking:
            ends = self._consumer.end_offsets(self._tps)
        while any(self._consumer.position(tp) < ends[tp] for tp in self._tps):
            yield from self.poll(0.2)

    def bounds(self) -> dict[int, tuple[int, int]]:
        """Partition -> (first offset, end of the committed records). Raises `KafkaAway`."""
        with self._asking:
            first, end = self._consumer.beginning_offsets(self._tps), self._consumer.end_offsets(self._tps)
        return {tp.partition: (first[tp], end[tp]) for tp in self._tps}

    def until(self, ends: Mapping[int, int], patience_s: float) -> Iterator[Record]:
        """Every record below these offsets, from where each partition stands; others are not read.

        Raises `KafkaAway` where nothing comes for `patience_s`, `WrongTopics` where records go while they are read.
        """
        wanted = {tp: ends[tp.partition] for tp in self._tps if tp.partition in ends}
        idle = [tp for tp in self._tps if tp not in wanted]
        self._consumer.pause(*idle)
        waited_from = time.monotonic()
        behind = {tp for tp, end in wanted.items() if self._consumer.position(tp) < end}
        while behind:
            try:
                polled = self._consumer.poll(timeout_ms=500)
            except kafka_errors.OffsetOutOfRangeError as reason:
                raise WrongTopics(f"records were deleted while they were read, try again: {reason}") from reason
            for tp, records in polled.items():
                yield from (record for record in records if record.offset < wanted[tp])
            there = {tp for tp in behind if self._consumer.position(tp) >= wanted[tp]}
            if polled or there:
                waited_from = time.monotonic()
            elif time.monotonic() > waited_from + patience_s:
                raise KafkaAway(f"no Kafka broker sends records of {self._tps[0].topic}")
            if there:
                self._consumer.pause(*there)
                behind -= there
        self._consumer.resume(*self._tps)

    def poll(self, timeout_s: float = POLL_S) -> list[Record]:
        """What came since, at most `timeout_s` later. Raises `KafkaRefuses`."""
        try:
            polled = self._consumer.poll(timeout_ms=int(timeout_s * 1000))
        except REFUSALS as error:
            raise self._asking.refusal(error) from error
        return [record for records in polled.values() for record in records]

    def position(self, partition: int) -> int:
        """The next offset to be read."""
        return cast("int", self._consumer.position(next(tp for tp in self._tps if tp.partition == partition)))

    def close(self) -> None:
        self._consumer.close()
