'''The interval's arithmetic against another's, scipy's and statsmodels', to a billionth.

Neither is needed to run this: their answers are in tests/data/interval-oracle.json, made with numpy 2.4,
scipy 1.17 and statsmodels 0.15 by

    import json

    import numpy as np
    from scipy import stats
    from statsmodels.api import OLS
    from statsmodels.stats.proportion import proportion_confint

    random = np.random.default_rng(2640)


    def clustered_variance(cells, clusters):
        """The mean of 0/1 answers as a regression on a constant, its variance robust to clusters."""
        answers = np.concatenate([np.repeat([1.0, 0.0], [k, m - k]) for k, m in cells])
        groups = np.repeat(clusters, [m for _, m in cells])
        fitted = OLS(answers, np.ones_like(answers)).fit(cov_type="cluster", cov_kwds={"groups": groups})
        return float(fitted.cov_params()[0, 0])


    def case(sheets, days, criteria, level, spread):
        day = random.integers(0, days, sheets)
        of_day = random.beta(level * spread, (1 - level) * spread, days)
        m = random.integers(1, criteria + 1, sheets)
        k = random.binomial(m, random.beta(of_day[day] * 3, (1 - of_day[day]) * 3))
        cells = [(int(a), int(b)) for a, b in zip(k, m)]
        by_sheet = clustered_variance(cells, np.arange(sheets))
        by_day = clustered_variance(cells, day)
        p = k.sum() / m.sum()
        per_day = np.bincount(day, m).astype(float)
        parts = max(0, by_day - by_sheet) * per_day**2 / (per_day**2).sum() + by_sheet * per_day / per_day.sum()
        degrees = int(parts.sum() ** 2 // (parts**2).sum() - 1)
        listed = [[int(d), *c] for d, c in zip(day, cells)]
        found = {"cells": listed, "by_sheet": by_sheet, "by_day": by_day, "bounds": {}}
        for confidence in (0.95, 0.99, 0.9999):
            z = stats.norm.ppf((1 + confidence) / 2)
            t = stats.t.ppf((1 + confidence) / 2, degrees)
            size = min(m.sum(), p * (1 - p) / by_sheet / max(1, by_day / by_sheet * (t / z) ** 2))
            low, high = proportion_confint(p * size, size, 1 - confidence, "wilson")
            found["bounds"][str(confidence)] = [float(low), float(high)]
        return found


    wilson = [
        [k, n, c, *map(float, proportion_confint(k, n, 1 - c, "wilson"))]
        for k, n in ((0, 1), (1, 1), (4, 5), (27, 30), (160, 200), (450, 500), (0, 50), (4999, 5000), (123456, 200000))
        for c in (0.9, 0.95, 0.999, 0.9999846)
    ]
    student = [
        [int(v), c, float(stats.t.isf((1 - c) / 2, v))]
        for v in (1, 2, 3, 4, 5, 9, 10, 19, 30, 61, 120, 364)
        for c in (0.5, 0.9, 0.95, 0.999, 0.9999846)
    ]
    kinds = ((40, 12, 1, 0.8, 20), (60, 15, 5, 0.9, 30), (90, 20, 22, 0.6, 50), (50, 30, 5, 0.95, 5))
    cases = [case(*kind) for kind in kinds]
    print(json.dumps({"wilson": wilson, "student": student, "cases": cases}))
'''

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipas.precision import Precision, precision, sample_size, wilson
from sipas.student import normal_quantile, student_quantile
from sipas.tally import Tally

ORACLE = json.loads((Path(__file__).parents[1] / "data" / "interval-oracle.json").read_text(encoding="utf-8"))


def exactly(value):
    return pytest.approx(value, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("satisfied", "of", "confidence", "low", "high"), ORACLE["wilson"])
def test_wilson_agrees_with_statsmodels(satisfied, of, confidence, low, high):
    assert wilson(satisfied / of, of, normal_quantile(confidence)) == exactly((low, high))


