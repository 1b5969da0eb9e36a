"""`GET /scoreboard`: the official scoreboard for people, rendered on the server, without script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, request

from services.board.formats import Language, count_text, decimal_text, percent_text
from services.board.pages import DEFAULT_PERIOD, FORM_HEADERS, Asked, templates
from services.board.parts import Parts
from services.board.scores import PACKAGED, Place, ScoreBook
from services.board.scores_drawing import HEIGHT, LEFT, RIGHT, WIDTH, Point, drawing
from services.board.scores_view import Row, Wish, block_name, nearest, rows, scheme_name, series_rows
from services.board.wording import PAGES, words_of
from sipas.index import rounded
from sipas.problems import Problem, Text
from sipas.ranking import name_key
from sipas.registry import Names

WORDS = words_of("scores_wording.yaml")
MINUS = "−"


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry of a list in the form."""

    value: str
    name: str
    chosen: bool


def add_scores_page(app: Flask, parts: Parts) -> None:
    """Put the page's route into the application."""
    page = ScoresPage(parts)

    def scoreboard() -> Response:
        html = page.render(request.args)
        return Response(html, headers=dict(FORM_HEADERS), content_type="text/html; charset=utf-8")

    app.add_url_rule("/scoreboard", view_func=scoreboard, endpoint="page-scoreboard", methods=["GET"])


class ScoresPage:
    """The page as a text."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._templates = templates()

    def render(self, arguments: Mapping[str, str]) -> str:
        """The table that the query asks for or the nearest one. Raises `Problem` unknown-scoreboard."""
        language: Language = "en" if arguments.get("lang") == "en" else "vi"
        book = self._parts.scores()
        place = nearest(book, _wish(arguments))
        lines = rows(self._parts, book, place)
        unit = arguments.get("unit") or (lines[0].line.score.unit if len(lines) == 1 else None)
        series = series_rows(self._parts, book, place.scheme, unit) if unit else []
        loaded = book.versions[place][-1]
        bands = book.bands(place)

        def said(names: Names | Text) -> str:
            return names.en if language == "en" else names.vi

        def address(**changed: object) -> str:
            query = {**place._asdict(), "unit": arguments.get("unit"), "lang": language, **changed}
            if query["lang"] == "vi":
                query["lang"] = None
            return "/scoreboard?" + urlencode({name: value for name, value in query.items() if value is not None})

        def name_of(row: Row) -> str:
            return said(row.name) if row.name else row.line.score.unit

        def own_words(key: str, **inserted: object) -> str:
            return said(WORDS[key]).format(**inserted)

        return self._templates.get_template("scoreboard.html").render(
            lang=language,
            other="vi" if language == "en" else "en",
            demo=self._parts.demo,
            asked=Asked(language, DEFAULT_PERIOD, None),
            default_period=DEFAULT_PERIOD,
            w=lambda key: said(PAGES[key]),
            s=own_words,
            said=said,
            name_of=name_of,
            address=address,
            percent=partial(percent_text, language=language),
            number=partial(_number, language=language),
            signed=partial(_signed, language=language),
            count=partial(count_text, language=language),
            place=place,
            scheme=said(scheme_name(place.scheme)),
            block=said(block_name(self._parts, place.block)),
            choices=self._choices(book, place, said),
            rows=lines,
            columns={
                "band": any(row.line.band for row in lines),
                "target": any(row.target for row in lines),
                "local": any(row.local for row in lines),
            },
            loaded=loaded,
            packaged=loaded.version == PACKAGED,
            nothing_loaded=all(versions[-1].version == PACKAGED for versions in book.versions.values()),
            bands=bands,
            unit=unit,
            series=series,
            drawn=drawing(_points(series)),
            box=(WIDTH, HEIGHT, LEFT, WIDTH - RIGHT),
        )

    def _choices(self, book: ScoreBook, place: Place, said: Any) -> Mapping[str, list[Choice]]:
        of_scheme = [one for one in book.versions if one.scheme == place.scheme]
        schemes = sorted({one.scheme for one in book.versions}, key=name_key)
        years = sorted({one.year for one in of_scheme}, reverse=True)
        blocks = {one.block: said(block_name(self._parts, one.block)) for one in of_scheme}
        return {
            "scheme": [Choice(one, said(scheme_name(one)), one == place.scheme) for one in schemes],
            "year": [Choice(str(year), str(year), year == place.year) for year in years],
            "block": [
                Choice(block, name, block == place.block)
                for block, name in sorted(blocks.items(), key=lambda item: name_key(item[1]))
            ],
        }


def _wish(arguments: Mapping[str, str]) -> Wish:
    year = arguments.get("year") or None
    if year is not None and not (year.isascii() and year.isdigit() and len(year) == 4):
        raise Problem("unknown-scoreboard")
    return Wish(
        scheme=arguments.get("scheme") or None,
        year=int(year) if year else None,
        block=arguments.get("block") or None,
    )


def _points(series: list[Row]) -> list[Point]:
    """One a year: of a year with several blocks the last."""
    by_year: dict[int, Point] = {}
    waiting = False
    for row in series:
        # a year of which only the rank is known is not drawn, yet the method may have changed there
        waiting = waiting or row.breaks
        if (ratio := row.line.score.ratio) is not None:
            by_year[row.place.year] = Point(row.place.year, ratio, waiting)
            waiting = False
    return list(by_year.values())


def _number(value: Decimal | Fraction, language: Language) -> str:
    """97, or 74,20."""
    if value == int(value):
        return count_text(int(value), language)
    return decimal_text(rounded(Fraction(value)), language)


def _signed(value: Decimal, language: Language) -> str:
    """+4,50, or −0,35; 0,00 has no sign."""
    text = decimal_text(rounded(Fraction(abs(value))), language)
    return f"{'+' if value > 0 else MINUS}{text}" if value else text
