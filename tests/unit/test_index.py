"""The index: exact, rounded once, with an interval that holds what it promises (in full: bench/coverage.py)."""

import json
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sipas.index import AGGREGATIONS, Index, index_of, interval, percent, rounded
from sipas.precision import precision, wilson
from sipas.tally import Tally
from tests.simulated_periods import simulated_days
from tests.unit.worked_examples import V3


@dataclass(frozen=True)
class Scoring:
    aggregation: str = "pooled"
    id: str = "made-up@1"

    @property
    def factor_of(self):
        return FactorByPrefix()


class FactorByPrefix(dict):
    """STAFF_2 belongs to STAFF."""

    def __missing__(self, code):
        return code.partition("_")[0]


def counts(**criteria):
    """Make a tally of levels n1..n5 per criterion, as the worked examples write them."""
    return Tally(counts={code: (0, *levels) for code, levels in criteria.items()})


def sheets(cells):
    return Tally(responses=sum(cells.values()), cells=cells)


def shown(tally, aggregation="pooled"):
    value = percent(tally, Scoring(aggregation))
    return None if value is None else str(rounded(value))


# --- the percentage: the worked examples of docs/method.md ---------------------------------------------------------

UNEQUAL = counts(A=(1, 1, 8, 60, 30), B=(0, 2, 8, 20, 10))
TWENTY_TWO = counts(**{f"{factor}_{n}": levels for factor, rows in V3.items() for n, levels in enumerate(rows, 1)})


@pytest.mark.parametrize(
    ("tally", "aggregation", "expected"),
    [
        pytest.param(counts(A=(2, 3, 15, 50, 30)), "pooled", "80.00", id="one criterion: a share, not the mean 4.03"),
        pytest.param(UNEQUAL, "pooled", "85.71", id="unequal answers, pooled"),
        pytest.param(UNEQUAL, "mean_of_criteria", "82.50", id="unequal answers, mean of criteria"),
        pytest.param(TWENTY_TWO, "pooled", "87.46", id="22 criteria, pooled"),
        pytest.param(TWENTY_TWO, "mean_of_criteria", "83.22", id="22 criteria, mean of criteria"),
        pytest.param(TWENTY_TWO, "mean_of_factors", "82.86", id="22 criteria, mean of factors"),
        pytest.param(counts(A=(0, 0, 767, 33, 0)), "pooled", "4.13", id="4.125 rounds half up"),
        pytest.param(counts(A=(1, 0, 0, 2, 0)), "pooled", "66.67", id="two thirds"),
        pytest.param(counts(A=(0, 0, 0, 0, 0)), "pooled", None, id="nobody answered: null, never 0"),
        pytest.param(counts(A=(3, 0, 0, 0, 0)), "pooled", "0.00", id="nobody satisfied is 0"),
        pytest.param(Tally(counts={"A": (7, 0, 0, 1, 1, 0)}), "pooled", "50.00", id="null leaves the denominator"),
        pytest.param(
            Tally(counts={"A": (0, 0, 0, 0, 1, 0), "B": (9, 0, 0, 0, 0, 0)}),
            "mean_of_criteria",
            "100.00",
            id="a criterion without an answer leaves the mean",
        ),
        pytest.param(
            sum([counts(A=(0, 0, 10, 90, 0)), counts(A=(0, 0, 100, 300, 0)), counts(A=(0, 11, 0, 9, 0))], Tally.EMPTY),
            "pooled",
            "76.73",
            id="a province adds up counts, not percentages",
        ),
    ],
)
def test_worked_example(tally, aggregation, expected):
    assert shown(tally, aggregation) == expected


@pytest.mark.parametrize(
    ("factor", "expected"),
    [("ACCESS", "87.92"), ("PROC", "86.50"), ("STAFF", "91.53"), ("RESULT", "95.83"), ("FEEDBACK", "52.50")],
)
def test_worked_example_of_a_factor(factor, expected):
    only = {code: levels for code, levels in TWENTY_TWO.counts.items() if code.startswith(factor)}
    assert shown(Tally(counts=only)) == expected


@pytest.mark.parametrize(
    ("achieved", "of", "expected"),
    [(7420, 9700, "76.49"), (9376, 9500, "98.69"), (9395, 9861, "95.27"), (10169, 10000, "101.69")],
)
def test_a_ratio_of_points_is_rounded_and_not_clamped(achieved, of, expected):
    assert str(rounded(Fraction(100 * achieved, of))) == expected


levels = st.tuples(*[st.integers(0, 50)] * 6)
counted = st.dictionaries(st.sampled_from(["A_1", "A_2", "B_1", "C_1"]), levels).map(lambda c: Tally(counts=c))


