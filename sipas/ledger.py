"""Redis, and the only module that knows its client: ledgers whose position travels with every write.

A ledger is what a service knows of a log partition, together with the offset up to which it knows it. All keys of
one partition share a hash tag, so they live on one node of a Redis Cluster, and every change goes through one Lua
script that first compares the stored position with the one the writer expects. So a lost reply (redis-py sends the
command again), a command sent twice, an owner that slept through a rebalance, a Redis that came back older: the
write happens once or not at all. WATCH would not do: on a cluster redis-py re-sends MULTI without it.

A Redis Cluster that has lost a primary answers again when a replica was promoted, which takes some seconds and may lose
what the primary wrote last: position and counts lie in one slot and go back together. Until then redis-py tries again
at once and gives up within milliseconds, so waiting is done here (`_through_a_failover`): all of the questions and
writes here may be asked again.

Percentages are never stored. Losing this Redis loses nothing: Kafka is the record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from importlib.resources import files
from itertools import chain
from typing import Any, Concatenate, NamedTuple, ParamSpec, Protocol, TypeVar, cast

import msgspec
import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.commands.core import Script
from redis.exceptions import (
    ClusterDownError,
    MasterDownError,
    ReadOnlyError,
    RedisClusterException,
    TryAgainError,
)
from redis.retry import Retry

Id = bytes
FIRST_WORD = 3
"""Of the words of a commit: ARGV counts from 1, the first two are the expected position and the plan."""
RESENDS = 10
"""How often a command is sent again when Redis does not answer: about five seconds, then the process ends."""
CONNECT_S = 5
REPLY_S = 30
FAILOVER_S = 60.0
"""How long a Redis Cluster may take to promote a replica: its node timeout (15 s by default), the vote, and as much."""
ASK_AGAIN_S = 0.25
AWAY = (
    redis.ConnectionError,
    redis.TimeoutError,
    ClusterDownError,
    MasterDownError,
    ReadOnlyError,
    RedisClusterException,
    TryAgainError,
)
"""What a client sees of a Redis that is down, or of a cluster between two primaries."""

P = ParamSpec("P")
R = TypeVar("R")


class Moved(Exception):
    """The stored position is not the expected one; nothing was written. `stored` is None where none stands."""

    def __init__(self, stored: int | None) -> None:
        super().__init__(f"the stored position is {stored}")
        self.stored = stored


class LedgerAway(Exception):
    """Redis does not answer."""


class _Patient(Protocol):
    """Whoever asks a Redis that may take `patience_s` to answer."""

    @property
    def patience_s(self) -> float: ...


Q = TypeVar("Q", bound=_Patient)


def _through_a_failover(ask: Callable[Concatenate[Q, P], R]) -> Callable[Concatenate[Q, P], R]:
    """Ask again until it is answered; raises `LedgerAway` when the patience of whoever asks is at its end."""

    @wraps(ask)
    def patient(asks: Q, *args: P.args, **kwargs: P.kwargs) -> R:
        deadline = time.monotonic() + asks.patience_s
        while True:
            try:
                return ask(asks, *args, **kwargs)
            except AWAY as reason:
                if time.monotonic() >= deadline:
                    raise LedgerAway(f"Redis does not answer: {reason}") from reason
                time.sleep(ASK_AGAIN_S)  # a failover cannot be waited for in any other way

    return cast("Callable[Concatenate[Q, P], R]", patient)


class Place(NamedTuple):
    """Where a value lies: a field of a hash."""

    key: str
    field: str


@dataclass
class Writes:
    """What one commit sets, by key.

    Nothing is added in Redis: who writes has read the old values at the same position, and the position guards both.
    """

    fields: dict[str, Mapping[str, str | bytes]] = field(default_factory=dict)
    removed_fields: dict[str, list[str]] = field(default_factory=dict)
    members: dict[str, list[Id]] = field(default_factory=dict)
    unlinked: list[str] = field(default_factory=list)


def _script(name: str) -> str:
    return files("sipas").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")


def _node(address: str) -> ClusterNode:
    host, _, port = address.rpartition(":")
    return ClusterNode(host, int(port))  # type: ignore[no-untyped-call]  # redis-py says no types here


def _connect(url: str) -> redis.Redis | RedisCluster:
    scheme, _, rest = url.partition("://")
    if not scheme.endswith("+cluster"):
        return redis.Redis.from_url(
            url,
            protocol=3,
            socket_timeout=REPLY_S,
            socket_connect_timeout=CONNECT_S,
            # said aloud because from_url() leaves it out: a command whose reply was lost is sent again
            retry=Retry(ExponentialWithJitterBackoff(cap=1, base=0.05), RESENDS),
        )
    login, at, hosts = rest.rpartition("@")
    hosts, mark, options = hosts.partition("?")
    first, *others = hosts.split(",")
    nodes = [_node(address) for address in others]
    return RedisCluster.from_url(
        f"{scheme.removesuffix('+cluster')}://{login}{at}{first}{mark}{options}",
        startup_nodes=nodes,
        # of nodes that were all replaced only the given names still tell where their successors are
        dynamic_startup_nodes=False,
        protocol=3,
        socket_timeout=REPLY_S,
        socket_connect_timeout=CONNECT_S,
        # each of these at once, without a pause between them
        retry=Retry(ExponentialWithJitterBackoff(cap=1, base=0.05), 3),
    )


class Ledgers:
    """A connection to the Redis of the ledgers. None is made before the first command."""

    def __init__(self, url: str, namespace: str, *, patience_s: float | None = None) -> None:
        """`url`: redis:// or rediss://; redis+cluster:// or rediss+cluster:// with some nodes, host:port,host:port.

        `patience_s`: how long a question waits for an answer; by default for a cluster's failover, and for a single
        server not at all (its own client asks again for some seconds).
        """
        self.namespace = namespace
        self._url = url
        cluster = url.partition("://")[0].endswith("+cluster")
        self.patience_s = patience_s if patience_s is not None else FAILOVER_S if cluster else 0.0

    @cached_property
    def client(self) -> redis.Redis | RedisCluster:
        """The client itself, for this module and its tests. A cluster's is made by asking the cluster."""
        return _connect(self._url)

    @cached_property
    def commit_script(self) -> Script:
        return self._script("commit")

    @cached_property
    def lookup_script(self) -> Script:
        return self._script("lookup")

    @cached_property
    def values_script(self) -> Script:
        return self._script("values")

    @cached_property
    def settle_script(self) -> Script:
        return self._script("settle")

    @cached_property
    def note_script(self) -> Script:
        return self._script("note")

    def _script(self, name: str) -> Script:
        return self.client.register_script(_script(name))

    def wait_until_ready(self, timeout_s: float) -> None:
        """Return when Redis answers (it may be loading its file); raises `LedgerAway` after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                # of a cluster any node: one that is down is for those to notice who need its keys
                self.client.ping()
            except (redis.RedisError, RedisClusterException) as reason:
                # a cluster's client wraps what its nodes answered
                if isinstance(reason.__cause__ or reason, redis.AuthenticationError):
                    raise LedgerAway(f"Redis knows no such user with this password: {reason}") from reason
                if time.monotonic() > deadline:
                    raise LedgerAway(f"Redis does not answer: {reason}") from reason
                time.sleep(0.2)  # a server that starts cannot be waited for in any other way
            else:
                return

    def slot(self, name: str, partition: int) -> Slot:
        """The keys of one partition of the ledger `name` ("g1", "judge", …)."""
        return Slot(self, f"{self.namespace}:{name}:{{p{partition}}}")

    @property
    def pointer_key(self) -> str:
        """Hash that names the published generation of the tallies."""
        return f"{self.namespace}:published"

    @_through_a_failover
    def point(self, generation: str, epoch: int) -> bool:
        """Let the pointer name `generation`; False where it stands at this epoch already, or at a later one."""
        return bool(self._script("point")(keys=[self.pointer_key], args=[epoch, generation]))

    @_through_a_failover
    def hashes(self, keys: Sequence[str]) -> list[dict[str, str]]:
        """Many hashes of any slots in one pipelined read, not atomically. Raises `LedgerAway`."""
        pipeline = self.client.pipeline(transaction=False)
        for key in keys:
            pipeline.hgetall(key)
        return [_text(found) for found in pipeline.execute()]

    @_through_a_failover
    def values(self, places: Sequence[Place]) -> list[bytes | None]:
        """Many values of any slots in one pipelined read, not atomically. Raises `LedgerAway`."""
        fields: dict[str, list[str]] = {}
        for place in places:
            fields.setdefault(place.key, []).append(place.field)
        pipeline = self.client.pipeline(transaction=False)
        for key, wanted in fields.items():
            pipeline.hmget(key, wanted)
        found = dict(zip(fields, map(iter, pipeline.execute()), strict=True))
        return [next(found[place.key]) for place in places]

    @_through_a_failover
    def drop(self, name: str) -> int:
        """Delete every key of the ledger `name` ("g1", …); returns how many there were."""
        dropped = 0
        for key in self.client.scan_iter(match=f"{self.namespace}:{name}:*", count=1000):
            self.client.unlink(key)
            dropped += 1
        return dropped

    def close(self) -> None:
        if "client" not in self.__dict__:
            return
        self.client.close()
        if isinstance(self.client, RedisCluster):
            # its close() leaves the connections to its nodes to the garbage collector
            self.client.disconnect_connection_pools()  # type: ignore[no-untyped-call]  # redis-py says no types here


class Slot:
    """Keys of one partition, guarded by the position at `key("position")`."""

    def __init__(self, ledgers: Ledgers, prefix: str) -> None:
        self._ledgers = ledgers
        self._prefix = prefix
        self._position = self.key("position")

    @property
    def patience_s(self) -> float:
        return self._ledgers.patience_s

    def key(self, *parts: str) -> str:
        return ":".join((self._prefix, *parts))

    @_through_a_failover
    def position(self) -> dict[str, str] | None:
        """The position's fields, `next_offset` among them; None where there is none."""
        return _text(self._ledgers.client.hgetall(self._position)) or None

    @_through_a_failover
    def create(self, next_offset: int, fields: Mapping[str, str | int]) -> dict[str, str]:
        """The position's fields, made with these where there were none: a second caller gets the first's."""
        plan, _ = _plan({"next_offset": next_offset, **fields}, Writes(), {})
        self._ledgers.commit_script(keys=[self._position], args=["", plan])
        stored = self.position()
        if stored is None:
            raise LedgerAway("Redis lost the position it was just given")
        return stored

    @_through_a_failover
    def commit(self, expected: int, position: Mapping[str, str | int], writes: Writes) -> None:
        """Write everything and move the position, or raise `Moved` and change nothing.

        `position` must hold `next_offset`. Raises redis.ResponseError, having written nothing, where a key is
        not of the kind that the plan needs.
        """
        index = {self._position: 1}
        for key in (*writes.fields, *writes.removed_fields, *writes.members, *writes.unlinked):
            index.setdefault(key, len(index) + 1)
        plan, words = _plan(position, writes, index)
        done, stored = self._ledgers.commit_script(keys=list(index), args=[expected, plan, *words])
        if not done:
            raise Moved(int(stored) if stored else None)

    @_through_a_failover
    def lookup(self, expected: int, sets: Sequence[str], ids: Sequence[Id]) -> list[set[int]]:
        """For each set key the indexes of the ids it holds, read together with the position, else `Moved`."""
        stored, *hits = self._ledgers.lookup_script(keys=[self._position, *sets], args=ids)
        if not stored or int(stored) != expected:
            raise Moved(int(stored) if stored else None)
        return [set(found) for found in hits]

    @_through_a_failover
    def snapshot(self, keys: Sequence[str]) -> tuple[dict[str, str] | None, list[dict[str, str]]]:
        """The position and the hashes of texts at `keys`, all of one moment."""
        position, found = self.contents(keys)
        return position, [_text(one) for one in found]

    def contents(self, keys: Sequence[str]) -> tuple[dict[str, str] | None, list[dict[bytes, bytes]]]:
        """The position and the hashes at `keys`, all of one moment."""
        pipeline = self._ledgers.client.pipeline(transaction=True)
        for key in (self._position, *keys):
            pipeline.hgetall(key)
        position, *found = pipeline.execute()
        return _text(position) or None, found

    @_through_a_failover
    def values(self, places: Sequence[Place]) -> tuple[dict[str, str] | None, list[bytes | None]]:
        """The position and the values at `places`, all of one moment."""
        index = {self._position: 1}
        for place in places:
            index.setdefault(place.key, len(index) + 1)
        words = [word for place in places for word in (index[place.key], place.field)]
        position, found = self._ledgers.values_script(keys=list(index), args=words)
        names = iter(position)
        return _text(dict(zip(names, names, strict=True))) or None, found

    @_through_a_failover
    def members(self, key: str) -> set[str]:
        """The members of a set of names."""
        return {member.decode() for member in cast("set[bytes]", self._ledgers.client.smembers(key))}

    @_through_a_failover
    def settle(self, key: str, marks: Mapping[str, str]) -> int:
        """Remove those marks of the hash `key` that still have the value they were read with."""
        flat = [part for mark in marks.items() for part in mark]
        return cast("int", self._ledgers.settle_script(keys=[key], args=flat)) if flat else 0

    @_through_a_failover
    def forget(self, *fields: str) -> None:
        """Remove fields of the position that are not `next_offset`, without guard."""
        self._ledgers.client.hdel(self._position, *fields)

    @_through_a_failover
    def note(self, fields: Mapping[str, str | int]) -> None:
        """Set fields of the position that are not `next_offset`; nothing where there is no position."""
        flat = [str(part) for pair in fields.items() for part in pair]
        self._ledgers.note_script(keys=[self._position], args=flat)


def _plan(
    position: Mapping[str, str | int], writes: Writes, index: Mapping[str, int]
) -> tuple[bytes, list[str | bytes | Id]]:
    """The plan of `commit.lua`, and the words that it names by their place."""
    words: list[str | bytes | Id] = []

    def named(lists: Mapping[str, Iterable[str | bytes | Id]]) -> list[tuple[int, int, int]]:
        ranges = []
        for key, some in lists.items():
            first = len(words) + FIRST_WORD
            words.extend(some)
            if len(words) + FIRST_WORD > first:
                ranges.append((index[key], first, len(words) + FIRST_WORD - 1))
        return ranges

    plan = {
        "position": [str(part) for pair in position.items() for part in pair],
        "hset": named({key: chain.from_iterable(fields.items()) for key, fields in writes.fields.items()}),
        "hdel": [(index[key], fields) for key, fields in writes.removed_fields.items() if fields],
        "sadd": named(writes.members),
        "unlink": [index[key] for key in writes.unlinked],
    }
    return msgspec.msgpack.encode(plan), words


def _text(found: Any) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in found.items()}
