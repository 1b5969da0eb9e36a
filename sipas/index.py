"""From integers to the published index: the percentage, its interval, and the object that the read API gives.

Percentages are exact fractions of integers and are rounded once, here, on the way out: HALF_UP, two decimals.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from statistics import NormalDist
from typing import Literal, Protocol, get_args

from sipas.tally import SATISFIED_FROM, Counts, Tally

Aggregation = Literal["pooled", "mean_of_criteria", "mean_of_factors"]
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)

Interval = tuple[Decimal, Decimal]

DAYS_FOR_DAY_EFFECT = 10
"""Fewer days say too little about how much days differ."""

_Z95 = NormalDist().inv_cdf(0.975)


class Scoring(Protocol):
    """What the index needs to know of a method."""

    @property
    def id(self) -> str: ...
    @property
    def aggregation(self) -> Aggregation: ...
    @property
    def factor_of(self) -> Mapping[str, str]:
        """Criterion code → factor code."""


def percent(tally: Tally, scoring: Scoring) -> Fraction | None:
    """Give the exact index in percent, 0 to 100, or None where nobody answered (never 0).

    pooled            100 · Σ satisfied / Σ answers over all criteria
    mean_of_criteria  the mean of the criteria's own percentages, of those with an answer
    mean_of_factors   the mean of the factors' pooled percentages, of those with an answer
    """
    if scoring.aggregation == "pooled":
        groups: Iterable[Iterable[Counts]] = [tally.counts.values()]
    elif scoring.aggregation == "mean_of_criteria":
        groups = [[numbers] for numbers in tally.counts.values()]
    else:
        by_factor: dict[str, list[Counts]] = {}
        for code, numbers in tally.counts.items():
            by_factor.setdefault(scoring.factor_of[code], []).append(numbers)
        groups = by_factor.values()
    percents = [value for value in map(_pooled, groups) if value is not None]
    return sum(percents, Fraction(0)) / len(percents) if percents else None


def _pooled(criteria: Iterable[Counts]) -> Fraction | None:
    satisfied = answers = 0
    for numbers in criteria:
        satisfied += sum(numbers[SATISFIED_FROM:])
        answers += sum(numbers[1:])
    return Fraction(100 * satisfied, answers) if answers else None


def rounded(value: Fraction) -> Decimal:
    """Round half up to two decimals, as official publications do: 33 of 800 is 4.13, not 4.12."""
    hundredths = math.floor(value * 100 + Fraction(1, 2))
    return Decimal(hundredths).scaleb(-2)


def wilson(share: float, size: float, z: float = _Z95) -> tuple[float, float]:
    """Give the Wilson score interval of a share seen in `size` independent answers, both as shares 0..1.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    It stays inside 0..1 and has a width at 0 and 1, which the textbook interval p ± z·se has not.
    """
    z2 = z * z
    scale = 1 + z2 / size
    centre = (share + z2 / (2 * size)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / size + z2 / (4 * size * size))
    return min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share)


def interval(tally: Tally, days: Mapping[date, Tally] | None = None) -> Interval | None:
    """Give the 95 % interval of the pooled index, in percent, two decimals; None where nobody answered.

    Five answers of one sheet are one person's, and sheets of one day share that day's queue, so the answers are not
    counted as if each came from another person. With p = Σk/Σm over the sheets' cells k/m, it is Wilson's interval on

        n_eff = p(1-p) / Var(p),    Var(p) = n/(n-1) · Σ(k - p m)² / (Σm)²      over the n sheets,

    the ratio estimator's variance by linearisation (Cochran, "Sampling Techniques", 3rd ed. 1977, chapter 6), used as
    an effective size in a binomial interval (Korn and Graubard, Survey Methodology 24, 1998; with Wilson's: Dean and
    Pagano, J. Survey Statistics and Methodology 3, 2015). Where `days` has ten days with answers or more, n_eff is
    divided by

        day effect = max(1, Var over days / Var over sheets · (t / z)²),

    the first variance with the D days' sums in place of k and m and D/(D-1), t Student's 97.5 % quantile with D-1
    degrees of freedom: D days are few, and their variance is known no better than that. Below 1 it is chance.
    n_eff is at most the number of answers, and the number of sheets where everyone (or no one) was satisfied, where
    the sheets show no variance at all.

    `days` may cover a part of the period only: it gives the day effect and nothing else.
    """
    satisfied, answers = _sums(tally)
    if not answers:
        return None
    low, high = wilson(satisfied / answers, _effective_size(tally, satisfied, answers, days or {}))
    return rounded(100 * Fraction(low)), rounded(100 * Fraction(high))


def _sums(tally: Tally) -> tuple[int, int]:
    """Give (satisfied, answers) of the sheets."""
    satisfied = sum(k * sheets for (k, _), sheets in tally.cells.items())
    return satisfied, sum(m * sheets for (_, m), sheets in tally.cells.items())


def _effective_size(tally: Tally, satisfied: int, answers: int, days: Mapping[date, Tally]) -> float:
    if satisfied in {0, answers}:
        return float(sum(tally.cells.values()))
    variance = _variance((k, m, sheets) for (k, m), sheets in tally.cells.items())
    if variance is None:  # a single sheet
        return 1.0
    if variance == 0:
        return float(answers)
    share = Fraction(satisfied, answers)
    return min(float(answers), float(share * (1 - share) / variance) / _day_effect(days.values()))


def _day_effect(days: Iterable[Tally]) -> float:
    answered = [day for day in days if day.cells]
    if len(answered) < DAYS_FOR_DAY_EFFECT:
        return 1.0
    by_sheet = _variance((k, m, sheets) for (k, m), sheets in sum(answered, Tally.EMPTY).cells.items())
    by_day = _variance((*_sums(day), 1) for day in answered)
    if not by_sheet or not by_day:
        return 1.0
    quantiles = _t975(len(answered) - 1) / _Z95
    return max(1.0, float(by_day / by_sheet) * quantiles * quantiles)


def _variance(clusters: Iterable[tuple[int, int, int]]) -> Fraction | None:
    """Give the exact variance of Σk/Σm over clusters (k, m, how many alike); None for fewer than two."""
    clusters = list(clusters)
    satisfied = sum(k * alike for k, _, alike in clusters)
    answers = sum(m * alike for _, m, alike in clusters)
    size = sum(alike for _, _, alike in clusters)
    if size < 2:
        return None
    squares = sum(alike * (k * answers - satisfied * m) ** 2 for k, m, alike in clusters)
    return Fraction(size * squares, (size - 1) * answers**4)


def _t975(degrees: int) -> float:
    """Student's 97.5 % quantile: Abramowitz and Stegun 26.7.5, within 0.0001 from 9 degrees of freedom on."""
    z = _Z95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term * (1 / degrees) ** power for power, term in enumerate(terms, start=1))


