"""Monthly counts become the same sheets whoever reads them, and a wrong file is told everything that is wrong."""

from collections import Counter
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.survey.monthly_counts import (
    HIGHEST_COUNT,
    LEVELS,
    CountedSheet,
    Fault,
    MonthlyCounts,
    read_counts,
    sheets_of,
)

TODAY = date(2026, 11, 22)
EXAMPLE = Path(__file__).resolve().parents[2] / "examples/real-monthly-counts.csv"
HEADER = "month,n1,n2,n3,n4,n5,published_percent\n"
APRIL = MonthlyCounts(date(2023, 4, 1), (23, 46, 153, 419, 528))

months = st.builds(
    MonthlyCounts,
    st.dates(date(2000, 1, 1), date(2026, 10, 1)).map(lambda day: day.replace(day=1)),
    st.tuples(*[st.integers(0, 60)] * 5),
)


def spread(month: MonthlyCounts, agency: str = "so-noi-vu") -> list[CountedSheet]:
    return list(sheets_of(agency, "overall-1@1", month))


# --- sheets


@given(months)
def test_the_sheets_of_a_month_add_up_to_its_counts_exactly(month: MonthlyCounts) -> None:
    found = Counter(sheet.level for sheet in spread(month))
    assert tuple(found[level] for level in LEVELS) == month.counts


@given(months)
def test_every_sheet_lies_in_its_month_and_no_day_has_two_sheets_more_than_another(month: MonthlyCounts) -> None:
    sheets = spread(month)
    per_day = Counter(sheet.answered_on for sheet in sheets)
    assert {(day.year, day.month) for day in per_day} <= {(month.first.year, month.first.month)}
    counts = [per_day[month.first.replace(day=day)] for day in range(1, month.days + 1)]
    assert max(counts) - min(counts) <= 1


@given(months)
# three quarters of the sheets are of one level, and the four others all fall in the middle of the month
@example(MonthlyCounts(date(2000, 1, 1), (1, 1, 1, 1, 10)))
@example(MonthlyCounts(date(2024, 4, 1), (1, 1, 33, 1, 1)))
@example(MonthlyCounts(date(2024, 5, 1), (1, 1, 0, 1, 59)))
def test_each_level_is_spread_over_the_whole_month(month: MonthlyCounts) -> None:
    """Up to any day it has its share of the month, within the bounds that `sheets_of` proves."""
    sheets = spread(month)
    levels = sum(1 for count in month.counts if count)
    for level, count in zip(LEVELS, month.counts, strict=True):
        if not count:
            continue
        share = Fraction(count, month.total)
        for day in range(1, month.days + 1):
            so_far = sum(1 for sheet in sheets if sheet.level == level and sheet.answered_on.day <= day)
            ahead = so_far - Fraction(count * day, month.days)
            assert -(1 + (levels - 2) * share) / 2 <= ahead < (1 + levels * share) / 2


@given(months)
def test_no_two_sheets_share_an_id(month: MonthlyCounts) -> None:
    sheets = spread(month)
    assert len({sheet.response_id for sheet in sheets}) == len(sheets)


def test_the_same_month_has_the_same_sheets_again() -> None:
    assert spread(APRIL) == spread(APRIL)


def test_an_id_is_what_it_was_when_the_first_file_was_imported() -> None:
    """What imported files are recognised by for ever: this value may never change."""
    first = next(sheet for sheet in spread(APRIL) if sheet.level == 1)
    assert str(first.response_id) == "d831e720-4c26-5e3a-b2d7-7353b5db8db5"


def test_a_longer_file_next_month_keeps_every_earlier_sheet() -> None:
    header, *rows = EXAMPLE.read_text().splitlines(keepends=True)
    before, after = (
        {sheet for month in read_counts(header + "".join(part), TODAY)[0] for sheet in spread(month)}
        for part in (rows[-6:-3], rows[-6:])
    )
    assert before < after


def test_a_count_that_grew_keeps_the_ids_of_the_sheets_that_were_there() -> None:
    grown = MonthlyCounts(APRIL.first, (24, 46, 160, 419, 530))
    ids, more = ({sheet.response_id for sheet in spread(month)} for month in (APRIL, grown))
    assert ids < more
    assert len(more - ids) == 10


def test_agencies_never_share_a_sheet() -> None:
    one, other = ({sheet.response_id for sheet in spread(APRIL, agency)} for agency in ("so-noi-vu", "so-y-te"))
    assert not one & other


# --- files


def test_the_example_holds_45154_answers_of_39_months() -> None:
    found, faults = read_counts(EXAMPLE.read_text(), TODAY)
    assert faults == []
    assert (len(found), sum(month.total for month in found)) == (39, 45_154)
    assert found[0] == APRIL


