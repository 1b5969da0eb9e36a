"""What a leader is told of a change of state, as one event. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import date

from services.notifier.drop_rule import Fact, Interval, Transition
from services.notifier.judge import Raised, Scope, Total, Version
from sipas.events import AlertChanged, Measured

BEFORE_DAYS = 120
"""Normal is "roughly the last four months": days whose sheets stand behind `before` and behind each criterion's."""


def alert_changed(
    raised: Raised, transition: Transition, totals: Mapping[int, Total], version: Version
) -> AlertChanged:
    """The event of a change; `totals` are the series' days by ordinal.

    Shares are mean shares per sheet, in percent. Against a target there is no `before`: the target stands for it.
    """
    target = transition.rule.target
    earlier = range(transition.since - BEFORE_DAYS, transition.since)
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
        number=1,
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
        criterion=None
        if transition.kind == "recovered"
        else fallen_most(totals, earlier, range(transition.since, transition.day + 1)),
        target=None if target is None else _percent(target),
        historical=raised.historical,
        version=version,
        state={
            "fact": {field.name: getattr(transition, field.name) for field in fields(Fact)},
            "rule": asdict(transition.rule),
            "told_with": raised.told_with,
        },
    )


def as_recorded(event: AlertChanged) -> Raised | None:
    """What the fold needs of a recorded change; None for a follow-up or a reminder, which change no state."""
    if event.kind not in ("possible", "confirmed", "recovered"):
        return None
    return Raised(
        scope=Scope(event.agency, event.method),
        rule=event.rule,
        fact=Fact(**event.state["fact"]),
        historical=event.historical,
        told_with=event.state.get("told_with"),
    )


def fallen_most(totals: Mapping[int, Total], before: Iterable[int], after: Iterable[int]) -> str | None:
    """The criterion with the lowest (after - before)/sqrt(before(1 - before)(1/n_after + 1/n_before)).

    None where nothing fell, or where the method asks only one question. A share of 0 or 1 has no variance of its
    own: as in the drop rule it counts as at least 0.02.
    """
    shares = [_by_criterion(totals, days) for days in (before, after)]
    if len(shares[1]) < 2:
        return None
    scores: dict[str, float] = {}
    for code in shares[0].keys() & shares[1].keys():
        (k_before, n_before), (k_after, n_after) = shares[0][code], shares[1][code]
        was = k_before / n_before
        spread = math.sqrt(max(was * (1 - was), 0.02) * (1 / n_after + 1 / n_before))
        scores[code] = (k_after / n_after - was) / spread
    worst = min(sorted(scores), key=lambda code: scores[code], default=None)
    return worst if worst is not None and scores[worst] < 0 else None


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
