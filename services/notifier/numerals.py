"""Numbers and days as each language writes them. Pure."""

from __future__ import annotations

import math
from datetime import date

MOST_ODDS = 1_000_000
_WEEKDAYS = {
    "vi": ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}


class Numerals:
    """Of one language."""

    def __init__(self, language: str) -> None:
        self._vietnamese = language == "vi"
        self._weekdays = _WEEKDAYS["vi" if self._vietnamese else "en"]

    def percent(self, value: float) -> str:
        return f"{value:.1f}".replace(".", ",") + "%" if self._vietnamese else f"{value:.1f}%"

    def whole(self, value: int) -> str:
        return f"{value:,}".replace(",", ".") if self._vietnamese else f"{value:,}"

    def day(self, value: date) -> str:
        return value.strftime("%d/%m/%Y") if self._vietnamese else f"{value.day} {value:%B %Y}"

    def short_day(self, value: date) -> str:
        return value.strftime("%d/%m") if self._vietnamese else f"{value.day} {value:%b}"

    def near_day(self, value: date, today: date) -> str:
        """The weekday, where nobody can take it for another week's."""
        near = 0 <= (today - value).days < len(self._weekdays)
        return self._weekdays[value.weekday()] if near else self.day(value)

    def odds(self, evidence: float) -> str:
        """e^E; beyond a million its size says nothing more."""
        beyond = evidence > math.log(MOST_ODDS)
        return f"> {self.whole(MOST_ODDS)}" if beyond else self.whole(round(math.exp(evidence)))
