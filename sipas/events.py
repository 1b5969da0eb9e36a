"""What travels on Kafka: typed values, their bytes, their CloudEvents headers.

Every value is JSON. Readers ignore unknown fields; fields are only added, a breaking change is a new topic
version. `decode_*` raises `MalformedEvent` with a short code that is also the dead letter's reason, the
metric's label and the log's word.

Nothing here may identify a citizen: minutes instead of seconds, no address, no agent, no name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct

E = TypeVar("E", bound=Struct)

Headers = list[tuple[str, bytes]]

END = r"$(?!\n)"
"""The end of a text in Python, where a bare `$` lets a line feed pass, and in ECMA 262, JSON Schema's dialect."""
AGENCY_ID = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?" + END
METHOD_ID = r"^[a-z][a-z0-9-]{0,40}@[1-9][0-9]{0,3}" + END

AgencyId = Annotated[str, Meta(pattern=AGENCY_ID)]
MethodId = Annotated[str, Meta(pattern=METHOD_ID)]
SILENCE_SCOPE = r"^(?:province|(?:agency|block)/[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)" + END
SilenceScope = Annotated[str, Meta(pattern=SILENCE_SCOPE)]
CounterCode = Annotated[str, Meta(pattern=r"^[0-9A-HJKMNP-TV-Z]{10}" + END)]
CriterionCode = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9_]{0,30}" + END)]
Generation = Annotated[str, Meta(pattern=r"^g[1-9][0-9]{0,5}" + END)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}" + END)]
Exact = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(?:\.[0-9]{1,17})?" + END)]
"""A decimal number as it was written: a binary fraction would not be."""
Word = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,40}" + END)]
CHANNEL_NAME = r"^(?:email|sms|(?:webhook|chat):[a-z0-9-]{1,30})" + END
ChannelName = Annotated[str, Meta(pattern=CHANNEL_NAME)]
"""How a person is reached; a name after a colon is one of the settings, which keep its address and its secret."""
Level = Annotated[int, Meta(ge=1, le=5)]
Instant = Annotated[datetime, Meta(tz=True)]
Day = date


class MalformedEvent(Exception):
    """A record that is no event of its topic. `code` is short and stable, `detail` is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Response(Struct, frozen=True, kw_only=True):
    """One answer sheet. Its identity is (agency, response_id); the first in the log wins.

    `answers`: criterion -> 1..5, or None for "not used / no opinion". `answered_on` is the local day.
    `counter` and `place` are None only on imported sheets that were not given at a counter.
    `flags` not empty: stored and counted apart, never in the index.
    """

    response_id: UUID
    agency: AgencyId
    place: AgencyId | None
    counter: CounterCode | None
    sector: AgencyId | None
    method: MethodId
    answers: dict[CriterionCode, Level | None]
    answered_on: Day
    received_at: Instant
    channel: Word
    via: Literal["form", "submit", "import"]
    language: Word
    assisted: bool
    flags: tuple[Word, ...] = ()


class Comment(Struct, frozen=True, kw_only=True):
    """What a citizen wrote, redacted. The first of an `id` wins, in any order of days.

    `id` is random and its own; `day` is the local day of the visit. Nothing here, in the headers or in Kafka's
    timestamp leads to a sheet.
    """

    id: UUID
    agency: AgencyId
    counter: CounterCode | None
    day: Day
    text: str


class AgencyDay(Struct, frozen=True, kw_only=True):
    """The full totals of one agency, method and local day; the highest `version` holds.

    `fields` are the integers of `sipas.tally` for the whole agency; `parts` the same for a part of it, keyed
    `counter=<code>`, `channel=<word>`, `sector=<id>`. `version` = [epoch, offset of the last folded record].
    """

    agency: AgencyId
    method: MethodId
    day: Day
    version: tuple[int, int]
    as_of: Instant | None
    fields: dict[str, int]
    parts: dict[str, dict[str, int]]


class Rebuilt(Struct, frozen=True, kw_only=True):
    """Marker on `tallies`: every total of this partition up to `version` has been published before it."""

    partition: int
    version: tuple[int, int]


class Measured(Struct, frozen=True, kw_only=True):
    """A share in percent (0..100) with its interval and the number of sheets behind it."""

    percent: float
    interval: tuple[float, float] | None
    responses: int


class Fell(Struct, frozen=True, kw_only=True):
    """How a part fell: a criterion or a counter, in percent, with the answers or the sheets behind each figure."""

    code: str
    before: float
    before_n: int
    after: float
    after_n: int


class TrendDay(Struct, frozen=True, kw_only=True):
    """A reporting day's mean share per sheet, in percent."""

    day: Day
    percent: float
    responses: int


