"""The shapes of the read API: what may be asked, and what is answered. The OpenAPI document is made from these.

Error messages of the questions are codes of `wording.yaml`.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate


def _string(description: str, **more: Any) -> fields.String:
    return fields.String(metadata={"description": description}, **more)


class Question(Schema):
    """A question has the parameters it names and no others: a misspelt one must not become a default."""

    error_messages = {"unknown": "unknown-field"}  # noqa: RUF012 - marshmallow's way


_PERIOD = "2026-11-22, 2026-W47, 2026-11, 2026-Q4, 2026-H2, 2026 or last-30d"
_METHOD = "for example quick-5@1; by default the one that the agency's counters use"


class IndexQuestion(Question):
    period = _string(_PERIOD, load_default="last-30d")
    method = _string(_METHOD)


class PagedQuestion(Question):
    limit = fields.Integer(
        validate=validate.Range(1, 1000, error="limit-range"),
        error_messages={"invalid": "limit-range", "null": "limit-range"},
        metadata={"description": "most entries of a page; without it all"},
    )
    cursor = _string("`next` of the page before")


class AgenciesQuestion(PagedQuestion, IndexQuestion):
    pass


class SeriesQuestion(PagedQuestion):
    by = _string("day or month", load_default="day", validate=validate.OneOf(["day", "month"], error="day-or-month"))
    # `from` is a word of Python's
    first = _string(f"first day, or a period that begins then: {_PERIOD}", data_key="from")
    last = _string(f"last day, or a period that ends then: {_PERIOD}", data_key="to")
    method = _string(_METHOD)


class RankingQuestion(IndexQuestion):
    block = _string("id of the block", required=True, error_messages={"required": "missing"})
    bands = _string("id of a scheme of bands (xếp loại), for example local-default; none by default")


class OpenDataQuestion(Question):
    period = _string(f"{_PERIOD}; by default the last whole month")
    method = _string(_METHOD)


class NoQuestion(Question):
    pass


class AlertsQuestion(PagedQuestion):
    agency = _string("id of the agency; all by default")


class CommentsQuestion(Question):
    day = fields.Date(
        required=True,
        validate=validate.Range(date(2000, 1, 1), date(2999, 12, 31), error="not-a-day"),
        error_messages={"required": "missing", "invalid": "not-a-day", "format": "not-a-day", "null": "missing"},
        metadata={"description": "the local day of the visit, for example 2026-11-24"},
    )


class Words(Schema):
    """A text in both languages."""

    vi = fields.String(required=True)
    en = fields.String(required=True)


class Index(Schema):
    """An index, and the integers to check it by. It is a local figure modelled on QĐ 2640/QĐ-BNV, see `about`."""

    agency = fields.String(required=True)
    method = _string("questionnaire and formula, with version", required=True)
    aggregation = fields.String(required=True)
    period = fields.String(required=True)
    percent = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "share of satisfied answers, 0 to 100, two decimals; null where it is not known"},
    )
    responses = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "counted sheets; null where there are some, and fewer than may be told"},
    )
    answers = fields.Integer(required=True, allow_none=True)
    satisfied = fields.Integer(required=True, allow_none=True, metadata={"description": "answers of level 4 or 5"})
    interval = fields.List(
        fields.Float(),
        required=True,
        allow_none=True,
        validate=validate.Length(equal=2),
        metadata={"description": "95 % interval; it says nothing about who chose to answer"},
    )
    excluded = fields.Integer(required=True, metadata={"description": "sheets in quarantine, in no other number here"})
    as_of = fields.String(
        required=True,
        allow_none=True,
        metadata={"format": "date-time", "description": "the newest counted minute of the agency"},
    )
    rebuilding = fields.Boolean(
        required=True, metadata={"description": "true while the integers are partial; percent and interval are null"}
    )
    suppressed = fields.Boolean(
        required=True, metadata={"description": "true where there are too few sheets to publish the result"}
    )


class Block(Schema):
    id = fields.String(required=True)
    name = fields.Nested(Words, required=True)
    order = fields.Integer(required=True)


class Agency(Schema):
    id = fields.String(required=True)
    name = fields.Nested(Words, required=True, allow_none=True)
    block = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True, allow_none=True)
    status = fields.String(required=True, allow_none=True)
    merged_into = fields.String(required=True, allow_none=True)
    listed = fields.Boolean(required=True, metadata={"description": "false: counted, but not in the registry"})
    index = fields.Nested(Index, required=True)


_NEXT = {"description": "cursor of the next page; null on the last one"}


class Agencies(Schema):
    about = fields.Nested(Words, required=True)
    next = fields.String(required=True, allow_none=True, metadata=_NEXT)
    period = fields.String(required=True)
    blocks = fields.List(fields.Nested(Block), required=True)
    agencies = fields.List(fields.Nested(Agency), required=True)


class Series(Schema):
    agency = fields.String(required=True)
    method = fields.String(required=True)
    by = fields.String(required=True)
    first = fields.String(required=True, data_key="from")
    last = fields.String(required=True, data_key="to")
    next = fields.String(required=True, allow_none=True, metadata=_NEXT)
    series = fields.List(fields.Nested(Index), required=True)


class Ranked(Index):
    """An agency's index with its place in the block."""

    rank = fields.Integer(
        required=True, allow_none=True, metadata={"description": "ties share a rank; null below the minimum of sheets"}
    )
    of = fields.Integer(required=True, metadata={"description": "agencies with a rank"})
    name = fields.Nested(Words, required=True)
    rank_interval = fields.List(
        fields.Integer(),
        required=True,
        allow_none=True,
        validate=validate.Length(equal=2),
        metadata={"description": "best and worst rank that chance allows, for all of the block at once in 95 of 100"},
    )
    groups = fields.List(
        fields.Integer(),
        required=True,
        allow_none=True,
        validate=validate.Length(equal=2),
        metadata={"description": "first and last group; agencies that share a group cannot be told apart"},
    )
    rank_change = fields.Integer(
        required=True, allow_none=True, metadata={"description": "rank of the previous period - rank: +8 is 8 up"}
    )
    rank_change_year = fields.Integer(
        required=True, allow_none=True, metadata={"description": "the same against that period of last year"}
    )
    band = fields.Nested(Words, required=True, allow_none=True)


