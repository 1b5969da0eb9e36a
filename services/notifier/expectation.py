"""False alarms to expect of a whole registry. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from services.notifier.false_alarms import FalseAlarms, expected_false_alarms
from services.notifier.judge import Scope
from services.notifier.rules import rules_of
from sipas.registry import Registry


@dataclass(frozen=True, slots=True)
class Expectation:
    """Of one method: its agencies, how many have a target, A on the first day, and the alerts by each rule."""

    method: str
    agencies: int
    with_target: int
    false_alarm_days: float
    drop: FalseAlarms
    target: FalseAlarms

    def times(self, factor: float) -> Expectation:
        """For another number of days."""
        return replace(self, drop=self.drop.times(factor), target=self.target.times(factor))


def expectations(registry: Registry, days: Sequence[date]) -> list[Expectation]:
    """By method in use, if every agency has answers on all these days. `registry` must hold the whole history.

    A target's rule is promised the same where the level is just at the target; above it, it raises less. Where both
    rules fire for one fall leaders get one message, so the two numbers are not added up.
    """
    return [_expectation(registry, method, sorted(agencies), days) for method, agencies in sorted(_in_use(registry))]


def _in_use(registry: Registry) -> Iterable[tuple[str, set[str]]]:
    """Each method with the agencies that an active counter can be asked about by it."""
    found: dict[str, set[str]] = {}
    for counter in registry.counters.values():
        if counter.status == "active":
            found.setdefault(counter.method, set()).update(
                agency
                for agency in counter.agencies
                if (known := registry.agency(agency)) is not None and known.status == "active"
            )
    return [(method, agencies) for method, agencies in found.items() if agencies]


def _expectation(registry: Registry, method: str, agencies: Sequence[str], days: Sequence[date]) -> Expectation:
    drop = target = FalseAlarms(0.0)
    with_target = 0
    first = days[0].toordinal()
    # settings are a method's, the same for all its agencies
    settings = rules_of(registry, Scope(agencies[0], method))["drop"]
    dated = [(day, settings(day.toordinal()).false_alarm_days) for day in days]
    for _, false_alarm_days in dated:
        drop += expected_false_alarms(len(agencies), false_alarm_days)
    for agency in agencies:
        aimed = [a for day, a in dated if registry.target_on(agency, method, day) is not None]
        with_target += bool(aimed)
        for false_alarm_days in aimed:
            target += expected_false_alarms(1, false_alarm_days)
    return Expectation(method, len(agencies), with_target, settings(first).false_alarm_days, drop, target)