class AlertChanged(Struct, frozen=True, kw_only=True):
    """One change of state of one alert, with the facts as they were told. The first of an `id` wins.

    `id` is deterministic: agency, method, rule, opened day, kind, number. `state` holds what the fold needs
    to take the alert up again (drop index j*, evidence, settings in force). `historical`: recorded, never
    mailed. A follow-up measures the ten reporting days after the alert, a reminder the last thirty days; the reminder
    with `number` 0 says what leaders could not be told when it began.

    `phase`: where the alert stands after this change. `days`: reporting days behind `after`. `counter_fell`: for the
    head of the unit only. `trend`: for the picture.
    """

    id: str
    agency: AgencyId
    method: MethodId
    rule: Literal["drop", "target"]
    kind: Literal["possible", "confirmed", "recovered", "follow-up", "reminder"]
    number: int
    opened_on: Day
    day: Day
    since: Day | None
    before: Measured | None
    after: Measured | None
    evidence: float | None
    criterion: str | None
    target: float | None
    historical: bool
    version: tuple[int, int]
    state: dict[str, Any]
    phase: Literal["possible", "confirmed", "recovered"] | None = None
    days: int | None = None
    criterion_fell: Fell | None = None
    counter_fell: Fell | None = None
    trend: tuple[TrendDay, ...] = ()


class Delivered(Struct, frozen=True, kw_only=True):
    """A channel accepted a message. People stand here only by id.

    `also`: further changes that the message said, or that it made superfluous. A digest is no change's: its `alert_id`
    is its own, its `agency` the word `province`.
    """

    message_id: str
    alert_id: str
    agency: AgencyId
    person: str
    channel: ChannelName
    at: Instant
    subject: str
    also: tuple[str, ...] = ()


class Withheld(Struct, frozen=True, kw_only=True):
    """A person is not told of changes, for good. `over`: the fall began and ended while it was silenced."""

    alert_id: str
    also: tuple[str, ...]
    agency: AgencyId
    person: str
    reason: Literal["over", "closed"]
    at: Instant


class Undelivered(Struct, frozen=True, kw_only=True):
    """No channel has accepted for an hour what a person might have been told `since` then; a delivery may still follow.

    The first of alert, person and `since` stands.
    """

    alert_id: str
    also: tuple[str, ...]
    agency: AgencyId
    person: str
    since: Instant
    at: Instant


class AlertDecided(Struct, frozen=True, kw_only=True):
    """On `decisions`: what a person did about an alert, which (agency, method, rule, opened_on) names.

    The first of an `id` wins. `by`: a person's id, or "command-line". `until`: of snoozed. `after`: of closed and
    new-normal, which the judge takes into account once this agency-day is over. `seen`: id of the change of state that
    the person had before them, "" where that is not known; evidence that came later was not decided upon.
    """

    id: str
    agency: AgencyId
    method: MethodId
    rule: Literal["drop", "target"]
    opened_on: Day
    act: Literal["acknowledged", "noted", "acted", "snoozed", "closed", "new-normal"]
    by: str
    at: Instant
    note: str
    until: Instant | None
    after: Day | None
    seen: str = ""


class SilenceSet(Struct, frozen=True, kw_only=True):
    """On `decisions`: nobody is told of a scope from `start` to `end`, such as during planned maintenance.

    The first of an `id` holds; the same id again can only end it earlier.
    """

    id: str
    scope: SilenceScope
    start: Instant
    end: Instant
    by: str
    reason: str
    at: Instant


class GenerationSwitched(Struct, frozen=True, kw_only=True):
    """On `decisions`: from here on `generation` of the ledger is published; this record's offset is its epoch.

    `previous` was published before, None where nothing was switched before. `reason`: why, in a person's words.
    """

    generation: Generation
    previous: Generation | None
    at: Instant
    reason: str


