"""A poster's SVG in a real browser, which draws it by itself: what is seen can be scanned, and looks like the PDF."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageFilter
from playwright.sync_api import Browser

from services.board.posters.printing import draw
from services.board.posters.targets import SIZES, Size
from tests.posters import POSTER, pages, scanned

SCALE = 2
DPI = 96 * SCALE  # 96 is a browser's inch


@pytest.mark.parametrize("size", SIZES)
def test_a_browser_shows_the_svg_as_the_pdf_is_printed(browser: Browser, size: Size, tmp_path: Path) -> None:
    file = tmp_path / "poster.svg"
    file.write_bytes(draw(POSTER, size, "svg"))
    (printed,) = pages(draw(POSTER, size, "pdf"), DPI)
    page = browser.new_page(
        viewport={"width": printed.width // SCALE, "height": printed.height // SCALE}, device_scale_factor=SCALE
    )
    try:
        page.goto(file.as_uri())
        seen = Image.open(BytesIO(page.screenshot())).convert("L")
    finally:
        page.close()
    assert {code.text for code in scanned(seen)} == {POSTER.url}
    # they soften edges differently (up to 23 of 255 here); a letter missing in a Vietnamese name makes 60 or more
    soft = ImageFilter.GaussianBlur(2 * SCALE)
    printed = printed.crop((0, 0, *seen.size))
    difference = ImageChops.difference(seen.filter(soft), printed.filter(soft))
    _, most = difference.getextrema()
    assert most < 45
