"""A citizen's phone: one page in one browser context, and what went over its network."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import BrowserContext, Locator, Page, Request

from deploy.local.programs import ROOT
from tests.servers import wait_until

PICTURES = ROOT / ".local/screenshots"
SCRIPTS = re.compile(r"\.js(\?|$)")
PATIENCE_S = 60
"""With a page on a busy machine."""
NORMAL_FONT, LARGE_FONT = 16, 32
"""Pixels of the browser's own setting for text; the second is 200 %."""


@dataclass(frozen=True)
class Look:
    """How its owner has set the phone."""

    name: str
    scheme: Literal["light", "dark"] = "light"
    width: int = 360
    height: int = 740
    font: int = NORMAL_FONT


HARD = Look("narrow-large-dark", scheme="dark", width=320, font=LARGE_FONT)
LOOKS = {"vi": (Look("light"), HARD), "en": (HARD,)}
"""The usual one, and all that is hard at once: colours depend neither on width nor on language, and what fits large
fits small.
"""
HARD_KIOSK = Look("landscape-large-dark", scheme="dark", width=1280, height=800, font=LARGE_FONT)
KIOSK_LOOKS = {"vi": (Look("portrait", width=1080, height=1920), HARD_KIOSK), "en": (HARD_KIOSK,)}


class Phone:
    """`address`: where the survey is. `pictures`: what the files of its pictures begin with."""

    def __init__(self, context: BrowserContext, address: str, pictures: str) -> None:
        self.context = context
        self.address = address
        self.requests: list[Request] = []
        self._pictures = pictures
        self.has_picture = False
        context.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108 - playwright marks handlers
        self.page: Page = context.pages[0] if context.pages else context.new_page()
        self.page.set_default_timeout(PATIENCE_S * 1000)
        self.cdp = context.new_cdp_session(self.page)

    def open(self, path: str) -> int:
        """Follows a link from outside, as after a scan; the status of the answer."""
        answer = self.page.goto(f"{self.address}{path}")
        assert answer is not None
        return answer.status

    def look(self, look: Look) -> None:
        """Sets it as its owner would: colours, screen, the browser's size of text (from the next page on)."""
        self.page.emulate_media(color_scheme=look.scheme)
        self.page.set_viewport_size({"width": look.width, "height": look.height})
        sizes = {"standard": look.font, "fixed": look.font * 13 // 16}
        self.cdp.send("Page.setFontSizes", {"fontSizes": sizes})

    def picture(self, name: str = "") -> Path:
        """A picture of the whole page, kept. Of a page that goes on to another meanwhile Chromium gives none, ever."""
        path = PICTURES / f"{self._pictures}{f'-{name}' if name else ''}.png"
        self.page.screenshot(path=path, full_page=True)
        self.has_picture = True
        return path

    def says(self, words: str) -> None:
        """Waits until the form's status line says so."""
        self.page.locator("#status").get_by_text(words, exact=True).wait_for()

    def stored(self) -> list[dict[str, Any]]:
        """The sheets in the phone's queue, sent ones too."""
        return self.page.evaluate(
            """() => new Promise((done, failed) => {
                const opened = indexedDB.open('sipas');
                opened.onerror = failed;
                opened.onsuccess = () => {
                    const kept = opened.result.objectStoreNames.contains('sheets');
                    if (!kept) return done([]);
                    const all = opened.result.transaction('sheets').objectStore('sheets').getAll();
                    all.onsuccess = () => { opened.result.close(); done(all.result); };
                };
            })"""
        )

    def turn_to(self, what: Locator) -> Locator:
        """Turns the pages of the form until it is seen."""
        while not what.is_visible():
            self.page.locator("form a.go:visible").click()
        return what

    def choose(self, question: str, answer: str) -> None:
        """Taps the words of an answer, not its circle."""
        group = self.turn_to(self.page.get_by_role("group", name=question, exact=False))
        group.get_by_text(answer, exact=True).click()

    def button(self) -> Locator:
        return self.turn_to(self.page.locator("#send"))

    def send(self) -> None:
        self.button().click()

    def works_offline(self) -> None:
        """Waits until the service worker keeps the form and its script."""
        kept = """async () => {
            const caches_ = await Promise.all((await caches.keys()).map(name => caches.open(name)));
            return (await Promise.all(caches_.map(cache => cache.keys()))).flat().length;
        }"""
        wait_until(lambda: self.page.evaluate(kept) >= 2, what="the form and its script to be kept")

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


def without_scripts(context: BrowserContext) -> BrowserContext:
    """The same as a phone without script, for tools that need one themselves: ours never arrives."""
    context.route(SCRIPTS, lambda route: route.abort())
    return context
