"""The periods that a reader may ask for, those they are compared with, and the stored totals that cover them.

Days are local days of the namespace. Weeks are ISO weeks (Monday to Sunday, week 1 holds the year's first Thursday).
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

_FORMS = "2026-11-22, 2026-W47, 2026-11, 2026-Q4, 2026-H2, 2026 or last-30d"
_PATTERN = re.compile(
    r"(?P<year>[0-9]{4})"
    r"(?:-(?:(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?|W(?P<week>[0-9]{2})|Q(?P<quarter>[0-9])|H(?P<half>[0-9])))?"
)
_LAST_30_DAYS = "last-30d"


class UnknownPeriod(ValueError):
    """The text has none of the forms of a period."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is not a period; write {_FORMS}")


class ImpossiblePeriod(ValueError):
    """The text has the form of a period, but the calendar has no such date, week, month, quarter or half-year."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"{text!r} is not in the calendar: {reason}")


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included, and the text by which the reader asked for them."""

    text: str
    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ImpossiblePeriod(self.text, f"{self.last} is before {self.first}")

    @classmethod
    def parse(cls, text: str, today: date) -> "Period":
        """Read a period; `today` is the local day on which last-30d ends.

        Raises UnknownPeriod or ImpossiblePeriod, whose message can be shown to the reader.
        """
        if text == _LAST_30_DAYS:
            return cls(text, today - timedelta(days=29), today)
        parts = _parts(text)
        if not parts:
            raise UnknownPeriod(text)
        try:
            return cls(text, *_first_and_last(**parts))
        except ValueError as error:
            raise ImpossiblePeriod(text, str(error)) from error

    def previous(self) -> "Period | None":
        """Give the period of the same form before this one; None where the calendar begins.

        Days without a form of their own (last-30d) are preceded by as many days.
        """
        return self._comparable(lambda: self.first - timedelta(days=1))

    def year_before(self) -> "Period | None":
        """Give the same period of last year (cùng kỳ); None where the calendar begins.

        Where last year has no such day or week it is the last there is: 28 February for the 29th, week 52 for 53.
        Days without a form of their own end on the same date a year earlier and are as many.
        """
        if self._form == "week":
            return self._comparable(lambda: _week_of_last_year(self.first))
        return self._comparable(lambda: _date_of_last_year(self.last))

    @property
    def _form(self) -> str | None:
        """The smallest part that the text names: year, half, quarter, month, week or day."""
        return max(_parts(self.text), key=list(_TEXTS).index, default=None)

    def _comparable(self, ending: Callable[[], date]) -> "Period | None":
        """Give the period of the same form that ends on, or holds, the day `ending` finds."""
        form = self._form
        try:
            last = ending()
            if form is None:
                first = last - (self.last - self.first)
                return Period(f"{first}/{last}", first, last)  # ISO 8601 writes an interval so
            text = _TEXTS[form](last)
            return Period(text, *_first_and_last(**_parts(text)))
        except (OverflowError, ValueError):  # before the year 1
            return None

    def days(self) -> Iterator[date]:
        """Give every day, oldest first."""
        for offset in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=offset)

    @lru_cache(maxsize=256)  # noqa: B019 - asked for every agency of a ranking; the cache is small
    def months_and_days(self) -> tuple[tuple[str, ...], tuple[date, ...]]:
        """Split into whole months ("2026-11") and the days left over: the fewest stored tallies that add up to it."""
        months: list[str] = []
        rest: list[date] = []
        day = self.first
        while day <= self.last:
            ending = _month_end(day)
            if day.day == 1 and ending <= self.last:
                months.append(day.isoformat()[:7])
            else:
                ending = min(ending, self.last)
                rest += (day.replace(day=number) for number in range(day.day, ending.day + 1))
            if ending == date.max:
                break
            day = ending + timedelta(days=1)
        return tuple(months), tuple(rest)


def _parts(text: str) -> dict[str, int]:
    """Give the numbers that a period's text names; empty where it has no form."""
    found = _PATTERN.fullmatch(text)
    return {name: int(number) for name, number in found.groupdict().items() if number is not None} if found else {}


def _iso_week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


# Smaller parts stand after the larger ones that they are written with.
_TEXTS: Mapping[str, Callable[[date], str]] = {
    "year": lambda day: f"{day.year:04}",
    "half": lambda day: f"{day.year:04}-H{(day.month + 5) // 6}",
    "quarter": lambda day: f"{day.year:04}-Q{(day.month + 2) // 3}",
    "month": lambda day: f"{day.year:04}-{day.month:02}",
    "week": _iso_week,
    "day": date.isoformat,
}
"""Form -> the text of the period of that form which holds a day."""


def _date_of_last_year(day: date) -> date:
    return day.replace(year=day.year - 1, day=min(day.day, monthrange(day.year - 1, day.month)[1]))


def _week_of_last_year(monday: date) -> date:
    year, week, _ = monday.isocalendar()
    weeks = date(year - 1, 12, 28).isocalendar().week  # 28 December always lies in the year's last week
    return date.fromisocalendar(year - 1, min(week, weeks), 1)


def _first_and_last(
    *,
    year: int,
    month: int | None = None,
    day: int | None = None,
    week: int | None = None,
    quarter: int | None = None,
    half: int | None = None,
) -> tuple[date, date]:
    if month is not None and day is not None:
        single = date(year, month, day)
        return single, single
    if week is not None:
        return date.fromisocalendar(year, week, 1), date.fromisocalendar(year, week, 7)
    if month is not None:
        return _months(year, month, 1)
    if quarter is not None:
        _check("a quarter", quarter, 4)
        return _months(year, 3 * quarter - 2, 3)
    if half is not None:
        _check("a half-year", half, 2)
        return _months(year, 6 * half - 5, 6)
    return _months(year, 1, 12)


def _check(what: str, number: int, most: int) -> None:
    if not 1 <= number <= most:
        raise ValueError(f"{what} is 1 to {most}, not {number}")


def _months(year: int, month: int, how_many: int) -> tuple[date, date]:
    return date(year, month, 1), _month_end(date(year, month + how_many - 1, 1))


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])