@pytest.mark.parametrize(("degrees", "confidence", "quantile"), ORACLE["student"])
def test_student_quantiles_agree_with_scipy(degrees, confidence, quantile):
    assert student_quantile(degrees, confidence) == pytest.approx(quantile, rel=1e-9)


@given(st.integers(1, 400), st.floats(0.01, 0.99999))
def test_few_days_need_more_than_the_normal_quantile_and_many_hardly(degrees, confidence):
    assert student_quantile(degrees, confidence) > normal_quantile(confidence)
    assert student_quantile(degrees + 1, confidence) < student_quantile(degrees, confidence)


def sheets_of(cells):
    counted = {}
    for cell in cells:
        counted[cell] = counted.get(cell, 0) + 1
    return Tally(responses=len(cells), cells=counted)


@pytest.fixture(params=ORACLE["cases"], ids=["1 question", "5 questions", "22 questions", "nearly all satisfied"])
def case(request):
    by_day = {}
    for day, satisfied, answers in request.param["cells"]:
        by_day.setdefault(date(2026, 11, 1) + timedelta(days=day), []).append((satisfied, answers))
    days = {day: sheets_of(cells) for day, cells in by_day.items()}
    return request.param, precision(sum(days.values(), Tally.EMPTY), days)


def test_the_variance_over_sheets_is_statsmodels_cluster_robust_one(case):
    expected, known = case
    share = known.satisfied / known.answers
    assert share * (1 - share) / known.sheets_worth == pytest.approx(expected["by_sheet"], rel=1e-9)


def test_the_variance_over_days_is_statsmodels_cluster_robust_one(case):
    expected, known = case
    assert known.day_ratio * expected["by_sheet"] == pytest.approx(expected["by_day"], rel=1e-9)


@pytest.mark.parametrize("confidence", [0.95, 0.99, 0.9999])
def test_the_interval_agrees_at_every_confidence(case, confidence):
    expected, known = case
    assert known.bounds(confidence) == exactly(tuple(expected["bounds"][str(confidence)]))


def days_of(*answers):
    """One-question sheets, half of each day's satisfied and two days all bad and all good, so that days differ."""
    days = [{(1, 1): n // 2, (0, 1): n - n // 2} for n in answers]
    days[0], days[1] = {(1, 1): answers[0]}, {(0, 1): answers[1]}
    return {date(2026, 11, day): Tally(responses=sum(c.values()), cells=c) for day, c in enumerate(days, 1)}


@pytest.mark.parametrize(
    ("answers", "degrees"),
    [
        pytest.param([20] * 12, 11, id="days alike: one fewer than days"),
        pytest.param([20] * 9, 0, id="nine days are too few"),
        pytest.param([200, 200, *[2] * 20], 1, id="two days hold nearly everything"),
        pytest.param([10, 20, 30] * 5, 10, id="busy and quiet days"),
        pytest.param([2000, *[2] * 20], 1, id="never fewer than one"),
    ],
)
def test_degrees_of_freedom_count_the_days_that_make_the_variance(answers, degrees):
    days = days_of(*answers)
    assert precision(sum(days.values(), Tally.EMPTY), days).degrees == degrees


@given(
    st.builds(
        lambda satisfied, unsatisfied, worth, ratio, degrees: Precision(
            satisfied, satisfied + unsatisfied, worth, ratio, degrees
        ),
        st.integers(0, 500),
        st.integers(1, 500),
        st.floats(1, 1000),
        st.floats(0, 50),
        st.integers(0, 90),
    ),
    st.floats(0.5, 0.9999),
)
def test_more_confidence_is_a_wider_interval(known, confidence):
    low, high = known.bounds(confidence)
    lower, higher = known.bounds(confidence + 0.00005)
    assert 0 <= lower <= low <= known.satisfied / known.answers <= high <= higher <= 1


@pytest.mark.parametrize(("population", "asked"), [(1200, 300), (300, 172), (0, 0)])
def test_how_many_to_ask_of_a_population(population, asked):
    assert sample_size(population) == asked
