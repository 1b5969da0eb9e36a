"""A sheet -> PNG in greys at 300 dots per inch, by rendering its PDF, so that both look the same."""

from __future__ import annotations

from io import BytesIO
from typing import IO

import pypdfium2

from services.board.posters.draw_pdf import write_pdf
from services.board.posters.elements import Sheet

DPI = 300


def write_png(file: IO[bytes], sheet: Sheet) -> None:
    """Write one sheet."""
    pdf = BytesIO()
    write_pdf(pdf, [sheet], sheet.title)
    document = pypdfium2.PdfDocument(pdf.getvalue())
    try:
        image = document[0].render(scale=DPI / 72, grayscale=True).to_pil()
    finally:
        document.close()
    image.save(file, format="PNG", dpi=(DPI, DPI))