@given(counted, st.sampled_from(AGGREGATIONS))
def test_the_index_is_within_0_and_100_or_absent(tally, aggregation):
    value = percent(tally, Scoring(aggregation))
    assert (value is None) == (tally.answers == 0)
    assert value is None or 0 <= value <= 100


@given(counted)
def test_pooled_is_the_share_of_satisfied_answers(tally):
    assume(tally.answers)
    assert percent(tally, Scoring()) == Fraction(100 * tally.satisfied, tally.answers)


@given(counted, counted)
def test_a_merged_pooled_index_lies_between_its_parts(one, other):
    assume(one.answers and other.answers)
    low, high = sorted([percent(one, Scoring()), percent(other, Scoring())])
    assert low <= percent(one + other, Scoring()) <= high


@given(st.fractions(0, 100))
def test_rounding_moves_by_half_a_hundredth_at_most(value):
    assert abs(Fraction(rounded(value)) - value) <= Fraction(1, 200)


# --- the interval --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("satisfied", "of", "low", "high"),
    [(160, 200, 73.91, 84.95), (27, 30, 74.38, 96.54), (4, 5, 37.55, 96.38)],
)
def test_wilson_of_independent_answers(satisfied, of, low, high):
    assert [round(100 * bound, 2) for bound in wilson(satisfied / of, of)] == [low, high]


def published(share, size):
    return tuple(rounded(100 * Fraction(bound)) for bound in wilson(share, size))


def test_one_question_per_sheet_is_nearly_a_plain_sample():
    """The ratio estimator's factor n/(n-1) makes 200 yes/no sheets worth 199."""
    assert interval(sheets({(1, 1): 160, (0, 1): 40})) == published(0.8, 199)


def test_five_equal_answers_of_a_person_count_as_one():
    assert interval(sheets({(5, 5): 160, (0, 5): 40})) == published(0.8, 199)


@pytest.mark.parametrize(
    "cells", [{(4, 5): 200}, {(4, 5): 198, (3, 5): 1, (5, 5): 1}], ids=["all the same", "nearly all the same"]
)
def test_sheets_that_agree_are_worth_their_answers_and_not_more(cells):
    assert interval(sheets(cells)) == published(0.8, 1000)


@pytest.mark.parametrize(("satisfied", "share"), [(5, 1.0), (0, 0.0)], ids=["everyone", "no one"])
def test_where_sheets_show_no_variance_each_counts_once(satisfied, share):
    assert interval(sheets({(satisfied, 5): 200})) == published(share, 200)


def test_one_sheet_is_worth_one_answer():
    assert interval(sheets({(4, 5): 1})) == published(0.8, 1)


def test_nobody_answered_gives_no_interval():
    assert interval(Tally.EMPTY) is None
    assert interval(Tally(excluded=4)) is None


def in_days(*days):
    return {date(2026, 11, 1) + timedelta(days=number): sheets(cells) for number, cells in enumerate(days)}


def merged(days):
    return sum(days.values(), Tally.EMPTY)


BAD, GOOD = {(0, 1): 20}, {(1, 1): 20}


def test_days_that_differ_make_the_interval_wider():
    days = in_days(*[BAD, GOOD] * 5)
    worth = 9 * (1.959964 / 2.262157) ** 2  # ten days as bad or good as a coin: D - 1, known no better than t allows
    assert interval(merged(days), days) == published(0.5, worth)


def test_nine_days_are_too_few_for_a_day_effect():
    days = in_days(*[BAD, GOOD] * 4, GOOD)
    assert interval(merged(days), days) == interval(merged(days))


def test_days_without_an_answer_are_not_days():
    days = in_days(*[BAD, GOOD] * 4, GOOD, {})
    assert interval(merged(days), days) == interval(merged(days))


def test_days_that_are_alike_by_chance_do_not_narrow_it():
    days = in_days(*[{(5, 5): 16, (0, 5): 4}] * 18, {(5, 5): 17, (0, 5): 3}, {(5, 5): 15, (0, 5): 5})
    assert interval(merged(days), days) == interval(merged(days))


cells = st.integers(1, 5).flatmap(lambda m: st.tuples(st.integers(0, m), st.just(m)))
some_sheets = st.dictionaries(cells, st.integers(1, 60), min_size=1, max_size=8).map(sheets)


