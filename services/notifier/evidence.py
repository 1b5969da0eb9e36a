"""What a leader is told of a change of state, as one event. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import date
from typing import Literal

from services.notifier.counters import PartFall, counter_fallen_most
from services.notifier.drop_rule import Fact, Interval, Transition
from services.notifier.judge import Raised, Scope
from services.notifier.standing import FOLLOW_UP_DAYS
from services.notifier.totals import Total, Version
from sipas.events import AlertChanged, Fell, Measured, TrendDay

Phase = Literal["possible", "confirmed", "recovered"]

BEFORE_DAYS = 120
"""Normal is "roughly the last four months": days whose sheets stand behind `before` and behind each criterion's."""
TREND_DAYS_BEFORE = 28
TREND_DAYS = 90


def alert_changed(
    raised: Raised, transition: Transition, totals: Mapping[int, Total], version: Version, phase: Phase
) -> AlertChanged:
    """The event of a change; `totals` are the series' days by ordinal, `phase` where the alert stands after it.

    Shares are mean shares per sheet, in percent. Against a target there is no `before`: the target stands for it.
    """
    target = transition.rule.target
    # what comes later measures days of the fall: normal lies before the opening
    fell_on = transition.since if transition.kind in ("possible", "confirmed") else transition.opened
    earlier = range(fell_on - BEFORE_DAYS, fell_on)
    after = [day for day in range(transition.since, transition.day + 1) if day in totals and totals[day].responses]
    if transition.kind == "follow-up":
        after = after[:FOLLOW_UP_DAYS]  # told late, it still says these ten
    criterion = counter = None
    if transition.kind != "recovered":
        criterion = fallen_most(totals, earlier, after)
        counter = counter_fallen_most(_counters(totals, earlier), _counters(totals, after))
    before = Measured(
        percent=_percent(transition.before),
        interval=_percents(transition.before_interval),
        responses=sum(totals[day].responses for day in earlier if day in totals),
    )
    return AlertChanged(
        id=raised.id,
        agency=raised.scope.agency,
        method=raised.scope.method,
        rule=raised.rule,
        kind=transition.kind,
        number=transition.number,
        opened_on=date.fromordinal(transition.opened),
        day=date.fromordinal(transition.day),
        since=date.fromordinal(transition.since),
        before=before if target is None else None,
        after=Measured(
            percent=_percent(transition.after),
            interval=_percents(transition.after_interval),
            responses=int(transition.responses),
        ),
        evidence=transition.evidence,
        criterion=None if criterion is None else criterion.code,
        target=None if target is None else _percent(target),
        historical=raised.historical,
        version=version,
        state={
            "fact": {field.name: getattr(transition, field.name) for field in fields(Fact)},
            "rule": asdict(transition.rule),
            "told_with": raised.told_with,
        },
        phase=phase,
        days=len(after),
        criterion_fell=None if criterion is None else _fell(criterion),
        counter_fell=None if counter is None else _fell(counter),
        trend=_trend(totals, fell_on, transition.day),
    )


def phase_after(raised: Raised, known: Iterable[Raised]) -> Phase:
    """Where an alert stands after a change."""
    if raised.fact.kind in ("possible", "confirmed", "recovered"):
        return raised.fact.kind
    of_alert = [one.fact for one in known if (one.rule, one.fact.opened) == (raised.rule, raised.fact.opened)]
    return "confirmed" if any(fact.kind == "confirmed" for fact in of_alert) else "possible"


def as_recorded(event: AlertChanged) -> Raised:
    """What the judge needs of a recorded change."""
    return Raised(
        scope=Scope(event.agency, event.method),
        rule=event.rule,
        fact=Fact(**event.state["fact"]),
        historical=event.historical,
        told_with=event.state.get("told_with"),
    )


def fallen_most(totals: Mapping[int, Total], before: Iterable[int], after: Iterable[int]) -> PartFall | None:
    """The criterion with the lowest (after - before)/sqrt(before(1 - before)(1/n_after + 1/n_before)).

    None where nothing fell, or where the method asks only one question. A share of 0 or 1 has no variance of its
    own: as in the drop rule it counts as at least 0.02.
    """
    shares = [_by_criterion(totals, days) for days in (before, after)]
    if len(shares[1]) < 2:
        return None
    scores: dict[str, float] = {}
    falls: dict[str, PartFall] = {}
    for code in shares[0].keys() & shares[1].keys():
        (k_before, n_before), (k_after, n_after) = shares[0][code], shares[1][code]
        was = k_before / n_before
        spread = math.sqrt(max(was * (1 - was), 0.02) * (1 / n_after + 1 / n_before))
        scores[code] = (k_after / n_after - was) / spread
        falls[code] = PartFall(code, was, n_before, k_after / n_after, n_after)
    worst = min(sorted(scores), key=lambda code: scores[code], default=None)
    return falls[worst] if worst is not None and scores[worst] < 0 else None


def _fell(part: PartFall) -> Fell:
    return Fell(
        code=part.code,
        before=_percent(part.before),
        before_n=part.before_n,
        after=_percent(part.after),
        after_n=part.after_n,
    )


def _counters(totals: Mapping[int, Total], days: Iterable[int]) -> list[str]:
    return [totals[day].counters for day in days if day in totals]


def _trend(totals: Mapping[int, Total], fell_on: int, last: int) -> tuple[TrendDay, ...]:
    """Enough days before the fall to see it."""
    first = max(fell_on - TREND_DAYS_BEFORE, last - TREND_DAYS + 1)
    return tuple(
        TrendDay(
            day=date.fromordinal(day),
            percent=round(100 * total.satisfied / total.responses, 1),
            responses=total.responses,
        )
        for day, total in ((day, totals[day]) for day in range(first, last + 1) if day in totals)
        if total.responses
    )


def _by_criterion(totals: Mapping[int, Total], days: Iterable[int]) -> dict[str, tuple[int, int]]:
    sums: dict[str, tuple[int, int]] = {}
    for day in days:
        if day in totals:
            for code, (satisfied, answers) in totals[day].criteria.items():
                k, n = sums.get(code, (0, 0))
                sums[code] = k + satisfied, n + answers
    return {code: (k, n) for code, (k, n) in sums.items() if n}


def _percent(share: float) -> float:
    return round(100 * share, 2)


def _percents(interval: Interval | None) -> tuple[float, float] | None:
    return None if interval is None else (_percent(interval[0]), _percent(interval[1]))
