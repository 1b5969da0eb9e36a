"""A picture of backtests: each day's level, the normal level, and from where to where an alert stood. Knows Pillow.

One panel a history, in the order of the file. What colours say, words and shapes say too.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from importlib.resources import files

from PIL import Image, ImageDraw, ImageFont

from services.notifier.backtest import Backtest
from services.notifier.backtest_summary import Speech
from services.notifier.drop_rule import Kind

MOST_PANELS = 100
WIDTH, HEIGHT = 1200, 260
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 46, 34
WHITE, INK, FAINT = "#ffffff", "#222222", "#c8c8c8"
DAY, NORMAL, OPEN = "#6b7f99", "#1f4e9c", "#fdeee2"
MARKS: dict[Kind, str] = {"possible": "#b45309", "confirmed": "#b91c1c", "recovered": "#15803d"}
# Pillow's own font lacks most letters of Vietnamese
FONT = files("sipas") / "fonts" / "NotoSans-Regular.ttf"


def draw(results: Sequence[Backtest], language: str = "en") -> bytes:
    """The picture as PNG; of more than `MOST_PANELS` histories the first ones."""
    shown = results[:MOST_PANELS]
    image = Image.new("RGB", (WIDTH, HEIGHT * max(len(shown), 1)), WHITE)
    canvas = ImageDraw.Draw(image)
    speech, font = Speech(language), FONT.read_bytes()
    for number, result in enumerate(shown):
        _Panel(canvas, result, number * HEIGHT, speech, font).draw()
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


class _Panel:
    def __init__(self, canvas: ImageDraw.ImageDraw, result: Backtest, top: int, speech: Speech, font: bytes) -> None:
        self._canvas = canvas
        self._result = result
        self._top = top
        self._speech = speech
        days = [one.day.day for one in result.watched]
        self._first, self._last = (days[0], days[-1]) if days else (0, 0)
        levels = [one.day.mean for one in result.watched] + [one.before.normal or 1.0 for one in result.watched]
        # round tens, so that panels of one office are read alike
        self._low = max(0.0, min(levels, default=0.0) * 10 // 1 / 10)
        self._font = ImageFont.truetype(io.BytesIO(font), 13)
        self._title = ImageFont.truetype(io.BytesIO(font), 16)

    def draw(self) -> None:
        self._grid()
        for first, last in self._alerts():
            box = (self._x(first), self._y(1.0), max(self._x(last), self._x(first) + 2), self._y(self._low))
            self._canvas.rectangle(box, fill=OPEN)
        self._target()
        normal = [
            (self._x(one.day.day), self._y(one.before.normal)) for one in self._result.watched if one.before.normal
        ]
        for one in self._result.watched:
            self._dot(self._x(one.day.day), self._y(one.day.mean), 2, DAY)
        if len(normal) > 1:
            self._canvas.line(normal, fill=NORMAL, width=2)
        for told in self._result.told:
            colour, word = MARKS[told.kind], self._speech.state(told.kind)
            x = self._x(told.day)
            self._canvas.line([(x, self._y(1.0)), (x, self._y(self._low))], fill=colour, width=2)
            # a row for each word: neighbours a few days apart would stand upon each other
            beside = x + 3 if x < WIDTH - 100 else x - 3 - self._font.getlength(word)
            self._text(beside, self._y(1.0) + 2 + 15 * list(MARKS).index(told.kind), word, colour)

    def _grid(self) -> None:
        history = self._result.history
        alerts, confirmed = self._result.count("possible"), self._result.count("confirmed")
        title = self._speech.say_of("title", alerts, case=history.case, confirmed=confirmed)
        self._text(LEFT, self._top + 2, title, INK, self._title)
        key = "key-normal" if self._result.rule.target is None else "key-target"
        self._text(LEFT, self._top + 23, self._speech.say(key), INK)
        step = 0.1 if self._low > 0.5 else 0.25
        share = 1.0
        while share >= self._low - 1e-9:
            y = self._y(share)
            self._canvas.line([(LEFT, y), (WIDTH - RIGHT, y)], fill=FAINT)
            self._text(12, y - 8, f"{100 * share:.0f} %", INK)
            share -= step
        below = self._top + HEIGHT - BOTTOM + 6
        self._text(LEFT, below, self._speech.day(history, self._first), INK)
        last = self._speech.day(history, self._last)
        self._text(WIDTH - RIGHT - self._font.getlength(last), below, last, INK)

    def _target(self) -> None:
        target = self._result.rule.target
        if target is not None:
            y = self._y(target)
            self._canvas.line([(LEFT, y), (WIDTH - RIGHT, y)], fill=NORMAL, width=2)

    def _alerts(self) -> Iterator[tuple[int, int]]:
        ended = {one.opened: one.day for one in self._result.told if one.kind == "recovered"}
        for one in self._result.told:
            if one.kind == "possible":
                yield one.day, ended.get(one.opened, self._last)

    def _x(self, day: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (day - self._first) / max(self._last - self._first, 1)

    def _y(self, share: float) -> float:
        span = HEIGHT - TOP - BOTTOM
        return self._top + TOP + span * (1 - (max(share, self._low) - self._low) / max(1 - self._low, 1e-9))

    def _dot(self, x: float, y: float, radius: float, colour: str) -> None:
        self._canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def _text(self, x: float, y: float, text: str, colour: str, font: ImageFont.FreeTypeFont | None = None) -> None:
        self._canvas.text((x, y), text, fill=colour, font=font or self._font)
