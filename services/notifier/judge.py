"""What one agency's day totals say of one method, by the drop rule. Pure: no clock, no I/O.

A series is the totals of its last 400 days (and the rest of the oldest block), the newest version of each, and for each
rule a detector that has closed the days which are over. It is a fold:
- Totals may come in any order, twice, or older than what is held: the highest version of a day stands.
- A day is over `GRACE_DAYS` after the series' newest day. A total that still changes it folds the kept days again,
  silently: what was told stands, and nothing is told of a day that was over before.
- Days that leave the window are folded into a base state, from which folding again begins. A total for one of them
  comes too late and is ignored.
- The data's own time closes days, not the clock: a judge that was away for a week judges as if it had been there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from services.notifier.drop_rule import (
    Day,
    Detector,
    Ending,
    Fact,
    Recorded,
    RuleOn,
    Transition,
    decided,
    judge,
    recorded_since,
    refold,
    settle,
    watch,
)
from services.notifier.standing import found_open, remark
from services.notifier.totals import Days, Total, window_start

GRACE_DAYS = 3
WINDOW_DAYS = 400
HISTORICAL_DAYS = 7

RuleName = Literal["drop", "target"]
RULES: tuple[RuleName, ...] = ("drop", "target")
STATES = ("possible", "confirmed", "recovered")
Ended = tuple[RuleName, Ending]
"""Whose alert a person has ended."""
Rules = Mapping[RuleName, RuleOn]
"""The settings of each rule on a day; "target" gives a rule without a target on days that have none, and is not there
where no day has one.
"""


class Scope(NamedTuple):
    """Whose days are judged together."""

    agency: str
    method: str

    def __str__(self) -> str:
        return f"{self.agency}/{self.method}"


class Ahead(NamedTuple):
    """What was found of the open days before `day`, the newest: `state`, by those rules, nothing recorded of them."""

    day: int
    state: Detector
    rule_on: RuleOn


@dataclass(frozen=True, slots=True)
class Watcher:
    """One rule over a series: `base` has the days that left the window, `state` every day that is over.

    `ahead` saves work: mostly only the newest day has changed, and the open days before it say what they said.
    """

    base: Detector = field(default_factory=Detector)
    state: Detector = field(default_factory=Detector)
    ahead: Ahead | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Series:
    """`kept_from`: the first day that may still change. `changed_from`: the first that did since it was judged.

    `ended`: the decisions that the watchers have folded. Where others are known, the kept days are folded again.
    """

    days: Days = field(default_factory=Days)
    watchers: Mapping[RuleName, Watcher] = field(default_factory=lambda: dict.fromkeys(RULES, Watcher()))
    kept_from: int = 0
    changed_from: int | None = None
    ended: tuple[Ended, ...] = ()

    def with_total(self, day: int, total: Total) -> Series:
        """The series after a total was read; itself where that tells nothing new."""
        held = self.days.get(day)
        if day < self.kept_from or (held is not None and held.version >= total.version):
            return self
        changed = self.changed_from
        if not total.says_the_same(held):
            changed = day if changed is None else min(changed, day)
        return Series(self.days.with_total(day, total), self.watchers, self.kept_from, changed, self.ended)

    def watchers_state(self) -> dict[str, Any]:
        """Everything but the days, as plain JSON values."""
        return {
            "kept_from": self.kept_from,
            "rules": {
                name: [one.base.to_state(), one.state.to_state()]
                for name, one in self.watchers.items()
                if one != Watcher()
            },
            **({"ended": [[rule, one.kind, one.day, one.opened] for rule, one in self.ended]} if self.ended else {}),
        }

    @classmethod
    def from_state(cls, days: Days, state: Mapping[str, Any] | None) -> Series:
        """From its days and what `watchers_state` gave, None for a series without."""
        if state is None:
            return cls(days)
        kept = {
            name: Watcher(Detector.from_state(base), Detector.from_state(closed))
            for name, (base, closed) in state["rules"].items()
        }
        ended = tuple((rule, Ending(*ending)) for rule, *ending in state.get("ended", ()))
        return cls(days, dict.fromkeys(RULES, Watcher()) | kept, state["kept_from"], ended=ended)


@dataclass(frozen=True, slots=True)
class Raised:
    """A change of state that leaders may be told of.

    `historical`: too long ago to be news. `told_with`: id of the change whose message says this one too.
    """

    scope: Scope
    rule: RuleName
    fact: Fact
    historical: bool
    told_with: str | None = None

    @property
    def id(self) -> str:
        """The same whoever decides it, however often."""
        return alert_id(self.scope, self.rule, self.fact.opened, self.fact.kind, self.fact.number)


def alert_id(scope: Scope, rule: str, opened: int, kind: str, number: int = 1) -> str:
    """(agency, method, rule, opened day, kind, number)."""
    return f"{scope}/{rule}/{date.fromordinal(opened).isoformat()}/{kind}/{number}"


def advance(
    series: Series, rules: Rules, known: Iterable[Raised], *, ended: Sequence[Ended] = (), silently: bool = False
) -> tuple[Series, list[tuple[RuleName, Transition]]]:
    """Close what is over and judge what is open; `known` is what was decided before and stands, `ended` what people
    decided.

    `silently` folds every kept day again and decides nothing of those that are over: for the end of a time in which
    the totals were partial.
    """
    newest = series.days.newest
    if newest is None:
        return replace(series, changed_from=None), []
    kept_from = max(series.kept_from, window_start(newest, WINDOW_DAYS))
    facts, ended = list(known), tuple(ended)
    watchers: Mapping[RuleName, Watcher] = series.watchers
    found: list[tuple[RuleName, Transition]] = []
    for name in rules:
        recorded = [one.fact for one in facts if one.rule == name]
        endings = [ending for rule, ending in ended if rule == name]
        anew = ended != series.ended
        watcher, raised = _watched(series, name, rules[name], recorded, endings, newest, anew=anew, silently=silently)
        if kept_from > series.kept_from:
            leaving = _reporting(series, name, rules[name], watcher.base.last_closed, kept_from - 1)
            watcher = replace(watcher, base=refold(rules[name], leaving, (*recorded, *raised, *endings), watcher.base))
        if watcher is not series.watchers[name]:
            watchers = {**watchers, name: watcher}
        found += [(name, transition) for transition in raised]
    days = series.days.since(kept_from) if kept_from > series.kept_from else series.days
    return Series(days, watchers, kept_from, ended=ended), found


def _watched(
    series: Series,
    name: RuleName,
    rule_on: RuleOn,
    known: Sequence[Fact],
    endings: Sequence[Ending],
    newest: int,
    *,
    anew: bool,
    silently: bool,
) -> tuple[Watcher, Sequence[Transition]]:
    watcher = series.watchers[name]
    if not silently and not anew and _only_newest_changed(series, watcher, newest, rule_on, known, endings):
        return watcher, []
    base, state = watcher.base, watcher.state
    last_over = newest - GRACE_DAYS - 1
    facts: list[Recorded] = [*(fact for fact in known if fact.kind in STATES), *endings]
    if silently:
        state = refold(rule_on, _reporting(series, name, rule_on, base.last_closed, last_over), facts, base)
    elif anew or _changed_since(series, state):
        state = refold(rule_on, _reporting(series, name, rule_on, base.last_closed, state.last_closed), facts, base)
    found = list[Transition]()
    for day in _reporting(series, name, rule_on, state.last_closed, last_over):
        state, closing = settle(rule_on, [day], (*facts, *found), state)
        found += closing
        after = _since_opening(series, name, rule_on, state)
        said = None if decided(state, endings) else remark(rule_on(day.day), state, after, (*known, *found))
        if said is not None:
            found.append(said)
    still_open = [day for day in _reporting(series, name, rule_on, state.last_closed, newest) if day.day > last_over]
    # one look gives one event; looking until nothing is new, a later look at the same totals gives none
    while True:
        before_newest, opening = watch(rule_on, still_open, (*facts, *found), state)
        if not opening:
            break
        found += opening
    ahead = None
    if still_open and still_open[-1].day == newest and not found and not recorded_since(state, facts):
        ahead = Ahead(newest, before_newest, rule_on)
    return Watcher(base, state, ahead), found


def _only_newest_changed(
    series: Series, watcher: Watcher, newest: int, rule_on: RuleOn, known: Sequence[Fact], endings: Sequence[Ending]
) -> bool:
    """Whether only the newest day has changed since the last look, and raises nothing."""
    ahead = watcher.ahead
    if ahead is None or series.changed_from != newest or ahead.day != newest or ahead.rule_on is not rule_on:
        return False
    if recorded_since(watcher.state, (*known, *endings)):
        return False
    total = series.days[newest]
    return judge(rule_on(newest), ahead.state, Day(newest, total.responses, total.satisfied))[1] is None


def _since_opening(series: Series, name: RuleName, rule_on: RuleOn, state: Detector) -> list[Day]:
    """The reporting days that are over since the open alert was opened; none where none is open."""
    if state.alert is None or state.last_closed is None:
        return []
    return _reporting(series, name, rule_on, state.alert.opened, state.last_closed)


def lasting(series: Series, rules: Rules) -> Mapping[RuleName, Transition]:
    """How each alert stands that is open."""
    found: dict[RuleName, Transition] = {}
    for name in rules:
        watcher = series.watchers[name]
        after = _since_opening(series, name, rules[name], watcher.state)
        if decided(watcher.state, [ending for rule, ending in series.ended if rule == name]):
            continue
        if after and (transition := found_open(rules[name](after[-1].day), watcher.state, after)) is not None:
            found[name] = transition
    return found


def _changed_since(series: Series, state: Detector) -> bool:
    """Whether a day that is over has changed."""
    return (
        series.changed_from is not None and state.last_closed is not None and series.changed_from <= state.last_closed
    )


def _reporting(series: Series, name: RuleName, rule_on: RuleOn, after: int | None, until: int | None) -> list[Day]:
    """Days with sheets after a day and until another, in order; for the companion only those that have a target."""
    if until is None:
        return []
    return [
        Day(day, total.responses, total.satisfied)
        for day, total in series.days.between(0 if after is None else after + 1, until)
        if total.responses and (name == "drop" or rule_on(day).target is not None)
    ]


def raise_all(
    scope: Scope,
    found: Sequence[tuple[RuleName, Transition]],
    known: Sequence[Raised],
    *,
    today: int,
    target_holds: bool,
    ended: Sequence[Ended] = (),
    still_open: Mapping[RuleName, Transition] = MappingProxyType({}),
) -> list[tuple[Raised, Transition]]:
    """Number what was found, mark what is no news, and see to it that one fall is one message.

    `still_open`: how each alert stands that is open, where the days are those of today. One that was history when it
    was found, after an outage or an import, is told once as what it is now.
    """
    fresh = [
        Raised(scope, rule, transition, historical=transition.day < today - HISTORICAL_DAYS)
        for rule, transition in found
    ]
    # ten days after what nobody was told of
    fresh = [
        replace(one, historical=True) if one.fact.kind == "follow-up" and _untold(one, [*known, *fresh]) else one
        for one in fresh
    ]
    pairs = [(one, transition) for one, (_, transition) in zip(fresh, found, strict=True)]
    pairs += [
        (one, transition)
        for one, transition in ((Raised(scope, rule, now, historical=False), now) for rule, now in still_open.items())
        if _untold(one, [*known, *fresh])
    ]
    if not pairs:
        return []
    all_fresh = [one for one, _ in pairs]
    return [
        (replace(one, told_with=_told_with(one, known, all_fresh, ended, target_holds=target_holds)), transition)
        for one, transition in pairs
    ]


def _untold(one: Raised, raised: Iterable[Raised]) -> bool:
    """Whether all of an alert was history when it was found."""
    return all(
        other.historical
        for other in raised
        if other is not one and (other.rule, other.fact.opened) == (one.rule, one.fact.opened)
    )


def _told_with(
    new: Raised, known: Sequence[Raised], fresh: Sequence[Raised], ended: Sequence[Ended], *, target_holds: bool
) -> str | None:
    """The message that says it too: a breach of the target, which leads, or a confirmation in the same pass."""
    if new.historical:
        return None
    mailed = [one for one in fresh if not one.historical]
    if new.rule == "drop":
        if new.fact.kind in ("recovered", "follow-up") and (quiet := _was_quiet(new, known)):
            return quiet
        standing = [one for one in (*known, *mailed) if not _over(one, new.fact.day, ended)]
        if target_holds and (breach := _leading(standing, mailed, new.fact.kind)):
            return breach.id
    if new.fact.kind == "possible":
        for one in mailed:
            if (one.rule, one.fact.kind, one.fact.opened) == (new.rule, "confirmed", new.fact.opened):
                return one.id
    return None


def _was_quiet(later: Raised, known: Sequence[Raised]) -> str | None:
    """The end of an alert that nobody was told of on its own is not told on its own either, nor its follow-up."""
    told = [one for one in known if one.rule == "drop" and one.fact.opened == later.fact.opened]
    by_target = [one.told_with for one in told if one.told_with is not None and one.told_with.split("/")[2] == "target"]
    return by_target[-1] if told and len(by_target) == len(told) else None


def _over(one: Raised, day: int, ended: Iterable[Ended]) -> bool:
    """Whether a person had ended the alert before that day."""
    return any((rule, by.opened) == (one.rule, one.fact.opened) and by.day < day for rule, by in ended)


def _leading(raised: Iterable[Raised], fresh: Iterable[Raised], kind: str) -> Raised | None:
    """The alert against the target that leaders know of: open, or recovered in the same pass."""
    breach: Raised | None = None
    for one in sorted((one for one in raised if one.rule == "target"), key=lambda one: one.fact.day):
        if one.fact.kind != "recovered":
            breach = breach if one.historical else one
        else:
            breach = one if kind == "recovered" and one in fresh else None
    return breach
