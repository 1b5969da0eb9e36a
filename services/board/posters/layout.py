"""Where everything stands on a poster, in points. Pure.

Texts take the room they need, down to their smallest size; the QR symbol is as large as what is left. Nothing
leaves the margins and nothing touches anything else, whatever the names (a hypothesis test holds both).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from services.board.posters.content import WORDS, Poster
from services.board.posters.elements import ASCENT, MM, QUIET, Element, Face, Frame, Placed, Rule, Sheet, Symbol, Words
from services.board.posters.symbol import modules
from services.board.posters.targets import Size
from services.board.posters.typesetting import (
    NO_BREAK,
    AddressTooLong,
    Block,
    Gap,
    Item,
    Measure,
    Style,
    height,
    set_text,
    stacked,
)
from sipas.codes import printed

SEPARATOR = f"{NO_BREAK}· "


@dataclass(frozen=True, slots=True)
class Paper:
    """`side` and `end` are its margins, wider than what office printers cannot print; `scale` is that of the texts."""

    width: float
    height: float
    side: float
    end: float
    scale: float = 1


A4 = Paper(210 * MM, 297 * MM, 15 * MM, 15 * MM)
# letters shrink less than the sheet: people read it from no nearer
A5 = Paper(148 * MM, 210 * MM, 10 * MM, 10 * MM, scale=0.74)
A6_LANDSCAPE = Paper(148 * MM, 105 * MM, 8 * MM, 6 * MM)

HAIRLINE, LINE = 0.5, 1.0
CHECK_SHARE = 0.43
"""Of the foot's width."""
TENT_SYMBOL_SHARE = 0.56
"""Of a face's width, quiet zone and margin included."""

# --- upright: A4, A5

DEMO = Style(12, 7, bold=True)
PLACE = Style(15, 7.5, 2, bold=True)
AGENCY = Style(12, 6.5, 2)
NAMES_IN_ENGLISH = Style(9.5, 6.5, 1.5)
COUNTER = Style(22, 8, 1.5, bold=True)
COUNTER_IN_ENGLISH = Style(11, 6.5, 1.5)
QUESTION = Style(33, 20, 2, bold=True)
QUESTION_IN_ENGLISH = Style(16, 10)
SCAN = Style(14, 9, bold=True)
SCAN_IN_ENGLISH = Style(11, 8)
LEAD = Style(10.5, 7)
SITE = Style(24, 7, 1.6, bold=True)
CODE = Style(24, 10, bold=True)
CHECK = Style(11.5, 5.5, 1.5, bold=True)
SMALL = Style(8.5, 6)

# --- lying: a face of the A6 table tent

TENT_DEMO = Style(8, 6, bold=True)
TENT_QUESTION = Style(16, 11, 2, bold=True)
TENT_QUESTION_IN_ENGLISH = Style(9, 7)
TENT_SCAN = Style(8.5, 7, 2)
TENT_SCAN_IN_ENGLISH = Style(6, 5.5, 2)
TENT_LEAD = Style(6, 5)
TENT_SITE = Style(10, 5, 1.7, bold=True)
TENT_CODE = Style(15, 8, bold=True)
TENT_COUNTER = Style(13, 4.8, 1.5, bold=True)
TENT_PLACE = Style(7.5, 4.8, 2, bold=True)
TENT_AGENCY = Style(7, 4.8, 2)
TENT_NAMES_IN_ENGLISH = Style(6, 5, 2)
TENT_CHECK = Style(7.5, 4.5, 1.5, bold=True)
TENT_SMALL = Style(6, 4.5)


def sheet(poster: Poster, size: Size, measure: Measure) -> Sheet:
    """A poster's sheet of paper."""
    if size == "a6-tent":
        face = lying(poster, A6_LANDSCAPE, measure)
        fold = Rule(0, face.height, face.width, HAIRLINE, dashed=True)
        return Sheet(
            face.width,
            2 * face.height,
            poster.title,
            (Placed(face, 0, 0, turned=True), Placed(face, 0, face.height, turned=False)),
            (fold,),
        )
    face = upright(poster, A4 if size == "a4" else A5, measure)
    return Sheet(face.width, face.height, poster.title, (Placed(face, 0, 0, turned=False),))


