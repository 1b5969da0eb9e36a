"""The next working day, over weekends and public holidays, the moon's too."""

from datetime import date

import pytest
from holidays import country_holidays

from sipas.working_days import next_working_day

VIETNAM = country_holidays("VN")


@pytest.mark.parametrize(
    ("day", "following"),
    [
        pytest.param(date(2026, 11, 25), date(2026, 11, 26), id="within the week"),
        pytest.param(date(2026, 11, 27), date(2026, 11, 30), id="a Friday"),
        pytest.param(date(2026, 11, 28), date(2026, 11, 30), id="a Saturday"),
        pytest.param(date(2026, 12, 31), date(2027, 1, 4), id="New Year on a Friday"),
        pytest.param(date(2026, 2, 13), date(2026, 2, 23), id="Lunar New Year from Monday to Friday"),
        pytest.param(date(2026, 4, 24), date(2026, 4, 28), id="a holiday on a Sunday is made up for on Monday"),
        pytest.param(date(2026, 4, 29), date(2026, 5, 4), id="two holidays before a weekend"),
    ],
)
def test_the_next_working_day_is_no_weekend_and_no_public_holiday(day: date, following: date) -> None:
    assert next_working_day(day, VIETNAM) == following


def test_without_holidays_only_weekends_count() -> None:
    assert next_working_day(date(2026, 2, 13), frozenset()) == date(2026, 2, 16)
