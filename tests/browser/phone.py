"""A citizen's phone: one page in one browser context, and what went over its network."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import BrowserContext, Page, Request

from deploy.local.programs import ROOT

PICTURES = ROOT / ".local/screenshots"
SCRIPTS = re.compile(r"\.js(\?|$)")
NORMAL_FONT, LARGE_FONT = 16, 32
"""Pixels of the browser's own setting for text; the second is 200 %."""


@dataclass(frozen=True)
class Look:
    """How its owner has set the phone."""

    name: str
    scheme: Literal["light", "dark"] = "light"
    width: int = 360
    font: int = NORMAL_FONT


LOOKS = (
    Look("light"),
    Look("dark", scheme="dark"),
    Look("narrow", width=320),
    Look("narrow-large-dark", scheme="dark", width=320, font=LARGE_FONT),
)


class Phone:
    """`address`: where the survey is. `pictures`: what the files of its pictures begin with."""

    def __init__(self, context: BrowserContext, address: str, pictures: str) -> None:
        self.context = context
        self.address = address
        self.requests: list[Request] = []
        self._pictures = pictures
        context.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108 - playwright marks handlers
        self.page: Page = context.pages[0] if context.pages else context.new_page()
        self.cdp = context.new_cdp_session(self.page)

    def open(self, path: str) -> int:
        """Follows a link from outside, as after a scan; the status of the answer."""
        answer = self.page.goto(f"{self.address}{path}")
        assert answer is not None
        return answer.status

    def look(self, look: Look) -> None:
        """Sets it as its owner would: colours, screen, the browser's size of text (from the next page on)."""
        self.page.emulate_media(color_scheme=look.scheme)
        self.page.set_viewport_size({"width": look.width, "height": 740})
        sizes = {"standard": look.font, "fixed": look.font * 13 // 16}
        self.cdp.send("Page.setFontSizes", {"fontSizes": sizes})

    def picture(self, name: str = "") -> Path:
        """A picture of the whole page, kept."""
        path = PICTURES / f"{self._pictures}{f'-{name}' if name else ''}.png"
        self.page.screenshot(path=path, full_page=True)
        return path

    def choose(self, question: str, answer: str) -> None:
        """Taps the words of an answer, not its circle."""
        group = self.page.get_by_role("group", name=question)
        group.get_by_text(answer, exact=True).click()

    def send(self) -> None:
        self.button().click()

    def button(self) -> Any:
        return self.page.locator("form button").last

    def sideways(self) -> list[str]:
        """What stands out of the screen to the right, so that one would have to scroll sideways to read it."""
        return self.page.evaluate(
            """() => [...document.body.querySelectorAll('*')]
                .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
                .map(one => one.outerHTML.slice(0, 120))
                .concat(document.documentElement.scrollWidth > document.documentElement.clientWidth ? ['the page'] : [])
            """
        )

    def text_sizes(self) -> list[float]:
        """The sizes in pixels of all pieces of text, in the order of the page."""
        return self.page.evaluate(
            """() => {
                const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
                const sizes = [];
                while (walker.nextNode())
                    if (walker.currentNode.data.trim())
                        sizes.push(parseFloat(getComputedStyle(walker.currentNode.parentElement).fontSize));
                return sizes;
            }"""
        )

    def foreign_requests(self) -> list[str]:
        return [request.url for request in self.requests if not request.url.startswith(self.address)]

    @contextmanager
    def counted_bytes(self) -> Iterator[list[float]]:
        """Fills a list with the bytes received for each answer: heads and bodies as they came over the wire."""
        received: list[float] = []
        self.cdp.send("Network.enable")
        self.cdp.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
        self.cdp.on("Network.requestWillBeSent", lambda event: received.extend(_redirected(event)))
        yield received
        self.cdp.send("Network.disable")


def _redirected(event: dict[str, Any]) -> list[float]:
    """A redirect's own bytes are told with the request that follows it."""
    before = event.get("redirectResponse")
    return [before["encodedDataLength"]] if before else []


def without_scripts(context: BrowserContext) -> BrowserContext:
    """The same as a phone without script, for tools that need one themselves: ours never arrives."""
    context.route(SCRIPTS, lambda route: route.abort())
    return context
