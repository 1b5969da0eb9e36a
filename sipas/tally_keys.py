"""Where the tallies lie in Redis: the agreement between the aggregator, which writes, and who reads.

A generation is one build of the ledger. The pointer names the published one; it is a copy of the newest switch on the
topic `decisions`, whose offset there is the epoch. What the public was shown belongs to no generation: a switch must
not let it begin again, from nothing and in other steps.

All keys of a partition share a hash tag, whatever their generation. Integers only, in hashes whose fields are those of
`sipas.tally`; a `parts` hash holds the same fields for parts of the agency, prefixed `counter=<code>|`,
`channel=<word>|`, `sector=<id>|`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sipas.ledger import Ledgers, Slot

FIRST_GENERATION = "g1"

PART_SEPARATOR = "|"

ALL_AGENCIES = ""


class Published(NamedTuple):
    """The generation that is published, since the switch at offset `epoch` of `decisions`; 0 before the first."""

    generation: str = FIRST_GENERATION
    epoch: int = 0

    @classmethod
    def from_pointer(cls, fields: Mapping[str, str]) -> Published:
        """From the hash at `Ledgers.pointer_key`. Without one: a ledger that never switched, or was emptied."""
        return cls(fields["generation"], int(fields["epoch"])) if fields else cls()


class TallyKeys:
    """Names of one partition's keys. `day` is YYYY-MM-DD, `month` YYYY-MM, `shown` what the public may see."""

    def __init__(self, slot: Slot, shown: Slot) -> None:
        self.slot = slot
        self.shown = shown

    @classmethod
    def of(cls, ledgers: Ledgers, partition: int, generation: str = FIRST_GENERATION) -> TallyKeys:
        """Keys of a partition of a generation; readers of what is published take it from the pointer."""
        return cls(ledgers.slot(generation, partition), ledgers.slot("shown", partition))

    def total(self, agency: str, method: str, time: str, *, shown: bool = False) -> str:
        """The agency's total of a day or a month."""
        return (self.shown if shown else self.slot).key("total", agency, method, time)

    def parts(self, agency: str, method: str, time: str, *, shown: bool = False) -> str:
        """The same by counter, channel and sector."""
        return (self.shown if shown else self.slot).key("parts", agency, method, time)

    def seen(self, shelf: str) -> str:
        """Set of ids already counted, one for each month of receipt and one for imports."""
        return self.slot.key("seen", shelf)

    def days(self, agency: str) -> str:
        """Set of `method/day` that the agency has."""
        return self.slot.key("days", agency)

    @property
    def agencies(self) -> str:
        """Set of agencies that the partition has."""
        return self.slot.key("agencies")

    def as_of(self, *, shown: bool = False) -> str:
        """Hash agency -> newest counted minute of `received_at` (ISO)."""
        return (self.shown if shown else self.slot).key("as-of")

    @property
    def dirty(self) -> str:
        """Hash `agency/method/day` -> number of changes since the ledger began, until published."""
        return self.slot.key("dirty")

    @property
    def tails(self) -> str:
        """Hash `agency/method/day` -> newest day when sheets too few to show came (`show.lua`)."""
        return self.shown.key("tails")

    @property
    def newest_days(self) -> str:
        """Hash agency -> newest day (`show.lua`)."""
        return self.shown.key("newest-days")

    @property
    def shown_epoch(self) -> str:
        """The newest epoch that anything was shown of; an owner of an older one shows nothing any more."""
        return self.shown.key("epoch")

    @property
    def moves(self) -> str:
        """Hash agency -> how often its shown totals changed, and for `ALL_AGENCIES` their sum: whoever remembers what
        was shown knows by it that it still is.
        """
        return self.shown.key("moves")


def split_parts(fields: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """A `parts` hash -> part -> its fields."""
    parts: dict[str, dict[str, int]] = {}
    for name, value in fields.items():
        part, _, field = name.partition(PART_SEPARATOR)
        parts.setdefault(part, {})[field] = int(value)
    return parts


def is_rebuilding(position: Mapping[str, str] | None) -> bool:
    """Whether a partition's numbers are still partial: no ledger yet, or behind where the log stood when it began."""
    return position is None or int(position["next_offset"]) < int(position["rebuild_until"])
