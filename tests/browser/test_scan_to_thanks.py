"""From the scanned address to the thanks, in a real browser without script, read back from a real Kafka."""

from collections.abc import Callable

import pytest

from services.survey.languages import load_languages
from sipas.events import Response
from tests.browser.conftest import OpenPhone
from tests.browser.phone import Phone
from tests.survey_stack import OPEN, SHARED

LANGUAGES = load_languages()
METHOD = "quick-5@1"
Arrived = Callable[[], list[Response]]


def fill_in(phone: Phone, lang: str, levels: dict[str, int | None]) -> None:
    """Taps an answer to each of the questions named."""
    questionnaire = LANGUAGES[lang].questionnaires[METHOD]
    labels = {choice.level: choice.label for choice in questionnaire.scale}
    for question in questionnaire.questions:
        if question.code in levels:
            phone.choose(question.text, labels[levels[question.code]])


def thanks(phone: Phone, lang: str) -> None:
    """Waits for the page that thanks."""
    phone.page.get_by_role("heading", name=LANGUAGES[lang].words["thanks"]).wait_for()


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_a_scanned_code_is_answered_and_thanked_without_script(
    open_phone: OpenPhone, arrived: Arrived, lang: str
) -> None:
    phone = open_phone()
    assert phone.open(f"/{OPEN}") == 200
    if lang == "en":
        phone.page.get_by_role("link", name="English").click()
    levels: dict[str, int | None] = {"ACCESS": 5, "PROC": 4, "STAFF": 3, "RESULT": 1, "FEEDBACK": None}
    fill_in(phone, lang, levels)
    phone.page.get_by_text(LANGUAGES[lang].words["assisted"]).click()
    phone.picture("filled-in")
    phone.send()
    thanks(phone, lang)
    (sheet,) = arrived()
    assert sheet.answers == levels
    assert (sheet.agency, sheet.counter, sheet.language, sheet.assisted) == ("so-a", OPEN, lang, True)
    assert (sheet.via, sheet.channel) == ("form", "qr")


def test_the_keyboard_alone_is_enough(open_phone: OpenPhone, arrived: Arrived) -> None:
    phone = open_phone()
    phone.open(f"/{OPEN}")
    press = phone.page.keyboard.press
    focused = phone.page.locator(":focus")
    for _ in range(20):
        press("Tab")
        if focused.get_attribute("name") == "answers.ACCESS":
            break
    press("Space")
    press("ArrowDown")
    for _ in range(20):
        press("Tab")
        if focused.evaluate("one => one.tagName === 'BUTTON' && one.type === 'submit'"):
            break
    press("Enter")
    thanks(phone, "vi")
    (sheet,) = arrived()
    assert {code: level for code, level in sheet.answers.items() if level} == {"ACCESS": 2}


def test_a_double_click_counts_once(open_phone: OpenPhone, arrived: Arrived) -> None:
    phone = open_phone()
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", {"ACCESS": 4})
    phone.button().dblclick()
    thanks(phone, "vi")
    assert len({sheet.response_id for sheet in arrived()}) == 1


def test_going_back_and_sending_again_counts_once(open_phone: OpenPhone, arrived: Arrived) -> None:
    phone = open_phone()
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", {"ACCESS": 4})
    phone.send()
    thanks(phone, "vi")
    phone.page.go_back()
    fill_in(phone, "vi", {"ACCESS": 1})
    phone.send()
    thanks(phone, "vi")
    first, *again = arrived()
    assert first.answers["ACCESS"] == 4
    assert {sheet.response_id for sheet in again} == {first.response_id}


def test_a_reload_of_the_thanks_sends_nothing(open_phone: OpenPhone, arrived: Arrived) -> None:
    phone = open_phone()
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", {"ACCESS": 4})
    phone.send()
    thanks(phone, "vi")
    phone.page.reload()
    thanks(phone, "vi")
    assert len(arrived()) == 1


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_a_form_with_a_fault_keeps_its_answers_and_leads_to_the_fault(
    open_phone: OpenPhone, arrived: Arrived, lang: str
) -> None:
    phone = open_phone()
    phone.open(f"/{SHARED}?lang={lang}")
    fill_in(phone, lang, {"ACCESS": 2, "STAFF": None})
    phone.send()
    alert = phone.page.get_by_role("alert")
    alert.wait_for()
    phone.picture("fault")
    alert.get_by_role("link").click()
    assert phone.page.url.endswith("#choice")
    phone.page.get_by_role("group", name=LANGUAGES[lang].words["choose"]).get_by_text("Hộ tịch").click()
    phone.send()
    thanks(phone, lang)
    (sheet,) = arrived()
    assert (sheet.agency, sheet.sector) == ("so-b", "ho-tich")
    given = {code: sheet.answers[code] for code in ("ACCESS", "STAFF")}
    assert given == {"ACCESS": 2, "STAFF": None}


def test_two_people_on_one_phone_are_two_sheets(open_phone: OpenPhone, arrived: Arrived) -> None:
    phone = open_phone()
    for level in (4, 1):
        phone.open(f"/{OPEN}")
        fill_in(phone, "vi", {"ACCESS": level})
        phone.send()
        thanks(phone, "vi")
    assert [sheet.answers["ACCESS"] for sheet in arrived()] == [4, 1]
