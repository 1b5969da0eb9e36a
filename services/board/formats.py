"""Numbers, days and minutes as people read them. Pure."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

Language = Literal["vi", "en"]

# a number and its sign stay on one line
NO_BREAK = "\u00a0"


def decimal_text(value: Decimal, language: Language) -> str:
    """Two decimals: 83,94 in Vietnamese, 83.94 in English."""
    text = f"{value:.2f}"
    return text.replace(".", ",") if language == "vi" else text


def percent_text(value: Decimal, language: Language) -> str:
    """83,94 % in Vietnamese, 83.94 % in English."""
    return f"{decimal_text(value, language)}{NO_BREAK}%"


def count_text(value: int, language: Language) -> str:
    """36.525 in Vietnamese, 36,525 in English."""
    text = f"{value:,}"
    return text.replace(",", ".") if language == "vi" else text


def day_text(day: date) -> str:
    """22/11/2026."""
    return f"{day:%d/%m/%Y}"


def minute_text(moment: datetime, zone: ZoneInfo) -> str:
    """The local minute: 22/11/2026 10:15."""
    return f"{moment.astimezone(zone):%d/%m/%Y %H:%M}"
