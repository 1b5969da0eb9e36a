"""From the ledger to the tallies of periods: the fewest hashes that add up, for many agencies in two pipelined reads.

Stored are days, months and years. A period is read as its whole years and months and the days left over; its day
effect (see `sipas.index.interval`) needs single days too: those left over, and those of its newest two whole months
with sheets. So a period of up to two months has all its days, a year of 170 agencies stays well under a second, and a
figure has the same interval wherever it is shown.

Not atomic: totals of a ledger that is emptied or filled meanwhile would look true. So the positions are read before
the first total and again after the last one, and either may say `rebuilding`. So is the pointer to the published
generation: where it has moved, all is read again.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from services.board.silence import Scope, Sheets
from sipas.broker import partition_of
from sipas.ledger import Ledgers, Place
from sipas.packed import Layout, Vector, added, layouts
from sipas.periods import Period
from sipas.tally import EXCLUDED, RESPONSES, Tally
from sipas.tally_keys import ALL_AGENCIES, Published, TallyKeys, is_rebuilding

MONTHS_READ_BY_DAY = 2
MONTHS_OF_A_YEAR = 12

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
    """What the ledger says. `days` are for the interval: maybe not all of the period, and their cells only.

    `too_few`: there are sheets, and the public may see none of them yet.
    """

    tally: Tally
    days: Mapping[date, Tally]
    as_of: datetime | None
    rebuilding: bool
    too_few: bool = False


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
        asked = [_Asked.of(question) for question in questions]

        pointers, before = self._pointer_and_positions(positions)
        as_of = self._ledgers.values([self._as_of(question.agency, shown=shown) for question in questions])
        by_time = self._stored(asked, [one.times for one in asked], shown=shown)
        more = [one.days_of_newest(found) for one, found in zip(asked, by_time, strict=True)]
        by_day = self._stored(asked, more, shown=shown)
        # a number that is shown of nobody may be one of too few
        nobody = [shown and not any(found.values()) for found in by_time]
        hidden = self._stored(
            asked, [one.summed if none else () for one, none in zip(asked, nobody, strict=True)], shown=False
        )
        pointer, after = self._pointer_and_positions(positions)
        for found in (pointers, pointer):
            if Published.from_pointer(found) != published:
                self._follow(Published.from_pointer(pointer))
                return None
        partial = {
            number: is_rebuilding(first or None) or is_rebuilding(last or None)
            for number, first, last in zip(partitions, before, after, strict=True)
        }

        readings = []
        for index, one in enumerate(asked):
            days = {day: by_time[index][day] for day in one.single} | by_day[index]
            told = as_of[index]
            readings.append(
                Reading(
                    tally=one.tally(by_time[index]),
                    days={
                        date.fromisoformat(day): one.layout.cells_alone(vector)
                        for day, vector in days.items()
                        if vector is not None
                    },
                    as_of=None if told is None else datetime.fromisoformat(told.decode()),
                    rebuilding=partial[self._partition(one.question.agency)],
                    too_few=any(hidden[index].values()),
                )
            )
        return readings

    def _pointer_and_positions(self, positions: Sequence[str]) -> tuple[Fields, list[dict[str, str]]]:
        pointer, *found = self._ledgers.hashes([self._ledgers.pointer_key, *positions])
        return pointer, found

    def _as_of(self, agency: str, *, shown: bool) -> Place:
        return Place(self._keys[self._partition(agency)].as_of(shown=shown), agency)

    def _stored(
        self, asked: Sequence[_Asked], times: Sequence[Sequence[str]], *, shown: bool
    ) -> list[dict[str, Vector | None]]:
        """For each question its times -> what is stored of them."""
        places: list[Place] = []
        for one, some in zip(asked, times, strict=True):
            agency, method = one.question.agency, one.question.method
            keys = self._keys[self._partition(agency)]
            for time in some:
                places.append(keys.total(agency, method, time, shown=shown))
                if one.question.parts:
                    places.append(keys.parts(agency, method, time))
        found = iter(self._ledgers.values(places) if places else ())
        stored: list[dict[str, Vector | None]] = []
        for one, some in zip(asked, times, strict=True):
            stored.append({time: one.vector(next(found), next(found) if one.question.parts else None) for time in some})
        return stored

    def state(self, *, shown: bool) -> str:
        """What changes whenever any reading may: as long as it is the same, so is all that `read` says."""
        published, positions = self._positions(range(len(self._keys)))
        changed = self._ledgers.values([Place(keys.changed(shown=shown), ALL_AGENCIES) for keys in self._keys])
        return repr((published, [_build(one) for one in positions], changed))

    def versions(self, questions: Sequence[Question], *, shown: bool) -> list[Hashable]:
        """The same for each question alone."""
        numbers = [self._partition(question.agency) for question in questions]
        partitions = sorted(set(numbers))
        published, positions = self._positions(partitions)
        builds = {number: _build(one) for number, one in zip(partitions, positions, strict=True)}
        found = self._ledgers.hashes([self._keys[number].changed(shown=shown) for number in partitions])
        changed = dict(zip(partitions, found, strict=True))
        return [
            (published, builds[number], changed[number].get(question.agency))
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

    def newest_minute(self) -> datetime | None:
        """Of all counted sheets, those too that nobody is shown yet; None where there are none."""
        self._follow(Published.from_pointer(self._ledgers.hashes([self._ledgers.pointer_key])[0]))
        found = self._ledgers.hashes([keys.as_of() for keys in self._keys])
        newest = max((minute for as_of in found for minute in as_of.values()), default=None)
        return None if newest is None else datetime.fromisoformat(newest)

    def sheets_of_parts(self, scopes: Sequence[Scope], times: Sequence[str]) -> list[Sheets | None]:
        """Of each scope its parts' sheets at those days and months, live; None while its numbers are partial."""
        numbers = [self._partition(scope.agency) for scope in scopes]
        partitions = sorted(set(numbers))
        while True:
            published, before = self._positions(partitions)
            keys = self._keys
            places = [
                place
                for number, scope in zip(numbers, scopes, strict=True)
                for time in times
                for place in (keys[number].total(*scope, time), keys[number].parts(*scope, time))
            ]
            stored = iter(self._ledgers.values(places) if places else ())
            found: list[Sheets | None] = [
                {time: _sheets(layouts()[scope.method], next(stored), next(stored)) for time in times}
                for scope in scopes
            ]
            same, after = self._positions(partitions)
            if same == published:
                break
        partial = {
            number
            for number, first, last in zip(partitions, before, after, strict=True)
            if is_rebuilding(first or None) or is_rebuilding(last or None)
        }
        return [None if number in partial else one for number, one in zip(numbers, found, strict=True)]

    def agencies(self) -> frozenset[str]:
        """Every agency with a counted sheet, also one that the registry does not have."""
        self._follow(Published.from_pointer(self._ledgers.hashes([self._ledgers.pointer_key])[0]))
        return frozenset(
            agency for as_of in self._ledgers.hashes([keys.as_of() for keys in self._keys]) for agency in as_of
        )

    def _partition(self, agency: str) -> int:
        return partition_of(agency, len(self._keys))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, and the stored times that answer it: those that add up (`summed`), and more for the interval."""

    question: Question
    layout: Layout
    summed: tuple[str, ...]
    months: tuple[str, ...]
    single: tuple[str, ...]

    @classmethod
    def of(cls, question: Question) -> _Asked:
        months, days = question.period.months_and_days()
        single = tuple(map(date.isoformat, days))
        return cls(
            question,
            layouts()[question.method],
            (*(months if question.parts else _years_and_months(months)), *single),
            months if question.days else (),
            single if question.days else (),
        )

    @property
    def times(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.summed, *self.months)))

    def vector(self, total: bytes | None, parts: bytes | None) -> Vector | None:
        """What is stored at a time, of the parts that are asked for."""
        if total is None or not self.question.parts:
            return None if total is None else self.layout.unpack(total)
        of_part = self.layout.unpack_parts(parts, self.layout.unpack(total))
        found = [of_part[part] for part in self.question.parts if part in of_part]
        return added(found) if found else None

    def tally(self, stored: Mapping[str, Vector | None]) -> Tally:
        found = [vector for time in self.summed if (vector := stored[time]) is not None]
        return self.layout.tally(added(found)) if found else Tally.EMPTY

    def days_of_newest(self, stored: Mapping[str, Vector | None]) -> list[str]:
        """The days of the newest months that have sheets."""
        newest = [month for month in reversed(self.months) if (vector := stored[month]) is not None and vector[0]]
        return [
            f"{month}-{day:02}"
            for month in newest[:MONTHS_READ_BY_DAY]
            for day in range(1, monthrange(int(month[:4]), int(month[5:]))[1] + 1)
        ]


def _years_and_months(months: Sequence[str]) -> list[str]:
    """Twelve months of a year are the year: what is left of its months is shown with it alone."""
    of_year = Counter(month[:4] for month in months)
    whole = [year for year, number in of_year.items() if number == MONTHS_OF_A_YEAR]
    return [*whole, *(month for month in months if month[:4] not in whole)]


def _sheets(layout: Layout, total: bytes | None, parts: bytes | None) -> dict[str, int]:
    """Each part's sheets, flagged ones too."""
    if total is None:
        return {}
    found = layout.unpack_parts(parts, layout.unpack(total))
    return {part: vector[layout.places[RESPONSES]] + vector[layout.places[EXCLUDED]] for part, vector in found.items()}


def _build(position: Fields) -> tuple[bool, str | None]:
    """Whether it is partial, and which one: where Redis was lost, the next counts its changes from nothing again."""
    return is_rebuilding(position or None), position.get("rebuild_until")
