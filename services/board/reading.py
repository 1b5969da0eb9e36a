"""From the ledger to the tallies of periods: the fewest hashes that add up, for many agencies in two pipelined reads.

Stored are days and months. A period is read as its whole months and the days left over; its day effect (see
`sipas.index.interval`) needs single days too: those left over, and those of its newest two whole months with sheets.
So a period of up to two months has all its days, a year of 170 agencies stays well under a second, and a figure has
the same interval wherever it is shown.

Not atomic: totals of a ledger that is emptied or filled meanwhile would look true. So the positions are read before
the first total and again after the last one, and either may say `rebuilding`. So is the pointer to the published
generation: where it has moved, all is read again.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from sipas.broker import partition_of
from sipas.ledger import Ledgers
from sipas.periods import Period
from sipas.tally import RESPONSES, Tally
from sipas.tally_keys import ALL_AGENCIES, Published, TallyKeys, is_rebuilding, split_parts

MONTHS_READ_BY_DAY = 2

Fields = Mapping[str, str]


class Question(NamedTuple):
    """What is asked of the ledger: an agency's total, or the sum of some of its `parts` ("counter=7K3M9QX2TB").

    Without `days` the tally alone is read, which is enough for a rank and not for an interval.
    """

    agency: str
    method: str
    period: Period
    parts: tuple[str, ...] = ()
    days: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """What the ledger says. `days` are for the interval: maybe not all of the period, and their cells only."""

    tally: Tally
    days: Mapping[date, Tally]
    as_of: datetime | None
    rebuilding: bool


class TallyReader:
    """Reads the live totals, or those that the public may see (`shown`)."""

    def __init__(self, ledgers: Ledgers, partitions: int) -> None:
        self._ledgers = ledgers
        self._partitions = partitions
        self._follow(Published())

    def read(self, questions: Sequence[Question], *, shown: bool) -> list[Reading]:
        """One reading for each question, in their order."""
        while (readings := self._read(questions, shown=shown)) is None:
            pass
        return readings

    def _follow(self, published: Published) -> None:
        self._published = published
        self._keys = [TallyKeys.of(self._ledgers, number, published.generation) for number in range(self._partitions)]

    def _read(self, questions: Sequence[Question], *, shown: bool) -> list[Reading] | None:
        """None where another generation was published meanwhile."""
        published = self._published
        partitions = sorted({self._partition(question.agency) for question in questions})
        positions = [self._keys[number].slot.key("position") for number in partitions]
        splits = [question.period.months_and_days() for question in questions]
        times = [[*months, *map(date.isoformat, days)] for months, days in splits]

        found = iter(
            self._ledgers.hashes(
                [
                    self._ledgers.pointer_key,
                    *positions,
                    *(self._keys[number].as_of(shown=shown) for number in partitions),
                    *self._totals(questions, times, shown=shown),
                ]
            )
        )
        pointers = [next(found)]
        before = [next(found) for _ in partitions]
        as_of = dict(zip(partitions, [next(found) for _ in partitions], strict=True))
        by_time = [
            {time: _of_parts(next(found), question.parts) for time in asked}
            for question, asked in zip(questions, times, strict=True)
        ]

        more = [
            _days_of_newest(months, hashes) if question.days else []
            for question, (months, _), hashes in zip(questions, splits, by_time, strict=True)
        ]
        again = [*positions, self._ledgers.pointer_key]
        found = iter(self._ledgers.hashes([*self._totals(questions, more, shown=shown), *again]))
        by_day = [
            {day: _of_parts(next(found), question.parts) for day in days}
            for question, days in zip(questions, more, strict=True)
        ]
        after = [next(found) for _ in partitions]
        pointers.append(next(found))
        for pointer in reversed(pointers):
            if Published.from_pointer(pointer) != published:
                self._follow(Published.from_pointer(pointer))
                return None
        partial = {
            number: is_rebuilding(first or None) or is_rebuilding(last or None)
            for number, first, last in zip(partitions, before, after, strict=True)
        }

        readings = []
        for index, question in enumerate(questions):
            partition = self._partition(question.agency)
            single = splits[index][1] if question.days else ()
            alone = {day.isoformat(): by_time[index][day.isoformat()] for day in single}
            newest = as_of[partition].get(question.agency)
            readings.append(
                Reading(
                    tally=_sum(by_time[index].values()),
                    days={date.fromisoformat(day): _cells(f) for day, f in (alone | by_day[index]).items() if f},
                    as_of=None if newest is None else datetime.fromisoformat(newest),
                    rebuilding=partial[partition],
                )
            )
        return readings

    def state(self, *, shown: bool) -> str:
        """What changes whenever any reading may: as long as it is the same, so is all that `read` says."""
        published, positions = self._positions(range(len(self._keys)))
        if not shown:
            return repr((published, [(_build(one), one.get("next_offset")) for one in positions]))
        moves = self._ledgers.numbers([keys.moves for keys in self._keys], ALL_AGENCIES)
        return repr((published, [_build(one) for one in positions], moves))

    def versions(self, questions: Sequence[Question], *, shown: bool) -> list[Hashable]:
        """The same for each question alone. What is shown is known by agency, what is live by partition."""
        numbers = [self._partition(question.agency) for question in questions]
        partitions = sorted(set(numbers))
        published, positions = self._positions(partitions)
        builds = {n: _build(one) for n, one in zip(partitions, positions, strict=True)}
        if not shown:
            offsets = {n: one.get("next_offset") for n, one in zip(partitions, positions, strict=True)}
            return [(published, builds[number], offsets[number]) for number in numbers]
        found = self._ledgers.hashes([self._keys[number].moves for number in partitions])
        moves = dict(zip(partitions, found, strict=True))
        return [
            (published, builds[number], moves[number].get(question.agency))
            for number, question in zip(numbers, questions, strict=True)
        ]

    def _positions(self, partitions: Sequence[int]) -> tuple[Published, list[dict[str, str]]]:
        while True:
            published = self._published
            positions = [self._keys[number].slot.key("position") for number in partitions]
            pointer, *found = self._ledgers.hashes([self._ledgers.pointer_key, *positions])
            if Published.from_pointer(pointer) == published:
                return published, found
            self._follow(Published.from_pointer(pointer))

    def agencies(self) -> frozenset[str]:
        """Every agency with a counted sheet, also one that the registry does not have."""
        self._follow(Published.from_pointer(self._ledgers.hashes([self._ledgers.pointer_key])[0]))
        return frozenset(
            agency for as_of in self._ledgers.hashes([keys.as_of() for keys in self._keys]) for agency in as_of
        )

    def _partition(self, agency: str) -> int:
        return partition_of(agency, len(self._keys))

    def _totals(self, questions: Sequence[Question], times: Sequence[Iterable[str]], *, shown: bool) -> list[str]:
        names = []
        for question, asked in zip(questions, times, strict=True):
            keys = self._keys[self._partition(question.agency)]
            name = keys.parts if question.parts else keys.total
            names += [name(question.agency, question.method, time, shown=shown) for time in asked]
        return names


def _build(position: Fields) -> tuple[bool, str | None]:
    """Whether it is partial, and which one: where Redis was lost, the next counts its changes from nothing again."""
    return is_rebuilding(position or None), position.get("rebuild_until")


def _days_of_newest(months: Sequence[str], hashes: Mapping[str, Fields]) -> list[str]:
    """The days of the newest months that have sheets."""
    newest = [month for month in reversed(months) if int(hashes[month].get(RESPONSES, 0))][:MONTHS_READ_BY_DAY]
    return [
        f"{month}-{day:02}" for month in newest for day in range(1, monthrange(int(month[:4]), int(month[5:]))[1] + 1)
    ]


def _of_parts(fields: Fields, parts: Sequence[str]) -> Fields:
    """The sum of the parts, in the fields of a total."""
    if not parts:
        return fields
    sums: dict[str, int] = {}
    for part, of in split_parts(fields).items():
        if part in parts:
            for name, value in of.items():
                sums[name] = sums.get(name, 0) + value
    return {name: str(value) for name, value in sums.items()}


def _sum(hashes: Iterable[Fields]) -> Tally:
    sums: dict[str, int] = {}
    for fields in hashes:
        for name, value in fields.items():
            sums[name] = sums.get(name, 0) + int(value)
    return Tally.from_fields(sums)


def _cells(fields: Fields) -> Tally:
    """The cells alone: an interval asks for no more, and thousands of days are read at once."""
    return Tally(
        cells={
            (int(satisfied), int(answers)): int(sheets)
            for name, sheets in fields.items()
            for satisfied, slash, answers in [name.partition("/")]
            if slash
        }
    )
