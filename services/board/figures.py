"""What may be said about a reading: the index, and whether the public may see it.

A number of fewer sheets than the publication minimum is withheld (`suppressed`), with the integers from which it would
follow; while the ledger is rebuilt nobody gets a percentage, because a partial number looks like a true one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from functools import partial
from typing import NamedTuple, TypeVar, cast

from services.board.memory import Memory
from services.board.reading import Question, Reading, TallyReader
from sipas.index import Index, index_of
from sipas.methods import Method
from sipas.registry import Registry
from sipas.tally import Tally

M = TypeVar("M")

MOST_REMEMBERED = 16_384
"""Figures that a worker keeps, of a few kB each: the communes of the country in a few periods."""

MOST_SUMS = 64

FALLBACK_METHOD = "quick-5@1"
"""For an agency that no counter serves."""


@dataclass(frozen=True, slots=True)
class Figure:
    """An index as its reader may see it. `tally` is what it was computed from, for the breakdown by criterion."""

    index: Index
    tally: Tally
    suppressed: bool

    @property
    def tells(self) -> bool:
        """Whether there is a percentage to show."""
        return self.index.percent is not None and not self.suppressed

    @property
    def responses(self) -> int | None:
        """Counted sheets; None where there are some, and the reader may see none of them yet."""
        return self.index.responses or (None if self.suppressed else 0)

    def as_json(self) -> dict[str, object]:
        """The object of the read API; what is withheld is null."""
        document = self.index.as_json() | {"suppressed": self.suppressed}
        if self.suppressed:
            document |= dict.fromkeys(("percent", "answers", "satisfied", "interval"))
            document["responses"] = self.responses
        return document


class Share(NamedTuple):
    """The exact share of satisfied answers, None without an answer, and on how many sheets it rests."""

    responses: int
    value: Fraction | None

    @classmethod
    def of(cls, tally: Tally) -> Share:
        """The pooled share of a tally."""
        return cls(tally.responses, Fraction(tally.satisfied, tally.answers) if tally.answers else None)


Sum = tuple[Figure, Mapping[str, int]]
"""A figure of several agencies, and the sheets of each."""


class Figures:
    """Figures for the public, or live ones for holders of the read key."""

    def __init__(self, reader: TallyReader, methods: Mapping[str, Method], publication_minimum: int) -> None:
        self._reader = reader
        self._methods = methods
        self._minimum = publication_minimum
        self._figures = Memory[Figure](MOST_REMEMBERED)
        self._shares = Memory[Share](MOST_REMEMBERED)
        self._sums = Memory[Sum](MOST_SUMS)

    def of(self, questions: Sequence[Question], *, live: bool) -> list[Figure]:
        """One figure for each question, in their order. Methods must be known ones."""
        return self._remembered(self._figures, questions, partial(self._figure, live=live), live=live)

    def shares(self, questions: Sequence[Question], *, live: bool) -> list[Share]:
        """Of each question what a rank follows from."""
        return self._remembered(self._shares, questions, lambda _, reading: Share.of(reading.tally), live=live)

    def _remembered(
        self, memory: Memory[M], questions: Sequence[Question], make: Callable[[Question, Reading], M], *, live: bool
    ) -> list[M]:
        """What is made of each question's reading; read anew is only what has changed since it was made."""
        versions = self._reader.versions(questions, shown=not live)
        made = [memory.get((question, live), version) for question, version in zip(questions, versions, strict=True)]
        missing = [place for place, value in enumerate(made) if value is None]
        readings = self._reader.read([questions[place] for place in missing], shown=not live) if missing else []
        for place, reading in zip(missing, readings, strict=True):
            value = made[place] = make(questions[place], reading)
            memory.put((questions[place], live), versions[place], value)
        return cast("list[M]", made)

    def together(self, name: str, questions: Sequence[Question], *, live: bool) -> Sum:
        """The figure of the counts of all questions added up, and each one's sheets; one method, one period.

        Whether the public may see a sum depends on what else it sees: `suppressed` says only that it is small.
        """
        versions = tuple(self._reader.versions(questions, shown=not live))
        known = self._sums.get((name, tuple(questions), live), versions)
        if known is not None:
            return known
        readings = self._reader.read(questions, shown=not live)
        days: dict[date, Tally] = {}
        for reading in readings:
            for day, tally in reading.days.items():
                days[day] = days.get(day, Tally.EMPTY) + tally
        whole = Reading(
            tally=sum((reading.tally for reading in readings), Tally.EMPTY),
            days=days,
            as_of=max((reading.as_of for reading in readings if reading.as_of), default=None),
            rebuilding=any(reading.rebuilding for reading in readings),
            too_few=any(reading.too_few for reading in readings),
        )
        sheets = {question.agency: one.tally.responses for question, one in zip(questions, readings, strict=True)}
        found = (self._figure(questions[0]._replace(agency=name), whole, live=live), sheets)
        self._sums.put((name, tuple(questions), live), versions, found)
        return found

    def state(self, *, live: bool) -> str:
        """As long as it is the same, so is every figure."""
        return self._reader.state(shown=not live)

    def counted_agencies(self) -> frozenset[str]:
        """Every agency with a counted sheet, listed in the registry or not."""
        return self._reader.agencies()

    def _figure(self, question: Question, reading: Reading, *, live: bool) -> Figure:
        index = index_of(
            reading.tally,
            agency=question.agency,
            method=self._methods[question.method],
            period=question.period.text,
            as_of=reading.as_of,
            days=reading.days,
            rebuilding=reading.rebuilding,
        )
        if reading.rebuilding:
            index = replace(index, percent=None, interval=None)
        hidden = reading.too_few and not index.responses
        suppressed = not live and (hidden or 0 < index.responses < self._minimum)
        return Figure(index, reading.tally, suppressed=suppressed)


def methods_in_use(registry: Registry) -> dict[str, str]:
    """Agency -> the method that most of its active counters use."""
    used: dict[str, Counter[str]] = {}
    for counter in registry.counters.values():
        if counter.status == "active":
            for agency in counter.agencies:
                used.setdefault(agency, Counter())[counter.method] += 1
    return {agency: _commonest(methods) for agency, methods in used.items()}


def method_of_block(in_use: Mapping[str, str], agencies: Iterable[str]) -> str:
    """The method by which a block can be compared: the one that most of its agencies use."""
    return _commonest(Counter(in_use[agency] for agency in agencies if agency in in_use))


def _commonest(methods: Counter[str]) -> str:
    return min(methods, key=lambda method: (-methods[method], method), default=FALLBACK_METHOD)
