"""A poster is printed, scanned and answered, and the index of its agency moves. On the stack that `make up` starts, as
an administrator and a citizen meet it: nothing of ours is imported, the telephone has no JavaScript.
"""

import time
from pathlib import Path

import pypdfium2
import zxingcpp
from playwright.sync_api import Browser

from tests.servers import wait_until
from tests.system.running_stack import BOARD, SURVEY, RunningStack

CODE, AGENCY = "7H7ZGPHX43", "so-noi-vu"
DPI = 300
READ_S = 4


def scan(poster: Path) -> str:
    """What a camera reads from the printed page."""
    document = pypdfium2.PdfDocument(poster)
    try:
        assert len(document) == 1
        picture = document[0].render(scale=DPI / 72).to_pil()
    finally:
        document.close()
    (symbol,) = zxingcpp.read_barcodes(picture)
    return symbol.text


def test_a_citizen_scans_a_poster_answers_without_javascript_and_is_counted(
    stack: RunningStack, browser: Browser, tmp_path: Path
) -> None:
    def index() -> dict:
        return stack.get(BOARD, f"/v1/agencies/{AGENCY}/index?period=last-30d&method=quick-5@1", "read")

    poster = tmp_path / "poster.pdf"
    printed = stack.sipas("poster", "--counter", CODE, "--output", str(poster))
    assert printed.returncode == 0, printed.stderr
    address = scan(poster)
    assert address == stack.url(SURVEY, f"/{CODE}")
    assert index()["responses"] == 0

    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(address)
    opened = time.monotonic()
    questions = page.get_by_role("group")
    assert questions.count() == 5
    for number, answer in enumerate(
        ["Hài lòng", "Rất hài lòng", "Bình thường", "Rất hài lòng", "Không sử dụng / Không có ý kiến"]
    ):
        questions.nth(number).get_by_label(answer, exact=True).check()
    # a form that comes back within three seconds was read by nobody: it would be flagged, and kept out of the index
    wait_until(lambda: time.monotonic() - opened > READ_S, what="the time it takes to read five questions")
    page.get_by_role("button", name="Gửi phiếu").click()
    page.get_by_role("heading", name="Cảm ơn Ông/Bà").wait_for()
    assert context.cookies() == []
    context.close()

    wait_until(lambda: index()["responses"] == 1, what="the answer to be counted")
    assert (index()["percent"], index()["satisfied"], index()["answers"], index()["excluded"]) == (75.0, 3, 4, 0)