def test_columns_may_stand_in_any_order_among_others_and_rows_too() -> None:
    text = "\ufeffnote,N5,N4,N3,N2,N1,Month\r\n\r\nx, 5 ,4,3,2,1,2024-02\r\ny,0,0,0,0,0,2023-12\r\n,,,,,,\r\n"
    assert read_counts(text, TODAY) == (
        [MonthlyCounts(date(2023, 12, 1), (0,) * 5), MonthlyCounts(date(2024, 2, 1), (1, 2, 3, 4, 5))],
        [],
    )


def test_a_month_may_be_imported_on_its_last_day() -> None:
    found, faults = read_counts(HEADER + "2026-11,1,1,1,1,1,\n", date(2026, 11, 30))
    assert (len(found), faults) == (1, [])


WRONG = {
    "an empty file": ("", [Fault(1, "", "the file is empty")]),
    "only a header": (HEADER, [Fault(1, "", "no month follows the header")]),
    "missing columns": (
        "month,n1,n3,n5\n2023-04,1,2,3\n",
        [Fault(1, "n2", "the column is missing"), Fault(1, "n4", "the column is missing")],
    ),
    "a column twice": ("month,n1,n2,n3,n4,n5,n5\n", [Fault(1, "n5", "the column stands there twice")]),
    "a broken quote": ('month,"n1"x,n2\n', [Fault(1, "", "is not CSV: ',' expected after '\"'")]),
    "a month that is none": (
        HEADER + "2023-13,1,1,1,1,1,\n",
        [Fault(2, "month", "'2023-13' is not a month such as 2026-10")],
    ),
    "a day": (
        HEADER + "2023-04-01,1,1,1,1,1,\n",
        [Fault(2, "month", "'2023-04-01' is not a month such as 2026-10")],
    ),
    "a slip of the pen in the year": (
        HEADER + "0223-04,1,1,1,1,1,\n",
        [Fault(2, "month", "0223-04 is before 2000")],
    ),
    "a future month": (HEADER + "2027-01,1,1,1,1,1,\n", [Fault(2, "month", "2027-01 is not over yet")]),
    "the running month": (HEADER + "2026-11,1,1,1,1,1,\n", [Fault(2, "month", "2026-11 is not over yet")]),
    "a month twice": (
        HEADER + "2023-04,1,1,1,1,1,\n2023-05,1,1,1,1,1,\n2023-04,2,2,2,2,2,\n",
        [Fault(4, "month", "2023-04 stands in the file twice")],
    ),
    "a negative count": (HEADER + "2023-04,1,-2,1,1,1,\n", [Fault(2, "n2", "-2 is negative")]),
    "no whole number": (HEADER + "2023-04,1,1,2.5,1,1,\n", [Fault(2, "n3", "'2.5' is not a whole number")]),
    "other digits": (HEADER + "2023-04,1,1,٣,1,1,\n", [Fault(2, "n3", "'٣' is not a whole number")]),
    "far too many": (
        HEADER + f"2023-04,1,1,1,1,{HIGHEST_COUNT + 1},\n",
        [Fault(2, "n5", "1000001 is more than 1,000,000")],
    ),
    "an empty cell": (HEADER + "2023-04,1,1,1,,1,\n", [Fault(2, "n4", "is missing")]),
    "a short row": (HEADER + "2023-04,1,1,1\n", [Fault(2, "n4", "is missing"), Fault(2, "n5", "is missing")]),
    "a long row": (
        HEADER + "2023-04,1,1,1,1,1,80,9\n",
        [Fault(2, "", "8 cells, but the header names 7 columns")],
    ),
}


def test_a_file_may_be_separated_by_semicolons() -> None:
    commas = HEADER + "2023-04,23,46,153,419,528,80\n"
    assert read_counts(commas.replace(",", ";"), TODAY) == read_counts(commas, TODAY) == ([APRIL], [])


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_told_row_and_column_and_gives_no_month(name: str) -> None:
    text, faults = WRONG[name]
    assert read_counts(text, TODAY) == ([], faults)


def test_all_that_is_wrong_in_a_file_is_told_at_once() -> None:
    text = HEADER + "2023-04,1,1,1,1,1,\n2023-5,-1,x,1,1,,\n\n2023-04,1,1,1,1,1,\n2030-01,1,1,1,1,1,\n"
    _, faults = read_counts(text, TODAY)
    assert [(fault.row, fault.column) for fault in faults] == [
        (3, "month"),
        (3, "n1"),
        (3, "n2"),
        (3, "n5"),
        (5, "month"),
        (6, "month"),
    ]
