"""Quiet hours and working hours, over Tết, the year's end and changes of the clock."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from holidays import country_holidays
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.working_time import Calendar
from sipas.hours import Hours
from sipas.working_days import is_working_day

VIETNAM = country_holidays("VN")
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
BERLIN = ZoneInfo("Europe/Berlin")
QUIET = Hours(time(21), time(6, 30))
OFFICE = Hours(time(8), time(17))


def calendar(zone: ZoneInfo = HANOI) -> Calendar:
    return Calendar(zone, VIETNAM, OFFICE)


def local(text: str, zone: ZoneInfo = HANOI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("at", "allowed"),
    [
        pytest.param("2026-11-26T10:00", "2026-11-26T10:00", id="at ten in the morning"),
        pytest.param("2026-11-26T20:59", "2026-11-26T20:59", id="a minute before nine in the evening"),
        pytest.param("2026-11-26T21:00", "2026-11-27T06:30", id="at nine in the evening"),
        pytest.param("2026-11-27T00:00", "2026-11-27T06:30", id="at midnight"),
        pytest.param("2026-11-27T21:30", "2026-11-30T06:30", id="on Friday evening"),
        pytest.param("2026-11-28T12:00", "2026-11-30T06:30", id="on Saturday"),
        pytest.param("2026-02-14T09:00", "2026-02-23T06:30", id="before nine days of Tết"),
        pytest.param("2026-12-31T22:00", "2027-01-04T06:30", id="on the last evening of the year"),
    ],
)
def test_a_leader_is_spoken_to_on_working_days_outside_of_the_quiet_hours(at: str, allowed: str) -> None:
    assert calendar().next_allowed(local(at), QUIET) == local(allowed)


def test_without_quiet_hours_any_time_will_do() -> None:
    assert calendar().next_allowed(local("2026-02-17T03:00"), None) == local("2026-02-17T03:00")


@pytest.mark.parametrize(
    ("at", "hours", "passed"),
    [
        pytest.param("2026-11-26T08:00", 4, "2026-11-26T12:00", id="within a day"),
        pytest.param("2026-11-26T15:00", 4, "2026-11-27T10:00", id="over a night"),
        pytest.param("2026-11-26T03:00", 4, "2026-11-26T12:00", id="from before the office opens"),
        pytest.param("2026-11-27T16:00", 2, "2026-11-30T09:00", id="over a weekend"),
        pytest.param("2026-02-13T16:00", 2, "2026-02-23T09:00", id="over Tết"),
        pytest.param("2026-12-31T16:00", 2, "2027-01-04T09:00", id="over the year's end"),
        pytest.param("2026-11-26T08:00", 9, "2026-11-26T17:00", id="exactly a day"),
        pytest.param("2026-11-26T12:00", 0, "2026-11-26T12:00", id="none in office hours"),
    ],
)
def test_only_office_hours_count_as_working_hours(at: str, hours: int, passed: str) -> None:
    assert calendar().after_working_time(local(at), timedelta(hours=hours)) == local(passed)


def test_a_server_in_another_zone_reckons_alike() -> None:
    at = datetime(2026, 11, 26, 14, 30, tzinfo=UTC)
    seen_in_berlin = at.astimezone(BERLIN)
    assert calendar().next_allowed(at, QUIET) == calendar().next_allowed(seen_in_berlin, QUIET)
    assert calendar().next_allowed(at, QUIET) == local("2026-11-27T06:30")


def test_a_quiet_time_that_ends_in_a_skipped_hour_ends_an_hour_later() -> None:
    """On Monday 30 March 2026 Berlin's clocks have gone from 2 to 3 the day before, which is a Sunday: so Gaza's, on a
    Saturday, is of no use either. Cairo's go from 0 to 1 on Friday 24 April 2026, a working day."""
    cairo = ZoneInfo("Africa/Cairo")
    nights = Hours(time(21), time(0, 30))
    allowed = Calendar(cairo, frozenset(), OFFICE).next_allowed(local("2026-04-23T22:00", cairo), nights)
    assert allowed == local("2026-04-24T01:30", cairo)


@pytest.mark.parametrize(
    ("text", "hours"), [("21:00-06:30", QUIET), ("none", None), ("00:00-06:00", Hours(time(0), time(6)))]
)
def test_hours_are_written_as_people_write_them(text: str, hours: Hours | None) -> None:
    assert Hours.parse(text) == hours


@pytest.mark.parametrize("text", ["", "21-6", "25:00-06:00", "06:00-06:00", "21:00–06:30"])
def test_other_texts_are_no_hours(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        Hours.parse(text)


times = st.times().map(lambda when: when.replace(second=0, microsecond=0))
hours = st.builds(Hours, times, times).filter(lambda one: one.start != one.end)
zones = st.sampled_from(
    [HANOI, BERLIN, ZoneInfo("Africa/Cairo"), ZoneInfo("America/St_Johns"), ZoneInfo("Pacific/Apia")]
)
instants = st.integers(0, 3 * 366 * 24 * 60).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(at=instants, later=st.timedeltas(timedelta(0), timedelta(days=20)), quiet=hours, zone=zones)
def test_what_is_allowed_is_never_before_nor_out_of_order_and_is_allowed_itself(at, later, quiet, zone):
    made = calendar(zone)
    allowed = made.next_allowed(at, quiet)
    assert allowed >= at
    assert made.next_allowed(allowed, quiet) == allowed
    assert made.next_allowed(at + later, quiet) >= allowed
    assert is_working_day(made.local(allowed).date(), VIETNAM)


@given(
    at=instants,
    first=st.timedeltas(timedelta(0), timedelta(days=3)),
    second=st.timedeltas(timedelta(0), timedelta(days=3)),
    zone=zones,
)
def test_working_hours_add_up(at, first, second, zone):
    made = calendar(zone)
    once = made.after_working_time(at, first + second)
    assert made.after_working_time(made.after_working_time(at, first), second) == once
    assert once - at >= first + second


@given(day=st.dates(date(2025, 1, 1), date(2028, 1, 1)), of=hours, zone=zones)
def test_a_day_is_its_quiet_hours_and_the_others(day, of, zone):
    spans = sorted([*of.within(day, zone), *of.others.within(day, zone)])
    assert all(before[1] <= after[0] or zone is not HANOI for before, after in pairwise(spans))
    if zone is HANOI:
        assert sum((end - start for start, end in spans), timedelta()) == timedelta(days=1)
