"""A day is read by the format that somebody stated, or refused; it is never guessed at."""

import unicodedata
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.survey.imports.days import DayFormat, day_format, read_day
from services.survey.imports.texts import folded

TODAY = date(2026, 11, 22)
DAY = date(2026, 11, 5)


def stated(written: str) -> DayFormat:
    made = day_format(written)
    assert isinstance(made, DayFormat), made
    return made


@pytest.mark.parametrize(
    ("written", "cell"),
    [
        ("dd/mm/yyyy", "05/11/2026"),
        ("dd/mm/yyyy", "5/11/2026"),
        ("mm/dd/yyyy", "11/05/2026"),
        ("mm/dd/yyyy hh:mm:ss", "11/5/2026 14:03:00"),
        ("DD-MM-YYYY HH:MM", "05-11-2026  07:30"),
        ("yyyy/mm/dd hh:mm:ss am/pm gmt+7", "2026/11/05 2:03:00 CH GMT+7"),
        ("yyyy/mm/dd hh:mm:ss AM/PM GMT+7", "2026/11/05 2:03:00 pm GMT+7"),
        ("yyyy-mm-ddThh:mm:ss", "2026-11-05T23:59:59.999"),
        ("dd.mm.yyyy", "5.11.2026"),
    ],
)
def test_a_text_is_read_by_its_format(written: str, cell: str) -> None:
    assert read_day(cell, stated(written), TODAY) == DAY


@pytest.mark.parametrize("value", [DAY, datetime(2026, 11, 5, 14, 3), "2026-11-05"], ids=str)  # noqa: DTZ001
def test_a_real_date_and_an_iso_text_need_no_format(value: object) -> None:
    assert read_day(value, None, TODAY) == DAY


@pytest.mark.parametrize(
    ("written", "cell", "why"),
    [
        (None, "05/11/2026", "'05/11/2026' needs answered_on to state a format, such as dd/mm/yyyy or mm/dd/yyyy"),
        (None, "31/10/2026", "'31/10/2026' needs answered_on to state a format, such as dd/mm/yyyy"),
        ("dd/mm/yyyy", "10/31/2026", "'10/31/2026' is no dd/mm/yyyy; as mm/dd/yyyy it would be one"),
        ("dd/mm/yyyy", "31/02/2026", "'31/02/2026' is no dd/mm/yyyy"),
        ("dd/mm/yyyy", "5/11/26", "'5/11/26' is no dd/mm/yyyy"),
        ("dd/mm/yyyy hh:mm", "05/11/2026 25:00", "'05/11/2026 25:00' is no dd/mm/yyyy hh:mm"),
        ("dd/mm/yyyy", "23/11/2026", "2026-11-23 is after today"),
        ("dd/mm/yyyy", "05/11/0206", "0206-11-05 is before 2000"),
        ("dd/mm/yyyy", None, "is empty"),
        ("dd/mm/yyyy", 46331, "is no date; format the column as a date or as text and write it again"),
    ],
)
def test_anything_else_is_refused_with_the_reason(written: str | None, cell: object, why: str) -> None:
    assert read_day(cell, stated(written) if written else None, TODAY) == why


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("dd/mm", "has no year"),
        ("yy/mm/dd", "has no year"),
        ("%d/%m/%Y", "has no month and no year"),
        ("dd/mm/yyyy dd", "has dd twice"),
        ("ddmmyyyy", "needs a mark between mm"),
        ("mm/yyyy hh:mm", "has a time but no day"),
    ],
)
def test_a_format_that_cannot_be_read_is_told(written: str, why: str) -> None:
    assert why in str(day_format(written))


@given(st.dates(date(2000, 1, 1), TODAY), st.sampled_from(["dd/mm/yyyy", "mm/dd/yyyy", "yyyy-mm-dd"]))
def test_what_a_format_writes_it_reads(day: date, written: str) -> None:
    cell = written.replace("yyyy", f"{day.year:04}").replace("mm", f"{day.month:02}").replace("dd", f"{day.day:02}")
    assert read_day(cell, stated(written), TODAY) == day


# --- when two texts are the same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hoà Bình", "Hòa Bình"),
        ("KHOẺ", "khỏe"),
        ("Thuỷ", "thủy"),
        ("  Rất   hài\nlòng ", "rất hài lòng"),
        (unicodedata.normalize("NFD", "Rất hài lòng"), "Rất hài lòng"),
        (unicodedata.normalize("NFD", "Hoà"), "Hòa"),
    ],
)
def test_ways_of_writing_the_same_text_are_one(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), [("bàn", "bán"), ("hoa", "hòa"), ("hoá", "hoà"), ("Hà", "Ha"), ("đa", "da")])
def test_a_tone_and_a_mark_count(one: str, other: str) -> None:
    assert folded(one) != folded(other)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert folded(folded(text)) == folded(text)
