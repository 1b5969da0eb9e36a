"""How a partition of `tallies` is read: when its numbers are partial, and what a batch of it changes. Pure.

Totals are only gathered, and nobody is alerted, while they may be partial:
- below `fold_until`, the end of the log when an empty ledger first saw it: what lies there was judged before, or is
  history;
- between the first total of a new epoch and its `Rebuilt` marker: the days of one epoch must be judged together.
When that ends, every day that is over is folded silently, with what `alerts` has recorded, and only the days that are
still open are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from services.notifier.drop_rule import Transition
from services.notifier.judge import (
    HISTORICAL_DAYS,
    Ended,
    Raised,
    Rules,
    Scope,
    Series,
    advance,
    lasting,
    raise_all,
)
from services.notifier.totals import Total


@dataclass(frozen=True, slots=True)
class Course:
    """Where a partition stands. `epoch`: the newest seen; `marked`: the newest whose marker was read, else -1."""

    next_offset: int
    fold_until: int
    epoch: int
    marked: int

    @property
    def folding(self) -> bool:
        """Whether the numbers may be partial."""
        return self.next_offset < self.fold_until or self.marked < self.epoch


@dataclass(frozen=True, slots=True)
class Marker:
    """Every total of this epoch so far has been read."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Told:
    """A total that was read."""

    scope: Scope
    day: int
    total: Total


Arrived = tuple[int, Told | Marker | None]
"""(offset, what was read there); None for a record that says nothing to the judge."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch leaves: the new course, the series it touched, and what was raised."""

    course: Course
    series: Mapping[Scope, Series]
    raised: Sequence[tuple[Raised, Transition]]


def take(
    course: Course,
    held: Mapping[Scope, Series],
    arrived: Iterable[Arrived],
    *,
    known: Callable[[Scope], Sequence[Raised]],
    rules: Callable[[Scope], Rules],
    today: int | None,
    ended: Callable[[Scope], Sequence[Ended]] = lambda _scope: (),
) -> Taken:
    """Read a batch.

    `known`: what stands of a series; `ended`: what people decided of it; `today`: an ordinal, None in a demo: the
    agency's newest day.
    """
    batch = _Batch(held, known, rules, today, ended)
    for offset, event in arrived:
        was_folding = course.folding
        course = _after(course, offset, event)
        if course.folding and not was_folding:
            batch.judge()
        if isinstance(event, Told):
            batch.add(event)
        if was_folding and not course.folding:
            batch.judge_all()
    if not course.folding:
        batch.judge()
    return Taken(course, MappingProxyType(batch.series), batch.raised)


def _after(course: Course, offset: int, event: Told | Marker | None) -> Course:
    epoch, marked = course.epoch, course.marked
    if isinstance(event, Told):
        epoch = max(epoch, event.total.version[0])
    elif isinstance(event, Marker):
        epoch, marked = max(epoch, event.epoch), max(marked, event.epoch)
    return Course(offset + 1, course.fold_until, epoch, marked)


class _Batch:
    """The series that a batch touches, before they are committed."""

    def __init__(
        self,
        held: Mapping[Scope, Series],
        known: Callable[[Scope], Sequence[Raised]],
        rules: Callable[[Scope], Rules],
        today: int | None,
        ended: Callable[[Scope], Sequence[Ended]],
    ) -> None:
        self.series: dict[Scope, Series] = {}
        self.raised: list[tuple[Raised, Transition]] = []
        self._held, self._known, self._rules, self._today = held, known, rules, today
        self._ended = ended
        self._to_judge: dict[Scope, None] = {}

    def add(self, told: Told) -> None:
        before = self._of(told.scope)
        after = before.with_total(told.day, told.total)
        if after is not before:
            self.series[told.scope] = after
            self._to_judge[told.scope] = None

    def judge(self) -> None:
        """Those that were touched."""
        for scope in self._to_judge:
            if self._of(scope).changed_from is not None:
                self._advance(scope, silently=False)
        self._to_judge = {}

    def judge_all(self) -> None:
        """Every series of the partition, in silence as far as days are over."""
        for scope in sorted({*self._held, *self.series}):
            self._advance(scope, silently=True)
        self._to_judge = {}

    def _advance(self, scope: Scope, *, silently: bool) -> None:
        known = [*self._known(scope), *(one for one, _ in self.raised if one.scope == scope)]
        rules, ended = self._rules(scope), self._ended(scope)
        series, found = advance(self._of(scope), rules, known, ended=ended, silently=silently)
        self.series[scope] = series
        newest = series.days.newest
        if newest is None:
            return
        today = self._newest_before(scope.agency) if self._today is None else self._today
        self.raised += raise_all(
            scope,
            found,
            known,
            today=today,
            target_holds="target" in rules and rules["target"](newest).target is not None,
            ended=ended,
            still_open=lasting(series, rules) if newest >= today - HISTORICAL_DAYS else {},
        )

    def _of(self, scope: Scope) -> Series:
        return self.series.get(scope) or self._held.get(scope) or Series()

    def _newest_before(self, agency: str) -> int:
        """The agency's newest day of any method before this batch; 0 where it had none.

        Before: a demo's history comes weeks at a time, and the demo's time passes through all of it.
        """
        newest = (self._held[scope].days.newest for scope in self._held if scope.agency == agency)
        return max((day for day in newest if day is not None), default=0)