def upright(poster: Poster, paper: Paper, measure: Measure) -> Face:
    """Names on top, the question, the QR symbol in the middle, what to do without a camera, how to check."""
    k = paper.scale
    left, top, width = paper.side, paper.end, paper.width - 2 * paper.side

    def text(words: str, style: Style, wide: float = width, *, balanced: bool = False) -> Block:
        return set_text(words, style.scaled(k), wide, measure, balanced=balanced)

    elements: list[Element] = []
    if poster.demo:
        strip, top = _demo_strip(left, top, width, text(str(WORDS["demo"]), DEMO, width - 8 * k), 7 * k)
        elements += strip
        top += 10 * k

    agencies = _if_whole(text(_listed(name.vi for name in poster.agencies), AGENCY, balanced=True))
    named = (poster.place, *(poster.agencies if agencies else ()))
    head: list[Item] = [
        text(poster.place.vi, PLACE, balanced=True),
        *agencies,
        *_if_whole(text(_listed(name.en for name in named), NAMES_IN_ENGLISH, balanced=True)),
        Gap(7 * k),
        text(poster.counter.vi, COUNTER, balanced=True),
        *_if_whole(text(poster.counter.en, COUNTER_IN_ENGLISH, balanced=True)),
        Gap(18 * k, HAIRLINE),
        text(WORDS["question"].vi, QUESTION, balanced=True),
        text(WORDS["question"].en, QUESTION_IN_ENGLISH),
    ]
    elements += stacked(head, left, top, width, "centre")

    foot, foot_top = _foot(poster, (left, paper.height - paper.end, width), text, CHECK, SMALL)
    elements += foot

    pad = 11 * k
    code = text(printed(poster.code), CODE)
    code_cell: list[Item] = [text(_both("type-code"), LEAD), code]
    code_width = max(wide for item in code_cell if isinstance(item, Block) for _, wide in item.lines)
    site_width = width - code_width - 4 * pad
    site = text(poster.site, SITE, site_width)
    # on the same line as the code, if it is one line
    drop = Gap(ASCENT * (code.size - site.size) if len(site.lines) == 1 else 0)
    site_cell: list[Item] = [text(_both("or-go-to"), LEAD, site_width), drop, _address(site)]
    panel_height = max(height(site_cell), height(code_cell)) + 12 * k
    panel_top = foot_top - 13 * k - panel_height
    elements.append(Frame(left, panel_top, width, panel_height, 6 * k, LINE))
    elements += stacked(site_cell, left + pad, panel_top + 6 * k, site_width, "left")
    elements += stacked(code_cell, left + width - pad - code_width, panel_top + 6 * k, code_width, "left")

    scan: list[Item] = [text(WORDS["scan"].vi, SCAN), text(WORDS["scan"].en, SCAN_IN_ENGLISH)]
    scan_top = panel_top - 9 * k - height(scan)
    elements += stacked(scan, left, scan_top, width, "centre")

    rows = modules(poster.url)
    above = top + height(head)
    side = _side(rows, paper.width, scan_top - above)
    elements.append(Symbol(rows, (paper.width - side) / 2, (above + scan_top - side) / 2, side))
    return Face(paper.width, paper.height, tuple(elements))


