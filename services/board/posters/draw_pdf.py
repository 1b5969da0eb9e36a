"""Sheets -> one PDF, a page each, with a bookmark for every page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfgen.canvas import Canvas

from services.board.posters.elements import Frame, Placed, Rule, Sheet, Symbol, Words
from services.board.posters.fonts import FILES, font

DASHES = (3, 3)


def write_pdf(file: IO[bytes], sheets: Iterable[Sheet], title: str) -> None:
    """Write all sheets; they are taken one by one, as they are drawn."""
    for bold in FILES:
        registerFont(font(bold))
    canvas = Canvas(file, pageCompression=1, lang="vi")
    canvas.setTitle(title)
    canvas.setCreator("sipas poster")
    # a reader that fits pages to the paper would move the fold and make the symbol smaller
    canvas.setViewerPreference("PrintScaling", "None")
    for number, sheet in enumerate(sheets):
        canvas.setPageSize((sheet.width, sheet.height))
        canvas.bookmarkPage(str(number))
        canvas.addOutlineEntry(sheet.title, str(number))
        for placed in sheet.faces:
            _draw(canvas, sheet, placed)
        for fold in sheet.folds:
            _rule(canvas, fold, sheet.height)
        canvas.showPage()
    canvas.save()


def _draw(canvas: Canvas, sheet: Sheet, placed: Placed) -> None:
    face = placed.face
    canvas.saveState()
    if placed.turned:
        canvas.translate(placed.x + face.width, sheet.height - placed.y)
        canvas.rotate(180)
    else:
        canvas.translate(placed.x, sheet.height - placed.y - face.height)
    # PDF measures from the bottom, elements from the top
    for element in face.elements:
        match element:
            case Words():
                canvas.setFont(FILES[element.bold], element.size)
                canvas.drawString(element.x, face.height - element.y, element.text)
            case Rule():
                _rule(canvas, element, face.height)
            case Frame():
                canvas.setLineWidth(element.thickness)
                bottom = face.height - element.y - element.height
                canvas.roundRect(element.x, bottom, element.width, element.height, element.radius)
            case Symbol():
                # one path, filled once: no hairlines between bars
                path = canvas.beginPath()
                for bar in element.bars():
                    path.rect(bar.left, face.height - bar.bottom, bar.right - bar.left, bar.bottom - bar.top)
                canvas.drawPath(path, stroke=0, fill=1)
    canvas.restoreState()


def _rule(canvas: Canvas, rule: Rule, height: float) -> None:
    canvas.saveState()
    canvas.setLineWidth(rule.thickness)
    if rule.dashed:
        canvas.setDash(*DASHES)
    canvas.line(rule.x, height - rule.y, rule.x + rule.width, height - rule.y)
    canvas.restoreState()