@dataclass(frozen=True, slots=True)
class Index:
    """An index as the read API gives it; the integers stand beside the percentage so that anybody can check it."""

    agency: str
    method: str
    aggregation: Aggregation
    period: str
    percent: Decimal | None
    responses: int
    answers: int
    satisfied: int
    interval: Interval | None
    excluded: int
    as_of: datetime | None
    rebuilding: bool

    def as_json(self) -> dict[str, object]:
        """Give the JSON object: percentages as numbers, `as_of` in UTC to the minute."""
        return {
            "agency": self.agency,
            "method": self.method,
            "aggregation": self.aggregation,
            "period": self.period,
            "percent": None if self.percent is None else float(self.percent),
            "responses": self.responses,
            "answers": self.answers,
            "satisfied": self.satisfied,
            "interval": None if self.interval is None else [float(bound) for bound in self.interval],
            "excluded": self.excluded,
            "as_of": None if self.as_of is None else self.as_of.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z"),
            "rebuilding": self.rebuilding,
        }


def index_of(
    tally: Tally,
    *,
    agency: str,
    method: Scoring,
    period: str,
    as_of: datetime | None,
    days: Mapping[date, Tally] | None = None,
    rebuilding: bool = False,
) -> Index:
    """Compute an agency's index of a period from its tally.

    `as_of` is the newest counted `received_at`, with its time zone. `days` are the period's days, for the interval.
    The interval is that of the pooled index; another aggregation has none, because cells do not tell criteria apart.
    """
    exact = percent(tally, method)
    return Index(
        agency=agency,
        method=method.id,
        aggregation=method.aggregation,
        period=period,
        percent=None if exact is None else rounded(exact),
        responses=tally.responses,
        answers=tally.answers,
        satisfied=tally.satisfied,
        interval=interval(tally, days) if method.aggregation == "pooled" else None,
        excluded=tally.excluded,
        as_of=as_of,
        rebuilding=rebuilding,
    )
