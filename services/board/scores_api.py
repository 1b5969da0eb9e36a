"""`/v1/scoreboard`: official results for programs, public. Our own index stands in `local` and in no other number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from marshmallow import Schema, fields, validate

from services.board.parts import Parts
from services.board.schemas import Index, Question, Words
from services.board.scores_view import Row, Wish, block_name, chosen, rows, scheme_name, series_rows
from sipas.registry import Names

ABOUT = Names(
    "Kết quả hằng năm do cơ quan có thẩm quyền công bố, ghi theo nguồn. Mục “local” là chỉ số khảo sát tại chỗ của hệ"
    " thống này trong cùng năm: cách đo khác, không cộng, không trộn với kết quả công bố.",
    "Yearly results as their owners published them, by source. `local` is this system's own local survey in the same"
    " year: measured in another way, never added to or mixed with what was published.",
)


def _number(description: str) -> fields.Float:
    return fields.Float(required=True, allow_none=True, metadata={"description": description})


def _whole(description: str) -> fields.Integer:
    return fields.Integer(required=True, allow_none=True, metadata={"description": description})


def _text(description: str, **more: Any) -> fields.String:
    return fields.String(metadata={"description": description}, **more)


class ScoreboardQuestion(Question):
    scheme = _text("a scheme of `tables`; what is left open gets the newest table")
    year = fields.Integer(
        validate=validate.Range(1990, 2999, error="not-a-year"),
        error_messages={"invalid": "not-a-year", "null": "not-a-year"},
        metadata={"description": "for example 2024"},
    )
    block = _text("a block of `tables`")


class ScoreSeriesQuestion(Question):
    scheme = _text("a scheme of `tables`", required=True, error_messages={"required": "missing"})
    unit = _text("an agency's id, or a unit as it is called", required=True, error_messages={"required": "missing"})


class OfficialTable(Schema):
    scheme = fields.String(required=True)
    year = fields.Integer(required=True)
    block = fields.String(required=True)


class OfficialLine(Schema):
    """A unit's published result of a year, and what follows from it."""

    unit = fields.String(required=True)
    name = fields.Nested(Words, required=True, allow_none=True, metadata={"description": "where it is an agency"})
    points = _number("as published; may exceed the maximum; null where only the rank was")
    maximum = fields.Float(required=True)
    ratio = _number("100 · points / maximum, two decimals, half up, not clamped")
    rank = _whole("the published one, else by the ratio or what the bands go by; ties share a rank")
    of = fields.Integer(required=True)
    band = fields.Nested(Words, required=True, allow_none=True)
    points_change = _number("against the year before; null without one or across a change of method")
    ratio_change = _number("percentage points, likewise")
    rank_change = _whole("old - new: +8 is eight up")
    breaks = fields.Boolean(required=True, metadata={"description": "measured in another way than the year before"})
    target = _text("top 3/9, or ≥ 90 %", required=True, allow_none=True)
    met = fields.Boolean(required=True, allow_none=True, metadata={"description": "null where it cannot be told"})
    method = _text("how the scheme measured that year, where it was told", required=True)
    source = fields.String(required=True)
    local = fields.Nested(
        Index,
        required=True,
        allow_none=True,
        metadata={"description": "our own local survey of the agency in that year: another measure, never mixed"},
    )


class OfficialLineOfYear(OfficialLine):
    year = fields.Integer(required=True)
    block = fields.String(required=True)


class OfficialBands(Schema):
    id = fields.String(required=True)
    source = fields.String(required=True)


class Scoreboard(OfficialTable):
    about = fields.Nested(Words, required=True)
    label = fields.Nested(Words, required=True, metadata={"description": "what to call the scheme"})
    block_name = fields.Nested(Words, required=True)
    bands = fields.Nested(OfficialBands, required=True, allow_none=True)
    version = fields.Integer(required=True, metadata={"description": "0: came with the program"})
    sha256 = fields.String(required=True)
    previous = _text("hash of the version before", required=True, allow_none=True)
    reason = _text("why that one was replaced", required=True, allow_none=True)
    lines = fields.List(fields.Nested(OfficialLine), required=True)
    tables = fields.List(fields.Nested(OfficialTable), required=True, metadata={"description": "all there are"})


class ScoreSeries(Schema):
    about = fields.Nested(Words, required=True)
    scheme = fields.String(required=True)
    label = fields.Nested(Words, required=True)
    unit = fields.String(required=True)
    name = fields.Nested(Words, required=True, allow_none=True)
    series = fields.List(fields.Nested(OfficialLineOfYear), required=True)


class Route(NamedTuple):
    """One line of the API; `codes` are the problems that it may answer with beside `invalid`."""

    path: str
    view: Callable[..., Any]
    question: type[Schema]
    answer: type[Schema]
    codes: tuple[str, ...]


def score_routes(parts: Parts) -> tuple[Route, ...]:
    """What `api` puts beside its own."""
    views = _Views(parts)
    return (
        Route("/scoreboard", views.scoreboard, ScoreboardQuestion, Scoreboard, ("unknown-scoreboard",)),
        Route("/scoreboard/series", views.series, ScoreSeriesQuestion, ScoreSeries, ("unknown-scoreboard",)),
    )


class _Views:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def scoreboard(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """An official table: ranks, bands, changes on the year before, targets; beside it our own figures."""
        parts = self._parts
        book = parts.scores()
        place = chosen(book, Wish(**asked))
        bands, loaded = book.bands(place), book.versions[place][-1]
        return {
            **place._asdict(),
            "about": ABOUT,
            "label": scheme_name(place.scheme),
            "block_name": block_name(parts, place.block),
            "bands": bands and {"id": bands.id, "source": bands.source},
            "version": loaded.version,
            "sha256": loaded.sha256,
            "previous": loaded.previous,
            "reason": loaded.reason,
            "lines": [_line(row) for row in rows(parts, book, place)],
            "tables": [one._asdict() for one in sorted(book.versions)],
        }

    def series(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A unit's official results of all years, oldest first; `breaks` where the method changed."""
        found = series_rows(self._parts, self._parts.scores(), asked["scheme"], asked["unit"])
        return {
            "about": ABOUT,
            "scheme": asked["scheme"],
            "label": scheme_name(asked["scheme"]),
            "unit": found[0].line.score.unit,
            "name": found[0].name,
            "series": [{**_line(row), "year": row.place.year, "block": row.place.block} for row in found],
        }


def _line(row: Row) -> dict[str, Any]:
    line, score = row.line, row.line.score
    return {
        "unit": score.unit,
        "name": row.name,
        "points": _float(score.points),
        "maximum": _float(score.maximum),
        "ratio": _float(score.ratio),
        "rank": line.rank,
        "of": line.of,
        "band": line.band.label if line.band else None,
        "points_change": _float(line.points_change),
        "ratio_change": _float(line.ratio_change),
        "rank_change": line.rank_change,
        "breaks": row.breaks,
        "target": row.target,
        "met": row.met,
        "method": score.method,
        "source": score.source,
        "local": row.local.as_json() if row.local else None,
    }


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
