"""When a digest is due, and what it says."""

from datetime import UTC, datetime, time, timedelta

import pytest

from services.notifier.digests import Contents, Digest, contents_of, digests_due
from services.notifier.told import Told
from sipas.alert_book import AlertBook
from sipas.events import Delivered
from tests.unit.notifier_records import CALENDAR, agency, change, decided, local, person

DAILY = person("daily", "province", digest="daily")
WEEKLY = person("weekly", "province", digest="weekly")
AT = time(7, 30)


def due(at: str, *people, told: Told | None = None) -> list[Digest]:
    return digests_due(people, told or Told(), CALENDAR, AT, local(at))


@pytest.mark.parametrize(
    ("at", "who"),
    [
        pytest.param("2026-11-26T07:29", [], id="before its hour"),
        pytest.param("2026-11-26T07:30", ["daily"], id="on a Thursday"),
        pytest.param("2026-11-28T07:30", [], id="on a Saturday"),
        pytest.param("2026-11-30T07:30", ["daily", "weekly"], id="on a Monday"),
        pytest.param("2026-12-01T07:30", ["daily"], id="on a Tuesday"),
        pytest.param("2026-02-18T07:30", [], id="in Tết"),
        pytest.param("2026-02-23T07:30", ["daily", "weekly"], id="after Tết"),
        pytest.param("2026-04-28T07:30", ["daily", "weekly"], id="on a Tuesday after a Monday off"),
        pytest.param("2026-11-26T23:00", ["daily"], id="late on its day"),
    ],
)
def test_a_digest_goes_on_working_days_and_the_weekly_one_on_the_first_of_a_week(at: str, who: list[str]) -> None:
    assert [digest.person for digest in due(at, DAILY, WEEKLY, person("none", "province"))] == who


@pytest.mark.parametrize(
    ("at", "who", "since"),
    [
        ("2026-11-26T07:30", DAILY, "2026-11-25T07:30"),
        ("2026-11-30T07:30", DAILY, "2026-11-27T07:30"),
        ("2026-11-30T07:30", WEEKLY, "2026-11-23T07:30"),
        ("2026-02-23T07:30", DAILY, "2026-02-13T07:30"),
        ("2026-02-23T07:30", WEEKLY, "2026-02-13T07:30"),
        ("2027-01-04T07:30", WEEKLY, "2026-12-28T07:30"),
    ],
)
def test_it_says_what_came_since_the_one_before_also_over_holidays(at: str, who, since: str) -> None:
    [digest] = due(at, who)
    assert (digest.since, digest.until) == (local(since), local(at))


def test_one_that_was_delivered_is_not_due_again() -> None:
    [digest] = due("2026-11-26T07:30", DAILY)
    told = Told()
    event = Delivered(
        message_id=digest.id("email"),
        alert_id=digest.name,
        agency="province",
        person="daily",
        channel="email",
        at=digest.until,
        subject="",
    )
    told.add([event])
    assert digest.id("email") == "digest-daily:2026-11-26/daily/email"
    assert due("2026-11-26T09:00", DAILY, told=told) == []
    assert due("2026-11-27T07:30", DAILY, told=told) != []


SINCE, UNTIL = local("2026-11-25T07:30"), local("2026-11-26T07:30")
BEFORE = SINCE - timedelta(days=3)
AGENCIES = {"so-a": agency("so-a"), "xa-b": agency("xa-b", "xa")}


def contents(*events, came: datetime = SINCE, who=DAILY) -> Contents:
    digest = Digest("digest-daily", who.id, UNTIL.date(), SINCE, UNTIL)
    changes = {event.id: came for event in events if hasattr(event, "kind")}
    return contents_of(digest, who, AlertBook().updated(events), AGENCIES, changes)


def said(*events, came: datetime = SINCE, who=DAILY) -> list[str]:
    return [f"{one.agency} {one.kind}" for one in contents(*events, came=came, who=who).news]


def test_it_says_the_newest_change_of_each_alert_that_is_news() -> None:
    assert said(change("possible"), change("confirmed"), change("possible", "xa-b")) == [
        "so-a confirmed",
        "xa-b possible",
    ]


def test_it_says_only_what_its_reader_leads() -> None:
    block = person("block", "block/xa", digest="daily")
    assert said(change("possible"), change("possible", "xa-b"), who=block) == ["xa-b possible"]


def test_an_open_alert_waits_for_an_answer_until_it_has_one() -> None:
    assert contents(change("possible"), came=BEFORE) == Contents((), (change("possible"),))
    assert contents(change("possible"), decided("acknowledged"), came=BEFORE).empty
    assert contents(change("possible"), decided("closed"), came=BEFORE).empty
    assert contents(change("possible"), change("recovered"), came=BEFORE).empty


def test_what_came_at_its_hour_or_later_is_for_the_next_one() -> None:
    assert said(change("possible"), came=UNTIL) == []


def test_history_is_no_news() -> None:
    assert said(change("possible", historical=True)) == []


def test_instants_are_compared_whatever_the_zone() -> None:
    assert said(change("possible"), came=UNTIL.astimezone(UTC) - timedelta(seconds=1)) == ["so-a possible"]
