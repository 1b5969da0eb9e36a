"""When a fall of satisfaction is real enough to tell a leader, and when it is over. Pure: no clock, no I/O.

A Shiryaev-Roberts e-detector on beta-binomial days against a normal level that is learnt with a delay;
with `Rule.target` set, the same code watches a fixed level. Rule, promise and limits: docs/drop-rule.md.

Invariants:
- The state is a fold over the totals of reporting days. `judge` looks at an open day and leaves no trace
  unless an alert opens or is confirmed, so it does not matter how often anybody looks.
- An alert once raised stands. Folding history again adopts the recorded facts and decides nothing. What people decided
  is adopted on its day like a fact, so that folding from scratch and going on come to the same state.
- The evidence R of a drop is kept as ln(1 + R): during a long alert R itself would overflow.

One-letter names in the comments are those of docs/drop-rule.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal, Self

Kind = Literal["possible", "confirmed", "recovered", "follow-up", "reminder"]
"""The last two change no state: they say how an alert stands."""
Phase = Literal["warming", "normal", "possible", "confirmed"]
Interval = tuple[float, float]

DROPS = 4
_BEFORE_Z = 1.96
# The level at an alert is chosen for being low: its ordinary 95 % interval covered 41-91 %, this one 93-99 %.
_AFTER_Z = 3.0
_ROUNDING = 1e-9
_KIND_ORDER: Mapping[str, int] = {
    "possible": 0,
    "confirmed": 1,
    "recovered": 2,
    "follow-up": 3,
    "reminder": 4,
    "closed": 5,
    "new-normal": 5,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """The settings in force on one day. Levels and drops are shares (0.05 = five points)."""

    smallest_drop: float = 0.05
    false_alarm_days: float = 520.0
    confirm_factor: float = 10.0
    warmup_responses: int = 60
    warmup_days: int = 10
    lag: int = 20
    half_life: float = 60.0
    guard: float = 0.5
    day_share: float = 0.7
    icc: float = 0.03
    icc_days: float = 20.0
    recover_days: float = 20.0
    target: float | None = None
    unit: float = 1.0

    def __post_init__(self) -> None:
        wrong = [
            f"{name} must be {bound}, not {value!r}"
            for name, value, fine, bound in (
                ("smallest_drop", self.smallest_drop, 0 < self.smallest_drop < 1, "between 0 and 1"),
                ("false_alarm_days", self.false_alarm_days, 1 < self.false_alarm_days < math.inf, "above 1"),
                ("confirm_factor", self.confirm_factor, 1 <= self.confirm_factor < math.inf, "at least 1"),
                ("warmup_responses", self.warmup_responses, self.warmup_responses >= 0, "at least 0"),
                ("warmup_days", self.warmup_days, self.warmup_days >= 1, "at least 1"),
                ("lag", self.lag, self.lag >= 0, "at least 0"),
                ("half_life", self.half_life, 0 < self.half_life < math.inf, "above 0"),
                ("guard", self.guard, 0 <= self.guard < math.inf, "at least 0"),
                ("day_share", self.day_share, 0 < self.day_share < math.inf, "above 0"),
                ("icc", self.icc, 0 < self.icc < 1, "between 0 and 1"),
                ("icc_days", self.icc_days, 0 < self.icc_days < math.inf, "above 0"),
                ("recover_days", self.recover_days, 1 < self.recover_days < math.inf, "above 1"),
                ("target", self.target, self.target is None or 0 < self.target < 1, "between 0 and 1"),
                ("unit", self.unit, 0 < self.unit < math.inf, "above 0"),
            )
            if not fine
        ]
        if wrong:
            raise ValueError("; ".join(wrong))

    @property
    def drops(self) -> tuple[float, ...]:
        """d_j: the drops that are looked for."""
        return _drops(self.smallest_drop)

    @property
    def alarm_evidence(self) -> float:
        """The evidence an alert needs: ln A."""
        return math.log(self.false_alarm_days)

    @property
    def day_cap(self) -> float:
        """The most evidence that one day may bring."""
        return self.day_share * self.alarm_evidence


RuleOn = Callable[[int], Rule]
"""The rule valid on a day (an ordinal): settings are dated."""


@dataclass(frozen=True, slots=True)
class Day:
    """Totals of one reporting day: `satisfied` is the sum of each sheet's share of satisfied criteria."""

    day: int
    responses: float
    satisfied: float

    def __post_init__(self) -> None:
        if not 0 < self.responses < math.inf:
            raise ValueError(f"a reporting day has responses, day {self.day} has {self.responses!r}")
        if not 0 <= self.satisfied <= self.responses:
            raise ValueError(f"day {self.day}: satisfied {self.satisfied!r} of {self.responses!r} responses")

    @classmethod
    def from_cells(cls, day: int, cells: Mapping[tuple[int, int], int]) -> Self:
        """From the tally's cells: (k satisfied of m answered) -> sheets.

        Summed exactly and rounded once, so that neither order nor sharding of the sheets shows.
        """
        whole = math.lcm(*(m for _, m in cells))
        satisfied = sum(k * sheets * (whole // m) for (k, m), sheets in cells.items())
        return cls(day, sum(cells.values()), satisfied / whole)

    @property
    def mean(self) -> float:
        """The mean share per sheet."""
        return self.satisfied / self.responses


@dataclass(frozen=True, slots=True)
class Stretch:
    """Totals of the reporting days since a run began; `weight` = sum of w, the effective number of sheets."""

    since: int
    responses: float
    satisfied: float
    weight: float


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What speaks for one drop: ln(1 + R), the run's sum C, and the run itself (None while C is 0)."""

    log_odds: float = 0.0
    cusum: float = 0.0
    run: Stretch | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """A raised alert: its drop j*, the evidence that opened it, and what speaks for recovery (V).

    `weight`, `satisfied`: W and S of the days since it was opened alone, for the day that they are declared normal.
    """

    opened: int
    drop_index: int
    evidence: float
    confirmed: int | None = None
    recovery: float = 0.0
    run: Stretch | None = None
    weight: float = 0.0
    satisfied: float = 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A closed day that waits to be learnt: w, s/n and N."""

    weight: float
    mean: float
    tosses: float


@dataclass(frozen=True, slots=True)
class Detector:
    """The whole state of one agency, method and rule. `Detector()` has seen nothing."""

    weight: float = 0.0  # W
    satisfied: float = 0.0  # S
    icc_weight: float = 0.0  # Q
    icc_sum: float = 0.0  # Z
    responses: float = 0
    days: int = 0
    last_closed: int | None = None
    suspicions: tuple[Suspicion, ...] = (Suspicion(),) * DROPS
    queue: tuple[Waiting, ...] = ()
    alert: Alert | None = None

    def __hash__(self) -> int:
        """Of what differs from day to day; the whole state is a hundred numbers."""
        return hash((self.weight, self.satisfied, self.responses, self.last_closed))

    def to_state(self) -> dict[str, Any]:
        """Plain JSON values; Python's JSON keeps every float exactly, and all of them are finite."""
        return {
            "level": [self.weight, self.satisfied, self.icc_weight, self.icc_sum],
            "closed": [self.responses, self.days, self.last_closed],
            "suspicions": [[one.log_odds, one.cusum, _stretch_state(one.run)] for one in self.suspicions],
            "queue": [list(astuple(day)) for day in self.queue],
            "alert": asdict(self.alert) | {"run": _stretch_state(self.alert.run)} if self.alert else None,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The inverse of `to_state`."""
        weight, satisfied, icc_weight, icc_sum = state["level"]
        responses, days, last_closed = state["closed"]
        suspicions, alert = state["suspicions"], state["alert"]
        return cls(
            weight=weight,
            satisfied=satisfied,
            icc_weight=icc_weight,
            icc_sum=icc_sum,
            responses=responses,
            days=days,
            last_closed=last_closed,
            suspicions=tuple(Suspicion(odds, cusum, _stretch(run)) for odds, cusum, run in suspicions),
            queue=tuple(Waiting(*day) for day in state["queue"]),
            alert=Alert(**(alert | {"run": _stretch(alert["run"])})) if alert else None,
        )


def _stretch_state(stretch: Stretch | None) -> list[float] | None:
    return list(astuple(stretch)) if stretch else None


def _stretch(state: Sequence[Any] | None) -> Stretch | None:
    return Stretch(*state) if state else None


@dataclass(frozen=True, slots=True)
class Fact:
    """What is recorded of a change of state, and enough to fold it again; `opened` names the alert.

    `number` counts the reminders of an alert.
    """

    kind: Kind
    day: int
    opened: int
    drop_index: int
    evidence: float
    number: int = field(default=1, kw_only=True)


@dataclass(frozen=True, slots=True)
class Ending:
    """A person's decision that an alert is over once `day` is; `opened` names the alert.

    "closed" leaves the level as it was before the alert; by "new-normal" the days since take its place.
    """

    kind: Literal["closed", "new-normal"]
    day: int
    opened: int


Recorded = Fact | Ending
"""What folding history again adopts."""


@dataclass(frozen=True, slots=True)
class Transition(Fact):
    """A change of state with what a leader is told.

    `evidence`: E of the judgement (for "recovered": V); e to that power are the odds.
    `since`: about when the level `after` began. `before_interval`: 95 % on the learnt weight, None against a
    target. `after_interval`: z = 3, "provisional"; 95 % where it is said how an alert stands. `rule`: the settings in
    force.
    """

    since: int
    before: float
    before_interval: Interval | None
    after: float
    after_interval: Interval
    responses: float
    rule: Rule


@dataclass(frozen=True, slots=True)
class Level:
    """Where a detector stands: normal mu, reference, learnt icc (rho), and how far warm-up is.

    `normal` and `reference` are None before the first day is learnt.
    """

    normal: float | None
    reference: float | None
    icc: float
    phase: Phase
    closed_responses: float
    closed_days: int


def level(rule: Rule, detector: Detector) -> Level:
    """Where the detector stands before the open day."""
    footing = _footing(rule, detector)
    return Level(
        normal=footing.normal if footing else None,
        reference=footing.reference if footing else None,
        icc=_icc(rule, detector),
        phase=_phase(rule, detector),
        closed_responses=detector.responses,
        closed_days=detector.days,
    )


def judge(rule: Rule, detector: Detector, day: Day) -> tuple[Detector, Transition | None]:
    """Look at the totals so far of an open day, any number of times: one event at most each time."""
    _refuse_closed(detector, day)
    footing = _footing(rule, detector)
    if footing is None or _phase(rule, detector) in ("warming", "confirmed"):
        return detector, None
    alert = detector.alert
    needed = rule.alarm_evidence if alert is None else math.log(rule.confirm_factor * rule.false_alarm_days)
    held = _log_sum_exp([one.log_odds for one in detector.suspicions]) - math.log(DROPS)
    if held + rule.day_cap < needed - _ROUNDING:
        return detector, None  # whatever the day says: it may bring no more than its cap
    gains = _capped(rule, _likelihoods(rule, footing, day))
    terms = [one.log_odds + gain for one, gain in zip(detector.suspicions, gains, strict=True)]
    evidence = _log_sum_exp(terms) - math.log(DROPS)
    if evidence <= needed:
        return detector, None
    kind: Kind = "possible" if alert is None else "confirmed"
    opened, drop_index = (day.day, terms.index(max(terms))) if alert is None else (alert.opened, alert.drop_index)
    fact = Fact(kind, day.day, opened, drop_index, evidence)
    run = _prolonged(detector.suspicions[drop_index].run, day, _weight(rule, footing.icc, day))
    return adopt(detector, fact), _told(fact, rule, detector, footing, run)


def close(rule: Rule, detector: Detector, day: Day) -> tuple[Detector, Transition | None]:
    """End a reporting day on its full totals: evening, recover, learn."""
    _refuse_closed(detector, day)
    evening = _evening(rule, detector, day)
    alert, footing = evening.alert, _footing(rule, detector)
    if alert and alert.run and footing and alert.recovery > math.log(rule.recover_days):
        regained = alert.run.satisfied / alert.run.responses
        if regained > footing.reference - rule.smallest_drop:
            fact = Fact("recovered", day.day, alert.opened, alert.drop_index, alert.recovery)
            return _counted(adopt(evening, fact), day), _told(fact, rule, detector, footing, alert.run)
    return _counted(_learnt(rule, evening, day), day), None


def measure(rule: Rule, detector: Detector, fact: Fact, days: Sequence[Day]) -> Transition | None:
    """How an open alert stands, by `days` after its opening; None without days.

    They did not raise the alert, so nothing chose them for being low: an ordinary 95 % interval holds.
    """
    footing, run = _footing(rule, detector), None
    for day in days:
        run = _prolonged(run, day, _weight(rule, _icc(rule, detector), day))
    if footing is None or run is None:
        return None
    return _told(fact, rule, detector, footing, run, z=_BEFORE_Z)


def adopt(detector: Detector, fact: Recorded) -> Detector:
    """Take over what was decided before, exactly as deciding it now would leave the state.

    Adopting twice is adopting once; what is said of an alert that is not open changes nothing.
    """
    alert = detector.alert
    if isinstance(fact, Fact) and fact.kind == "possible":
        if alert and alert.opened == fact.opened:
            return detector
        return replace(detector, queue=(), alert=Alert(fact.opened, fact.drop_index, fact.evidence))
    if alert is None or alert.opened != fact.opened or fact.kind in ("follow-up", "reminder"):
        return detector
    if fact.kind == "confirmed":
        return replace(detector, alert=replace(alert, confirmed=fact.day))
    over = replace(detector, suspicions=Detector().suspicions, alert=None)
    if fact.kind == "new-normal" and alert.weight > 0:
        return replace(over, weight=alert.weight, satisfied=alert.satisfied)
    return over


def close_recorded(rule: Rule, detector: Detector, day: Day, facts: Iterable[Recorded] = ()) -> Detector:
    """End a day again as the record has it: its facts stand, whatever its totals say now; none are added."""
    _refuse_closed(detector, day)
    due = _due(detector, facts, day.day)
    detector = _adopted(detector, due, day.day)
    evening = [fact for fact in due if _is_evening_of(fact, detector, day.day)]
    if not any(fact.kind == "recovered" for fact in evening):
        detector = _learnt(rule, _evening(rule, detector, day), day)
    for fact in evening:
        detector = adopt(detector, fact)
    return _counted(detector, day)


def decided(detector: Detector, facts: Iterable[Recorded]) -> bool:
    """Whether a person has ended the open alert, now or for a day to come: nothing more is said of it."""
    alert = detector.alert
    return alert is not None and any(isinstance(one, Ending) and one.opened == alert.opened for one in facts)


def recorded_since(detector: Detector, facts: Sequence[Recorded]) -> bool:
    """Whether anything is recorded of days that are not closed."""
    closed = detector.last_closed
    return any(closed is None or fact.day > closed for fact in facts) or decided(detector, facts)


def refold(
    rule_on: RuleOn, days: Iterable[Day], facts: Sequence[Recorded] = (), detector: Detector | None = None
) -> Detector:
    """Fold closed days silently: recorded alerts open, are confirmed, recover and are ended as recorded."""
    state = detector or Detector()
    for day in days:
        state = close_recorded(rule_on(day.day), state, day, facts)
    return state


def settle(
    rule_on: RuleOn, days: Iterable[Day], facts: Sequence[Recorded] = (), detector: Detector | None = None
) -> tuple[Detector, tuple[Transition, ...]]:
    """Judge days a last time on their full totals and close them; recorded alerts are not decided again."""
    state, found = detector or Detector(), list[Transition]()
    for day in days:
        rule, due = rule_on(day.day), _due(state, facts, day.day)
        begun = _adopted(state, due, day.day)
        if decided(begun, facts) or any(_is_evening_of(fact, begun, day.day) for fact in due):
            state = close_recorded(rule, state, day, due)
            continue
        state, raised = _judged_forward(rule, begun, day, facts)
        state, recovered = close(rule, state, day)
        found += [transition for transition in (raised, recovered) if transition]
    return state, tuple(found)


def watch(
    rule_on: RuleOn, days: Sequence[Day], facts: Sequence[Recorded] = (), detector: Detector | None = None
) -> tuple[Detector, tuple[Transition, ...]]:
    """Judge open days in order, on a copy: keep the transitions, not the state, for answers may still come.

    "Recovered" waits for the real end of its day, because a copy's evening may still change.
    The state that is returned is the copy's, before the last day is closed.
    """
    state, found = detector or Detector(), list[Transition]()
    recorded = recorded_since(state, facts)
    for number, day in enumerate(days, start=1):
        rule = rule_on(day.day)
        if number < len(days) and not recorded:
            state, raised = _looked_at(rule, state, day)
        else:
            due = _due(state, facts, day.day)
            state, raised = _judged_forward(rule, _adopted(state, due, day.day), day, facts)
            if number < len(days):
                state = close_recorded(rule, state, day, due)
        found += [raised] if raised else []
    return state, tuple(found)


# with each answer of today the open days before it are looked at again, and nothing about them has changed
@lru_cache(maxsize=32_768)
def _looked_at(rule: Rule, detector: Detector, day: Day) -> tuple[Detector, Transition | None]:
    """An open day of which nothing is recorded, judged and closed on a copy."""
    state, raised = judge(rule, detector, day)
    return close_recorded(rule, state, day), raised


def fold(
    rule_on: RuleOn, days: Sequence[Day], facts: Sequence[Recorded] = (), detector: Detector | None = None
) -> tuple[Detector, tuple[Transition, ...]]:
    """A whole history without grace: each day judged once and closed by the next; the last one stays open."""
    state, settled = settle(rule_on, days[:-1], facts, detector)
    state, open_now = watch(rule_on, days[-1:], facts, state)
    return state, settled + open_now


def wilson(share: float, weight: float, z: float) -> Interval:
    """Wilson's score interval for a share seen on `weight` effective answers."""
    share = _clip(share, 0.0, 1.0)
    centre = share + z * z / (2 * weight)
    half = z * math.sqrt(share * (1 - share) / weight + (z / (2 * weight)) ** 2)
    scale = 1 + z * z / weight
    # rounding must not put the share outside its own interval
    return max(min((centre - half) / scale, share), 0.0), min(max((centre + half) / scale, share), 1.0)


@dataclass(frozen=True, slots=True)
class _Footing:
    normal: float
    reference: float
    icc: float


def _footing(rule: Rule, detector: Detector) -> _Footing | None:
    icc = _icc(rule, detector)
    if rule.target is not None:
        return _Footing(rule.target, _clip(rule.target, 0.10, 0.985), icc)
    if detector.weight <= 0:
        return None
    normal = detector.satisfied / detector.weight
    doubt = rule.guard * math.sqrt(max(normal * (1 - normal), 0.02) / max(detector.weight, 1.0))
    return _Footing(normal, _clip(normal - doubt, 0.10, 0.985), icc)


def _phase(rule: Rule, detector: Detector) -> Phase:
    if detector.alert:
        return "possible" if detector.alert.confirmed is None else "confirmed"
    return "normal" if _warm(rule, detector) else "warming"


def _warm(rule: Rule, detector: Detector) -> bool:
    if rule.target is not None:
        return True
    enough = detector.responses >= rule.warmup_responses and detector.days >= rule.warmup_days
    # A detector that followed a target may have closed enough days while all of them still wait to be learnt.
    return enough and detector.weight > 0


def _icc(rule: Rule, detector: Detector) -> float:
    learnt = (rule.icc * rule.icc_days + detector.icc_sum) / (rule.icc_days + detector.icc_weight)
    return _clip(learnt, 0.003, 0.25)


def _weight(rule: Rule, icc: float, day: Day) -> float:
    """How many independent tosses a day is worth: w."""
    tosses = rule.unit * day.responses
    return tosses / (1 + (tosses - 1) * icc) if tosses > 1 else tosses


def _likelihoods(rule: Rule, footing: _Footing, day: Day) -> tuple[float, ...]:
    """l_j, uncapped: ln of how much likelier the day is at ref - d_j than at ref (beta-binomial)."""
    hits = rule.unit * day.satisfied  # K
    misses = rule.unit * day.responses - hits  # F
    # lnB(a + K, b + F) - lnB(a, b) without its lgamma(a + b) terms: they are the same for every share
    normal, *fallen = (
        math.lgamma(a + hits) - of_a + math.lgamma(b + misses) - of_b
        for a, of_a, b, of_b in _priors(footing.reference, footing.icc, rule.smallest_drop)
    )
    return tuple(found - normal for found in fallen)


@lru_cache(maxsize=16_384)
def _priors(reference: float, icc: float, smallest_drop: float) -> tuple[tuple[float, float, float, float], ...]:
    """(a, lgamma a, b, lgamma b) of the beta-binomial at the reference, and at each drop below it."""
    spread = 1 / icc - 1  # M
    shares = (reference, *(max(reference - drop, 0.02) for drop in _drops(smallest_drop)))
    both = ((share * spread, (1 - share) * spread) for share in shares)
    return tuple((a, math.lgamma(a), b, math.lgamma(b)) for a, b in both)


def _capped(rule: Rule, likelihoods: tuple[float, ...]) -> tuple[float, ...]:
    cap = rule.day_cap
    return tuple(min(found, cap) for found in likelihoods)


def _evening(rule: Rule, detector: Detector, day: Day) -> Detector:
    footing = _footing(rule, detector)
    if footing is None or not _warm(rule, detector):
        return detector
    found = _likelihoods(rule, footing, day)
    weight = _weight(rule, footing.icc, day)
    alert = detector.alert
    if alert and day.day > alert.opened:
        # Against half the alert's drop: what has come half of the way back is no longer the alert's fall.
        recovery = alert.recovery - found[max(alert.drop_index - 1, 0)]
        alert = (
            replace(alert, recovery=recovery, run=_prolonged(alert.run, day, weight))
            if recovery > 0
            else replace(alert, recovery=0.0, run=None)
        )
    suspicions = tuple(
        _grown(one, gain, day, weight) for one, gain in zip(detector.suspicions, _capped(rule, found), strict=True)
    )
    return replace(detector, suspicions=suspicions, alert=alert)


def _grown(one: Suspicion, gain: float, day: Day, weight: float) -> Suspicion:
    cusum = max(0.0, one.cusum + gain)
    run = _prolonged(one.run, day, weight) if cusum > 0 else None
    return Suspicion(_log_one_plus_exp(one.log_odds + gain), cusum, run)


def _prolonged(run: Stretch | None, day: Day, weight: float) -> Stretch:
    if run is None:
        return Stretch(day.day, day.responses, day.satisfied, weight)
    return Stretch(run.since, run.responses + day.responses, run.satisfied + day.satisfied, run.weight + weight)


def _learnt(rule: Rule, detector: Detector, day: Day) -> Detector:
    """With a delay and never during an alert, so that a fall cannot become normal before it is seen."""
    if detector.alert:
        return replace(detector, alert=_with_level(rule, detector, detector.alert, day))
    today = Waiting(_weight(rule, _icc(rule, detector), day), day.mean, rule.unit * day.responses)
    if not _warm(rule, detector):
        return _learnt_day(rule, detector, today)
    queue = (*detector.queue, today)
    if len(queue) <= rule.lag:
        return replace(detector, queue=queue)
    return _learnt_day(rule, replace(detector, queue=queue[1:]), queue[0])


def _with_level(rule: Rule, detector: Detector, alert: Alert, day: Day) -> Alert:
    fade, weight = 2 ** (-1 / rule.half_life), _weight(rule, _icc(rule, detector), day)
    return replace(alert, weight=alert.weight * fade + weight, satisfied=alert.satisfied * fade + weight * day.mean)


def _learnt_day(rule: Rule, detector: Detector, day: Waiting) -> Detector:
    fade = 2 ** (-1 / rule.half_life)
    icc_weight, icc_sum = detector.icc_weight, detector.icc_sum
    if day.tosses > 1 and detector.weight > 0:
        # A target says nothing about how days vary: the agency's own mean does, for the companion too.
        mean = detector.satisfied / detector.weight
        clustering = (day.tosses - 1) * rule.icc
        informed = (clustering / (1 + clustering)) ** 2  # o
        excess = (day.mean - mean) ** 2 * day.tosses / max(mean * (1 - mean), 0.02) - 1
        seen = min(excess / (day.tosses - 1), 10 * rule.icc)  # z
        icc_weight, icc_sum = icc_weight * fade + informed, icc_sum * fade + informed * seen
    return replace(
        detector,
        weight=detector.weight * fade + day.weight,
        satisfied=detector.satisfied * fade + day.weight * day.mean,
        icc_weight=icc_weight,
        icc_sum=icc_sum,
    )


def _counted(detector: Detector, day: Day) -> Detector:
    """Last of all: the day that completes warm-up is itself not judged."""
    return replace(
        detector,
        responses=detector.responses + day.responses,
        days=detector.days + 1,
        last_closed=day.day,
    )


def _told(
    fact: Fact, rule: Rule, detector: Detector, footing: _Footing, run: Stretch, *, z: float = _AFTER_Z
) -> Transition:
    after = run.satisfied / run.responses
    learnt = None if rule.target is not None else wilson(footing.normal, detector.weight, _BEFORE_Z)
    return Transition(
        **asdict(fact),
        since=run.since,
        before=footing.normal,
        before_interval=learnt,
        after=after,
        after_interval=wilson(after, run.weight, z),
        responses=run.responses,
        rule=rule,
    )


def _due(detector: Detector, facts: Iterable[Recorded], day: int) -> list[Recorded]:
    """Facts since the last closed day, in order: those of a day that has lost all its sheets are kept too.

    An ending that became known too late for its day is due at once.
    """
    closed, alert = detector.last_closed, detector.alert
    due = [
        fact
        for fact in facts
        if fact.day <= day
        and (
            closed is None
            or fact.day > closed
            or (isinstance(fact, Ending) and alert is not None and alert.opened == fact.opened)
        )
    ]
    return sorted(due, key=lambda fact: (fact.day, _KIND_ORDER[fact.kind]))


def _judged_forward(
    rule: Rule, detector: Detector, day: Day, facts: Sequence[Recorded]
) -> tuple[Detector, Transition | None]:
    """A fall that a later open day has raised is not raised again by late answers to an earlier one."""
    raised_later = any(isinstance(fact, Fact) and fact.day > day.day for fact in facts)
    return (detector, None) if raised_later or decided(detector, facts) else judge(rule, detector, day)


def _is_evening_of(fact: Recorded, detector: Detector, day: int) -> bool:
    """Whether that day's evening ended the open alert by it."""
    alert = detector.alert
    ends = fact.kind in ("recovered", "closed", "new-normal") and fact.day == day
    return ends and alert is not None and alert.opened == fact.opened


def _adopted(detector: Detector, due: Iterable[Recorded], day: int) -> Detector:
    """All that was decided before the evening of that day."""
    for fact in due:
        if not _is_evening_of(fact, detector, day):
            detector = adopt(detector, fact)
    return detector


def _refuse_closed(detector: Detector, day: Day) -> None:
    if detector.last_closed is not None and day.day <= detector.last_closed:
        raise ValueError(f"day {day.day} is closed already (the newest closed day is {detector.last_closed})")


def _drops(smallest_drop: float) -> tuple[float, ...]:
    return tuple(2**j * smallest_drop for j in range(DROPS))


def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _log_sum_exp(terms: Sequence[float]) -> float:
    top = max(terms)
    return top + math.log(sum(math.exp(term - top) for term in terms))


def _log_one_plus_exp(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))
