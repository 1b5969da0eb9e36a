"""A sheet -> SVG. Letters are outlines, so that it looks the same in every program, whatever fonts it has."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html import escape
from typing import Any

import pypdfium2.raw as pdfium

from services.board.posters import fonts
from services.board.posters.elements import MM, Element, Frame, Placed, Rule, Sheet, Symbol, Words

EM = 1000
"""Units of the outlines."""


def svg(sheet: Sheet) -> str:
    """The whole document."""
    used: dict[str, str] = {}
    body = [_group(placed, used) for placed in sheet.faces] + [_element(fold, used) for fold in sheet.folds]
    glyphs = "\n".join(f'<path id="{name}" d="{path}"/>' for name, path in sorted(used.items()) if path)
    width, height = sheet.width, sheet.height
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" xml:lang="vi"'
        f' width="{_n(width / MM)}mm" height="{_n(height / MM)}mm" viewBox="0 0 {_n(width)} {_n(height)}">\n'
        f"<title>{escape(sheet.title)}</title>\n"
        f"<defs>\n{glyphs}\n</defs>\n"
        f'<rect width="{_n(width)}" height="{_n(height)}" fill="#fff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _group(placed: Placed, used: dict[str, str]) -> str:
    face = placed.face
    turn = f" rotate(180 {_n(face.width / 2)} {_n(face.height / 2)})" if placed.turned else ""
    inner = "\n".join(_element(element, used) for element in face.elements)
    return f'<g transform="translate({_n(placed.x)} {_n(placed.y)}){turn}">\n{inner}\n</g>'


def _element(element: Element, used: dict[str, str]) -> str:
    match element:
        case Words():
            return _words(element, used)
        case Rule():
            dashes = ' stroke-dasharray="3 3"' if element.dashed else ""
            return (
                f'<path d="M{_n(element.x)} {_n(element.y)}h{_n(element.width)}" stroke="#000"'
                f' stroke-width="{_n(element.thickness)}"{dashes}/>'
            )
        case Frame():
            return (
                f'<rect x="{_n(element.x)}" y="{_n(element.y)}" width="{_n(element.width)}"'
                f' height="{_n(element.height)}" rx="{_n(element.radius)}" fill="none" stroke="#000"'
                f' stroke-width="{_n(element.thickness)}"/>'
            )
        case Symbol():
            # in whole modules, scaled once: bars that touch share their edge exactly
            rows, module = element.rows, element.module
            unit = Symbol(rows, 0, 0, len(rows))
            bars = "".join(
                f"M{bar.left:.0f} {bar.top:.0f}h{bar.right - bar.left:.0f}v1H{bar.left:.0f}z" for bar in unit.bars()
            )
            where = f"translate({_n(element.x)} {_n(element.y)}) scale({module:.6f})"
            return f'<path class="qr" transform="{where}" d="{bars}"/>'


def _words(words: Words, used: dict[str, str]) -> str:
    x = 0.0
    uses = []
    for character in words.text:
        name = f"{'b' if words.bold else 'r'}{ord(character):x}"
        path = used.setdefault(name, _outline(character, words.bold))
        if path:
            uses.append(f'<use xlink:href="#{name}" x="{_n(x * EM)}"/>')
        x += fonts.measure(character, words.bold)
    scale = words.size / EM
    where = f"translate({_n(words.x)} {_n(words.y)}) scale({scale:.6f})"
    return f'<g transform="{where}" aria-label="{escape(words.text)}">{"".join(uses)}</g>'


def _n(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")


# --- outlines: pdfium reads the font file for us


@dataclass(frozen=True)
class _Loaded:
    """A font of pdfium; it needs its document and the bytes as long as it is used."""

    font: Any
    kept: tuple[Any, ...] = field(repr=False)


@cache
def _loaded(bold: bool) -> _Loaded:
    content = fonts.content(bold)
    buffer = (ctypes.c_uint8 * len(content)).from_buffer_copy(content)
    document = pdfium.FPDF_CreateNewDocument()
    loaded = pdfium.FPDFText_LoadFont(document, buffer, len(content), pdfium.FPDF_FONT_TRUETYPE, 1)
    return _Loaded(loaded, (document, buffer))


@cache
def _outline(character: str, bold: bool) -> str:
    """Path data of a character at size `EM`, y down; "" where there is no ink."""
    path = pdfium.FPDFFont_GetGlyphPath(_loaded(bold).font, ord(character), 1)
    return "".join(_segments(path)) if path else ""


def _segments(path: Any) -> Iterator[str]:
    letters = {pdfium.FPDF_SEGMENT_MOVETO: "M", pdfium.FPDF_SEGMENT_LINETO: "L", pdfium.FPDF_SEGMENT_BEZIERTO: "C"}
    x, y = ctypes.c_float(), ctypes.c_float()
    curve: list[str] = []
    for number in range(pdfium.FPDFGlyphPath_CountGlyphSegments(path)):
        segment = pdfium.FPDFGlyphPath_GetGlyphPathSegment(path, number)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        letter = letters[pdfium.FPDFPathSegment_GetType(segment)]
        point = f"{x.value * EM:.0f} {-y.value * EM:.0f}"
        if letter == "C":  # its two handles and its end come as three segments
            curve.append(point)
            if len(curve) < 3:
                continue
            point, curve = " ".join(curve), []
        yield letter + point
        if pdfium.FPDFPathSegment_GetClose(segment):
            yield "z"
