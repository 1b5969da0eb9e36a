"""What a sheet is made of, in points from the top left corner. Pure values: every drawing program draws just these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

MM = 72 / 25.4
"""Points in a millimetre."""
ASCENT, DESCENT = 1.05, 0.25
"""How far ink reaches above and below the baseline, in sizes: the font's Ỗ is 1.048 high, its g 0.240 deep."""
QUIET = 4
"""Modules of white that a QR symbol needs on every side (ISO/IEC 18004)."""


class Box(NamedTuple):
    """A rectangle; `top` is less than `bottom`."""

    left: float
    top: float
    right: float
    bottom: float

    def inside(self, other: Box) -> bool:
        """Whether it lies in `other`, up to a hundredth of a point."""
        slack = 0.01
        return (
            self.left >= other.left - slack
            and self.top >= other.top - slack
            and self.right <= other.right + slack
            and self.bottom <= other.bottom + slack
        )

    def overlaps(self, other: Box) -> bool:
        """Whether the two share more than a hundredth of a point."""
        slack = 0.01
        return (
            min(self.right, other.right) - max(self.left, other.left) > slack
            and min(self.bottom, other.bottom) - max(self.top, other.top) > slack
        )


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text; `x` is its left end, `y` its baseline."""

    text: str
    x: float
    y: float
    size: float
    bold: bool
    width: float

    @property
    def box(self) -> Box:
        return Box(self.x, self.y - ASCENT * self.size, self.x + self.width, self.y + DESCENT * self.size)


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal line."""

    x: float
    y: float
    width: float
    thickness: float
    dashed: bool = False

    @property
    def box(self) -> Box:
        return Box(self.x, self.y - self.thickness / 2, self.x + self.width, self.y + self.thickness / 2)


@dataclass(frozen=True, slots=True)
class Frame:
    """The outline of a rectangle with rounded corners."""

    x: float
    y: float
    width: float
    height: float
    radius: float
    thickness: float

    @property
    def box(self) -> Box:
        half = self.thickness / 2
        return Box(self.x - half, self.y - half, self.x + self.width + half, self.y + self.height + half)


@dataclass(frozen=True, slots=True)
class Symbol:
    """A QR symbol without its quiet zone: `rows` of modules, 1 is dark; `side` is its width and height."""

    rows: tuple[bytes, ...]
    x: float
    y: float
    side: float

    @property
    def module(self) -> float:
        """The width of one module."""
        return self.side / len(self.rows)

    @property
    def box(self) -> Box:
        """With the quiet zone."""
        quiet = QUIET * self.module
        return Box(self.x - quiet, self.y - quiet, self.x + self.side + quiet, self.y + self.side + quiet)

    def bars(self) -> Iterator[Box]:
        """Its dark modules, those that touch in a row as one rectangle."""
        module = self.module
        for down, row in enumerate(self.rows):
            top = self.y + down * module
            across = 0
            while (start := row.find(1, across)) >= 0:
                across = row.find(0, start)
                across = len(row) if across < 0 else across
                yield Box(self.x + start * module, top, self.x + across * module, top + module)


Element = Words | Rule | Frame | Symbol


@dataclass(frozen=True, slots=True)
class Face:
    """What one reader sees at a time."""

    width: float
    height: float
    elements: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A face on a sheet, its top left corner at (x, y), or turned upside down into the same rectangle."""

    face: Face
    x: float
    y: float
    turned: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of paper; `folds` are printed so that it is folded in the right place."""

    width: float
    height: float
    title: str
    faces: tuple[Placed, ...]
    folds: tuple[Rule, ...] = ()
