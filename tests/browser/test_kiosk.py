"""The kiosk at the counter: a key is set once; whoever stands there answers, and leaves nothing to the next."""

from datetime import UTC, datetime, timedelta

import pytest

from services.survey.languages import load_languages
from tests.browser.citizen import QUICK, WORDS, Arrived, ids
from tests.browser.conftest import OpenPhone
from tests.browser.phone import KIOSK_LOOKS, Phone
from tests.servers import wait_until
from tests.survey_stack import OPEN, REVOKED_KEY, SHARED, SUBMIT_KEY

MORNING = datetime.now(UTC)
QUESTIONS = load_languages()["vi"].questionnaires[QUICK].questions
LEVELS = {"ACCESS": 5, "PROC": 4, "STAFF": 1, "RESULT": 3, "FEEDBACK": None}


@pytest.fixture
def kiosk(open_phone: OpenPhone) -> Phone:
    """A tablet with its key; its clock stands still but for what the test lets pass."""
    return set_up(open_phone(script=True))


def set_up(tablet: Phone, code: str = OPEN, key: str = SUBMIT_KEY) -> Phone:
    tablet.page.clock.install(time=MORNING)
    tablet.look(KIOSK_LOOKS["vi"][0])
    tablet.open(f"/{code}?kiosk=1")
    tablet.page.locator("#key").fill(key)
    tablet.page.locator("#setup button").click()
    tablet.page.locator("#begin").wait_for()
    tablet.page.clock.pause_at(MORNING + timedelta(hours=1))
    return tablet


def tap(tablet: Phone, level: int | None) -> None:
    tablet.page.locator(f"#question button[data-level='{'' if level is None else level}']").click()


def answer_all(tablet: Phone) -> None:
    tablet.page.locator("#begin").click()
    for level in LEVELS.values():
        tap(tablet, level)
        tablet.page.locator("#next").click()


def is_at_start(tablet: Phone) -> bool:
    return tablet.page.locator("#begin").is_visible()


def test_five_faces_are_tapped_and_the_sheet_comes_by_channel_kiosk(kiosk: Phone, arrived: Arrived) -> None:
    kiosk.picture("start")
    kiosk.page.locator("#begin").click()
    faces = kiosk.page.locator("#question .faces button")
    assert faces.count() == 5
    labels = [choice.label for choice in load_languages()["vi"].questionnaires[QUICK].scale]
    assert [text.strip() for text in kiosk.page.locator("#question button .label").all_inner_texts()] == labels
    for question, level in zip(QUESTIONS, LEVELS.values(), strict=True):
        assert kiosk.page.locator("#text").inner_text() == question.text
        tap(kiosk, level)
        kiosk.picture(f"question-{question.code}")
        kiosk.page.locator("#next").click()
    kiosk.page.locator("#done").get_by_text(WORDS["vi"]["thanks-kiosk"]).wait_for()
    (sheet,) = arrived()
    assert (sheet.answers, sheet.channel, sheet.via, sheet.flags) == (LEVELS, "kiosk", "submit", ())


def test_it_goes_back_and_a_changed_answer_is_the_one_that_counts(kiosk: Phone, arrived: Arrived) -> None:
    kiosk.page.locator("#begin").click()
    tap(kiosk, 1)
    kiosk.page.locator("#next").click()
    kiosk.page.locator("#back").click()
    tap(kiosk, 5)
    for _ in QUESTIONS:
        kiosk.page.locator("#next").click()
    kiosk.page.locator("#over").wait_for()
    (sheet,) = arrived()
    assert {code: level for code, level in sheet.answers.items() if level} == {"ACCESS": 5}


def test_it_asks_in_english_for_one_citizen_and_in_vietnamese_for_the_next(kiosk: Phone, arrived: Arrived) -> None:
    kiosk.page.locator("#language").click()
    answer_all(kiosk)
    kiosk.page.locator("#done").get_by_text(WORDS["en"]["thanks-kiosk"]).wait_for()
    kiosk.page.locator("#over").click()
    assert kiosk.page.locator("html").get_attribute("lang") == "vi"
    assert [sheet.language for sheet in arrived()] == ["en"]


def test_after_the_thanks_it_begins_anew_and_holds_nothing_of_the_last_citizen(kiosk: Phone) -> None:
    answer_all(kiosk)
    kiosk.page.locator("#done").get_by_text(WORDS["vi"]["thanks-kiosk"]).wait_for()
    kiosk.page.clock.run_for(9_000)
    assert is_at_start(kiosk)
    assert all(set(sheet) == {"id", "token", "at", "sent"} or "body" not in sheet for sheet in kiosk.stored())
    kiosk.page.locator("#begin").click()
    assert kiosk.page.locator("[aria-pressed='true']").count() == 0
    kiosk.page.go_back()
    assert kiosk.page.locator("[aria-pressed='true']").count() == 0


