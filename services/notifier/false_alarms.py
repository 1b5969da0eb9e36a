"""How many alerts chance alone raises: what the rule promises, and what it was measured to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

MEASURED = (0.3, 0.95)
"""Measured false alarms over promised ones: the lowest and the highest of two simulations of twelve mixes of answers a
day and level, bench/fleet.py and the one in which the rule was chosen (docs/drop-rule.md, "The promise").
"""

SATURDAY = 5


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """A number of alerts to expect: `most` by the rule's promise, between `low` and `high` as measured."""

    most: float

    @property
    def low(self) -> float:
        return self.most * MEASURED[0]

    @property
    def high(self) -> float:
        return self.most * MEASURED[1]

    def __add__(self, other: Self) -> FalseAlarms:
        return FalseAlarms(self.most + other.most)

    def times(self, factor: float) -> FalseAlarms:
        """As many for another number of agencies or days."""
        return FalseAlarms(self.most * factor)


def expected_false_alarms(reporting_days: float, false_alarm_days: float) -> FalseAlarms:
    """Of one agency, where nothing falls.

    The evidence less the number of days is a supermartingale, so the mean time to a false alarm is at least
    `false_alarm_days` *reporting* days (docs/drop-rule.md, "The promise"): at most days / A. With several rules,
    agencies or settings the numbers add up, whether or not they depend on each other.
    """
    return FalseAlarms(reporting_days / false_alarm_days)


def working_days(first: date, last: date, holidays: Iterable[date]) -> list[date]:
    """Monday to Friday without public holidays, both days included."""
    free = set(holidays)
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in days if day.weekday() < SATURDAY and day not in free]