class ResultFrozen(Struct, frozen=True, kw_only=True):
    """On `results`: a part of a frozen result. The first complete `version` of a period stands, for ever.

    The parts' `content`, one after the other, is the result itself: the text whose UTF-8 bytes have this `sha256`.
    `previous`: hash of the version before, which this one restates for this `reason`.
    """

    period: str
    version: Annotated[int, Meta(ge=1)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}" + END)]
    previous: str | None
    reason: str | None
    part: Annotated[int, Meta(ge=1)]
    parts: Annotated[int, Meta(ge=1)]
    content: str


class ScoreLine(Struct, frozen=True, kw_only=True):
    """One unit of an official table: an agency's id, or any name. `points` is None where only the rank was published.

    `rank` and `of` are the published ones. `method` names how the scheme measured; `target` as it was written.
    """

    unit: str
    points: Exact | None
    maximum: Exact
    rank: Annotated[int, Meta(ge=1)] | None
    of: Annotated[int, Meta(ge=1)] | None
    method: str
    source: str
    target: str | None


class ScoresLoaded(Struct, frozen=True, kw_only=True):
    """On `results`: an official table as it was published, whole. The first of a `version` stands, the highest holds.

    `sha256` is of the table alone (scheme, year, block, bands, lines), so equal tables have equal ones. `previous`:
    that of the version before, which this one replaces for this `reason`. `bands`: id of the scheme of bands.
    """

    scheme: str
    year: int
    block: str
    version: Annotated[int, Meta(ge=1)]
    sha256: Sha256
    previous: Sha256 | None
    reason: str | None
    bands: str | None
    lines: tuple[ScoreLine, ...]


class Entry(Struct, frozen=True, kw_only=True):
    """One registry entry with its whole dated history, oldest first.

    Each element of `history` has `valid_from` and `valid_to` (ISO days or null) and the kind's own fields.
    """

    kind: Word
    id: str
    history: tuple[dict[str, Any], ...]


_encode = msgspec.json.Encoder().encode
_response = msgspec.json.Decoder(Response)
_comment = msgspec.json.Decoder(Comment)
_agency_day = msgspec.json.Decoder(AgencyDay)
_rebuilt = msgspec.json.Decoder(Rebuilt)
_alert = msgspec.json.Decoder(AlertChanged)
_delivered = msgspec.json.Decoder(Delivered)
_withheld = msgspec.json.Decoder(Withheld)
_undelivered = msgspec.json.Decoder(Undelivered)
_alert_decided = msgspec.json.Decoder(AlertDecided)
_silence_set = msgspec.json.Decoder(SilenceSet)
_switched = msgspec.json.Decoder(GenerationSwitched)
_frozen = msgspec.json.Decoder(ResultFrozen)
_scores = msgspec.json.Decoder(ScoresLoaded)
_entry = msgspec.json.Decoder(Entry)

TYPES: Mapping[type[Struct], str] = {
    Response: "sipas.response.v1",
    Comment: "sipas.comment.v1",
    AgencyDay: "sipas.agency-day.v1",
    Rebuilt: "sipas.rebuilt.v1",
    AlertChanged: "sipas.alert-changed.v1",
    Delivered: "sipas.delivered.v1",
    Withheld: "sipas.withheld.v1",
    Undelivered: "sipas.undelivered.v1",
    AlertDecided: "sipas.alert-decided.v1",
    SilenceSet: "sipas.silence-set.v1",
    GenerationSwitched: "sipas.generation-switched.v1",
    ResultFrozen: "sipas.result-frozen.v1",
    ScoresLoaded: "sipas.scores-loaded.v1",
    Entry: "sipas.registry-entry.v1",
}
TYPE_HEADER = "ce_type"
TRACE_HEADER = "traceparent"
HEADER_NAMES = frozenset(("ce_specversion", "ce_id", TYPE_HEADER, "ce_source", "ce_time", "content-type", TRACE_HEADER))
"""All that `headers` writes."""


def encode(event: Struct) -> bytes:
    """The event's JSON."""
    return _encode(event)