def lying(poster: Poster, paper: Paper, measure: Measure) -> Face:
    """The QR symbol on the left, the question, the code and the names on the right, how to check below."""
    left, top, width = paper.side, paper.end, paper.width - 2 * paper.side

    def text(words: str, style: Style, wide: float = width, *, balanced: bool = False) -> Block:
        return set_text(words, style, wide, measure, balanced=balanced)

    elements: list[Element] = []
    if poster.demo:
        strip, top = _demo_strip(left, top, width, text(str(WORDS["demo"]), TENT_DEMO, width - 8), 3)
        elements += strip
        top += 4

    foot, foot_top = _foot(poster, (left, paper.height - paper.end, width), text, TENT_CHECK, TENT_SMALL)
    elements += foot

    rows = modules(poster.url)
    side = _side(rows, TENT_SYMBOL_SHARE * paper.width, foot_top - top)
    # its quiet zone may lie in the margin, which is white too
    symbol = Symbol(rows, max(left, QUIET * side / len(rows)), (top + foot_top - side) / 2, side)
    elements.append(symbol)

    column = symbol.box.right
    wide = left + width - column
    ask: list[Item] = [
        text(WORDS["question"].vi, TENT_QUESTION, wide),
        text(WORDS["question"].en, TENT_QUESTION_IN_ENGLISH, wide),
        Gap(3),
        text(WORDS["scan"].vi, TENT_SCAN, wide, balanced=True),
        text(WORDS["scan"].en, TENT_SCAN_IN_ENGLISH, wide, balanced=True),
        Gap(3),
        text(_both("or-go-to"), TENT_LEAD, wide),
        _address(text(poster.site, TENT_SITE, wide)),
        text(_both("type-code"), TENT_LEAD, wide),
        text(printed(poster.code), TENT_CODE, wide),
    ]
    names: list[Item] = [
        Gap(7, HAIRLINE),
        text(poster.counter.vi, TENT_COUNTER, wide, balanced=True),
        text(poster.place.vi, TENT_PLACE, wide, balanced=True),
    ]
    for words, style in (
        (_listed(name.vi for name in poster.agencies), TENT_AGENCY),
        (_listed((poster.counter.en, poster.place.en)), TENT_NAMES_IN_ENGLISH),
    ):
        more = _if_whole(text(words, style, wide, balanced=True))
        if height([*ask, *names, *more]) <= foot_top - top:
            names += more
    # in line with the symbol's edges, or beyond them where there is much to say
    first = min(symbol.y, top + (foot_top - top - height(ask) - height(names)) / 2)
    last = max(symbol.y + side, first + height(ask) + height(names))
    elements += stacked(ask, column, first, wide, "left")
    elements += stacked(names, column, last - height(names), wide, "left")
    return Face(paper.width, paper.height, tuple(elements))


SetText = Callable[[str, Style, float], Block]


def _foot(
    poster: Poster, at: tuple[float, float, float], text: SetText, check: Style, small: Style
) -> tuple[list[Words | Rule], float]:
    """How to check the poster, and what the survey is, above the bottom: (elements, their top)."""
    left, bottom, width = at
    gap = width / 30
    check_width = (width - gap) * CHECK_SHARE
    about_width = width - gap - check_width
    columns: list[tuple[list[Item], float, float]] = [
        (
            [
                text(f"{WORDS['check']}:", small, check_width),
                _address(text(f"{poster.site}/check", check, check_width)),
            ],
            left,
            check_width,
        ),
        (
            [
                text(WORDS["about"].vi, small, about_width),
                text(WORDS["about"].en, small, about_width),
                text(f"{WORDS['printed-on']}: {poster.printed_on:%d/%m/%Y}", small, about_width),
            ],
            left + width - about_width,
            about_width,
        ),
    ]
    top = bottom - max(height(column) for column, _, _ in columns)
    return [word for column, x, wide in columns for word in stacked(column, x, top, wide, "left")], top


def _demo_strip(left: float, top: float, width: float, words: Block, padding: float) -> tuple[list[Element], float]:
    """What says that all is made up: (elements, their bottom)."""
    tall = words.height + padding
    frame = Frame(left + LINE, top + LINE, width - 2 * LINE, tall, 0, 2 * LINE)
    return [frame, *stacked([words], left, top + LINE + padding / 2, width, "centre")], frame.box.bottom


def _side(rows: Sequence[bytes], width: float, tall: float) -> float:
    """How large a symbol may be where it and its quiet zone have so much room."""
    return min(width, tall) * len(rows) / (len(rows) + 2 * QUIET)


def _if_whole(block: Block) -> list[Block]:
    # a list that breaks off would name some and not others, so it is left out; the place and the counter say enough
    return [block] if block.whole and block.lines else []


def _address(block: Block) -> Block:
    if not block.whole:
        raise AddressTooLong
    return block


def _listed(names: Iterable[str]) -> str:
    return SEPARATOR.join(names)


def _both(key: str) -> str:
    return str(WORDS[key])
