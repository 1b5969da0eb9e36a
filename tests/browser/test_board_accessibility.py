"""The board's pages with rankings, trends and breaks: axe-core finds nothing, and nothing is cut off on a phone."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from sipas.events import decode_alert, decode_alert_decided, decode_delivered, decode_entry
from sipas.people import People
from tests.browser.axe import violations
from tests.contract.documents import EXAMPLES
from tests.integration.board_stack import BAD, GOOD, TODAY, BoardStack
from tests.servers import RedisServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        pass


def open_alert(stack: BoardStack) -> None:
    """An alert with a life behind it, and somebody who has the link."""
    confirmed = [decode_alert(EXAMPLES[f"alert-changed-{kind}"].value) for kind in ("possible", "confirmed")]
    decisions = [decode_alert_decided(EXAMPLES[f"alert-{act}"].value) for act in ("acknowledged", "snoozed")]
    stack.alerts = stack.alerts.updated([*confirmed, *decisions, decode_delivered(EXAMPLES["delivered"].value)])
    stack.people = People.fold([decode_entry(EXAMPLES["person"].value)])


def link_of(stack: BoardStack) -> str:
    [key] = stack.alerts.alerts
    return f"/alerts/{stack.links.token(key, next(iter(stack.people.by_id)), at=stack.now)}"


@pytest.fixture(scope="module")
def board(redis_server: RedisServer) -> Iterator[tuple[str, str]]:
    """Its address, and the path of a leader's link."""
    stack = BoardStack(redis_server.url, "board-accessibility", demo=True)
    for number, agency in enumerate(("so-noi-vu", "so-y-te", "so-tu-phap")):
        for back in (40, 3, 2):
            stack.count(agency, TODAY - timedelta(days=back), [GOOD] * 30 + [BAD] * 8 * number)
        stack.count(agency, TODAY - timedelta(days=9), [{"OVERALL": 5}] * 12, method="overall-1@1")
        stack.count(agency, TODAY - timedelta(days=8), [{"OVERALL": 4}] * 12, method="overall-1@1")
    stack.count("so-dan-toc", TODAY, [GOOD] * 6)
    open_alert(stack)
    server = make_server("127.0.0.1", 0, stack.client.application, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", link_of(stack)
    server.shutdown()
    thread.join()
    server.server_close()
    stack.ledgers.close()


@pytest.mark.parametrize("path", ["/", "/rankings?block=so", "/agencies/so-y-te", "LINK", "LINK?step=new-normal"])
@pytest.mark.parametrize(("width", "language", "scheme"), [(360, "vi", "light"), (1280, "en", "dark")])
def test_a_page_of_the_board_can_be_read_by_everybody(
    browser: "Browser", board: tuple[str, str], path: str, width: int, language: str, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
    )
    page = context.new_page()
    address, link = board
    path = path.replace("LINK", link)
    page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang={language}")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_a_leader_records_what_was_done_in_a_browser_without_script(browser: "Browser", board: tuple[str, str]) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 800}, java_script_enabled=False)
    page = context.new_page()
    page.goto("".join(board))
    page.get_by_label("Nội dung").fill("Thêm một quầy")
    page.get_by_role("button", name="Lưu việc đã làm").click()
    assert page.get_by_role("status").inner_text() == "Đã lưu việc đã làm."
    assert page.content().count("Thêm một quầy") == 1
    page.reload()
    assert page.content().count("Thêm một quầy") == 1
    context.close()
