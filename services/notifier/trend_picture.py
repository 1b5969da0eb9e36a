"""A small picture of a fall: the days, the level before and the level after, each with its interval.

Dots are days, the larger the more sheets. Level and band before are blue and solid, after are red (green once
recovered) with a dashed edge, a target is a dotted line: shape says what colour says. Only digits and English months
stand in it, so Pillow's own font will do; the message's `alt` says the same in words.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from datetime import date, timedelta

from PIL import Image, ImageDraw, ImageFont

from services.notifier.numerals import Numerals
from sipas.events import AlertChanged, Measured

WIDTH, HEIGHT = 420, 190
"""Of the page; a phone shows it at three quarters, so the figures are large."""
_SHARP = 2
"""Pixels of the file to one of the page, for today's screens."""
_SMOOTH = 2
"""Drawn so many times larger again and then reduced: Pillow's own lines have steps."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 66, 14, 30
_BEFORE, _FALL, _GOOD, _DAY, _GRID, _TEXT = "#1f4e8c", "#b3261e", "#146c2e", "#5f6368", "#dadce0", "#3c4043"
_BANDS = {_BEFORE: "#d6e3f5", _FALL: "#f8dcda", _GOOD: "#d5eedd"}
_COLOURS_OF_FILE = 128
_BESIDE = 4
"""A level reaches this far beyond its first and last day, so that one day is seen too."""

XY = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Level:
    """A level from one day to another."""

    first: date
    last: date
    measured: Measured
    colour: str
    dashed: bool


def draw_trend(alert: AlertChanged, language: str) -> bytes | None:
    """A PNG; None where the record holds no days (it was written before they were kept) or only one."""
    if len(alert.trend) < 2:
        return None
    return _Drawing(alert, Numerals(language)).png()


class _Drawing:
    def __init__(self, alert: AlertChanged, numerals: Numerals) -> None:
        self._alert, self._numerals = alert, numerals
        self._first, self._last = alert.trend[0].day, alert.trend[-1].day
        self._low, self._high = _range(alert)
        self._scale = _SHARP * _SMOOTH
        size = (WIDTH * self._scale, HEIGHT * self._scale)
        self._image = Image.new("RGB", size, "#ffffff")
        self._pen = ImageDraw.Draw(self._image)
        self._font = ImageFont.load_default(14 * self._scale)
        self._large = ImageFont.load_default(17 * self._scale)

    def png(self) -> bytes:
        self._grid()
        levels = self._levels()
        for level in levels:
            self._band(level)
        self._dots()
        for level in levels:
            self._line(level)
        if self._alert.target is not None:
            self._target(self._alert.target)
        self._figures(levels)
        held = io.BytesIO()
        reduced = self._image.reduce(_SMOOTH).quantize(_COLOURS_OF_FILE, method=Image.Quantize.FASTOCTREE)
        reduced.save(held, "PNG")
        return held.getvalue()

    def _levels(self) -> list[_Level]:
        alert = self._alert
        since = alert.since or alert.opened_on
        found = []
        if alert.before is not None:
            end = min(since, alert.opened_on) - timedelta(days=1)
            found.append(_Level(self._first, max(end, self._first), alert.before, _BEFORE, dashed=False))
        if alert.after is not None:
            colour = _GOOD if alert.kind == "recovered" else _FALL
            found.append(_Level(min(max(since, self._first), self._last), self._last, alert.after, colour, dashed=True))
        return found

    def _x(self, day: date) -> float:
        share = (day - self._first).days / max((self._last - self._first).days, 1)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def _y(self, percent: float) -> float:
        share = (percent - self._low) / (self._high - self._low)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)

    def _at(self, *points: XY) -> list[XY]:
        return [(x * self._scale, y * self._scale) for x, y in points]

    def _text(self, at: XY, text: str, anchor: str, *, colour: str = _TEXT, large: bool = False) -> None:
        [place] = self._at(at)
        self._pen.text(place, text, fill=colour, font=self._large if large else self._font, anchor=anchor)

    def _grid(self) -> None:
        step = 10 if self._high - self._low <= 50 else 20
        for percent in range(self._low, self._high + 1, step):
            y = self._y(percent)
            self._pen.line(self._at((_LEFT, y), (WIDTH - _RIGHT, y)), fill=_GRID, width=self._scale)
            self._text((_LEFT - 10, y), f"{percent}%", "rm")
        since = self._alert.since or self._alert.opened_on
        days = {self._first: "lm", self._last: "rm"}
        if self._x(since) - self._x(self._first) > 70 and self._x(self._last) - self._x(since) > 70:
            days[since] = "mm"
        for day, anchor in days.items():
            self._text((self._x(day), HEIGHT - _BOTTOM / 2 + 2), self._numerals.short_day(day), anchor)

    def _band(self, level: _Level) -> None:
        if level.measured.interval is None:
            return
        low, high = level.measured.interval
        left, right = self._ends(level)
        self._pen.rectangle(self._at((left, self._y(high)), (right, self._y(low))), fill=_BANDS[level.colour])
        if level.dashed:
            for edge in (low, high):
                self._dashes(left, right, self._y(edge), level.colour, 4, 4, 1)

    def _dots(self) -> None:
        most = max(day.responses for day in self._alert.trend)
        for day in self._alert.trend:
            radius = 1.5 + 2.5 * math.sqrt(day.responses / most)
            x, y = self._x(day.day), self._y(day.percent)
            box = self._at((x - radius, y - radius), (x + radius, y + radius))
            self._pen.ellipse(box, fill=_DAY, outline="#ffffff", width=self._scale)

    def _line(self, level: _Level) -> None:
        y = self._y(level.measured.percent)
        left, right = self._ends(level)
        self._pen.line(self._at((left, y), (right, y)), fill=level.colour, width=3 * self._scale)

    def _ends(self, level: _Level) -> XY:
        return self._x(level.first) - _BESIDE, self._x(level.last) + _BESIDE

    def _target(self, target: float) -> None:
        self._dashes(_LEFT, WIDTH - _RIGHT, self._y(target), _BEFORE, 2, 3, 2)

    def _dashes(self, first: float, last: float, y: float, colour: str, drawn: int, left_out: int, width: int) -> None:
        x = first
        while x < last:
            ends = self._at((x, y), (min(x + drawn, last), y))
            self._pen.line(ends, fill=colour, width=width * self._scale)
            x += drawn + left_out

    def _figures(self, levels: list[_Level]) -> None:
        """Beside the lines on the right; apart, where the lines are close."""
        named = [(level.measured.percent, level.colour) for level in levels]
        if self._alert.target is not None:
            named.append((self._alert.target, _BEFORE))
        named.sort(reverse=True)
        places = [self._y(percent) for percent, _ in named]
        for number in range(1, len(places)):
            places[number] = max(places[number], places[number - 1] + 18)
        for (percent, colour), y in zip(named, places, strict=True):
            self._text((WIDTH - _RIGHT + 8, y), self._numerals.percent(percent), "lm", colour=colour, large=True)


def _range(alert: AlertChanged) -> tuple[int, int]:
    """Whole tens around everything that is drawn: an axis from 0 would flatten most falls, so it is labelled."""
    shown = [day.percent for day in alert.trend]
    shown += [measured.percent for measured in (alert.before, alert.after) if measured is not None]
    shown += [alert.target] if alert.target is not None else []
    shown += [edge for one in (alert.before, alert.after) if one is not None and one.interval for edge in one.interval]
    low, high = math.floor(min(shown) / 10) * 10, math.ceil(max(shown) / 10) * 10
    return (max(low - 10, 0), min(high + 10, 100)) if high - low < 20 else (low, high)
