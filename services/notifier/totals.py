"""What the judge keeps of an agency's days: the newest total of each, in blocks of 32 days. Pure: no clock, no I/O.

A block is the unit that is written to the ledger and read back. One value for each day would cost a nation's judge a
million fields, and minutes of reading at every start; one for all 400 days would be rewritten for every answer. A block
that came from the ledger stays packed until one of its days is asked for, which mostly happens to the newest alone: so
3,500 agencies are there at once, and take 100 MB instead of 1,000.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self

import msgspec

from services.notifier.counters import pack
from services.notifier.drop_rule import Day
from sipas.tally import SATISFIED_FROM, Tally

BLOCK_DAYS = 32

Version = tuple[int, int]


class Total(msgspec.Struct, frozen=True, array_like=True):
    """What is judged of one agency-day. `satisfied`: sum of each sheet's share; `criteria`: (satisfied, answers).

    `counters`: packed by `counters.pack`; told of, never judged.
    """

    version: Version
    responses: int
    satisfied: float
    criteria: dict[str, tuple[int, int]]
    counters: str = ""

    @classmethod
    def from_fields(
        cls, version: Version, fields: Mapping[str, int], parts: Mapping[str, Mapping[str, int]] | None = None
    ) -> Self:
        """From the integers of `sipas.tally`. Raises ValueError where they cannot come from sheets."""
        tally = Tally.from_fields(fields)
        criteria = {
            code: (sum(counts[SATISFIED_FROM:]), sum(counts[1:])) for code, counts in sorted(tally.counts.items())
        }
        if not tally.cells:
            return cls(version, 0, 0.0, criteria)
        day = Day.from_cells(0, tally.cells)
        return cls(version, int(day.responses), day.satisfied, criteria, pack(parts or {}))

    def says_the_same(self, other: Total | None) -> bool:
        """Whether judging one is judging the other: they may differ in version."""
        return (
            other is not None
            and (self.responses, self.satisfied) == (other.responses, other.satisfied)
            and (self.criteria, self.counters) == (other.criteria, other.counters)
        )


class Block:
    """Totals by day, packed or not; never changed."""

    __slots__ = ("_packed", "_totals")

    def __init__(self, totals: dict[int, Total] | None = None, packed: bytes = b"") -> None:
        self._totals = totals
        self._packed = packed

    @property
    def totals(self) -> Mapping[int, Total]:
        if self._totals is None:
            self._totals = _read(self._packed)
        return self._totals

    @property
    def packed(self) -> bytes:
        """What the ledger stores, and `Block(packed=…)` reads."""
        return self._packed or _write(self.totals)

    def with_total(self, day: int, total: Total) -> Block:
        return Block({**self.totals, day: total})

    def rest(self) -> None:
        """Take little memory until it is asked again."""
        self._packed, self._totals = self.packed, None


_read = msgspec.msgpack.Decoder(dict[int, Total]).decode
_write = msgspec.msgpack.Encoder().encode
_EMPTY = Block({})


class Days(Mapping[int, Total]):
    """Day (an ordinal) -> its newest total; never changed. `newest`: the newest day with sheets, None without any."""

    __slots__ = ("_newest", "blocks")

    def __init__(self, blocks: Mapping[int, Block] | None = None, newest: int | None = None) -> None:
        """`blocks` by `day // BLOCK_DAYS`; `newest` where it is known."""
        self.blocks = blocks or {}
        self._newest = newest

    @property
    def newest(self) -> int | None:
        if self._newest is None:
            for number in sorted(self.blocks, reverse=True):
                with_sheets = (day for day, total in self.blocks[number].totals.items() if total.responses)
                self._newest = max(with_sheets, default=None)
                if self._newest is not None:
                    break
        return self._newest

    def with_total(self, day: int, total: Total) -> Days:
        """These days with the total of one of them."""
        number = day // BLOCK_DAYS
        if number not in self.blocks:
            for older in self.blocks.values():
                older.rest()
        block = self.blocks.get(number, _EMPTY).with_total(day, total)
        newest = self._newest
        if newest is not None and day >= newest:
            newest = day if total.responses else None  # None: to be looked for
        return Days({**self.blocks, number: block}, newest)

    def since(self, first: int) -> Days:
        """Without the blocks that end before that day."""
        return Days({number: block for number, block in self.blocks.items() if number >= first // BLOCK_DAYS})

    def between(self, first: int, last: int) -> Iterator[tuple[int, Total]]:
        """The days from the first to the last, both included, in order."""
        if first > last or not self.blocks:
            return
        for number in range(max(first // BLOCK_DAYS, min(self.blocks)), last // BLOCK_DAYS + 1):
            if block := self.blocks.get(number):
                begin = number * BLOCK_DAYS
                for day in range(max(first, begin), min(last + 1, begin + BLOCK_DAYS)):
                    if total := block.totals.get(day):
                        yield day, total

    def __getitem__(self, day: int) -> Total:
        return self.blocks[day // BLOCK_DAYS].totals[day]

    def __iter__(self) -> Iterator[int]:
        for number in sorted(self.blocks):
            yield from sorted(self.blocks[number].totals)

    def __len__(self) -> int:
        return sum(len(block.totals) for block in self.blocks.values())


def window_start(newest: int, days: int) -> int:
    """The first day of the block that holds the day so many days before the newest."""
    return (newest - days) // BLOCK_DAYS * BLOCK_DAYS
