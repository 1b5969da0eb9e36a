"""From the scanned address to the thanks, in a real browser without script, read back from a real Kafka."""

import pytest

from sipas.methods import load_methods
from tests.browser.citizen import WORDS, Arrived, fill_in, ids, thanked
from tests.browser.conftest import OpenPhone
from tests.browser.registry import COUNTER_OF
from tests.survey_stack import OPEN, SHARED


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
    phone.page.get_by_text(WORDS[lang]["assisted"]).click()
    phone.picture("filled-in")
    phone.send()
    thanked(phone, lang)
    (sheet,) = arrived()
    assert sheet.answers == levels
    assert (sheet.agency, sheet.counter, sheet.language, sheet.assisted) == ("so-a", OPEN, lang, True)
    assert (sheet.via, sheet.channel) == ("form", "qr")


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_22_criteria_come_one_factor_a_page_without_script(open_phone: OpenPhone, arrived: Arrived, lang: str) -> None:
    phone = open_phone()
    phone.open(f"/{COUNTER_OF['qd2640@1']}?lang={lang}")
    levels = dict.fromkeys(load_methods()["qd2640@1"].codes, 4)
    questions = phone.page.get_by_role("group")
    assert questions.count() == 0
    seen = []
    phone.picture("intro")
    for page in range(1, 6):
        phone.page.locator("form a.go:visible").click()
        seen.append(questions.count())
        phone.picture(f"page-{page}")
    assert seen == [4, 5, 6, 3, 4]
    for _ in seen:
        phone.page.locator("form a.back:visible").click()
    assert questions.count() == 0
    fill_in(phone, lang, levels, "qd2640@1")
    phone.send()
    thanked(phone, lang)
    (sheet,) = arrived()
    assert sheet.answers == levels
    assert sheet.language == lang


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
        if focused.get_attribute("id") == "send":
            break
    press("Enter")
    thanked(phone)
    (sheet,) = arrived()
    assert {code: level for code, level in sheet.answers.items() if level} == {"ACCESS": 2}


def test_a_double_click_counts_once(open_phone: OpenPhone, arrived: Arrived) -> None:
    phone = open_phone()
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", {"ACCESS": 4})
    phone.button().dblclick()
    thanked(phone)
    assert len(ids(arrived())) == 1


def test_going_back_and_sending_again_counts_once(open_phone: OpenPhone, arrived: Arrived) -> None:
    phone = open_phone()
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", {"ACCESS": 4})
    phone.send()
    thanked(phone)
    phone.page.go_back()
    fill_in(phone, "vi", {"ACCESS": 1})
    phone.send()
    thanked(phone)
    first, *again = arrived()
    assert first.answers["ACCESS"] == 4
    assert ids(again) <= {first.response_id}


def test_a_reload_of_the_thanks_sends_nothing(open_phone: OpenPhone, arrived: Arrived) -> None:
    phone = open_phone()
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", {"ACCESS": 4})
    phone.send()
    thanked(phone)
    phone.page.reload()
    thanked(phone)
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
    phone.page.get_by_role("group", name=WORDS[lang]["choose"]).get_by_text("Hộ tịch").click()
    phone.send()
    thanked(phone, lang)
    (sheet,) = arrived()
    assert (sheet.agency, sheet.sector) == ("so-b", "ho-tich")
    given = {code: sheet.answers[code] for code in ("ACCESS", "STAFF")}
    assert given == {"ACCESS": 2, "STAFF": None}


@pytest.mark.parametrize("script", [False, True], ids=["without script", "with script"])
def test_another_person_on_the_same_phone_is_another_sheet(
    open_phone: OpenPhone, arrived: Arrived, script: bool
) -> None:
    phone = open_phone(script=script)
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", {"ACCESS": 4})
    phone.send()
    thanked(phone)
    phone.page.locator("#another").click()
    phone.page.locator("#survey").wait_for()
    assert phone.page.locator("input:checked").count() == 0
    fill_in(phone, "vi", {"ACCESS": 1})
    phone.send()
    thanked(phone)
    assert [sheet.answers["ACCESS"] for sheet in arrived()] == [4, 1]
