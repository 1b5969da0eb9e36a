"""Past days through the drop rule, as if it had been watching: what it would have told, and how often. Pure.

Each day is judged once, on its full totals, and closed by the next one (grace 0), so a day gives one event at most;
in service a day is looked at as its answers come, and the first may be some hours earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.notifier.drop_rule import Day, Detector, Level, Rule, Transition, level, settle, watch
from services.notifier.history_file import History

FOLLOW_UP_DAYS = 10
DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Watched:
    """A reporting day, and where the rule stood before it."""

    day: Day
    before: Level


@dataclass(frozen=True, slots=True)
class Backtest:
    """What one history would have raised; `end`: where the rule stands before its last day is closed."""

    history: History
    rule: Rule
    watched: tuple[Watched, ...]
    told: tuple[Transition, ...]
    end: Level

    @property
    def years(self) -> float:
        """From its first day to its last, in years of the calendar."""
        days = self.history.days
        return (days[-1].day - days[0].day + 1) / DAYS_A_YEAR if days else 0.0

    @property
    def judged_days(self) -> int:
        """Reporting days after warm-up."""
        return sum(one.before.phase != "warming" for one in self.watched)

    def count(self, kind: str) -> int:
        """How many changes of one kind."""
        return sum(one.kind == kind for one in self.told)

    @property
    def follow_ups(self) -> int:
        """Alerts that were still open on their tenth reporting day."""
        recovered = {one.opened: one.day for one in self.told if one.kind == "recovered"}
        found = 0
        for one in self.told:
            if one.kind == "possible":
                since = [day.day for day in self.history.days if day.day > one.day]
                found += len(since) >= FOLLOW_UP_DAYS and recovered.get(one.opened, since[-1]) >= since[9]
        return found

    @property
    def confirmed_recoveries(self) -> int:
        """How many of the confirmed alerts recovered."""
        confirmed = {one.opened for one in self.told if one.kind == "confirmed"}
        return sum(one.kind == "recovered" and one.opened in confirmed for one in self.told)


def backtest(history: History, rule: Rule) -> Backtest:
    """Run the rule over a history with the same settings on all its days."""
    state, told, watched = Detector(), list[Transition](), list[Watched]()
    for day in history.days[:-1]:
        watched.append(Watched(day, level(rule, state)))
        state, found = settle(lambda _: rule, [day], detector=state)
        told += found
    for day in history.days[-1:]:
        watched.append(Watched(day, level(rule, state)))
        state, found = watch(lambda _: rule, [day], detector=state)
        told += found
    return Backtest(history, rule, tuple(watched), tuple(told), level(rule, state))


def events(result: Backtest) -> Iterator[dict[str, Any]]:
    """The changes of state for JSON. Of "recovered", `since` is when `after` began and `before` the normal level."""
    history = result.history
    for one in result.told:
        yield {
            "case": history.case,
            "day": history.shown(one.day),
            "event": one.kind,
            "since": history.shown(one.since),
            "evidence": one.evidence,
            "before": one.before,
            "after": one.after,
            "n": one.responses,
        }


def rules_for(
    histories: Iterable[History], options: Mapping[str, Any], by_case: Mapping[str, Mapping[str, Any]]
) -> tuple[list[tuple[History, Rule]], list[str]]:
    """Each history with its rule: the defaults, `options` over them, the case's own over these; or what is wrong."""
    paired, wrong = [], []
    for history in histories:
        try:
            paired.append((history, Rule(**{**options, **by_case.get(history.case, {})})))
        except (TypeError, ValueError) as reason:
            wrong.append(f"settings of {history.case}: {str(reason).removeprefix('Rule.__init__() ')}")
    return paired, wrong
