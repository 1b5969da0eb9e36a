"""The drawing of a trend: what is joined, what is not, and on which scale."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.board.trend import HEIGHT, WIDTH, Measured, trend_of


def at(place: int, percent: int, method: str = "quick-5@1") -> Measured:
    low, high = Decimal(max(0, percent - 3)), Decimal(min(100, percent + 3))
    return Measured(place, method, Decimal(percent), (low, high))


def test_one_figure_is_no_trend() -> None:
    assert trend_of([at(3, 80)], 10) is None


def test_figures_of_two_methods_are_never_joined() -> None:
    found = trend_of([at(0, 80), at(1, 82), at(3, 90, "overall-1@1"), at(4, 91, "overall-1@1")], 5)
    assert found is not None
    assert [len(stretch.dots) for stretch in found.stretches] == [2, 2]
    [broken] = found.breaks
    assert found.stretches[0].dots[-1][0] < broken < found.stretches[1].dots[0][0]


def test_a_small_difference_is_not_drawn_large() -> None:
    found = trend_of([at(0, 90), at(1, 91)], 2)
    assert found is not None
    assert found.ticks[-1].label - found.ticks[0].label >= 20


@given(st.lists(st.tuples(st.integers(0, 100), st.sampled_from(["a@1", "b@1"])), min_size=2, max_size=40))
def test_everything_lies_inside_the_drawing(drawn: list[tuple[int, str]]) -> None:
    found = trend_of([at(place, percent, method) for place, (percent, method) in enumerate(drawn)], len(drawn))
    assert found is not None
    dots = [dot for stretch in found.stretches for dot in stretch.dots]
    assert len(dots) == len(drawn)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in dots)
    assert all(0 <= tick.label <= 100 for tick in found.ticks)