def headers(event: Struct, *, event_id: str, source: str, at: datetime, trace: bool = False) -> Headers:
    """CloudEvents 1.0 in binary mode. `at` is cut to the minute; `trace` adds a fresh W3C traceparent.

    The traceparent is our own, never the caller's: what a client puts there could carry anything.
    """
    made: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        (TYPE_HEADER, TYPES[type(event)].encode()),
        ("ce_source", source.encode()),
        ("ce_time", at.strftime("%Y-%m-%dT%H:%M:00Z").encode()),
        ("content-type", b"application/json"),
    ]
    if trace:
        made.append((TRACE_HEADER, f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-00".encode()))
    return made


def minute_ms(at: datetime) -> int:
    """Kafka's timestamp, cut to the minute, so that nobody can match a sheet with a face on a camera."""
    return int(at.timestamp()) // 60 * 60_000


def midnight_ms(day: date, zone: ZoneInfo) -> int:
    """Kafka's timestamp of a comment: the beginning of its local day, and nothing finer.

    Not midnight in UTC: east of Greenwich that is ahead of the clock in the small hours, and a broker refuses a record
    of more than an hour ahead (`message.timestamp.after.max.ms`).
    """
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000


def type_of(record_headers: Iterable[tuple[str, bytes]]) -> str:
    """The event type of a record, "" where it says none."""
    for name, value in record_headers:
        if name == TYPE_HEADER:
            return value.decode("ascii", "replace")
    return ""


def _decode(decoder: msgspec.json.Decoder[E], value: bytes | None) -> E:
    if value is None:
        raise MalformedEvent("empty", "the record has no value")
    try:
        return decoder.decode(value)
    except msgspec.ValidationError as reason:
        raise MalformedEvent("wrong-shape", str(reason)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as reason:
        raise MalformedEvent("not-json", str(reason)) from None


def decode_response(value: bytes | None) -> Response:
    """Bytes of `responses` -> sheet. Raises `MalformedEvent`: empty, not-json, wrong-shape, no-answer."""
    sheet = _decode(_response, value)
    if not any(sheet.answers.values()):  # a level is at least 1
        raise MalformedEvent("no-answer", "the sheet answers nothing")
    return sheet


def decode_comment(value: bytes | None) -> Comment:
    """Bytes of `comments`."""
    return _decode(_comment, value)


def decode_agency_day(value: bytes | None) -> AgencyDay:
    """Bytes of `tallies` whose type is an agency-day."""
    return _decode(_agency_day, value)


def decode_rebuilt(value: bytes | None) -> Rebuilt:
    """Bytes of `tallies` whose type is the marker."""
    return _decode(_rebuilt, value)


def decode_alert(value: bytes | None) -> AlertChanged:
    """Bytes of `alerts` whose type is a change of state."""
    return _decode(_alert, value)


def decode_delivered(value: bytes | None) -> Delivered:
    """Bytes of `alerts` whose type is a delivery."""
    return _decode(_delivered, value)


def decode_withheld(value: bytes | None) -> Withheld:
    """Bytes of `alerts` whose type says that a person is not told."""
    return _decode(_withheld, value)


def decode_undelivered(value: bytes | None) -> Undelivered:
    """Bytes of `alerts` whose type says that nothing has reached a person yet."""
    return _decode(_undelivered, value)


def decode_alert_decided(value: bytes | None) -> AlertDecided:
    """Bytes of `decisions` whose type is what a person did about an alert."""
    return _decode(_alert_decided, value)


def decode_silence_set(value: bytes | None) -> SilenceSet:
    """Bytes of `decisions` whose type is a silence."""
    return _decode(_silence_set, value)


def decode_switched(value: bytes | None) -> GenerationSwitched:
    """Bytes of `decisions` whose type is a switch of the generation."""
    return _decode(_switched, value)


def decode_frozen(value: bytes | None) -> ResultFrozen:
    """Bytes of `results` whose type is a frozen result."""
    return _decode(_frozen, value)


def decode_scores(value: bytes | None) -> ScoresLoaded:
    """Bytes of `results` whose type is an official table."""
    return _decode(_scores, value)


def decode_entry(value: bytes | None) -> Entry:
    """Bytes of `registry` and `people`."""
    return _decode(_entry, value)
