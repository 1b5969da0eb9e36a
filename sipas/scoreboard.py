"""Official yearly results (PAR INDEX, PAPI, DDCI …) as published: ranks, ratios, bands, changes, targets.

They stand beside our index and are never mixed with it. Where a scheme's method changed between two years nothing is
subtracted and no line is drawn. Points may exceed 100 and their maximum; nothing is clamped.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from sipas.bands import BandScheme, Basis, Cut
from sipas.index import rounded
from sipas.ranking import name_key, rank_change, ranks_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One unit's result of a year. `points` is None where only the rank was published.

    `method` names how the scheme measured that year. `rank` and `of` are the published ones; without them the rank is
    computed, which needs the whole block.
    """

    scheme: str
    year: int
    unit: str
    points: Decimal | None
    maximum: Decimal = Decimal(100)
    source: str
    method: str = ""
    rank: int | None = None
    of: int | None = None

    def __post_init__(self) -> None:
        if self.maximum <= 0:
            raise ValueError(f"{self.unit}, {self.year}: the maximum is {self.maximum}, not above 0")

    @property
    def ratio(self) -> Decimal | None:
        """Percent of the unit's own maximum, two decimals, half up."""
        exact = self.value("ratio")
        return None if exact is None else rounded(exact)

    def value(self, basis: Basis) -> Fraction | None:
        """Give the exact points, or the exact percentage of the maximum."""
        if self.points is None:
            return None
        return Fraction(self.points) if basis == "points" else 100 * Fraction(self.points) / Fraction(self.maximum)


@dataclass(frozen=True, slots=True)
class Top:
    """A target such as "top 3/9": third or better; `of` is the size of the block that was thought of."""

    rank: int
    of: int | None

    def met_by(self, line: "Line") -> bool | None:
        """Whether it is reached; None where it cannot be told."""
        return None if line.rank is None else line.rank <= self.rank


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A target such as "≥ 90 %", of the unit's own maximum."""

    percent: Decimal

    def met_by(self, line: "Line") -> bool | None:
        """Whether it is reached, by the exact ratio: 89.996 % shows as 90.00 and is not 90."""
        exact = line.score.value("ratio")
        return None if exact is None else exact >= Fraction(self.percent)


Goal = Top | AtLeast

_TOP = re.compile(r"top\s*([1-9][0-9]*)(?:\s*/\s*([1-9][0-9]*))?", re.IGNORECASE)
_AT_LEAST = re.compile(r"(?:≥|>=)\s*([0-9]{1,3}(?:[.,][0-9]+)?)\s*%")


def parse_goal(text: str) -> Goal:
    """Read "top 3/9", "top 3" or "≥ 90 %" (also >=, decimal comma). Raises ValueError with the forms there are."""
    if (top := _TOP.fullmatch(text.strip())) and (not top[2] or int(top[1]) <= int(top[2])):
        return Top(int(top[1]), int(top[2]) if top[2] else None)
    if least := _AT_LEAST.fullmatch(text.strip()):
        return AtLeast(Decimal(least[1].replace(",", ".")))
    raise ValueError(f"{text!r} is not a target; write top 3/9, top 3 or ≥ 90 %")


def points_for(rate: Fraction, maximum: int, threshold: int) -> Decimal:
    """Give the points of a rate in percent: all from the threshold on, below it rate · maximum / threshold.

    Source: QĐ 766/QĐ-TTg (2022), satisfaction with the handling of dossiers: maximum 6, threshold 90. Who kept silent
    counts as satisfied there, the opposite of our index: the two are never merged.
    """
    return rounded(min(Fraction(maximum), rate * maximum / threshold))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One unit's line of a scoreboard.

    `points_change` and `ratio_change` (percentage points of the ratios as shown) are against the year before, None
    without one or across a change of method, which `breaks` tells. `rank_change` is old - new: +8 is eight up.
    """

    score: Score
    rank: int | None
    of: int
    band: Cut | None
    points_change: Decimal | None
    ratio_change: Decimal | None
    rank_change: int | None
    breaks: bool


def scoreboard(
    scores: Iterable[Score],
    before: Iterable[Score] = (),
    *,
    bands: BandScheme | None = None,
    basis: Basis | None = None,
) -> tuple[Line, ...]:
    """Put one block's scores of a scheme and year in order, best first, those without a rank at the end by name.

    `before` are the block's scores of the year before. Ranks are by `basis`: the bands' own, else the ratio. Where one
    score of a block has a published rank, no rank of it is computed: the block may not be whole.
    Raises ValueError for scores of several schemes or years, or a unit that stands there twice.
    """
    now, earlier = _by_unit(scores), _by_unit(before)
    basis = basis or (bands.basis if bands else "ratio")
    ranks, ranks_before = _ranks(now, basis), _ranks(earlier, basis)
    size = max([len(now), *(score.of for score in now.values() if score.of)], default=0)
    lines = [
        _line(score, earlier.get(unit), ranks.get(unit), ranks_before.get(unit), size, bands)
        for unit, score in now.items()
    ]
    return tuple(sorted(lines, key=lambda line: (line.rank or size + 1, name_key(line.score.unit))))


def _line(
    score: Score, before: Score | None, rank: int | None, rank_before: int | None, size: int, bands: BandScheme | None
) -> Line:
    breaks = before is not None and before.method != score.method
    comparable = None if breaks else before
    points = Fraction(score.points) if score.points is not None else None
    return Line(
        score=score,
        rank=rank,
        of=size,
        band=bands.band(points, Fraction(score.maximum)) if bands and points is not None else None,
        points_change=_minus(score.points, comparable.points if comparable else None),
        ratio_change=_minus(score.ratio, comparable.ratio if comparable else None),
        rank_change=rank_change(rank_before, rank) if comparable else None,
        breaks=breaks,
    )


def _minus(now: Decimal | None, before: Decimal | None) -> Decimal | None:
    return None if now is None or before is None else now - before


def _by_unit(scores: Iterable[Score]) -> Mapping[str, Score]:
    scores = list(scores)
    if len({(score.scheme, score.year) for score in scores}) > 1:
        raise ValueError("a scoreboard shows one scheme and one year")
    found = {score.unit: score for score in scores}
    if len(found) < len(scores):
        raise ValueError("a unit stands on a scoreboard once, not twice")
    return found


def _ranks(scores: Mapping[str, Score], basis: Basis) -> dict[str, int]:
    published = {unit: score.rank for unit, score in scores.items() if score.rank is not None}
    if published:
        return published
    return ranks_of({unit: value for unit, score in scores.items() if (value := score.value(basis)) is not None})
