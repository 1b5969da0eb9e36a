"""A figure taken apart: by factor and criterion, and by level of the answer scale. Pure.

The public reads a cell only if nobody can be singled out by it: a criterion that fewer answered than the minimum is
withheld, and another one with it where the first could be had again by subtraction (`sipas.suppression`). The levels of
a criterion are published all together or not at all: not at all where one of them was chosen by somebody, but by fewer
than the minimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sipas.index import percent, rounded
from sipas.methods import Criterion, Factor, Method
from sipas.suppression import Node, withhold
from sipas.tally import Counts, Tally

_NOTHING: Counts = (0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Cell:
    """A share of answers; everything but `suppressed` is None where it is withheld, `percent` also without answers."""

    percent: Decimal | None
    answers: int | None
    satisfied: int | None
    suppressed: bool


@dataclass(frozen=True, slots=True)
class CriterionCell:
    criterion: Criterion
    cell: Cell


@dataclass(frozen=True, slots=True)
class FactorCell:
    """A factor by the method's aggregation, and its criteria."""

    factor: Factor
    cell: Cell
    criteria: tuple[CriterionCell, ...]


@dataclass(frozen=True, slots=True)
class Levels:
    """How many chose each level, null first; None where withheld."""

    criterion: Criterion
    counts: Counts | None


def factors_of(tally: Tally | None, method: Method, minimum: int | None) -> tuple[FactorCell, ...]:
    """The factors in the order of the form; tally None is withheld whole, `minimum` None tells all."""
    withheld = _withheld(tally or Tally.EMPTY, method, minimum)

    def cell(name: str, codes: list[str]) -> Cell:
        if tally is None or name in withheld:
            return Cell(None, None, None, suppressed=True)
        part = Tally(counts={code: tally.counts[code] for code in codes if code in tally.counts})
        share = percent(part, method)
        return Cell(None if share is None else rounded(share), part.answers, part.satisfied, suppressed=False)

    return tuple(
        FactorCell(
            factor,
            cell(_name(factor), [one.code for one in criteria]),
            tuple(CriterionCell(one, cell(one.code, [one.code])) for one in criteria),
        )
        for factor in method.factors
        for criteria in [[one for one in method.criteria if one.factor == factor.code]]
    )


def levels_of(tally: Tally | None, method: Method, minimum: int | None) -> tuple[Levels, ...]:
    """The levels of each criterion in the order of the form; tally None is withheld whole, `minimum` None tells all."""
    withheld = _withheld(tally or Tally.EMPTY, method, minimum)
    return tuple(
        Levels(one, None if tally is None or one.code in withheld or _singles_out(numbers, minimum) else numbers)
        for one in method.criteria
        for numbers in [(tally or Tally.EMPTY).counts.get(one.code, _NOTHING)]
    )


def _withheld(tally: Tally, method: Method, minimum: int | None) -> frozenset[str]:
    """Codes of criteria, and names of factors."""
    if minimum is None:
        return frozenset()
    answers = {one.code: sum(tally.counts.get(one.code, _NOTHING)[1:]) for one in method.criteria}
    factors = []
    for factor in method.factors:
        parts = tuple(Node(one.code, answers[one.code]) for one in method.criteria if one.factor == factor.code)
        factors.append(Node(_name(factor), sum(part.count for part in parts), parts))
    return withhold(Node("", sum(answers.values()), tuple(factors)), minimum)


def _name(factor: Factor) -> str:
    """A factor may have the code of its only criterion."""
    return f"factor {factor.code}"


def _singles_out(numbers: Counts, minimum: int | None) -> bool:
    return minimum is not None and any(0 < number < minimum for number in numbers[1:])
