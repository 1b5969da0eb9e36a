"""Without a network: the form opens, the sheet waits on the phone, and arrives once when there is a network again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.citizen import WORDS, Arrived, fill_in, ids, thanked
from tests.browser.conftest import OpenPhone
from tests.browser.line import Line
from tests.browser.phone import Phone
from tests.chromium import with_profile
from tests.servers import wait_until
from tests.survey_stack import OPEN


@pytest.fixture
def switch_on(browser: Browser, line: Line, tmp_path: Path, test_name: str) -> Iterator[Callable[[], Phone]]:
    """Starts the phone on `line` anew, with what it has stored; whoever switches it on again has closed it before."""
    switched_on = []

    def start() -> Phone:
        context = with_profile(browser, tmp_path / "profile")
        switched_on.append(context)
        return Phone(context, line.address, test_name)

    yield start
    switched_on[-1].close()


def is_delivered(phone: Phone) -> bool:
    return all(sheet["sent"] for sheet in phone.stored())


def test_a_sheet_sent_offline_outlives_the_browser_and_is_delivered_once(
    switch_on: Callable[[], Phone], line: Line, arrived: Arrived
) -> None:
    phone = switch_on()
    phone.open(f"/{OPEN}")
    phone.works_offline()
    phone.context.set_offline(True)
    fill_in(phone, "vi", {"ACCESS": 4, "STAFF": None})
    phone.send()
    phone.says(WORDS["vi"]["kept"])
    phone.picture("kept")
    # a browser that closes forgets that it is offline before it forgets the page
    line.cut()
    phone.context.close()
    assert arrived() == []

    phone = switch_on()
    phone.context.set_offline(True)
    phone.open(f"/{OPEN}")
    assert len(phone.stored()) == 1
    line.mend()
    phone.context.set_offline(False)
    wait_until(lambda: is_delivered(phone), what="the sheet to be delivered")
    phone.picture("delivered")
    assert len(ids(arrived())) == 1
    sheet = arrived()[0]
    assert (sheet.answers["ACCESS"], sheet.answers["STAFF"], sheet.flags) == (4, None, sheet.flags)

    phone.page.reload()
    phone.page.reload()
    assert len(ids(arrived())) == 1


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_a_form_opened_before_opens_without_a_network(open_phone: OpenPhone, lang: str) -> None:
    phone = open_phone(script=True)
    phone.open(f"/{OPEN}?lang={lang}")
    phone.works_offline()
    phone.context.set_offline(True)
    assert phone.open(f"/{OPEN}?lang={lang}") == 200
    assert phone.page.locator("html").get_attribute("lang") == lang
    fill_in(phone, lang, {"ACCESS": 4})


def scan_again(phone: Phone) -> None:
    phone.open(f"/{OPEN}")


def follow_the_link(phone: Phone) -> None:
    phone.page.locator("#another").click()
    phone.page.locator("#survey:not(:has(:checked))").wait_for()


@pytest.mark.parametrize("another", [scan_again, follow_the_link])
def test_two_people_offline_on_one_phone_are_two_sheets_with_two_ids(
    open_phone: OpenPhone, arrived: Arrived, another: Callable[[Phone], None]
) -> None:
    """The copy of the form has one token; each sheet gets one of its own before it is sent."""
    phone = open_phone(script=True)
    phone.open(f"/{OPEN}")
    phone.works_offline()
    phone.context.set_offline(True)
    phone.open(f"/{OPEN}")
    for level in (2, 5):
        if level == 5:
            another(phone)
        fill_in(phone, "vi", {"ACCESS": level})
        phone.send()
        phone.says(WORDS["vi"]["kept"])
    assert len(phone.stored()) == 2
    phone.context.set_offline(False)
    thanked(phone)
    wait_until(lambda: is_delivered(phone), what="both to be delivered")
    assert sorted(sheet.answers["ACCESS"] or 0 for sheet in first_of_each(arrived)) == [2, 5]


def test_a_sheet_sent_online_and_one_from_the_kept_copy_of_its_form_are_two(
    open_phone: OpenPhone, arrived: Arrived
) -> None:
    phone = open_phone(script=True)
    phone.open(f"/{OPEN}")
    phone.works_offline()
    fill_in(phone, "vi", {"ACCESS": 5})
    phone.send()
    thanked(phone)
    phone.context.set_offline(True)
    phone.open(f"/{OPEN}")
    fill_in(phone, "vi", {"ACCESS": 1})
    phone.send()
    phone.says(WORDS["vi"]["kept"])
    phone.context.set_offline(False)
    thanked(phone)
    wait_until(lambda: is_delivered(phone), what="the second to be delivered")
    assert sorted(sheet.answers["ACCESS"] or 0 for sheet in first_of_each(arrived)) == [1, 5]


def first_of_each(arrived: Arrived) -> list:
    """The sheets as they are counted: of each id the first."""
    return list({sheet.response_id: sheet for sheet in reversed(arrived())}.values())