class Ranking(Schema):
    about = fields.Nested(Words, required=True)
    block = fields.String(required=True)
    method = fields.String(required=True)
    period = fields.String(required=True)
    previous = _string("the period that rank_change looks back to", required=True, allow_none=True)
    year_before = _string("the period that rank_change_year looks back to", required=True, allow_none=True)
    bands = _string("scheme of the bands; not an official rating", required=True, allow_none=True)
    minimum = fields.Integer(required=True, metadata={"description": "fewest sheets of an agency with a rank"})
    ranking = fields.List(fields.Nested(Ranked), required=True)


class PointsChanged(Schema):
    points = fields.Float(required=True, metadata={"description": "percentage points, now - before"})
    interval = fields.List(
        fields.Float(),
        required=True,
        allow_none=True,
        validate=validate.Length(equal=2),
        metadata={"description": "95 % interval of the change"},
    )
    verdict = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(["real", "within chance"]),
        metadata={"description": "real (thật), or within chance (trong khoảng ngẫu nhiên)", "nullable": True},
    )


class Earlier(Schema):
    index = fields.Nested(Index, required=True)
    change = fields.Nested(PointsChanged, required=True, allow_none=True)
    breaks = fields.Boolean(
        required=True, metadata={"description": "true: measured by another method then, so nothing is compared"}
    )


class Comparison(Schema):
    now = fields.Nested(Index, required=True)
    previous = fields.Nested(Earlier, required=True, allow_none=True)
    year_before = fields.Nested(Earlier, required=True, allow_none=True)


class Cell(Schema):
    """A share of answers; all null where withheld, the percentage also where nobody answered."""

    percent = fields.Float(required=True, allow_none=True)
    answers = fields.Integer(required=True, allow_none=True)
    satisfied = fields.Integer(required=True, allow_none=True)
    suppressed = fields.Boolean(required=True)


class CriterionCell(Cell):
    code = fields.String(required=True)
    question = fields.Nested(Words, required=True)


class FactorCell(Cell):
    code = fields.String(required=True)
    name = fields.Nested(Words, required=True)
    criteria = fields.List(fields.Nested(CriterionCell), required=True)


class Factors(Index):
    """An index and its factors, by the method's own aggregation."""

    factors = fields.List(fields.Nested(FactorCell), required=True)


class Choice(Schema):
    level = fields.Integer(required=True, allow_none=True)
    label = fields.Nested(Words, required=True)


class CriterionLevels(Schema):
    code = fields.String(required=True)
    question = fields.Nested(Words, required=True)
    levels = fields.List(
        fields.Integer(),
        required=True,
        allow_none=True,
        validate=validate.Length(equal=5),
        metadata={"description": "answers of level 1 to 5"},
    )
    no_opinion = fields.Integer(required=True, allow_none=True)
    suppressed = fields.Boolean(required=True)


class Distribution(Schema):
    agency = fields.String(required=True)
    method = fields.String(required=True)
    period = fields.String(required=True)
    responses = fields.Integer(required=True, allow_none=True)
    rebuilding = fields.Boolean(required=True)
    scale = fields.List(fields.Nested(Choice), required=True)
    criteria = fields.List(fields.Nested(CriterionLevels), required=True)


