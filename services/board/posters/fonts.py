"""The posters' own font, read from our own files: how wide text is, and which characters it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from io import BytesIO

from reportlab.pdfbase.ttfonts import TTFont

FILES = {False: "NotoSans-Regular", True: "NotoSans-Bold"}
"""Bold? -> the name of the font and of its file."""


def content(bold: bool) -> bytes:
    """The font file."""
    return (files("sipas") / "fonts" / f"{FILES[bold]}.ttf").read_bytes()


@cache
def font(bold: bool) -> TTFont:
    """The font as reportlab knows it."""
    return TTFont(FILES[bold], BytesIO(content(bold)))


def measure(text: str, bold: bool) -> float:
    """How wide `text` is at size 1. Letters stand side by side without kerning in every drawing."""
    widths: Mapping[int, float] = font(bold).face.charWidths
    return sum(widths[ord(character)] for character in text) / 1000


def missing(texts: Iterable[str]) -> list[str]:
    """The characters that cannot be drawn."""
    known = font(False).face.charToGlyph.keys() & font(True).face.charToGlyph.keys()
    return sorted({character for text in texts for character in text if ord(character) not in known})
