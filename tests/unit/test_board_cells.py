"""Factors, criteria and levels: what is told of a figure, and what must not follow from it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.board.cells import FactorCell, factors_of, levels_of
from sipas.methods import load_methods
from sipas.tally import Counts, Tally
from tests.unit.worked_examples import V3

METHODS = load_methods()
QUICK = METHODS["quick-5@1"]
FULL = METHODS["qd2640@1"]
MINIMUM = 5


def tally(**answers: int) -> Tally:
    """So many satisfied answers of each criterion."""
    return Tally(responses=100, counts={code: (100 - n, 0, 0, 0, n, 0) for code, n in answers.items()})


def told(factors: tuple[FactorCell, ...]) -> dict[str, int | None]:
    return {one.criterion.code: one.cell.answers for factor in factors for one in factor.criteria}


def test_the_worked_example_of_22_criteria_comes_out_to_the_second_decimal() -> None:
    counts = {
        criterion.code: (0, *V3[criterion.factor][place])
        for factor in FULL.factors
        for place, criterion in enumerate(one for one in FULL.criteria if one.factor == factor.code)
    }
    found = factors_of(Tally(responses=120, counts=counts), FULL, MINIMUM)
    shares = [str(factor.cell.percent) for factor in found]
    assert shares == ["87.92", "86.50", "91.53", "95.83", "52.50"]
    assert [str(one.cell.percent) for one in found[4].criteria] == ["65.00", "55.00", "45.00", "45.00"]
    assert (found[0].cell.satisfied, found[0].cell.answers) == (422, 480)


def test_a_criterion_that_few_answered_takes_the_smallest_other_with_it() -> None:
    """All answers are published, so three would follow from the other four criteria."""
    counts = tally(ACCESS=40, PROC=30, STAFF=50, RESULT=60, FEEDBACK=3)
    assert told(factors_of(counts, QUICK, MINIMUM)) == {
        "ACCESS": 40,
        "PROC": None,
        "STAFF": 50,
        "RESULT": 60,
        "FEEDBACK": None,
    }
    assert told(factors_of(counts, QUICK, None))["FEEDBACK"] == 3


def test_a_factor_of_one_withheld_criterion_is_withheld_too() -> None:
    found = factors_of(tally(ACCESS=40, PROC=30, STAFF=50, RESULT=60, FEEDBACK=3), QUICK, MINIMUM)
    for factor in found:
        assert factor.cell.suppressed == factor.criteria[0].cell.suppressed


def test_a_criterion_without_an_answer_has_no_percentage_and_is_not_withheld() -> None:
    found = factors_of(tally(ACCESS=40), QUICK, MINIMUM)[4]
    assert (found.cell.percent, found.cell.answers, found.cell.suppressed) == (None, 0, False)


def test_of_a_withheld_figure_nothing_is_told() -> None:
    assert all(factor.cell.suppressed for factor in factors_of(None, QUICK, MINIMUM))
    assert all(one.counts is None for one in levels_of(None, QUICK, MINIMUM))


@given(st.lists(st.integers(0, 12), min_size=5, max_size=5))
def test_what_is_withheld_of_the_criteria_is_together_nothing_or_enough(numbers: list[int]) -> None:
    """A criterion's answers are on as many sheets; the total of answers is published with the index."""
    if sum(numbers) < MINIMUM:
        return
    counts = tally(**dict(zip(QUICK.codes, numbers, strict=True)))
    hidden = sum(
        number
        for number, cell in zip(numbers, told(factors_of(counts, QUICK, MINIMUM)).values(), strict=True)
        if cell is None
    )
    assert hidden == 0 or hidden >= MINIMUM


LEVELS: dict[str, tuple[Counts, bool]] = {
    "each level chosen by many or nobody": ((2, 0, 7, 5, 30, 40), True),
    "one person chose level 1": ((0, 1, 7, 5, 30, 40), False),
    "four chose level 5": ((0, 0, 0, 0, 30, 4), False),
    "few had no opinion, which says nothing": ((1, 0, 0, 0, 30, 0), True),
    "nobody answered": ((40, 0, 0, 0, 0, 0), True),
}


@pytest.mark.parametrize(("counts", "shown"), LEVELS.values(), ids=LEVELS)
def test_levels_are_told_all_together_or_not_at_all(counts: Counts, shown: bool) -> None:
    found = levels_of(Tally(responses=sum(counts), counts={"ACCESS": counts}), QUICK, MINIMUM)[0]
    assert found.counts == (counts if shown else None)
    assert levels_of(Tally(counts={"ACCESS": counts}), QUICK, None)[0].counts == counts


def test_a_percentage_is_rounded_half_up() -> None:
    counts = Tally(responses=800, counts={"ACCESS": (0, 767, 0, 0, 33, 0)})
    assert factors_of(counts, QUICK, MINIMUM)[0].cell.percent == Decimal("4.13")