class ScopeIndex(Index):
    """The index of several agencies, or of a part of one: counts added up."""

    class Meta:  # noqa: D106 - marshmallow's way
        exclude = ("agency",)

    scope = _string("as it was asked for", required=True)
    first = fields.Date(required=True, data_key="from")
    last = fields.Date(required=True, data_key="to", metadata={"description": "last day that is in the counts"})
    agencies = fields.Integer(required=True, metadata={"description": "agencies in the scope on the period's last day"})
    counted = fields.Integer(required=True, metadata={"description": "those of them with sheets by this method"})
    merged = fields.List(
        fields.String(), required=True, metadata={"description": "agencies merged into it, whose sheets are included"}
    )


class OpenDataField(Schema):
    field = fields.String(required=True)
    type = fields.String(required=True)
    unit = fields.String(required=True, allow_none=True)
    meaning = fields.Nested(Words, required=True)


class DataDictionary(Schema):
    fields_ = fields.List(fields.Nested(OpenDataField), required=True, data_key="fields", attribute="fields")


class OpenDataRow(Schema):
    agency = fields.String(required=True)
    name = fields.String(required=True)
    block = fields.String(required=True)
    method = fields.String(required=True)
    aggregation = fields.String(required=True)
    period = fields.String(required=True)
    responses = fields.Integer(required=True, allow_none=True)
    percent = fields.Float(required=True, allow_none=True)
    interval_low = fields.Float(required=True, allow_none=True)
    interval_high = fields.Float(required=True, allow_none=True)
    suppressed = fields.Boolean(required=True)


class OpenData(DataDictionary):
    rows = fields.List(fields.Nested(OpenDataRow), required=True)


class Measured(Schema):
    percent = fields.Float(required=True)
    interval = fields.List(fields.Float(), required=True, allow_none=True)
    responses = fields.Integer(required=True)


class Change(Schema):
    id = fields.String(required=True)
    kind = fields.String(required=True)
    number = fields.Integer(required=True)
    day = fields.Date(required=True)


class Decision(Schema):
    """What a person did about an alert."""

    id = fields.String(required=True)
    act = _string("acknowledged, noted, acted, snoozed, closed or new-normal", required=True)
    by = _string("a person's id, or command-line", required=True)
    at = fields.AwareDateTime(required=True)
    note = fields.String(required=True)
    after = fields.Date(
        required=True,
        allow_none=True,
        metadata={"description": "the agency-day after which an end takes effect"},
    )


class Undelivered(Schema):
    """What reached a person by no channel for an hour, and has not since."""

    person = _string("id of a person", required=True)
    since = fields.AwareDateTime(required=True, metadata={"description": "when they might have been told"})


class Alert(Schema):
    agency = fields.String(required=True)
    method = fields.String(required=True)
    rule = fields.String(required=True)
    state = _string("possible, confirmed or recovered", required=True)
    opened_on = fields.Date(required=True)
    day = fields.Date(required=True, metadata={"description": "agency-day that made the present state"})
    since = fields.Date(required=True, allow_none=True)
    before = fields.Nested(Measured, required=True, allow_none=True)
    after = fields.Nested(Measured, required=True, allow_none=True)
    evidence = fields.Float(required=True, allow_none=True)
    criterion = fields.String(required=True, allow_none=True)
    target = fields.Float(required=True, allow_none=True)
    historical = fields.Boolean(required=True, metadata={"description": "recorded afterwards, never mailed"})
    acknowledged = fields.Nested(Decision, required=True, allow_none=True, metadata={"description": "the first"})
    notes = fields.List(fields.Nested(Decision), required=True, metadata={"description": "decisions with words"})
    actions = fields.List(fields.Nested(Decision), required=True)
    snoozed_until = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "end of the newest snooze, which may be past; null too where new evidence ended it"},
    )
    closed = fields.Nested(
        Decision, required=True, allow_none=True, metadata={"description": "the decision that ended it"}
    )
    changes = fields.List(fields.Nested(Change), required=True)
    undelivered = fields.List(fields.Nested(Undelivered), required=True)


class Alerts(Schema):
    next = fields.String(required=True, allow_none=True, metadata=_NEXT)
    alerts = fields.List(fields.Nested(Alert), required=True)


class Comment(Schema):
    """What a citizen wrote, redacted. It has no id and no time, and its place in the list means nothing."""

    counter = fields.String(required=True, allow_none=True)
    text = fields.String(required=True)


class Comments(Schema):
    agency = fields.String(required=True)
    day = fields.Date(required=True)
    comments = fields.List(fields.Nested(Comment), required=True)


class FieldFault(Schema):
    field = fields.String(required=True)
    code = fields.String(required=True)
    detail = fields.Nested(Words, required=True)


class ProblemDocument(Schema):
    """RFC 9457."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    titles = fields.Nested(Words, required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True)
    detail = fields.String()
    errors = fields.List(fields.Nested(FieldFault))
