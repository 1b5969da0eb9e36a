"""Changes: in points, with an interval that knows how sure each side is, and never across methods."""

import json
import math
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sipas.comparison import change, difference, unbroken
from sipas.index import index_of
from sipas.precision import Precision
from sipas.tally import Tally


@dataclass(frozen=True)
class Scoring:
    id: str = "made-up@1"
    aggregation: str = "pooled"
    factor_of = None


def yes_no(satisfied, sheets):
    """One question a sheet."""
    level_counts = (0, 0, 0, sheets - satisfied, satisfied, 0)
    return Tally(sheets, 0, {"A": level_counts}, {(1, 1): satisfied, (0, 1): sheets - satisfied})


def an_index(satisfied, sheets, method=Scoring(), tally=None):
    return index_of(tally or yes_no(satisfied, sheets), agency="a", method=method, period="2026-11", as_of=None)


def independent(satisfied, answers):
    return Precision(satisfied, answers, float(answers))


# Newcombe 1998, table II, method 10: the paper's own worked examples.
@pytest.mark.parametrize(
    ("now", "before", "low", "high"),
    [
        pytest.param((56, 70), (48, 80), 0.0524, 0.3339, id="56/70 - 48/80"),
        pytest.param((9, 10), (3, 10), 0.1705, 0.8090, id="9/10 - 3/10"),
        pytest.param((10, 10), (0, 20), 0.6791, 1.0000, id="10/10 - 0/20"),
        pytest.param((10, 10), (0, 10), 0.6075, 1.0000, id="10/10 - 0/10"),
    ],
)
def test_the_interval_is_newcombes(now, before, low, high):
    assert difference(independent(*now), independent(*before)) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("now", "before", "points", "verdict"),
    [
        pytest.param((160, 200), (450, 500), "-10.00", "real", id="ten points on hundreds of sheets"),
        pytest.param((24, 30), (27, 30), "-10.00", "within chance", id="the same ten points on thirty"),
        pytest.param((450, 500), (160, 200), "10.00", "real", id="a rise"),
        pytest.param((450, 500), (450, 500), "0.00", "within chance", id="nothing changed"),
        pytest.param((2, 3), (1, 3), "33.34", "within chance", id="66.67 - 33.33, as the reader subtracts"),
    ],
)
def test_a_change_in_points_is_real_or_within_chance(now, before, points, verdict):
    found = change(an_index(*now), an_index(*before))
    assert (str(found.points), found.verdict) == (points, verdict)


@pytest.mark.parametrize(
    ("now", "before", "z", "verdict"),
    [((160, 200), (450, 500), -3.571, "real"), ((24, 30), (27, 30), -1.085, "within chance")],
)
def test_the_verdict_is_that_of_the_two_proportion_test_where_answers_are_independent(now, before, z, verdict):
    (k, n), (j, m) = now, before
    pooled = (k + j) / (n + m)
    assert (k / n - j / m) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)) == pytest.approx(z, abs=5e-4)
    assert change(an_index(*now), an_index(*before)).verdict == verdict
    assert (abs(z) > 1.96) == (verdict == "real")


@pytest.mark.parametrize(("now", "before"), [((0, 0), (4, 5)), ((4, 5), (0, 0))], ids=["now", "before"])
def test_where_nobody_answered_there_is_no_change(now, before):
    assert change(an_index(*now), an_index(*before)) is None


@pytest.mark.parametrize("other", [Scoring(id="made-up@2"), Scoring(aggregation="mean_of_criteria")])
def test_no_change_is_taken_across_methods(other):
    with pytest.raises(ValueError, match="across methods"):
        change(an_index(4, 5), an_index(4, 5, other))


def test_an_index_without_an_interval_changes_without_a_verdict():
    mean = Scoring(aggregation="mean_of_criteria")
    found = change(an_index(4, 5, mean), an_index(3, 5, mean))
    assert (found.points, found.interval, found.verdict) == (Decimal("20.00"), None, None)


def test_people_who_answer_alike_five_times_are_not_five_people():
    """Ten points on 60 sheets of five answers: by answers it would be real."""
    now, before = (
        an_index(0, 0, tally=Tally(60, 0, {"A": (0, 0, 0, 5 * (60 - k), 5 * k, 0)}, {(5, 5): k, (0, 5): 60 - k}))
        for k in (48, 54)
    )
    assert change(now, before).verdict == "within chance"
    assert difference(independent(240, 300), independent(270, 300))[1] < 0


def test_a_change_is_json():
    found = change(an_index(450, 500), an_index(160, 200))
    low, high = map(float, found.interval)
    assert json.loads(json.dumps(found.as_json())) == {"points": 10.0, "interval": [low, high], "verdict": "real"}


sizes = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(sizes, sizes)
def test_a_fall_is_the_rise_the_other_way(now, before):
    there, back = change(an_index(*now), an_index(*before)), change(an_index(*before), an_index(*now))
    assert there.points == -back.points
    assert there.verdict == back.verdict
    assert tuple(map(float, there.interval)) == pytest.approx(tuple(-float(b) for b in reversed(back.interval)))


@given(sizes, sizes)
def test_the_interval_contains_the_change_and_stays_within_100_points(now, before):
    found = change(an_index(*now), an_index(*before))
    low, high = found.interval
    assert -100 <= low <= found.points + Decimal("0.01")
    assert found.points - Decimal("0.01") <= high <= 100


@given(sizes, st.integers(2, 20))
def test_more_sheets_of_the_same_kind_make_a_change_surer(one, times):
    satisfied, sheets = one
    assume(satisfied < sheets)
    few = difference(independent(*one), independent(0, sheets))
    many = difference(independent(times * satisfied, times * sheets), independent(0, times * sheets))
    assert many[1] - many[0] < few[1] - few[0]


def test_a_series_breaks_where_its_method_changes_and_nowhere_else():
    series = [(2020, "old"), (2021, "old"), (2022, "new"), (2023, "new"), (2024, "old")]
    parts = unbroken(series, lambda point: point[1])
    assert [[year for year, _ in part] for part in parts] == [[2020, 2021], [2022, 2023], [2024]]


@given(st.lists(st.sampled_from("abc")))
def test_no_point_is_lost_at_a_break(methods):
    assert [point for part in unbroken(methods, str) for point in part] == methods