@given(st.lists(some_sheets, min_size=1, max_size=14))
def test_the_interval_contains_the_index_and_stays_within_0_and_100(tallies):
    days = dict(enumerate(tallies))
    whole = merged(days)
    satisfied = sum(k * n for (k, _), n in whole.cells.items())
    point = rounded(Fraction(100 * satisfied, sum(m * n for (_, m), n in whole.cells.items())))
    low, high = interval(whole, days)
    assert 0 <= low <= point <= high <= 100


@given(some_sheets, st.integers(2, 9))
def test_more_sheets_of_the_same_kind_narrow_it(tally, times):
    low, high = interval(tally)
    lower, higher = interval(sum([tally] * times, Tally.EMPTY))
    assert higher - lower < high - low


@given(st.lists(some_sheets, min_size=1, max_size=14))
def test_knowing_the_days_never_narrows_it(tallies):
    days = dict(enumerate(tallies))
    low, high = interval(merged(days))
    lower, higher = interval(merged(days), days)
    assert lower <= low <= high <= higher


@given(some_sheets)
def test_it_mirrors_when_satisfied_and_not_are_exchanged(tally):
    mirrored = sheets({(m - k, m): n for (k, m), n in tally.cells.items()})
    low, high = interval(tally)
    assert [float(bound) for bound in interval(mirrored)] == pytest.approx(
        [float(100 - high), float(100 - low)], abs=0.011
    )


def covered(rounds, *, share=0.85, days, sheets, day_icc, criteria=5, by_day=True):
    """Give the share of simulated periods whose interval contains the truth."""
    random = Random(2640)
    inside = 0
    for _ in range(rounds):
        drawn = simulated_days(random, share, days, sheets, day_icc, criteria)
        low, high = precision(merged(drawn), drawn if by_day else None).bounds()
        inside += low <= share <= high
    return inside / rounds


@pytest.mark.parametrize(
    "period",
    [
        pytest.param({"days": 20, "sheets": 50, "day_icc": 0.01}, id="few sheets"),
        pytest.param({"days": 20, "sheets": 200, "day_icc": 0.05}, id="days that differ much"),
        pytest.param({"days": 60, "sheets": 200, "day_icc": 0.02, "share": 0.95}, id="few dissatisfied"),
        pytest.param({"days": 20, "sheets": 200, "day_icc": 0.02, "criteria": 22}, id="22 questions"),
    ],
)
def test_95_percent_intervals_cover_the_truth_in_95_percent_of_periods(period):
    """800 rounds know it within 1.5 points."""
    assert 0.935 <= covered(800, **period) <= 0.97


def test_without_the_days_they_would_not():
    """The day effect is needed: the same thousand sheets, as if days were alike."""
    assert covered(200, days=20, sheets=1000, day_icc=0.02, by_day=False) < 0.85


# --- the object of the read API ------------------------------------------------------------------------------------

SHEETS = Tally(2, 1, {"A": (0, 0, 0, 1, 1, 0), "B": (1, 0, 0, 0, 0, 1)}, {(2, 2): 1, (0, 1): 1})
HANOI = timezone(timedelta(hours=7))


def an_index(tally=SHEETS, aggregation="pooled", as_of=datetime(2026, 11, 22, 10, 15, tzinfo=HANOI)):
    return index_of(tally, agency="so-noi-vu", method=Scoring(aggregation), period="2026-11", as_of=as_of)


def test_an_index_is_json_with_its_integers_beside_the_percentage():
    low, high = (float(bound) for bound in interval(SHEETS))
    assert json.loads(json.dumps(an_index().as_json())) == {
        "agency": "so-noi-vu",
        "method": "made-up@1",
        "aggregation": "pooled",
        "period": "2026-11",
        "percent": 66.67,
        "responses": 2,
        "answers": 3,
        "satisfied": 2,
        "interval": [low, high],
        "excluded": 1,
        "as_of": "2026-11-22T03:15:00Z",
        "rebuilding": False,
    }


def test_no_part_of_an_index_is_missing_from_its_json():
    """But `precision`, from which the interval is made."""
    assert [*an_index().as_json(), "precision"] == [field.name for field in fields(Index)]


def test_an_index_of_nothing_is_null_and_not_zero():
    nothing = an_index(Tally.EMPTY, as_of=None)
    assert (nothing.percent, nothing.interval, nothing.as_json()["as_of"]) == (None, None, None)


def test_an_index_that_is_not_pooled_has_no_interval():
    """Cells do not tell criteria apart, so there would be nothing to compute it from."""
    assert an_index(aggregation="mean_of_criteria").percent == Decimal("75.00")
    assert an_index(aggregation="mean_of_criteria").interval is None


def test_as_of_is_told_in_utc():
    assert an_index(as_of=datetime(2026, 11, 22, 3, 15, tzinfo=UTC)) == an_index()
