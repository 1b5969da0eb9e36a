"""The simulated fleet of bench/fleet.py in small: its days are what it says, and its counts can tell good from bad."""

import math
from itertools import islice
from random import Random
from statistics import fmean, median, pvariance

import pytest

from bench.fleet import BadHour, bad_hour, days_to_find, healthy, reporting_days
from services.notifier.drop_rule import Rule


@pytest.mark.parametrize("icc", [0.015, 0.045])
def test_days_have_the_level_and_the_likeness_that_they_are_drawn_with(icc: float) -> None:
    days = list(islice(reporting_days(Random(1), 100, 0.85, icc, 0), 6000))
    assert fmean(day.mean for day in days) == pytest.approx(0.85, abs=0.004)
    expected = fmean(0.85 * 0.15 * (1 + (day.responses - 1) * icc) / day.responses for day in days)
    assert pvariance(day.mean for day in days) == pytest.approx(expected, rel=0.08)
    assert fmean(day.responses for day in days) == pytest.approx(100, rel=0.02)
    assert {day.day % 7 for day in days} == set(range(5))


def test_a_rule_that_is_asked_for_more_false_alarms_raises_more() -> None:
    eager, calm = (healthy(Rule(false_alarm_days=a), 20, 0.85, agencies=8, years=1) for a in (20, 520))
    assert eager.raised > calm.raised
    assert 0 < eager.a_year <= 260 / 20
    assert eager.days == calm.days


def test_a_fall_of_twenty_points_is_found_before_one_of_five() -> None:
    large, small = (days_to_find(Rule(), 100, drop, falls=9) for drop in (0.20, 0.05))
    assert median(large) <= 5 < median(small)
    assert all(days >= 1 for days in large)
    assert math.isinf(days_to_find(Rule(), 5, 0.0, falls=1)[0])


def test_an_hour_alone_is_told_by_a_rule_without_a_cap_on_the_day_only() -> None:
    hasty = Rule(day_share=5.0, false_alarm_days=2, smallest_drop=0.01)
    assert bad_hour(hasty, 500, rounds=1).alone
    assert bad_hour(Rule(), 500, rounds=3) == BadHour(alone=False, that_day=0, within=0)