def test_45_s_of_inactivity_reset_it_after_a_warning_of_20_s(kiosk: Phone, arrived: Arrived) -> None:
    kiosk.page.locator("#begin").click()
    tap(kiosk, 4)
    warning = kiosk.page.locator("#still-there")
    kiosk.page.clock.run_for(24_000)
    assert not warning.is_visible()
    kiosk.page.clock.run_for(2_000)
    assert warning.is_visible()
    assert kiosk.page.locator("#more-time").evaluate("button => button === document.activeElement")
    kiosk.picture("warning")
    kiosk.page.clock.run_for(18_000)
    assert warning.is_visible()
    kiosk.page.clock.run_for(2_000)
    assert is_at_start(kiosk)
    kiosk.page.locator("#begin").click()
    assert kiosk.page.locator("[aria-pressed='true']").count() == 0
    assert arrived() == []


def test_who_needs_more_time_gets_it_and_keeps_what_was_chosen(kiosk: Phone) -> None:
    kiosk.page.locator("#begin").click()
    tap(kiosk, 4)
    for _ in range(3):
        kiosk.page.clock.run_for(40_000)
        kiosk.page.locator("#more-time").click()
        assert not kiosk.page.locator("#still-there").is_visible()
    assert kiosk.page.locator("button[data-level='4']").get_attribute("aria-pressed") == "true"


def test_a_key_ends_the_warning_too(kiosk: Phone) -> None:
    kiosk.page.locator("#begin").click()
    kiosk.page.clock.run_for(30_000)
    kiosk.page.keyboard.press("Escape")
    assert not kiosk.page.locator("#still-there").is_visible()
    kiosk.page.clock.run_for(20_000)
    assert not is_at_start(kiosk)


def test_a_shared_counter_asks_first_for_whom(open_phone: OpenPhone, arrived: Arrived) -> None:
    kiosk = set_up(open_phone(script=True), SHARED)
    kiosk.page.locator("#begin").click()
    kiosk.page.locator("#next").click()
    kiosk.page.get_by_text(WORDS["vi"]["choose-first"]).wait_for()
    kiosk.picture("choose")
    kiosk.page.locator("[data-choice='so-b/ho-tich']").click()
    kiosk.page.locator("#next").click()
    for level in LEVELS.values():
        tap(kiosk, level)
        kiosk.page.locator("#next").click()
    kiosk.page.locator("#over").wait_for()
    (sheet,) = arrived()
    assert (sheet.agency, sheet.sector, sheet.channel) == ("so-b", "ho-tich", "kiosk")


def test_a_key_in_the_address_is_taken_and_stays_in_no_address(open_phone: OpenPhone, arrived: Arrived) -> None:
    kiosk = open_phone(script=True)
    kiosk.open(f"/{OPEN}?kiosk=1#key={SUBMIT_KEY}")
    kiosk.page.locator("#begin").wait_for()
    assert SUBMIT_KEY not in kiosk.page.url
    answer_all(kiosk)
    kiosk.page.locator("#over").wait_for()
    assert len(arrived()) == 1
    # the same document: no request, and nothing for a server to see
    kiosk.page.evaluate("location.hash = '#reset'")
    kiosk.page.locator("#key").wait_for()


@pytest.mark.parametrize("key", ["sipas_submit_nonsense", REVOKED_KEY], ids=["unknown", "revoked"])
def test_a_wrong_key_is_said_and_the_sheet_waits_for_the_right_one(
    open_phone: OpenPhone, arrived: Arrived, key: str
) -> None:
    kiosk = set_up(open_phone(script=True), key=key)
    answer_all(kiosk)
    kiosk.page.locator("#key").wait_for()
    assert kiosk.page.locator("#refused").inner_text() == WORDS["vi"]["key-refused"]
    kiosk.picture("refused")
    assert arrived() == []
    kiosk.page.locator("#key").fill(SUBMIT_KEY)
    kiosk.page.locator("#setup button").click()
    wait_until(lambda: ids(arrived()), what="the sheet that waited")
    assert [sheet.answers for sheet in arrived()] == [LEVELS]


def test_without_a_network_it_thanks_keeps_and_delivers_once(kiosk: Phone, arrived: Arrived) -> None:
    kiosk.context.set_offline(True)
    answer_all(kiosk)
    kiosk.page.locator("#done").get_by_text(WORDS["vi"]["kept-kiosk"]).wait_for()
    assert SUBMIT_KEY not in str(kiosk.stored())
    assert arrived() == []
    kiosk.context.set_offline(False)
    wait_until(lambda: ids(arrived()), what="the sheet that waited")
    kiosk.page.clock.run_for(120_000)
    assert len(ids(arrived())) == 1


def test_a_store_that_once_did_not_answer_is_asked_again(open_phone: OpenPhone) -> None:
    tablet = open_phone(script=True)
    tablet.page.add_init_script("""
        const open = indexedDB.open.bind(indexedDB);
        let asked = 0;
        IDBFactory.prototype.open = (...words) => (asked++ ? open(...words) : {});
    """)
    # its clock is set an hour on: the first question is given up
    kiosk = set_up(tablet)
    kiosk.context.set_offline(True)
    answer_all(kiosk)
    kiosk.page.locator("#done").get_by_text(WORDS["vi"]["kept-kiosk"]).wait_for()


def test_no_link_leads_out_of_it(kiosk: Phone) -> None:
    kiosk.page.locator("#begin").click()
    assert kiosk.page.locator("a").count() == 0
