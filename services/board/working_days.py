"""When a comment may be read: the next working day. Pure; the public holidays are passed in."""

from __future__ import annotations

from collections.abc import Container
from datetime import date, timedelta

SATURDAY = 5


def next_working_day(day: date, holidays: Container[date]) -> date:
    """The first day after `day` that is from Monday to Friday and no public holiday."""
    following = day + timedelta(days=1)
    while following.weekday() >= SATURDAY or following in holidays:
        following += timedelta(days=1)
    return following
