"""How sure a pooled share is: what its answers are worth in independent answers, and intervals of any confidence.

Five answers of one sheet are one person's, and sheets of one day share that day's queue, so answers are not counted as
if each came from another person. It says nothing about who chose to answer.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from sipas.student import normal_quantile, student_quantile
from sipas.tally import Cell, Tally

CONFIDENCE = 0.95

DAYS_FOR_DAY_EFFECT = 10
"""Fewer days say too little about how much days differ."""

Bounds = tuple[float, float]
"""Low and high, as shares 0..1."""


@dataclass(frozen=True, slots=True)
class Precision:
    """What a share of `satisfied` among `answers` rests on.

    `sheets_worth` is the effective size with sheets as clusters. `day_ratio` says how many times larger the variance is
    over days, known with `degrees` of freedom; degrees 0: too few days to tell.
    """

    satisfied: int
    answers: int
    sheets_worth: float
    day_ratio: float = 0.0
    degrees: int = 0

    def effective_size(self, confidence: float = CONFIDENCE) -> float:
        """Give the number of independent answers that this is worth in an interval of that confidence."""
        day_effect = 1.0
        if self.degrees:
            quantiles = student_quantile(self.degrees, confidence) / normal_quantile(confidence)
            day_effect = max(1.0, self.day_ratio * quantiles * quantiles)
        return min(float(self.answers), self.sheets_worth / day_effect)

    def bounds(self, confidence: float = CONFIDENCE) -> Bounds:
        """Give Wilson's interval on the effective size."""
        return wilson(self.satisfied / self.answers, self.effective_size(confidence), normal_quantile(confidence))


def wilson(share: float, size: float, z: float = normal_quantile(CONFIDENCE)) -> Bounds:
    """Give the Wilson score interval of a share seen in `size` independent answers, both as shares 0..1.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    It stays inside 0..1 and has a width at 0 and 1, which the textbook interval p ± z·se has not.
    """
    z2 = z * z
    scale = 1 + z2 / size
    centre = (share + z2 / (2 * size)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / size + z2 / (4 * size * size))
    return min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share)


def sample_size(population: int, margin: Fraction = Fraction(5, 100)) -> int:
    """Give how many of a population to ask for a margin of error: N / (1 + N·e²), rounded up.

    Source: T. Yamane, "Statistics: an introductory analysis", 2nd ed. 1967, as Vietnamese survey plans use it. It takes
    a drawn sample of independent answers, which a survey at a counter is not: a rule of thumb, no promise.
    """
    return math.ceil(population / (1 + population * margin**2))


def precision(tally: Tally, days: Mapping[date, Tally] | None = None) -> Precision | None:
    """Tell what the pooled share of a tally is worth; None where nobody answered.

    With p = Σk/Σm over the sheets' cells k/m, the effective size is

        n_eff = p(1-p) / Var(p),    Var(p) = n/(n-1) · Σ(k - p m)² / (Σm)²      over the n sheets,

    the ratio estimator's variance by linearisation (Cochran, "Sampling Techniques", 3rd ed. 1977, chapter 6), used as
    an effective size in a binomial interval (Korn and Graubard, Survey Methodology 24, 1998; with Wilson's: Dean and
    Pagano, J. Survey Statistics and Methodology 3, 2015). Where `days` has ten days with answers or more, n_eff is
    divided by

        day effect = max(1, Var over days / Var over sheets · (t / z)²),

    the first variance with the D days' sums in place of k and m and D/(D-1), t Student's quantile: D days are few, and
    their variance is known no better than that. Its degrees of freedom are Satterthwaite's (Biometrics Bulletin 2,
    1946), rounded down: D-1 where days are alike, fewer where a few days hold most answers, because then those few
    make the variance. With m the days' answers, b the part of the variance over days beyond that over sheets (at
    least 0) and s the latter, a day adds v = b·m²/Σm² + s·m/Σm to the variance and the degrees are (Σv)²/Σv² - 1.
    So Bell and McCaffrey (Survey Methodology 28, 2002) take it for clusters, with v from a model.
    A day effect below 1 is chance.

    n_eff is at most the number of answers, and the number of sheets where everyone (or no one) was satisfied, where
    the sheets show no variance at all; a single sheet is worth one answer.
    `days` may cover a part of the period only: it gives the day effect and nothing else.
    """
    satisfied, answers = _sums(tally)
    if not answers:
        return None
    if satisfied in {0, answers}:
        return Precision(satisfied, answers, float(sum(tally.cells.values())))
    variance = _variance((k, m, sheets) for (k, m), sheets in tally.cells.items())
    if variance is None:  # a single sheet
        return Precision(satisfied, answers, 1.0)
    if variance == 0:
        return Precision(satisfied, answers, float(answers))
    share = Fraction(satisfied, answers)
    worth = float(share * (1 - share) / variance)
    return Precision(satisfied, answers, worth, *_days_against_sheets((days or {}).values()))


def _sums(tally: Tally) -> tuple[int, int]:
    """Give (satisfied, answers) of the sheets."""
    satisfied = sum(k * sheets for (k, _), sheets in tally.cells.items())
    return satisfied, sum(m * sheets for (_, m), sheets in tally.cells.items())


def _days_against_sheets(days: Iterable[Tally]) -> tuple[float, int]:
    """Give (variance over days / variance over sheets, its degrees of freedom); (0, 0) where days cannot tell."""
    answered = [day for day in days if day.cells]
    if len(answered) < DAYS_FOR_DAY_EFFECT:
        return 0.0, 0
    cells: Counter[Cell] = Counter()
    for day in answered:
        cells.update(day.cells)
    by_sheet = _variance((k, m, sheets) for (k, m), sheets in cells.items())
    sums = [_sums(day) for day in answered]
    by_day = _variance((*of_day, 1) for of_day in sums)
    if not by_sheet or not by_day:
        return 0.0, 0
    return float(by_day / by_sheet), _degrees([m for _, m in sums], float(by_sheet), float(by_day))


def _degrees(answers: Sequence[int], by_sheet: float, by_day: float) -> int:
    beyond = max(0.0, by_day - by_sheet)
    total, squares = sum(answers), sum(m * m for m in answers)
    parts = [beyond * m * m / squares + by_sheet * m / total for m in answers]
    # a billionth, so that days all alike do not lose a degree to rounding
    return max(1, math.floor(sum(parts) ** 2 / sum(part * part for part in parts) + 1e-9) - 1)


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
