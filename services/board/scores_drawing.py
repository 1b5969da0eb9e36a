"""A unit's ratios over the years as a line for SVG: where the method changed it is interrupted. Pure.

Only where something is drawn is decided here; a table beside says the same in numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

WIDTH, HEIGHT = 460, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 24, 24, 28
STEP = 10
"""The scale ends at whole tens of a percent."""


class Point(NamedTuple):
    """A year's ratio; `breaks` where nothing may join it to what came before."""

    year: int
    ratio: Decimal
    breaks: bool


class Dot(NamedTuple):
    x: float
    y: float
    point: Point


class Drawing(NamedTuple):
    """`lines` are the unbroken parts; `breaks` the places between two of them; `ticks` (y, percent)."""

    lines: list[list[Dot]]
    breaks: list[float]
    ticks: list[tuple[float, int]]


def drawing(points: Sequence[Point]) -> Drawing:
    """Draw points of different years, oldest first; of none, nothing."""
    if not points:
        return Drawing([], [], [])
    low = math.floor(min(point.ratio for point in points) / STEP) * STEP
    high = max(math.ceil(max(point.ratio for point in points) / STEP) * STEP, low + STEP)
    first, last = points[0].year, points[-1].year

    def x(year: int) -> float:
        share = (year - first) / (last - first) if last > first else 0.5
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(percent: Decimal | int) -> float:
        share = (float(percent) - low) / (high - low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    lines: list[list[Dot]] = []
    breaks = []
    for point in points:
        dot = Dot(x(point.year), y(point.ratio), point)
        if lines and not point.breaks:
            lines[-1].append(dot)
            continue
        if lines:
            breaks.append(round((lines[-1][-1].x + dot.x) / 2, 1))
        lines.append([dot])
    return Drawing(lines, breaks, [(y(low), low), (y(high), high)])
