"""An agency's period beside the one before and the same of last year.

Where another method was used then, nothing is compared: the series breaks, and the figure of then stands there with
the name of its own method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.board.figures import Figure
from services.board.parts import Parts
from services.board.reading import Question
from sipas.comparison import Change, change
from sipas.periods import Period


@dataclass(frozen=True, slots=True)
class Earlier:
    """A period of before: its figure, and the change since. `breaks`: it was measured by another method."""

    figure: Figure
    change: Change | None
    breaks: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """None where the calendar begins."""

    now: Figure
    previous: Earlier | None
    year_before: Earlier | None


def comparison_of(parts: Parts, agency: str, method: str, period: Period, *, live: bool) -> Comparison:
    """Compare an agency's period with the two before it."""
    methods = [method, *sorted(parts.methods.keys() - {method})]
    earlier = (period.previous(), period.year_before())
    now, *figures = parts.figures.of(
        [
            Question(agency, method, period),
            *(Question(agency, one, then) for then in earlier if then is not None for one in methods),
        ],
        live=live,
    )
    found: list[Earlier | None] = []
    for then in earlier:
        of_then, figures = (figures[: len(methods)], figures[len(methods) :]) if then else ([], figures)
        found.append(_earlier(now, of_then) if of_then else None)
    return Comparison(now, *found)


def _earlier(now: Figure, figures: Sequence[Figure]) -> Earlier:
    """`figures`: of the method of now, then of the others."""
    figure = by_its_method(figures)
    if figure is not figures[0]:
        return Earlier(figure, None, breaks=True)
    return Earlier(figure, change(now.index, figure.index) if now.tells and figure.tells else None, breaks=False)


def by_its_method(figures: Sequence[Figure]) -> Figure:
    """Of a time's figures by several methods the first, or that with most sheets where the first has none."""
    same, *others = figures
    most = max(others, key=lambda figure: figure.index.responses, default=same)
    return most if not same.index.responses and most.index.responses else same
