"""What a visit asks for, weighs and leaves on the phone."""

import pytest

from tests.browser.citizen import thanked
from tests.browser.conftest import OpenPhone
from tests.browser.line import Line
from tests.browser.registry import COUNTER_OF
from tests.survey_stack import OPEN, REVOKED, SHARED, UNKNOWN

LIGHT_BYTES = 20_000
PAGES = (f"/{OPEN}", f"/{SHARED}", "/thanks", f"/check/{OPEN}", f"/{UNKNOWN}", f"/{REVOKED}")
STORES = """async () => ({
    cookies: document.cookie,
    local: localStorage.length,
    session: sessionStorage.length,
    databases: (await indexedDB.databases()).length,
    caches: (await caches.keys()).length,
    workers: (await navigator.serviceWorker.getRegistrations()).length,
})"""


@pytest.mark.parametrize("script", [False, True], ids=["without script", "with script"])
@pytest.mark.parametrize("method", COUNTER_OF)
def test_a_visit_from_scan_to_thanks_weighs_less_than_20_kb_and_asks_nobody_else(
    open_phone: OpenPhone, line: Line, method: str, script: bool
) -> None:
    """Heads and bodies, on the wire: also what a service worker asks for."""
    phone = open_phone(script=script, address=line.address)
    phone.open(f"/{COUNTER_OF[method]}")
    if script:
        phone.works_offline()
    phone.turn_to(phone.page.locator("input[name^='answers.'][value='4']").first).check()
    phone.send()
    thanked(phone)
    phone.page.wait_for_load_state("networkidle")
    assert 0 < line.received < LIGHT_BYTES
    assert phone.foreign_requests() == []
    assert phone.context.cookies() == []


def test_without_script_nothing_is_stored_on_the_phone(open_phone: OpenPhone) -> None:
    phone = open_phone(for_tools=True)
    for path in PAGES:
        phone.open(path)
        assert phone.page.evaluate(STORES) == dict.fromkeys(
            ("local", "session", "databases", "caches", "workers"), 0
        ) | {"cookies": ""}
    assert phone.foreign_requests() == []
    assert phone.context.cookies() == []


def test_a_request_to_another_place_would_be_noticed(open_phone: OpenPhone) -> None:
    """The tests above can fail."""
    phone = open_phone(script=True)
    phone.page.set_content("<img src='https://elsewhere.example/x.png'>")
    phone.page.wait_for_load_state("networkidle")
    assert phone.foreign_requests() == ["https://elsewhere.example/x.png"]
