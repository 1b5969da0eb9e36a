"""Every page and state, in both languages, as each phone is set: axe-core finds nothing, and all of it can be read.

What axe cannot see is a list for people: docs/accessibility.md. A page without violations is not yet accessible.
"""

from collections.abc import Callable

import pytest

from tests.browser.axe import violations
from tests.browser.citizen import LANGUAGES, WORDS, fill_in
from tests.browser.conftest import OpenPhone
from tests.browser.phone import KIOSK_LOOKS, LARGE_FONT, LOOKS, NORMAL_FONT, Look, Phone
from tests.browser.registry import COUNTER_OF
from tests.survey_stack import OPEN, REVOKED, SHARED, SUBMIT_KEY, UNKNOWN

State = Callable[[Phone, str], None]


def opened(path: str, status: int = 200) -> State:
    def open_it(phone: Phone, lang: str) -> None:
        assert phone.open(f"{path}{'&' if '?' in path else '?'}lang={lang}") == status

    return open_it


def sent_empty(code: str) -> State:
    def send_it(phone: Phone, lang: str) -> None:
        phone.open(f"/{code}?lang={lang}")
        phone.send()
        phone.page.get_by_role("alert").wait_for()

    return send_it


def turned_to(page: int) -> State:
    def turn(phone: Phone, lang: str) -> None:
        phone.open(f"/{COUNTER_OF['qd2640@1']}?lang={lang}")
        for _ in range(page):
            phone.page.locator("form a.go:visible").click()

    return turn


STATES: dict[str, State] = {
    **{f"form of {method}": opened(f"/{code}") for method, code in COUNTER_OF.items()},
    "form of several agencies": opened(f"/{SHARED}"),
    "form without an answer": sent_empty(OPEN),
    "form without the agency": sent_empty(SHARED),
    "thanks": opened("/thanks"),
    **{f"factor {page} of qd2640@1": turned_to(page) for page in range(1, 6)},
    "form of many factors without an answer": sent_empty(COUNTER_OF["qd2640@1"]),
    "thanks of a counter": opened(f"/thanks?counter={OPEN}"),
    "check, no code": opened("/check"),
    "check": opened(f"/check/{SHARED}"),
    "check of a revoked code": opened(f"/check/{REVOKED}", 410),
    "check of an unknown code": opened(f"/check/{UNKNOWN}", 404),
    "unknown code": opened(f"/{UNKNOWN}", 404),
    "front": opened("/"),
    "front, no code": opened("/?code=x", 404),
    "no code": opened("/khong-phai-ma", 404),
    "revoked code": opened(f"/{REVOKED}", 410),
}


def kept(phone: Phone, lang: str) -> None:
    # a page with a sheet would send it as soon as there is a network, and go on to its thanks
    phone.page.goto("about:blank")
    phone.context.set_offline(False)
    phone.open(f"/{OPEN}?lang={lang}")
    fill_in(phone, lang, {"ACCESS": 4})
    phone.context.set_offline(True)
    phone.send()
    phone.says(WORDS[lang]["kept"])


def sent_before(phone: Phone, lang: str) -> None:
    phone.open(f"/{OPEN}?lang={lang}")
    fill_in(phone, lang, {"ACCESS": 4})
    phone.send()
    phone.page.locator("main#thanks").wait_for()
    phone.page.go_back()
    phone.says(WORDS[lang]["sent-before"])


STATES_WITH_SCRIPT: dict[str, State] = {"a sheet that is kept": kept, "a sheet that was sent before": sent_before}


def kiosk(*taps: str, key: str = SUBMIT_KEY, wait_ms: int = 0, code: str = OPEN) -> State:
    """A kiosk in the language asked for, after these taps and so much time."""

    def reach(phone: Phone, lang: str) -> None:
        phone.open(f"/{code}?kiosk=1#reset")
        phone.open(f"/{code}?kiosk=1&lang={lang}#key={key}" if key else f"/{code}?kiosk=1&lang={lang}")
        for tap in taps:
            phone.page.locator(tap).click()
        if wait_ms:
            phone.page.clock.run_for(wait_ms)
            phone.page.locator("#still-there").wait_for()

    return reach


FACE, NEXT = "button[data-level='4']", "#next"
KIOSK_STATES: dict[str, State] = {
    "kiosk, key": kiosk(key=""),
    "kiosk, start": kiosk(),
    "kiosk, question": kiosk("#begin", FACE),
    "kiosk, no answer": kiosk("#begin", *(["button[data-level='']", NEXT] * 5)),
    "kiosk, choice": kiosk("#begin", NEXT, code=SHARED),
    "kiosk, warning": kiosk("#begin", FACE, wait_ms=30_000),
    "kiosk, thanks": kiosk("#begin", *([FACE, NEXT] * 5), "#done h1"),
    "kiosk, wrong key": kiosk("#begin", *([FACE, NEXT] * 5), "#key", key="sipas_submit_nonsense"),
}


def faults(phone: Phone, state: State, lang: str, looks: tuple[Look, ...]) -> dict[str, list[str]]:
    """What is wrong with a state, by look."""
    found = {}
    for look in looks:
        phone.look(look)
        state(phone, lang)
        phone.picture(look.name)
        found[look.name] = violations(phone.page) + phone.sideways()
    return {name: faults for name, faults in found.items() if faults}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_and_nothing_stands_out_of_the_screen(open_phone: OpenPhone, state: str, lang: str) -> None:
    assert faults(open_phone(for_tools=True), STATES[state], lang, LOOKS[lang]) == {}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("state", STATES_WITH_SCRIPT)
def test_the_same_of_what_the_script_shows(open_phone: OpenPhone, state: str, lang: str) -> None:
    assert faults(open_phone(script=True), STATES_WITH_SCRIPT[state], lang, LOOKS[lang]) == {}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("state", KIOSK_STATES)
def test_the_same_of_the_kiosk(open_phone: OpenPhone, state: str, lang: str) -> None:
    found = {}
    for look in KIOSK_LOOKS[lang]:
        # another device each time: this one remembers its key and what waits to be sent
        tablet = open_phone(script=True)
        tablet.page.clock.install()
        found |= faults(tablet, KIOSK_STATES[state], lang, (look,))
    assert found == {}


@pytest.mark.parametrize("state", STATES)
def test_all_text_grows_with_the_browsers_own_setting(open_phone: OpenPhone, state: str) -> None:
    phone = open_phone(for_tools=True)
    STATES[state](phone, "vi")
    normal = phone.text_sizes()
    phone.look(Look("large", font=LARGE_FONT))
    STATES[state](phone, "vi")
    assert normal
    assert phone.text_sizes() == [size * LARGE_FONT / NORMAL_FONT for size in normal]


def test_axe_and_the_look_to_the_right_find_what_is_wrong(open_phone: OpenPhone) -> None:
    """The tests above can fail."""
    phone = open_phone(for_tools=True)
    phone.page.set_content("<p style='color:#999;width:500px'>Xin chào</p><input><a href=x></a>")
    rules = {fault.split(":")[0] for fault in violations(phone.page)}
    assert {"color-contrast", "label", "link-name", "landmark-one-main"} <= rules
    assert any("Xin chào" in element for element in phone.sideways())
