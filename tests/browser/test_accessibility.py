"""Every page and state, in both languages, as each phone is set: axe-core finds nothing, and all of it can be read.

What axe cannot see is a list for people: docs/accessibility.md. A page without violations is not yet accessible.
"""

from collections.abc import Callable

import pytest

from services.survey.languages import load_languages
from tests.browser.axe import violations
from tests.browser.conftest import OpenPhone
from tests.browser.phone import LARGE_FONT, LOOKS, NORMAL_FONT, Look, Phone
from tests.browser.registry import COUNTER_OF
from tests.survey_stack import OPEN, REVOKED, SHARED, UNKNOWN

LANGUAGES = load_languages()


def opened(path: str, status: int = 200) -> Callable[[Phone, str], None]:
    def open_it(phone: Phone, lang: str) -> None:
        assert phone.open(f"{path}?lang={lang}") == status

    return open_it


def sent_empty(code: str) -> Callable[[Phone, str], None]:
    def send_it(phone: Phone, lang: str) -> None:
        phone.open(f"/{code}?lang={lang}")
        phone.send()
        phone.page.get_by_role("alert").wait_for()

    return send_it


STATES: dict[str, Callable[[Phone, str], None]] = {
    **{f"form of {method}": opened(f"/{code}") for method, code in COUNTER_OF.items()},
    "form of several agencies": opened(f"/{SHARED}"),
    "form without an answer": sent_empty(OPEN),
    "form without the agency": sent_empty(SHARED),
    "thanks": opened("/thanks"),
    "check": opened(f"/check/{SHARED}"),
    "check of a revoked code": opened(f"/check/{REVOKED}", 410),
    "check of an unknown code": opened(f"/check/{UNKNOWN}", 404),
    "unknown code": opened(f"/{UNKNOWN}", 404),
    "no code": opened("/favicon.ico", 404),
    "revoked code": opened(f"/{REVOKED}", 410),
}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_and_nothing_stands_out_of_the_screen(open_phone: OpenPhone, state: str, lang: str) -> None:
    phone = open_phone(for_tools=True)
    found = {}
    for look in LOOKS:
        phone.look(look)
        STATES[state](phone, lang)
        phone.picture(look.name)
        found[look.name] = violations(phone.page) + phone.sideways()
    assert {name: faults for name, faults in found.items() if faults} == {}


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
