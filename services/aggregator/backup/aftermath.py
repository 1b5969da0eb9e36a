"""After a restore: does Redis still hold ledgers of the log that was lost, and what is to be done about it.

Its topics have other ids, so the aggregator would stop and say so. Judge and courier see it by themselves and begin
their ledgers again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from services.aggregator.generations import Switches, with_switches
from sipas.broker import Topics, WholeTopicReader
from sipas.ledger import LedgerAway, Ledgers
from sipas.tally_keys import Published, TallyKeys

State = Literal["empty", "of-the-lost-log", "ahead", "away"]

TEXTS: dict[State, str] = {
    "empty": "Redis holds no ledger: start the services, and the answers are counted by themselves",
    "of-the-lost-log": "Redis still holds the ledger of the log that was lost. Count the restored one beside it, then"
    " start the services:",
    "ahead": "Redis knows a switch of generations that is newer than the backup. Empty the Redis of the ledgers, then"
    " start the services, and the answers are counted by themselves:",
    "away": "Redis does not answer. If it comes back empty: start the services. If it comes back with what it held:"
    " first count the restored log beside it:",
}
COMMANDS: dict[State, str] = {
    "of-the-lost-log": "sipas replay --switch",
    "ahead": "redis-cli -u $SIPAS_REDIS_URL FLUSHDB",
    "away": "sipas replay --switch",
}


@dataclass(frozen=True, slots=True)
class NextStep:
    """`command`: None where only the services are to be started."""

    state: State

    @property
    def text(self) -> str:
        return TEXTS[self.state]

    @property
    def command(self) -> str | None:
        return COMMANDS.get(self.state)


def next_step(bootstrap: Sequence[str], namespace: str, redis_url: str, *, partitions: int) -> NextStep:
    """Reads only. Raises `KafkaAway`."""
    ledgers = Ledgers(redis_url, namespace)
    with closing(ledgers):
        try:
            ledgers.wait_until_ready(5)
            pointer = Published.from_pointer(ledgers.hashes([ledgers.pointer_key])[0])
        except LedgerAway:
            return NextStep("away")
        with closing(WholeTopicReader(bootstrap, Topics(namespace).decisions)) as reader:
            restored = with_switches(Switches(), reader.to_end()).published
        if pointer.epoch > restored.epoch:
            return NextStep("ahead")
        generations = {pointer.generation, restored.generation}
        slots = [TallyKeys.of(ledgers, number, name).slot for name in generations for number in range(partitions)]
        counted = any(slot.position() is not None for slot in slots)
        return NextStep("of-the-lost-log" if counted else "empty")
