"""Past days through the drop rule, as if it had been watching: what it would have told, and how often. Pure.

Each day is judged once, on its full totals, and closed by the next one (grace 0), so a day gives one event at most;
in service a day is looked at as its answers come, and the first may be some hours earlier.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.notifier.drop_rule import Day, Detector, Interval, Level, Rule, Transition, level, settle, watch
from services.notifier.false_alarms import expected_false_alarms
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


def lines(results: Sequence[Backtest]) -> Iterator[str]:
    """The summary for a terminal."""
    for result in results:
        yield from _of_case(result)
    yield ""
    yield from _of_all(results)


def _of_case(result: Backtest) -> Iterator[str]:
    days, shown = result.history.days, result.history.shown
    if not days:
        yield f"{result.history.case}: no day with answers"
        return
    responses = sum(day.responses for day in days)
    span = f"{len(days):,} reporting days from {shown(days[0].day)} to {shown(days[-1].day)}, {responses:,} answers"
    yield f"{result.history.case}: {span}"
    if result.end.phase == "warming":
        lacking = f"{result.rule.warmup_responses} answers and {result.rule.warmup_days} reporting days"
        yield f"  too short to be judged: the rule learns from {lacking} first"
    elif not result.told:
        yield f"  no alert; normal at the end {_percent(result.end.normal)}"
    for one in result.told:
        yield f"  {shown(one.day)}  {_sentence(one, result)}"


def _sentence(one: Transition, result: Backtest) -> str:
    after = f"{_percent(one.after)} {_interval(one.after_interval)}, {one.responses:,} answers"
    since = f"since about {result.history.shown(one.since)}"
    than = "the target of" if one.rule.target is not None else "the normal"
    match one.kind:
        case "possible":
            return f"possible: {after} {since}, below {than} {_percent(one.before)} {_interval(one.before_interval)}"
        case kind:
            return f"{kind}: {after} {since}"


def _of_all(results: Sequence[Backtest]) -> Iterator[str]:
    counted = Counter(one.kind for result in results for one in result.told)
    years = sum(result.years for result in results)
    alerts, confirmed, recovered = counted["possible"], counted["confirmed"], counted["recovered"]
    yield f"{_many(len(results), 'history', 'histories')}, together {years:.1f} years"
    rate = f"{alerts / years:.2f} a year and agency" if years else "no time"
    quiet = sum(not result.told for result in results)
    yield f"{_many(alerts, 'alert')} ({rate}), {confirmed} confirmed, {recovered} recovered; {quiet} without any"
    expected = [expected_false_alarms(result.judged_days, result.rule.false_alarm_days) for result in results]
    low, high, most = (sum(getattr(one, name) for one in expected) for name in ("low", "high", "most"))
    yield f"by chance alone {low:.1f} to {high:.1f} alerts are to be expected in these days, {most:.1f} at most"
    follow_ups = sum(result.follow_ups for result in results)
    yield "with the default routing:"
    yield f"  the head of the unit would have received {alerts + confirmed + recovered + follow_ups} messages:"
    yield f"    {alerts} possible, {confirmed} confirmed, {follow_ups} follow-ups, {recovered} recovered"
    told_up = sum(_confirmed_recoveries(result) for result in results)
    yield f"  the department {confirmed + told_up}: {confirmed} confirmed, {told_up} recovered of those"
    yield "  not counted: monthly reminders, and the chairman's message where nobody acknowledges"


def _confirmed_recoveries(result: Backtest) -> int:
    confirmed = {one.opened for one in result.told if one.kind == "confirmed"}
    return sum(one.kind == "recovered" and one.opened in confirmed for one in result.told)


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


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f"[{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"


def _many(number: int, one: str, more: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else more or one + 's'}"
