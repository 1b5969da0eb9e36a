"""What may stand in a submission, field by field; and strict JSON.

Strict: "4", 4.0 and true are no levels, a name that we do not know is an error and not ignored, a name that stands
twice is an error and not "the last one wins".

The marshmallow schemas are what holds, and explain what is wrong. msgspec first says yes to the many that are right,
at a twentieth of the cost; whatever it does not take is the schemas' to judge. A property test holds that it takes
nothing that they would refuse, or read otherwise.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal, NoReturn
from uuid import UUID

import msgspec
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from services.survey.wording import wrong
from sipas.events import Level
from sipas.methods import Method
from sipas.problems import FieldError, Problem

CHANNEL = r"[a-z][a-z-]{0,19}\Z"
LANGUAGE = r"[a-z]{2,3}\Z"
"""Words without digits: neither can carry a telephone number."""
MOST_CHARACTERS = 1000
"""Of a comment, as it is kept. Composing makes three characters one at most, so what is far longer is not looked at."""
WHOLE = "body"
"""The field that names the document as a whole."""
_NOT_TAKEN = (msgspec.ValidationError, UnicodeError)
"""What msgspec says instead of yes; the second where a name holds half a surrogate pair."""


def read_json(body: bytes) -> Any:
    """The JSON document of a body; raises `Problem` not-json."""
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_not_finite)
    except (ValueError, RecursionError):
        raise Problem("not-json", errors=[wrong(WHOLE, "not-utf-8")]) from None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise Problem("not-json", errors=[wrong(WHOLE, "duplicate-keys")])
    return document


def _not_finite(_name: str) -> NoReturn:
    raise Problem("not-json", errors=[wrong(WHOLE, "not-finite")])


class _TrueOrFalse(fields.Boolean):
    """marshmallow's own takes "yes" and 1."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if value is not True and value is not False:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


# what would move a terminal's cursor or turn its text round, and half a surrogate pair, which has no bytes
_UNWRITABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def tidy(comment: str) -> str | None:
    """A comment as it is kept: composed, its lines ended by a line feed alone, trimmed. None where it is too long."""
    if len(comment) > 4 * MOST_CHARACTERS:
        return None
    lines = comment.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    tidied = unicodedata.normalize("NFC", _UNWRITABLE.sub("", lines)).strip()
    return tidied if len(tidied) <= MOST_CHARACTERS else None


class _Comment(fields.String):
    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        tidied = tidy(super()._deserialize(value, attr, data, **kwargs))
        if tidied is None:
            raise ValidationError("comment-too-long")
        return tidied or None  # an empty one is none


def _messages(invalid: str, missing: str = "missing") -> dict[str, Any]:
    return {"invalid": invalid, "invalid_uuid": invalid, "required": missing, "null": missing, "format": invalid}


def _text(pattern: str | None = None, code: str = "not-text") -> fields.String:
    checks = [] if pattern is None else [validate.Regexp(pattern, error=code)]
    return fields.String(allow_none=True, validate=checks, error_messages=_messages(code))


class _Sheet(Schema):
    """A submission. The answers are checked later, by the questions of the counter's method."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "unknown-field", "type": "not-an-object"}  # noqa: RUF012 - marshmallow's way

    response_id = fields.UUID(allow_none=True, error_messages=_messages("not-a-uuid"))
    counter = _text()
    agency = _text()
    sector = _text()
    method = _text()
    answers = fields.Raw(required=True, error_messages=_messages("not-an-object"))
    answered_on = fields.Date(allow_none=True, error_messages=_messages("not-a-day"))
    channel = _text(CHANNEL, "not-a-channel")
    language = _text(LANGUAGE, "not-a-language")
    assisted = _TrueOrFalse(allow_none=True, error_messages=_messages("not-true-or-false"))
    form_token = _text()
    comment = _Comment(allow_none=True, error_messages=_messages("not-text"))


_SHEET = _Sheet()


class _RightSheet(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What `_Sheet` takes, and nothing more."""

    response_id: UUID | None = None
    counter: str | None = None
    agency: str | None = None
    sector: str | None = None
    method: str | None = None
    answers: dict[str, Any]
    answered_on: date | None = None
    channel: Annotated[str, msgspec.Meta(pattern=f"^{CHANNEL}")] | None = None
    language: Annotated[str, msgspec.Meta(pattern=f"^{LANGUAGE}")] | None = None
    assisted: bool | None = None
    form_token: str | None = None
    comment: str | None = None


def read_sheet(document: Any) -> tuple[dict[str, Any], list[FieldError]]:
    """The fields that are right, without the null ones, and an error for each that is wrong."""
    try:
        right = msgspec.convert(document, _RightSheet)
    except _NOT_TAKEN:
        return judge_sheet(document)
    given = {name: value for name in right.__struct_fields__ if (value := getattr(right, name)) is not None}
    if right.comment is not None:
        tidied = tidy(right.comment)
        if tidied is None:
            return judge_sheet(document)
        if tidied:
            given["comment"] = tidied
        else:
            del given["comment"]
    return given, []


def judge_sheet(document: Any) -> tuple[dict[str, Any], list[FieldError]]:
    """As `read_sheet`, by the schema alone."""
    errors: list[FieldError] = []
    try:
        read = _SHEET.load(document)
    except ValidationError as reason:
        errors = list(_errors(reason.messages, ""))
        read = reason.valid_data if isinstance(reason.valid_data, dict) else {}
    return {name: value for name, value in read.items() if value is not None}, errors


class Answers:
    """The answers that a method's form can have."""

    def __init__(self, method: Method) -> None:
        made = type(
            "_Answers",
            (Schema,),
            {
                "Meta": type("Meta", (), {"unknown": RAISE}),
                "error_messages": {"unknown": "unknown-criterion", "type": "not-an-object"},
            }
            | {code: _level() for code in method.codes},
        )
        self._schema: Schema = made()
        codes: Any = Literal.__getitem__(method.codes)
        self._right: Any = dict[codes, Level | None]

    def read(self, answers: Any) -> tuple[dict[str, int | None], list[FieldError]]:
        """The answers, null ones too, and an error for each that is wrong."""
        try:
            right: dict[str, int | None] = msgspec.convert(answers, self._right)
        except _NOT_TAKEN:
            return self.judge(answers)
        return (right, []) if any(right.values()) else self.judge(answers)

    def judge(self, answers: Any) -> tuple[dict[str, int | None], list[FieldError]]:
        """As `read`, by the schema alone."""
        try:
            read: dict[str, int | None] = self._schema.load(answers)
        except ValidationError as reason:
            return {}, list(_errors(reason.messages, "answers"))
        if all(level is None for level in read.values()):
            return {}, [wrong("answers", "no-answer")]
        return read, []


def _level() -> fields.Integer:
    code = "not-a-level"
    return fields.Integer(
        strict=True,
        allow_none=True,
        validate=validate.Range(1, 5, error=code),
        error_messages=_messages(code) | {"too_large": code},
    )


def _errors(messages: Any, above: str) -> Iterator[FieldError]:
    """The nested messages of marshmallow, which are our codes, as a flat list."""
    for name, found in messages.items():
        path = above or WHOLE if name == "_schema" else f"{above}.{name}" if above else str(name)
        if isinstance(found, dict):
            yield from _errors(found, path)
        else:
            yield from (wrong(path, code) for code in found)
