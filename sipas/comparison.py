"""What has changed between two indices, and whether chance alone would explain it.

Only like is compared with like: the same method and aggregation. Where the method changed, a series breaks; the two
sides are never joined by a line and no difference is taken across.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Literal, TypeVar

from sipas.index import Index, Interval, rounded
from sipas.precision import Precision

Verdict = Literal["real", "within chance"]
"""The board's words: "thật" and "trong khoảng ngẫu nhiên"."""

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Change:
    """A difference in percentage points, now minus before, with its 95 % interval.

    Interval and verdict are None for an aggregation that has no interval.
    """

    points: Decimal
    interval: Interval | None
    verdict: Verdict | None

    def as_json(self) -> dict[str, object]:
        """Give the JSON object: points as numbers."""
        return {
            "points": float(self.points),
            "interval": None if self.interval is None else [float(bound) for bound in self.interval],
            "verdict": self.verdict,
        }


def change(now: Index, before: Index) -> Change | None:
    """Compare an agency's index with an earlier one; None where either has no answers.

    The points are the difference of the two published figures, as official publications have it, so that a reader who
    subtracts gets the same. The periods must share no sheet: the interval takes the two for independent.
    Raises ValueError for indices of different methods.
    """
    if (now.method, now.aggregation) != (before.method, before.aggregation):
        raise ValueError(f"no change is taken across methods: {before.method} and {now.method}")
    if now.percent is None or before.percent is None:
        return None
    points = now.percent - before.percent
    if now.precision is None or before.precision is None:
        return Change(points, None, None)
    low, high = difference(now.precision, before.precision)
    verdict: Verdict = "within chance" if low <= 0 <= high else "real"
    return Change(points, (rounded(Fraction(100 * low)), rounded(Fraction(100 * high))), verdict)


def difference(now: Precision, before: Precision) -> tuple[float, float]:
    """Give the 95 % interval of the difference of two independent shares, between -1 and 1.

    Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, pages 873-890, method 10): each side lends its
    own Wilson bounds, here on effective sizes,

        d - √((p₁ - l₁)² + (u₂ - p₂)²)  to  d + √((u₁ - p₁)² + (p₂ - l₂)²).

    The same form is right for any two intervals of independent figures (Zou and Donner, Stat. in Medicine 27, 2008).
    """
    share_now, share_before = now.satisfied / now.answers, before.satisfied / before.answers
    (low_now, high_now), (low_before, high_before) = now.bounds(), before.bounds()
    between = share_now - share_before
    return (
        between - math.hypot(share_now - low_now, high_before - share_before),
        between + math.hypot(high_now - share_now, share_before - low_before),
    )


def unbroken(points: Iterable[P], method: Callable[[P], str]) -> Iterator[tuple[P, ...]]:
    """Split a series, in the order of time, wherever its method changes: each part may be drawn as one line."""
    for _, part in groupby(points, method):
        yield tuple(part)
