"""What the form's script adds: answers outlive a reload, sending is tried again, and nothing is sent twice for two."""

import pytest

from tests.browser.citizen import WORDS, Arrived, fill_in, ids, thanked
from tests.browser.conftest import OpenPhone, address_of
from tests.browser.line import Line
from tests.browser.registry import COUNTER_OF, browser_registry
from tests.servers import KafkaServer, wait_until
from tests.survey_stack import OPEN, SHARED, Survey, set_up_namespace, sheets

LEVELS: dict[str, int | None] = {"ACCESS": 5, "PROC": 4, "STAFF": 3, "RESULT": 1, "FEEDBACK": None}
WITHOUT_STORES = """
    for (const name of ["indexedDB", "localStorage", "sessionStorage", "caches"])
        Object.defineProperty(window, name, { get() { throw new DOMException("forbidden", "SecurityError"); } });
    Object.defineProperty(Navigator.prototype, "serviceWorker", { get() { return undefined; } });
    window.open = () => null;
"""
"""A browser inside another app, as it may be: no store, no service worker, no window."""


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_a_scanned_code_is_answered_and_thanked_with_script(open_phone: OpenPhone, arrived: Arrived, lang: str) -> None:
    phone = open_phone(script=True)
    phone.open(f"/{OPEN}?lang={lang}")
    fill_in(phone, lang, LEVELS)
    phone.send()
    thanked(phone, lang)
    (sheet,) = arrived()
    assert (sheet.answers, sheet.language, sheet.via, sheet.channel) == (LEVELS, lang, "form", "qr")


def test_22_criteria_with_script(open_phone: OpenPhone, arrived: Arrived) -> None:
    phone = open_phone(script=True)
    phone.open(f"/{COUNTER_OF['qd2640@1']}")
    levels = {"ACCESS_1": 5, "PROC_5": 4, "FEEDBACK_4": None}
    fill_in(phone, "vi", levels, "qd2640@1")
    phone.send()
    thanked(phone)
    (sheet,) = arrived()
    assert {code: sheet.answers[code] for code in levels} == levels


def test_answers_outlive_a_reload_until_they_are_sent(open_phone: OpenPhone, arrived: Arrived) -> None:
    phone = open_phone(script=True)
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", LEVELS)
    phone.page.reload()
    assert phone.page.locator("input[type=radio]:checked").count() == len(LEVELS)
    phone.send()
    thanked(phone)
    assert [sheet.answers for sheet in arrived()] == [LEVELS]
    phone.open(f"/{OPEN}")
    assert phone.page.locator("input:checked").count() == 0


def test_a_double_click_sends_once(open_phone: OpenPhone, arrived: Arrived) -> None:
    phone = open_phone(script=True)
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", LEVELS)
    phone.button().dblclick()
    thanked(phone)
    assert len(arrived()) == 1


def test_going_back_and_sending_again_counts_once(open_phone: OpenPhone, arrived: Arrived) -> None:
    phone = open_phone(script=True)
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", {"ACCESS": 4})
    phone.send()
    thanked(phone)
    phone.page.go_back()
    phone.says(WORDS["vi"]["sent-before"])
    fill_in(phone, "vi", {"ACCESS": 1})
    phone.send()
    thanked(phone)
    first, *again = arrived()
    assert first.answers["ACCESS"] == 4
    assert ids(again) <= {first.response_id}


def test_of_a_sheet_that_was_sent_no_answer_stays_on_the_phone(open_phone: OpenPhone) -> None:
    phone = open_phone(script=True)
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", LEVELS)
    phone.send()
    thanked(phone)
    (kept,) = phone.stored()
    assert set(kept) == {"id", "token", "at", "sent"}
    assert phone.page.evaluate("Object.keys(sessionStorage).concat(Object.keys(localStorage))") == []
    assert phone.context.cookies() == []


def test_a_form_with_a_fault_leads_to_the_servers_page_and_keeps_its_answers(
    open_phone: OpenPhone, arrived: Arrived
) -> None:
    phone = open_phone(script=True)
    phone.open(f"/{SHARED}")
    fill_in(phone, "vi", {"ACCESS": 2})
    phone.send()
    phone.page.locator("#wrong").get_by_role("link").click()
    phone.page.get_by_role("group", name=WORDS["vi"]["choose"]).get_by_text("Hộ tịch").click()
    phone.send()
    thanked(phone)
    (sheet,) = arrived()
    assert (sheet.sector, sheet.answers["ACCESS"]) == ("ho-tich", 2)


def test_a_lost_answer_to_a_sheet_that_arrived_is_asked_for_again_and_counts_once(
    open_phone: OpenPhone, line: Line, arrived: Arrived
) -> None:
    phone = open_phone(script=True, address=line.address)
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", LEVELS)
    line.lose_answer_to(f"POST /{OPEN}")
    phone.send()
    thanked(phone)
    assert line.has_lost_it
    assert len(arrived()) >= 2
    assert len(ids(arrived())) == 1


def test_without_any_store_it_still_sends(open_phone: OpenPhone, arrived: Arrived) -> None:
    phone = open_phone(script=True)
    phone.context.add_init_script(WITHOUT_STORES)
    faults: list[str] = []
    phone.page.on("pageerror", lambda error: faults.append(str(error)))
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", LEVELS)
    phone.send()
    thanked(phone)
    assert [sheet.answers for sheet in arrived()] == [LEVELS]
    assert faults == []


def test_without_any_store_a_line_that_broke_is_tried_again(
    open_phone: OpenPhone, line: Line, arrived: Arrived
) -> None:
    phone = open_phone(script=True, address=line.address)
    phone.context.add_init_script(WITHOUT_STORES)
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", LEVELS)
    phone.context.set_offline(True)
    phone.send()
    phone.says(WORDS["vi"]["waiting"])
    phone.picture("waiting")
    phone.context.set_offline(False)
    thanked(phone)
    assert len(ids(arrived())) == 1


def test_a_survey_that_was_away_gets_the_sheet_when_it_is_back(
    open_phone: OpenPhone, kafka: KafkaServer, namespace: str, tmp_path
) -> None:
    set_up_namespace(kafka.bootstrap, namespace, browser_registry())
    with Survey(kafka.bootstrap, namespace, tmp_path) as survey:
        phone = open_phone(script=True, address=address_of(survey))
        phone.open(f"/{OPEN}")
        fill_in(phone, "vi", LEVELS)
        survey.stop()
        phone.send()
        phone.says(WORDS["vi"]["kept"])
        survey.start()
        thanked(phone, timeout_s=120)
        wait_until(lambda: sheets(kafka.bootstrap, namespace), what="the sheet")
        assert len(ids(sheets(kafka.bootstrap, namespace))) == 1
