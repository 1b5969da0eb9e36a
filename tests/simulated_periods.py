"""Periods as chance would make them: days that differ, people who differ within a day. For tests and bench."""

import math
from collections import Counter
from datetime import date, timedelta
from functools import cache
from itertools import accumulate
from random import Random

from sipas.tally import Tally

SHEET_ICC = 0.3
"""How alike the answers of one sheet are."""

SILENT = 0.4
"""How many have nothing to say on the last factor."""


def simulated_days(
    random: Random, share: float, days: int, sheets: int, day_icc: float, criteria: int = 5
) -> dict[date, Tally]:
    """Draw a period: `sheets` over days that are quiet, middling or busy (1 : 2 : 3), at a level that varies by day.

    The day's level is beta with mean `share` and `day_icc`, a sheet's k of m beta-binomial about it with SHEET_ICC.
    A share of SILENT leaves out the last fifth of the criteria.
    """
    busy = random.choices((1, 2, 3), k=days)
    per_day = Counter(random.choices(range(days), busy, k=sheets))
    found = {}
    for day, count in sorted(per_day.items()):
        level = _level(random, share, day_icc)
        silent = sum(random.random() < SILENT for _ in range(count))
        cells: Counter[tuple[int, int]] = Counter()
        for answered, people in ((criteria - max(1, criteria // 5), silent), (criteria, count - silent)):
            drawn = random.choices(range(answered + 1), cum_weights=cumulated(answered, level, SHEET_ICC), k=people)
            cells.update((satisfied, answered) for satisfied in drawn)
        found[date(2026, 1, 1) + timedelta(days=day)] = Tally(responses=count, cells=cells)
    return found


def _level(random: Random, share: float, icc: float) -> float:
    """In steps of a thousandth, so that days of one level share their table."""
    if not icc:
        return share
    size = 1 / icc - 1
    drawn = random.betavariate(share * size, (1 - share) * size)
    return min(max(round(drawn, 3), 0.001), 0.999)


@cache
def cumulated(answers: int, level: float, icc: float) -> list[float]:
    """Beta-binomial: the weights of 0 to `answers` satisfied answers, added up."""
    a, b = level * (1 / icc - 1), (1 - level) * (1 / icc - 1)
    weights = (
        math.comb(answers, k) * math.exp(_log_beta(a + k, b + answers - k) - _log_beta(a, b))
        for k in range(answers + 1)
    )
    return list(accumulate(weights))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
