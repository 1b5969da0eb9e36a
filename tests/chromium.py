"""The Chromium that `make test` found, driven by playwright. It reaches this machine and nothing else.

    with chromium() as browser:
        page = browser.new_page()

Playwright keeps an event loop in the thread that started it, so whoever starts it ends it before other tests run.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from deploy.local.programs import HOST, ROOT

CHROMIUM = ROOT / ".local/browser/chromium"


class NoChromiumError(Exception):
    """What `make test` brings is not there."""


def options(hosts: dict[str, int] | None = None) -> dict[str, object]:
    """How it is started. `hosts`: names that lead to ports of this machine; every other name leads nowhere."""
    if not CHROMIUM.exists():
        raise NoChromiumError(f"no Chromium: run `make {CHROMIUM.relative_to(ROOT)}`")
    rules = [f"MAP {name} {HOST}:{port}" for name, port in (hosts or {}).items()]
    arguments = [f"--host-resolver-rules={', '.join([*rules, f'MAP * ~NOTFOUND , EXCLUDE {HOST}'])}"]
    if os.geteuid() == 0:
        # its sandbox refuses root
        arguments.append("--no-sandbox")
    return {"executable_path": CHROMIUM, "args": arguments}


@contextmanager
def chromium(hosts: dict[str, int] | None = None) -> Iterator[Browser]:
    """A browser without a profile: each of its contexts is a phone of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**options(hosts))  # type: ignore[arg-type]
        try:
            yield browser
        finally:
            browser.close()


def with_profile(browser: Browser, profile: Path) -> BrowserContext:
    """Another browser of the same kind that keeps what it stores in `profile`, as a phone does from day to day."""
    size = {"width": 360, "height": 740}
    return browser.browser_type.launch_persistent_context(profile, viewport=size, **options())  # type: ignore[arg-type]
