"""Where the tallies lie in Redis: the agreement between the aggregator, which writes, and who reads.

All keys of a partition share the slot of its position. Integers only, in hashes whose fields are those of
`sipas.tally`; a `parts` hash holds the same fields for parts of the agency, prefixed `counter=<code>|`,
`channel=<word>|`, `sector=<id>|`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sipas.ledger import Ledgers, Slot

GENERATION = "g1"
"""The build of the ledger that is read and written; a replay fills another one beside it."""

EPOCH = 0
"""Offset on `decisions` of the switch to this generation; 0 before the first switch."""

PART_SEPARATOR = "|"


class TallyKeys:
    """Names of one partition's keys. `day` is YYYY-MM-DD, `month` YYYY-MM, `shown` what the public may see."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot

    @classmethod
    def of(cls, ledgers: Ledgers, partition: int) -> TallyKeys:
        return cls(ledgers.slot(GENERATION, partition))

    def total(self, agency: str, method: str, time: str, *, shown: bool = False) -> str:
        """The agency's total of a day or a month."""
        return self.slot.key("shown" if shown else "total", agency, method, time)

    def parts(self, agency: str, method: str, time: str, *, shown: bool = False) -> str:
        """The same by counter, channel and sector."""
        return self.slot.key("shown-parts" if shown else "parts", agency, method, time)

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
        return self.slot.key("shown-as-of" if shown else "as-of")

    @property
    def dirty(self) -> str:
        """Hash `agency/method/day` -> number of changes since the ledger began, until published."""
        return self.slot.key("dirty")

    @property
    def tails(self) -> str:
        """Hash `agency/method/day` -> newest day when sheets too few to show came (`show.lua`)."""
        return self.slot.key("tails")

    @property
    def newest_days(self) -> str:
        """Hash agency -> newest day (`show.lua`)."""
        return self.slot.key("newest-days")


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
