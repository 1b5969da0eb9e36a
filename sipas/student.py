"""Quantiles of Student's distribution, to ten digits, for as small a tail as ranking thousands needs."""

import math
from functools import lru_cache
from statistics import NormalDist

_NORMAL = NormalDist()


def normal_quantile(confidence: float) -> float:
    """Give z with P(|Z| < z) = confidence."""
    return _NORMAL.inv_cdf((1 + confidence) / 2)


@lru_cache(maxsize=4096)  # a ranking asks for a few dozen degrees thousands of times
def student_quantile(degrees: int, confidence: float) -> float:
    """Give t with P(|T| < t) = confidence for whole `degrees` of freedom, 1 or more.

    Newton's method from the normal quantile. That lies below t, and the probability is concave in t > 0, so every step
    goes up and none goes past the root.
    """
    t = normal_quantile(confidence)
    log_peak = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(degrees * math.pi) / 2
    while True:
        density = 2 * math.exp(log_peak - (degrees + 1) / 2 * math.log1p(t * t / degrees))
        step = (confidence - _within(t, degrees)) / density
        t += step
        if step < 1e-13 * t:
            return t


def _within(t: float, degrees: int) -> float:
    """Give P(|T| < t) by the finite series for whole degrees of freedom (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(degrees))
    cosine2 = math.cos(angle) ** 2
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for power in range(odd + 1, degrees, 2):
        total += term
        term *= cosine2 * power / (power + 1)
    series = math.sin(angle) * total
    return 2 / math.pi * (angle + series) if odd else series
