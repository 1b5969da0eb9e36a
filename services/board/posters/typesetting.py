"""Breaking text into lines that fit. Pure: how wide text is comes from the caller.

A text is as large as its style says if it then fits into the style's room; else it gets smaller, down to the style's
smallest size; only then is its end left out, with "…". So a block is never wider than asked for and never higher than
its style's room, whatever the text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from services.board.posters.elements import ASCENT, DESCENT, Rule, Words

Measure = Callable[[str, bool], float]
"""(text, bold) -> its width at size 1, the sum of those of its letters."""
Align = Literal["left", "centre"]

STEP = 0.25
BREAKS = ".-/"
NO_BREAK = "\N{NO-BREAK SPACE}"
LEADING = ASCENT + DESCENT  # lines so far apart can never touch


class AddressTooLong(Exception):
    """The public address does not fit on the sheet; a part of it would be worse than none."""


@dataclass(frozen=True, slots=True)
class Style:
    """`size` in points, no smaller than `smallest`; `lines` of that size, or as many smaller ones as stand there."""

    size: float
    smallest: float
    lines: float = 1
    bold: bool = False

    @property
    def room(self) -> float:
        """How high its blocks may be."""
        return self.lines * LEADING * self.size

    def scaled(self, by: float) -> Style:
        """The same for a sheet of another size."""
        return Style(self.size * by, self.smallest * by, self.lines, self.bold)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of one size, with their widths. `whole` is false where the end of the text was left out."""

    lines: tuple[tuple[str, float], ...]
    size: float
    bold: bool
    whole: bool = True

    @property
    def height(self) -> float:
        return len(self.lines) * LEADING * self.size


@dataclass(frozen=True, slots=True)
class Gap:
    """Space, with a rule across its middle if `rule` is its thickness."""

    height: float
    rule: float = 0


Item = Block | Gap


def set_text(text: str, style: Style, width: float, measure: Measure, *, balanced: bool = False) -> Block:
    """Set `text` in at most `width` points; `balanced` makes its lines about equally long."""

    def wide(part: str) -> float:
        return measure(part, style.bold)

    size = style.size
    while True:
        lines = wrap(text, width / size, wide)
        most = max(1, int(style.room / (LEADING * size) + 1e-6))
        if len(lines) <= most or size <= style.smallest:
            break
        size = max(size - STEP, style.smallest)
    whole = len(lines) <= most
    if not whole:
        last = lines[most - 1]
        while last and wide(f"{last}…") > width / size:
            last = last[:-1]
        lines = [*lines[: most - 1], f"{last.rstrip()}…"]
    elif balanced and len(lines) > 1:
        lines = _balance(text, width / size, len(lines), wide)
    # the space that holds two words together has done its work, and would only hide them from a search
    spaced = [line.replace(NO_BREAK, " ") for line in lines]
    return Block(tuple((line, wide(line) * size) for line in spaced), size, style.bold, whole)


def wrap(text: str, width: float, wide: Callable[[str], float]) -> list[str]:
    """The lines of `text`, each at most `width`; a longer word is broken where addresses are, else anywhere."""
    space = wide(" ")
    lines: list[str] = []
    line, used = "", 0.0
    for word in text.split(" "):
        more = wide(word)
        if line and used + space + more <= width:
            line, used = f"{line} {word}", used + space + more
            continue
        if line:
            lines.append(line)
        line, used = word, more
        while used > width and len(line) > 1:
            end = _break(line, width, wide)
            lines.append(line[:end])
            line, used = line[end:], used - wide(line[:end])
    return [*lines, line] if line else lines


def _break(word: str, width: float, wide: Callable[[str], float]) -> int:
    """How many letters of a word that is too long go on this line; at least one."""
    used, most, best = wide(word[0]), 1, 0
    while used <= width:
        if word[most - 1] in BREAKS:
            best = most
        used += wide(word[most])
        most += 1
    return best or max(most - 1, 1)


def height(items: Sequence[Item]) -> float:
    """Of all together."""
    return sum(item.height for item in items)


def stacked(items: Sequence[Item], x: float, top: float, width: float, align: Align) -> list[Words | Rule]:
    """The items below each other, from `top` down."""
    placed: list[Words | Rule] = []
    y = top
    for item in items:
        if isinstance(item, Gap):
            if item.rule:
                placed.append(Rule(x, y + item.height / 2, width, item.rule))
            y += item.height
            continue
        for line, wide in item.lines:
            left = x + (width - wide) / 2 if align == "centre" else x
            placed.append(Words(line, left, y + ASCENT * item.size, item.size, item.bold, wide))
            y += LEADING * item.size
    return placed


def _balance(text: str, width: float, lines: int, wide: Callable[[str], float]) -> list[str]:
    narrow, enough = max(width / lines, *(wide(word) for word in text.split(" "))), width
    while enough - narrow > width / 100:
        middle = (narrow + enough) / 2
        if len(wrap(text, middle, wide)) <= lines:
            enough = middle
        else:
            narrow = middle
    return wrap(text, enough, wide)
