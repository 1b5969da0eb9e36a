"""From integers to the published index: the percentage, its interval, and the object that the read API gives.

Percentages are exact fractions of integers and are rounded once, here, on the way out: HALF_UP, two decimals.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Literal, Protocol, get_args

from sipas.precision import Precision, precision
from sipas.tally import SATISFIED_FROM, Counts, Tally

Aggregation = Literal["pooled", "mean_of_criteria", "mean_of_factors"]
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)

Interval = tuple[Decimal, Decimal]


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


def interval(tally: Tally, days: Mapping[date, Tally] | None = None) -> Interval | None:
    """Give the 95 % interval of the pooled index, in percent, two decimals; None where nobody answered."""
    return _interval(precision(tally, days))


def _interval(known: Precision | None) -> Interval | None:
    if known is None:
        return None
    low, high = known.bounds()
    return rounded(100 * Fraction(low)), rounded(100 * Fraction(high))


@dataclass(frozen=True, slots=True)
class Index:
    """An index as the read API gives it; the integers stand beside the percentage so that anybody can check it.

    `precision` is what the interval was made of, for comparisons and ranks; None without an answer, or not pooled.
    """

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
    precision: Precision | None = None

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
    known = precision(tally, days) if method.aggregation == "pooled" else None
    return Index(
        agency=agency,
        method=method.id,
        aggregation=method.aggregation,
        period=period,
        percent=None if exact is None else rounded(exact),
        responses=tally.responses,
        answers=tally.answers,
        satisfied=tally.satisfied,
        interval=_interval(known),
        excluded=tally.excluded,
        as_of=as_of,
        rebuilding=rebuilding,
        precision=known,
    )
