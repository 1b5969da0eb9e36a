"""From what a client sent to the sheet, and the comment, that go to Kafka. Pure: registry, methods and the time are
passed in.

What is decided here, once and for all readers: which agency the sheet is for, the local day it counts for, its flags
(but for `burst`, which needs the limiter).
All that is wrong with a submission is told at once, and before what its key may not do.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from services.survey.fields import Answers, read_sheet
from services.survey.redaction import redact
from services.survey.tokens import FormToken, FormTokens
from services.survey.wording import wrong
from sipas.codes import normalise
from sipas.events import Comment, Response
from sipas.problems import FieldError, Problem
from sipas.registry import Counter, Key, Registry

TOKEN_DAY_HOLDS = timedelta(days=3)
"""A phone without network may send so much later and still count for the day of the visit."""
LATE = timedelta(days=30)
TOO_FAST = timedelta(seconds=3)
IMPORT_ONLY = ("answered_on", "channel", "method")
CHANNELS = {"form": "qr", "submit": "kiosk", "import": "import"}

Via = Literal["form", "submit", "import"]


class Submitted(NamedTuple):
    """What one submission becomes. The two are promised together and then go apart: nothing joins them again."""

    sheet: Response
    comment: Comment | None


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom the sheet is and by which questions."""

    agency: str
    place: str | None
    counter: str | None
    sector: str | None
    method: str


def via_of(key: Key | None) -> Via:
    """How a request comes, by its key; raises `Problem` wrong-scope for a key that may not submit."""
    if key is None:
        return "form"
    if key.scope == "read":
        raise Problem("wrong-scope", errors=[wrong("Authorization", "needs-submit-key")])
    return key.scope


class Sheets:
    """Makes sheets of submissions."""

    def __init__(self, answers: Mapping[str, Answers], tokens: FormTokens, zone: ZoneInfo) -> None:
        """`answers`: the methods that can be answered, by id."""
        self._answers = answers
        self._tokens = tokens
        self._zone = zone

    def make(self, document: Any, *, via: Via, registry: Registry, now: datetime) -> Submitted:
        """The sheet and the comment, or `Problem` with everything that is wrong with the submission."""
        given, errors = read_sheet(document)
        today = now.astimezone(self._zone).date()
        wrong_fields = {error.field for error in errors}
        counter = find_counter(given["counter"], registry) if "counter" in given else None
        asked = None
        if not {"counter", "agency", "sector", "method"} & wrong_fields:
            found = self._asked(given, counter, via, registry)
            if isinstance(found, Asked):
                asked = found
            else:
                errors.append(found)
        answers: dict[str, int | None] = {}
        method = asked.method if asked else counter.method if counter else ""
        if "answers" in given and (questions := self._answers.get(method)):
            answers, more = questions.read(given["answers"])
            errors += more
        if given.get("answered_on", today) > today:
            errors.append(wrong("answered_on", "in-the-future"))
        if via == "import" and "comment" in given:
            errors.append(wrong("comment", "no-comment-with-import"))
        if errors or asked is None:
            raise Problem("invalid", errors=errors)
        if via != "import" and (closed := [name for name in IMPORT_ONLY if name in given]):
            lacking = "no-key" if via == "form" else "wrong-scope"
            raise Problem(lacking, errors=[wrong(name, "needs-import-key") for name in closed])

        token = self._token(given, asked)
        sheet = Response(
            response_id=token.response_id if token else given.get("response_id") or uuid.uuid4(),
            agency=asked.agency,
            place=asked.place,
            counter=asked.counter,
            sector=asked.sector,
            method=asked.method,
            answers=answers,
            answered_on=given.get("answered_on") or self._day(token, now),
            received_at=now.replace(second=0, microsecond=0),
            channel=given.get("channel", CHANNELS[via]),
            via=via,
            language=given.get("language", "vi"),
            assisted=given.get("assisted", False),
            flags=_flags(token, now) if via == "form" else (),
        )
        return Submitted(sheet, _comment(given["comment"], sheet, token) if "comment" in given else None)

    def _asked(
        self, given: Mapping[str, Any], counter: Counter | None, via: Via, registry: Registry
    ) -> Asked | FieldError:
        if counter is not None:
            return self._asked_at(counter, given, via)
        agency, method = given.get("agency"), given.get("method")
        if via != "import" or agency is None:
            return wrong("counter", "missing")
        if registry.agency(agency) is None:
            return wrong("agency", "unknown-agency")
        if "sector" in given:
            return wrong("sector", "no-sector-without-counter")
        if method is None:
            return wrong("method", "missing")
        if method not in self._answers:
            return wrong("method", "unknown-method")
        return Asked(agency, None, None, None, method)

    def _asked_at(self, counter: Counter, given: Mapping[str, Any], via: Via) -> Asked | FieldError:
        agency, sector = given.get("agency"), given.get("sector")
        owners = {one.agency for one in counter.sectors if one.id == sector}
        if sector is not None and not owners:
            return wrong("sector", "not-at-counter")
        if agency is None:
            possible = owners or set(counter.agencies)
            if len(possible) > 1:
                return wrong("agency", "choose-agency")
            (agency,) = possible
        if agency not in counter.agencies:
            return wrong("agency", "not-at-counter")
        if sector is not None and agency not in owners:
            return wrong("sector", "not-at-counter")
        of_agency = [one.id for one in counter.sectors if one.agency == agency]
        if sector is None and len(of_agency) == 1:
            sector = of_agency[0]
        method = given.get("method", counter.method) if via == "import" else counter.method
        if method not in self._answers:
            return wrong("method", "unknown-method")
        return Asked(agency, counter.place, counter.code, sector, method)

    def _token(self, given: Mapping[str, Any], asked: Asked) -> FormToken | None:
        token = self._tokens.read(given["form_token"]) if "form_token" in given else None
        return token if token is not None and token.counter == asked.counter else None

    def _day(self, token: FormToken | None, now: datetime) -> date:
        of_visit = token is not None and now - TOKEN_DAY_HOLDS <= token.rendered_at <= now
        return (token.rendered_at if token and of_visit else now).astimezone(self._zone).date()


def find_counter(text: str, registry: Registry) -> Counter:
    """The active counter of a code as somebody wrote it; raises `Problem` 404 or 410."""
    code = normalise(text)
    counter = registry.counter(code) if code else None
    if counter is None:
        raise Problem("unknown-counter", errors=[wrong("counter", "unknown-counter")])
    if counter.status == "revoked":
        raise Problem("revoked-counter", errors=[wrong("counter", "revoked-counter")])
    return counter


def _comment(text: str, sheet: Response, token: FormToken | None) -> Comment:
    """Redacted before anything else sees it. Without a form's token its id is another one each time it is sent."""
    return Comment(
        id=(token and token.comment_id) or uuid.uuid4(),
        agency=sheet.agency,
        counter=sheet.counter,
        day=sheet.answered_on,
        text=redact(text),
    )


def _flags(token: FormToken | None, now: datetime) -> tuple[str, ...]:
    if token is None:
        return ("no-form",)
    age = now - token.rendered_at
    if age > LATE:
        return ("late",)
    return ("too-fast",) if age < TOO_FAST else ()
