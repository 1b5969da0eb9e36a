"""The geometry of a trend: lines through the figures, bands of their intervals, breaks. Pure; units of the drawing.

Only figures of one method are joined. Where the method changes the line ends, and the next begins beyond a break.
The scale is printed beside it and spans at least twenty points, so that chance does not look like a landslide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from sipas.comparison import unbroken
from sipas.index import Interval

WIDTH, HEIGHT = 360, 184
LEFT, RIGHT, TOP, BOTTOM = 30, 8, 8, 22
LEAST_SPAN = 20

Scale = Callable[[Decimal | float], float]


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure at the place `at` in time, counted from 0; there may be places without one."""

    at: int
    method: str
    percent: Decimal
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """What may be drawn as one line: path data of the line and its band, and the dots."""

    line: str
    band: str
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale."""

    y: float
    label: int


@dataclass(frozen=True, slots=True)
class Trend:
    """`breaks` are places where the method changed."""

    stretches: tuple[Stretch, ...]
    ticks: tuple[Tick, ...]
    breaks: tuple[float, ...]


def trend_of(figures: Sequence[Measured], places: int) -> Trend | None:
    """Draw the figures, oldest first; None for fewer than two, which are no trend."""
    if len(figures) < 2:
        return None
    bottom, top = _scale(figures)

    def x(at: Decimal | float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * float(at) / max(1, places - 1), 1)

    def y(percent: Decimal | float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (top - float(percent)) / (top - bottom), 1)

    stretches = list(unbroken(figures, lambda figure: figure.method))
    step = 10 if top - bottom <= 50 else 20
    return Trend(
        tuple(_stretch(part, x, y) for part in stretches),
        tuple(Tick(y(percent), percent) for percent in range(bottom, top + 1, step)),
        tuple(x((one[-1].at + other[0].at) / 2) for one, other in pairwise(stretches)),
    )


def _scale(figures: Sequence[Measured]) -> tuple[int, int]:
    bounds = [float(bound) for one in figures for bound in (one.interval or (one.percent,))]
    bottom, top = math.floor(min(bounds) / 10) * 10, math.ceil(max(bounds) / 10) * 10
    if top - bottom < LEAST_SPAN:
        top = min(100, bottom + LEAST_SPAN)
        bottom = top - LEAST_SPAN
    return bottom, top


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in points)


def _stretch(figures: Sequence[Measured], x: Scale, y: Scale) -> Stretch:
    dots = tuple((x(one.at), y(one.percent)) for one in figures)
    lows = [(x(one.at), y(one.interval[0])) for one in figures if one.interval]
    highs = [(x(one.at), y(one.interval[1])) for one in figures if one.interval]
    return Stretch(_path(dots), _path([*lows, *reversed(highs)]) + "Z" if len(lows) > 1 else "", dots)
