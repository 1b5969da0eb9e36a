"""Where the tallies lie in Redis: the agreement between the aggregator, which writes, and who reads.

A generation is one build of the ledger. The pointer names the published one; it is a copy of the newest switch on the
topic `decisions`, whose offset there is the epoch.

All keys of a partition share a hash tag, whatever their generation. A tally is one value (`sipas.packed`): a field of a
hash for each day, month and year of an agency by a method. Beside it, in a hash of their own, its parts by counter,
channel and sector ("counter=7K3M9QX2TB"), by day and month. What the public may see (`shown`) is a total of its own,
without parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sipas.ledger import Ledgers, Place, Slot

FIRST_GENERATION = "g1"

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
    """Names of one partition's keys. `time` is a day YYYY-MM-DD, a month YYYY-MM or a year YYYY."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot

    @classmethod
    def of(cls, ledgers: Ledgers, partition: int, generation: str = FIRST_GENERATION) -> TallyKeys:
        """Keys of a partition of a generation; readers of what is published take it from the pointer."""
        return cls(ledgers.slot(generation, partition))

    def total(self, agency: str, method: str, time: str, *, shown: bool = False) -> Place:
        """The agency's total."""
        return self._place("shown" if shown else "total", agency, method, time)

    def parts(self, agency: str, method: str, time: str) -> Place:
        """The total by counter, channel and sector; of days and months."""
        return self._place("parts", agency, method, time)

    def _place(self, kind: str, agency: str, method: str, time: str) -> Place:
        # a month's days lie together: Redis keeps a small hash compact
        within = (time[:7],) if len(time) > len("YYYY-MM") else ()
        return Place(self.slot.key(kind, agency, method, *within), time[8:] or time)

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

    def changed(self, *, shown: bool = False) -> str:
        """Hash agency -> offset after the last sheet that changed its totals, `ALL_AGENCIES` -> the highest of them.

        Whoever remembers a total knows by it that it still is.
        """
        return self.slot.key("shown-changed" if shown else "changed")

    @property
    def waiting(self) -> str:
        """Hash agency -> its sheets that no shown total holds yet (`services.aggregator.steps`)."""
        return self.slot.key("waiting")

    @property
    def dirty(self) -> str:
        """Hash `agency/method/day` -> offset after its last change, until published."""
        return self.slot.key("dirty")


def is_rebuilding(position: Mapping[str, str] | None) -> bool:
    """Whether a partition's numbers are still partial: no ledger yet, or behind where the log stood when it began."""
    return position is None or int(position["next_offset"]) < int(position["rebuild_until"])
