"""Which generation of the ledger is published: the switches on `decisions`, and the pointer in Redis.

The event is the record, the pointer a copy for readers of Redis. A crash between the two heals by itself: every
aggregator follows `decisions` and sets a pointer that lags. Both only go forwards, in the order of the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from sipas.broker import Publisher, Record, Topics, WholeTopicReader
from sipas.events import TYPES, GenerationSwitched, decode_switched, encode, headers, type_of
from sipas.follower import Follower
from sipas.ledger import Ledgers
from sipas.tally_keys import Published

KEY = "generation"


class LostDecisions(Exception):
    """The pointer names a switch that `decisions` does not hold. Needs a person."""


@dataclass(frozen=True, slots=True)
class Switches:
    """The newest switch. `previous`: published before it. `highest`: the highest number that was ever published."""

    published: Published = field(default_factory=Published)
    previous: str | None = None
    highest: int = 1

    @property
    def building(self) -> str:
        """The name of the generation that a replay fills. It is published once, so one name is one build."""
        return f"g{self.highest + 1}"


def with_switches(switches: Switches, records: Iterable[Record]) -> Switches:
    """What is known after further records of `decisions`; other decisions are passed over."""
    for record in records:
        if type_of(record.headers) == TYPES[GenerationSwitched]:
            event = decode_switched(record.value)
            switches = Switches(
                Published(event.generation, record.offset),
                event.previous,
                max(switches.highest, int(event.generation[1:])),
            )
    return switches


def follow_switches(bootstrap: Sequence[str], namespace: str) -> Follower[Switches]:
    """Not started yet."""
    return Follower(bootstrap, Topics(namespace).decisions, Switches(), with_switches)


def read_switches(bootstrap: Sequence[str], namespace: str, ledgers: Ledgers) -> Switches:
    """As `decisions` has them now; the pointer follows. Raises `KafkaAway`, `WrongTopics` or `LostDecisions`."""
    # the pointer first: a switch that comes meanwhile is then no contradiction
    pointer = Published.from_pointer(ledgers.hashes([ledgers.pointer_key])[0])
    with closing(WholeTopicReader(bootstrap, Topics(namespace).decisions)) as reader:
        switches = with_switches(Switches(), reader.to_end())
    if pointer.epoch > switches.published.epoch:
        raise LostDecisions(
            f"Redis says that {pointer.generation} was published at offset {pointer.epoch} of"
            f" {Topics(namespace).decisions}, and the topic does not hold that switch: it was made anew, or lost its"
            " end. Restore the topic; or, if its beginning is meant, empty Redis: the ledger is then counted anew"
        )
    ledgers.point(*switches.published)
    return switches


def switch(
    bootstrap: Sequence[str], ledgers: Ledgers, switches: Switches, generation: str, *, reason: str, at: datetime
) -> Switches:
    """Publish `generation`: first the event, acknowledged, then the pointer. Returns what `decisions` says then."""
    namespace = ledgers.namespace
    topic = str(Topics(namespace).decisions)
    events = [GenerationSwitched(generation=generation, previous=switches.published.generation, at=at, reason=reason)]
    with closing(WholeTopicReader(bootstrap, topic)) as reader:
        if next(reader.to_end(), None) is None:
            # an epoch of 0 is that of the first generation: its own event comes first, so that no other gets it
            events.insert(0, GenerationSwitched(generation="g1", previous=None, at=at, reason="the first"))
    with closing(Publisher(bootstrap, client_id="sipas-replay")) as publisher:
        for event in events:
            publisher.publish(
                topic,
                encode(event),
                key=KEY,
                headers=headers(
                    event,
                    event_id=f"{event.generation}/{at:%Y-%m-%dT%H:%M:%SZ}",
                    source=f"/{namespace}/aggregator",
                    at=at,
                ),
                partition=0,
            )
    return read_switches(bootstrap, namespace, ledgers)
