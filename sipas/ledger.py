"""Redis, and the only module that knows its client: ledgers whose position travels with every write.

A ledger is what a service knows of a log partition, together with the offset up to which it knows it. All keys of
one partition share a hash tag, so they live on one node of a Redis Cluster, and every change goes through one Lua
script that first compares the stored position with the one the writer expects. So a lost reply (redis-py sends the
command again), a command sent twice, an owner that slept through a rebalance, a Redis that came back older: the
write happens once or not at all. WATCH would not do: on a cluster redis-py re-sends MULTI without it.

Percentages are never stored. Losing this Redis loses nothing: Kafka is the record.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import chain
from typing import Any, NamedTuple, cast

import msgspec
import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry

Id = bytes
FIRST_WORD = 3
"""Of the words of a commit: ARGV counts from 1, the first two are the expected position and the plan."""
RESENDS = 10
"""How often a command is sent again when Redis does not answer: about five seconds, then the process ends."""


class Moved(Exception):
    """The stored position is not the expected one; nothing was written. `stored` is None where none stands."""

    def __init__(self, stored: int | None) -> None:
        super().__init__(f"the stored position is {stored}")
        self.stored = stored


class LedgerAway(Exception):
    """Redis does not answer."""


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


class Ledgers:
    """A connection to the Redis of the ledgers."""

    def __init__(self, url: str, namespace: str) -> None:
        """`url`: redis://, rediss:// or redis+cluster://. No connection is made before the first command."""
        self.namespace = namespace
        self._client: redis.Redis | RedisCluster
        if url.startswith("redis+cluster://"):
            self._client = RedisCluster.from_url(url.removeprefix("redis+cluster").join(("redis", "")), protocol=3)
        else:
            self._client = redis.Redis.from_url(
                url,
                protocol=3,
                socket_timeout=30,
                socket_connect_timeout=5,
                # said aloud because from_url() leaves it out: a command whose reply was lost is sent again
                retry=Retry(ExponentialWithJitterBackoff(cap=1, base=0.05), RESENDS),
            )
        register = self._client.register_script
        self.commit_script = register(_script("commit"))
        self.lookup_script = register(_script("lookup"))
        self.values_script = register(_script("values"))
        self.settle_script = register(_script("settle"))
        self.note_script = register(_script("note"))
        self._point_script = register(_script("point"))

    def wait_until_ready(self, timeout_s: float) -> None:
        """Return when Redis answers (it may be loading its file); raises `LedgerAway` after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._client.ping()
            except redis.RedisError as reason:
                if time.monotonic() > deadline:
                    raise LedgerAway(f"Redis does not answer: {reason}") from reason
                time.sleep(0.2)  # a server that starts cannot be waited for in any other way
            else:
                return

    def slot(self, name: str, partition: int) -> Slot:
        """The keys of one partition of the ledger `name` ("g1", "judge", …)."""
        return Slot(self, self._client, f"{self.namespace}:{name}:{{p{partition}}}")

    @property
    def pointer_key(self) -> str:
        """Hash that names the published generation of the tallies."""
        return f"{self.namespace}:published"

    def point(self, generation: str, epoch: int) -> bool:
        """Let the pointer name `generation`; False where it stands at this epoch already, or at a later one."""
        return bool(self._point_script(keys=[self.pointer_key], args=[epoch, generation]))

    def hashes(self, keys: Sequence[str]) -> list[dict[str, str]]:
        """Many hashes of any slots in one pipelined read, not atomically. Raises `LedgerAway`."""
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.hgetall(key)
        try:
            return [_text(found) for found in pipeline.execute()]
        except (redis.ConnectionError, redis.TimeoutError) as reason:
            raise LedgerAway(f"Redis does not answer: {reason}") from reason

    def values(self, places: Sequence[Place]) -> list[bytes | None]:
        """Many values of any slots in one pipelined read, not atomically. Raises `LedgerAway`."""
        fields: dict[str, list[str]] = {}
        for place in places:
            fields.setdefault(place.key, []).append(place.field)
        pipeline = self._client.pipeline(transaction=False)
        for key, wanted in fields.items():
            pipeline.hmget(key, wanted)
        try:
            found = dict(zip(fields, map(iter, pipeline.execute()), strict=True))
        except (redis.ConnectionError, redis.TimeoutError) as reason:
            raise LedgerAway(f"Redis does not answer: {reason}") from reason
        return [next(found[place.key]) for place in places]

    def drop(self, name: str) -> int:
        """Delete every key of the ledger `name` ("g1", …); returns how many there were."""
        dropped = 0
        for key in self._client.scan_iter(match=f"{self.namespace}:{name}:*", count=1000):
            self._client.unlink(key)
            dropped += 1
        return dropped

    def close(self) -> None:
        self._client.close()


class Slot:
    """Keys of one partition, guarded by the position at `key("position")`."""

    def __init__(self, ledgers: Ledgers, client: redis.Redis | RedisCluster, prefix: str) -> None:
        self._ledgers = ledgers
        self._client = client
        self._prefix = prefix
        self._position = self.key("position")

    def key(self, *parts: str) -> str:
        return ":".join((self._prefix, *parts))

    def position(self) -> dict[str, str] | None:
        """The position's fields, `next_offset` among them; None where there is none."""
        return _text(self._client.hgetall(self._position)) or None

    def create(self, next_offset: int, fields: Mapping[str, str | int]) -> dict[str, str]:
        """The position's fields, made with these where there were none: a second caller gets the first's."""
        plan, _ = _plan({"next_offset": next_offset, **fields}, Writes(), {})
        self._ledgers.commit_script(keys=[self._position], args=["", plan])
        stored = self.position()
        if stored is None:
            raise LedgerAway("Redis lost the position it was just given")
        return stored

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

    def lookup(self, expected: int, sets: Sequence[str], ids: Sequence[Id]) -> list[set[int]]:
        """For each set key the indexes of the ids it holds, read together with the position, else `Moved`."""
        stored, *hits = self._ledgers.lookup_script(keys=[self._position, *sets], args=ids)
        if not stored or int(stored) != expected:
            raise Moved(int(stored) if stored else None)
        return [set(found) for found in hits]

    def snapshot(self, keys: Sequence[str]) -> tuple[dict[str, str] | None, list[dict[str, str]]]:
        """The position and the hashes of texts at `keys`, all of one moment."""
        position, found = self.contents(keys)
        return position, [_text(one) for one in found]

    def contents(self, keys: Sequence[str]) -> tuple[dict[str, str] | None, list[dict[bytes, bytes]]]:
        """The position and the hashes at `keys`, all of one moment."""
        pipeline = self._client.pipeline(transaction=True)
        for key in (self._position, *keys):
            pipeline.hgetall(key)
        position, *found = pipeline.execute()
        return _text(position) or None, found

    def values(self, places: Sequence[Place]) -> tuple[dict[str, str] | None, list[bytes | None]]:
        """The position and the values at `places`, all of one moment."""
        index = {self._position: 1}
        for place in places:
            index.setdefault(place.key, len(index) + 1)
        words = [word for place in places for word in (index[place.key], place.field)]
        position, found = self._ledgers.values_script(keys=list(index), args=words)
        names = iter(position)
        return _text(dict(zip(names, names, strict=True))) or None, found

    def members(self, key: str) -> set[str]:
        """The members of a set of names."""
        return {member.decode() for member in cast("set[bytes]", self._client.smembers(key))}

    def settle(self, key: str, marks: Mapping[str, str]) -> int:
        """Remove those marks of the hash `key` that still have the value they were read with."""
        flat = [part for mark in marks.items() for part in mark]
        return cast("int", self._ledgers.settle_script(keys=[key], args=flat)) if flat else 0

    def forget(self, *fields: str) -> None:
        """Remove fields of the position that are not `next_offset`, without guard."""
        self._client.hdel(self._position, *fields)

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
