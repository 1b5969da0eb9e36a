"""Periods: what a reader may ask for, and which stored tallies answer it."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipas.periods import ImpossiblePeriod, Period, UnknownPeriod

TODAY = date(2026, 11, 22)


def parse(text):
    return Period.parse(text, TODAY)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        pytest.param("2026-11-22", "2026-11-22", "2026-11-22", id="a day"),
        pytest.param("2026-W47", "2026-11-16", "2026-11-22", id="an ISO week"),
        pytest.param("2026-W53", "2026-12-28", "2027-01-03", id="a week that ends in the next year"),
        pytest.param("2025-W01", "2024-12-30", "2025-01-05", id="a week that begins in the year before"),
        pytest.param("2026-11", "2026-11-01", "2026-11-30", id="a month"),
        pytest.param("2028-02", "2028-02-01", "2028-02-29", id="a February of a leap year"),
        pytest.param("2026-Q1", "2026-01-01", "2026-03-31", id="the first quarter"),
        pytest.param("2026-Q4", "2026-10-01", "2026-12-31", id="the last quarter"),
        pytest.param("2026-H1", "2026-01-01", "2026-06-30", id="the first half-year"),
        pytest.param("2026-H2", "2026-07-01", "2026-12-31", id="the second half-year"),
        pytest.param("2026", "2026-01-01", "2026-12-31", id="a year"),
        pytest.param("last-30d", "2026-10-24", "2026-11-22", id="thirty days with today"),
    ],
)
def test_a_period_has_a_first_and_a_last_day(text, first, last):
    period = parse(text)
    assert (period.text, period.first, period.last) == (text, date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("2026-13", "month must be in 1..12", id="a thirteenth month"),
        pytest.param("2026-00", "month must be in 1..12", id="a month 0"),
        pytest.param("2026-02-29", "day", id="a leap day in a common year"),
        pytest.param("2026-Q5", "a quarter is 1 to 4, not 5", id="a fifth quarter"),
        pytest.param("2026-H0", "a half-year is 1 to 2, not 0", id="a half-year 0"),
        pytest.param("2025-W53", "53", id="a week that the year has not"),
        pytest.param("0000", "year 0", id="a year 0"),
    ],
)
def test_what_the_calendar_has_not_is_named(text, says):
    with pytest.raises(ImpossiblePeriod, match=says) as error:
        parse(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "2026-1",
        "26-11",
        "2026/11",
        "2026-11-22T00:00",
        "2026-q4",
        "2026-W4",
        "last-7d",
        "last-30D",
        "２０２６",
        "2026\n",
        " 2026",
        "-2026",
        "2026-11-",
    ],
)
def test_another_form_is_refused_with_the_forms_there_are(text):
    with pytest.raises(UnknownPeriod, match="is not a period; write 2026-11-22, 2026-W47"):
        parse(text)


def test_both_errors_are_value_errors():
    assert issubclass(UnknownPeriod, ValueError)
    assert issubclass(ImpossiblePeriod, ValueError)


def test_a_period_that_ends_before_it_begins_is_refused():
    with pytest.raises(ImpossiblePeriod, match="is before"):
        Period("backwards", TODAY, TODAY - timedelta(days=1))


@pytest.mark.parametrize(
    ("text", "months", "days"),
    [
        pytest.param("2026", 12, 0, id="a year is twelve months"),
        pytest.param("2026-Q4", 3, 0, id="a quarter is three months"),
        pytest.param("2026-W47", 0, 7, id="a week is seven days"),
        pytest.param("2026-11-22", 0, 1, id="a day is a day"),
        pytest.param("last-30d", 0, 30, id="thirty days across two months hold no month"),
    ],
)
def test_stored_tallies_of_a_period(text, months, days):
    found = parse(text).months_and_days()
    assert (len(found[0]), len(found[1])) == (months, days)


def test_thirty_days_that_are_a_month_are_read_as_one():
    assert Period.parse("last-30d", date(2026, 11, 30)).months_and_days() == (("2026-11",), ())


def test_whole_months_are_taken_and_the_ends_stay_days():
    months, days = Period("from to", date(2026, 1, 31), date(2026, 4, 1)).months_and_days()
    assert months == ("2026-02", "2026-03")
    assert days == (date(2026, 1, 31), date(2026, 4, 1))


@pytest.mark.parametrize("text", ["9999", "9999-12-31", "0001-01"])
def test_the_ends_of_the_calendar_are_periods_too(text):
    months, days = parse(text).months_and_days()
    assert len(months) + len(days) in {1, 12}


spans = st.tuples(st.dates(), st.integers(0, 900)).map(
    lambda span: Period("a span", span[0], date.fromordinal(min(span[0].toordinal() + span[1], date.max.toordinal())))
)


@given(spans)
def test_months_and_days_cover_every_day_once(period):
    months, days = period.months_and_days()
    covered = [day for month in months for day in parse(month).days()] + list(days)
    assert sorted(covered) == list(period.days())


@given(spans)
def test_no_fewer_stored_tallies_would_do(period):
    """Every month that lies wholly inside is taken as a month."""
    _, days = period.months_and_days()
    by_month = {}
    for day in days:
        by_month.setdefault(day.isoformat()[:7], []).append(day)
    assert all(len(found) < len(list(parse(month).days())) for month, found in by_month.items())


@pytest.mark.parametrize(
    ("text", "before", "a_year_before"),
    [
        pytest.param("2026-11-22", "2026-11-21", "2025-11-22", id="a day"),
        pytest.param("2026-01-01", "2025-12-31", "2025-01-01", id="the first day of a year"),
        pytest.param("2028-02-29", "2028-02-28", "2027-02-28", id="a leap day has the last day of February"),
        pytest.param("2028-03-01", "2028-02-29", "2027-03-01", id="the day after a leap day"),
        pytest.param("2026-W47", "2026-W46", "2025-W47", id="a week"),
        pytest.param("2026-W01", "2025-W52", "2025-W01", id="the first week, which begins in the year before"),
        pytest.param("2027-W01", "2026-W53", "2026-W01", id="the first week after a week 53"),
        pytest.param("2026-W53", "2026-W52", "2025-W52", id="a week 53 has the last week of a year of 52"),
        pytest.param("2021-W52", "2021-W51", "2020-W52", id="week 52 has week 52, although that year had one more"),
        pytest.param("2026-11", "2026-10", "2025-11", id="a month"),
        pytest.param("2026-01", "2025-12", "2025-01", id="January"),
        pytest.param("2028-02", "2028-01", "2027-02", id="a February of a leap year"),
        pytest.param("2026-Q1", "2025-Q4", "2025-Q1", id="a first quarter"),
        pytest.param("2026-Q4", "2026-Q3", "2025-Q4", id="a fourth quarter"),
        pytest.param("2026-H1", "2025-H2", "2025-H1", id="a first half-year"),
        pytest.param("2026-H2", "2026-H1", "2025-H2", id="a second half-year"),
        pytest.param("2026", "2025", "2025", id="a year has one and the same"),
    ],
)
def test_what_a_period_is_compared_with(text, before, a_year_before):
    assert parse(text).previous() == parse(before)
    assert parse(text).year_before() == parse(a_year_before)


def test_thirty_days_are_compared_with_thirty_days():
    period = parse("last-30d")
    assert period.previous() == Period("2026-09-24/2026-10-23", date(2026, 9, 24), date(2026, 10, 23))
    assert period.year_before() == Period("2025-10-24/2025-11-22", date(2025, 10, 24), date(2025, 11, 22))


def test_thirty_days_that_end_on_a_leap_day_are_thirty_a_year_earlier():
    before = Period.parse("last-30d", date(2028, 2, 29)).year_before()
    assert (before.first, before.last) == (date(2027, 1, 30), date(2027, 2, 28))


@pytest.mark.parametrize("text", ["0001", "0001-01-01", "0001-W01", "0001-H1", "0001-Q1", "0001-01"])
def test_before_the_calendar_begins_there_is_nothing_to_compare_with(text):
    assert parse(text).previous() is None
    assert parse(text).year_before() is None


forms = st.sampled_from(
    [
        lambda day: day.isoformat(),
        lambda day: "{}-W{:02}".format(*day.isocalendar()[:2]),
        lambda day: day.isoformat()[:7],
        lambda day: f"{day.year}-Q{(day.month + 2) // 3}",
        lambda day: f"{day.year}-H{(day.month + 5) // 6}",
        lambda day: str(day.year),
        lambda _: "last-30d",
    ]
)
some_periods = st.builds(
    lambda day, form: Period.parse(form(day), day), st.dates(date(1900, 1, 1), date(2199, 12, 31)), forms
)


@given(some_periods)
def test_the_previous_period_ends_the_day_before(period):
    assert period.previous().last + timedelta(days=1) == period.first


@given(some_periods)
def test_the_same_period_of_last_year_ends_about_a_year_earlier_and_is_nearly_as_long(period):
    before = period.year_before()
    assert 358 <= (period.last - before.last).days <= 371
    assert abs(len(list(period.days())) - len(list(before.days()))) <= 1


@given(some_periods)
def test_what_a_period_is_compared_with_has_its_form(period):
    for other in (period.previous(), period.year_before()):
        if period.text != "last-30d":
            assert len(other.text) == len(period.text)
            assert parse(other.text) == other
