"""The examples beside this module hold for those who write events and for those who read them."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from msgspec import Struct

from services.aggregator.dead_letters import Rejected, dead_letter_headers, own_headers
from services.aggregator.fold import sheet_of
from services.aggregator.frozen import parts_of, results_in
from services.aggregator.generations import Switches, with_switches
from services.board.comments import comments_of
from services.notifier.evidence import as_recorded
from services.notifier.totals import Total
from services.survey.redaction import redact
from sipas.alert_book import AlertBook
from sipas.alert_records import events_in, read_event
from sipas.events import (
    HEADER_NAMES,
    TYPES,
    AgencyDay,
    AlertChanged,
    AlertDecided,
    Comment,
    Delivered,
    Entry,
    GenerationSwitched,
    MalformedEvent,
    Rebuilt,
    Response,
    ResultFrozen,
    ScoresLoaded,
    SilenceSet,
    Undelivered,
    Withheld,
    decode_agency_day,
    decode_alert,
    decode_alert_decided,
    decode_comment,
    decode_delivered,
    decode_entry,
    decode_frozen,
    decode_rebuilt,
    decode_response,
    decode_scores,
    decode_silence_set,
    decode_switched,
    decode_undelivered,
    decode_withheld,
    encode,
    headers,
    minute_ms,
    type_of,
)
from sipas.methods import load_methods
from sipas.people import People
from sipas.registry import KINDS, Registry, read_item
from sipas.tally import Tally
from tests.contract.documents import ASYNCAPI, EXAMPLES, MESSAGES, SCHEMAS, Example, of_topic
from tests.contract.json_schema import faults
from tests.message_samples import head, write

DECODERS: dict[str, Callable[[bytes | None], Struct]] = {
    TYPES[Response]: decode_response,
    TYPES[Comment]: decode_comment,
    TYPES[AgencyDay]: decode_agency_day,
    TYPES[Rebuilt]: decode_rebuilt,
    TYPES[AlertChanged]: decode_alert,
    TYPES[Delivered]: decode_delivered,
    TYPES[Withheld]: decode_withheld,
    TYPES[Undelivered]: decode_undelivered,
    TYPES[AlertDecided]: decode_alert_decided,
    TYPES[SilenceSet]: decode_silence_set,
    TYPES[Entry]: decode_entry,
    TYPES[GenerationSwitched]: decode_switched,
    TYPES[ResultFrozen]: decode_frozen,
    TYPES[ScoresLoaded]: decode_scores,
}
# a dead letter keeps the headers of what it is not
EVENTS = [example for example in EXAMPLES.values() if type_of(example.headers) and example.topic != "dlq"]
NOW = datetime(2026, 11, 22, 3, 15, tzinfo=UTC)


def named(examples: list[Example]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", [pytest.param(example, id=example.name) for example in examples])


def event_of(example: Example) -> Struct:
    return DECODERS[type_of(example.headers)](example.value)


# --- examples and description


@named(list(EXAMPLES.values()))
def test_an_example_is_as_the_description_says(example: Example) -> None:
    wrong = {}
    for name in ASYNCAPI["channels"][example.topic]["messages"]:
        message = MESSAGES[name]
        wrong[name] = [
            *faults(ASYNCAPI, message["payload"], example.document, "value"),
            *faults(ASYNCAPI, message.get("headers", {}), example.said, "headers"),
            *faults(ASYNCAPI, message["bindings"]["kafka"]["key"], example.keyed, "key"),
        ]
    assert [] in wrong.values(), wrong


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_registry_entry_has_an_example(kind: str) -> None:
    assert any(example.keyed.startswith(f"{kind}/") for example in of_topic("registry"))


# --- those who write


@named(EVENTS)
def test_reading_an_event_and_writing_it_again_keeps_everything(example: Example) -> None:
    assert json.loads(encode(event_of(example))) == example.document


@named(EVENTS)
def test_the_headers_are_those_that_the_code_writes(example: Example) -> None:
    said = example.said
    written = headers(
        event_of(example),
        event_id=said["ce_id"],
        source=said["ce_source"],
        at=datetime.fromisoformat(said["ce_time"]).replace(second=59),
        trace="traceparent" in said,
    )
    assert [name for name, _ in written] == [name for name, _ in example.headers]
    assert {name: value.decode() for name, value in written if name != "traceparent"} == {
        name: value for name, value in said.items() if name != "traceparent"
    }


def test_only_answer_sheets_are_traced() -> None:
    traced = {example.topic for example in EVENTS if "traceparent" in example.said}
    assert traced == {"responses"}


def rejected(letter: Example, headers: list[tuple[str, bytes]]) -> Rejected:
    """What the letter was before, with these headers."""
    said = letter.said
    with pytest.raises(MalformedEvent) as caught:
        decode_response(letter.value)
    offset, partition = int(said["sipas_offset"]), int(said["sipas_partition"])
    record = Example("", said["sipas_topic"], letter.key, headers, letter.value, offset, partition)
    return Rejected(record, caught.value.code, caught.value.detail)


def test_a_dead_letter_has_the_headers_of_its_record_and_those_that_the_aggregator_writes() -> None:
    letter = EXAMPLES["dead-letter"]
    own = list(EXAMPLES["response-form"].headers)
    assert dead_letter_headers(rejected(letter, own), "aggregator", NOW.replace(second=59)) == letter.headers
    assert own_headers(letter.headers) == own


@pytest.mark.parametrize(
    "foreign",
    ["x-forwarded-for", "user-agent", "cookie", "X-Phone", "tracestate", "CE_ID", "sipas_reason", "sipas_note", ""],
)
def test_a_dead_letter_keeps_no_header_that_is_none_of_ours(foreign: str) -> None:
    letter = EXAMPLES["dead-letter"]
    headers_of_both = [(foreign, b"0912345678"), *EXAMPLES["response-form"].headers, (foreign, b"198.51.100.77")]
    assert dead_letter_headers(rejected(letter, headers_of_both), "aggregator", NOW) == letter.headers


def test_a_dead_letter_may_keep_what_our_programs_write_and_nothing_else() -> None:
    sheet = EXAMPLES["response-form"]
    written = headers(event_of(sheet), event_id="1", source="/sipas/survey", at=NOW, trace=True)
    described = {name for name in SCHEMAS["DeadLetterHeaders"]["properties"] if not name.startswith("sipas_")}
    assert {name for name, _ in written} == HEADER_NAMES == described


@pytest.mark.parametrize("second", [0, 1, 59])
def test_kafkas_timestamp_is_the_minute(second: int) -> None:
    assert minute_ms(NOW.replace(second=second, microsecond=999_999)) == NOW.timestamp() * 1000


# --- those who read


def spread(value: Any) -> Any:
    """The same value as a newer program would write it: with a field more in every object of ours."""
    return {**value, "added_later": {"anything": [1, None]}}


@named(EVENTS)
def test_a_reader_ignores_a_field_that_was_added_later(example: Example) -> None:
    newer = DECODERS[type_of(example.headers)](json.dumps(spread(example.document)).encode())
    assert newer == event_of(example)


def test_a_version_of_an_entry_may_have_a_field_more() -> None:
    def newer(example: Example) -> Example:
        value = example.document
        value["history"] = [spread(version) for version in value["history"]]
        return Example(example.name, example.topic, example.key, example.headers, json.dumps(value).encode())

    as_written = Registry.fold(read_item(example) for example in of_topic("registry"))
    as_read = Registry.fold(read_item(newer(example)) for example in of_topic("registry"))
    assert as_read.histories == as_written.histories
    assert as_read.problems == ()


def test_an_unknown_event_type_says_nothing_to_a_reader_of_alerts() -> None:
    alert = EXAMPLES["alert-changed-possible"]
    headers_of_later = [(name, b"sipas.unheard-of.v1" if name == "ce_type" else v) for name, v in alert.headers]
    assert read_event(Example("", "alerts", alert.key, headers_of_later, alert.value)) is None


@named(of_topic("responses"))
def test_the_aggregator_counts_the_sheet(example: Example) -> None:
    criteria = {id_: frozenset(method.codes) for id_, method in load_methods().items()}
    response = decode_response(example.value)
    assert sheet_of(response, criteria).agency == example.keyed


@named(of_topic("comments"))
def test_the_board_reads_a_comment_of_its_agency_and_day(example: Example) -> None:
    written = decode_comment(example.value)
    assert comments_of([example, example], example.keyed, written.day) == [written]
    assert redact(written.text) == written.text


def test_the_totals_of_an_agency_day_are_those_of_whole_sheets() -> None:
    event = decode_agency_day(EXAMPLES["agency-day"].value)
    assert Tally.from_fields(event.fields).problems() == ()
    for fields in event.parts.values():
        assert Tally.from_fields(fields).problems() == ()
    by_channel = [Tally.from_fields(fields) for part, fields in event.parts.items() if part.startswith("channel=")]
    assert sum(by_channel, Tally.EMPTY) == Tally.from_fields(event.fields)


def test_the_judge_reads_the_totals_of_an_agency_day() -> None:
    event = decode_agency_day(EXAMPLES["agency-day"].value)
    total = Total.from_fields(event.version, event.fields)
    assert total.responses == event.fields["responses"]


ALERTS = [example for example in of_topic("alerts") if type_of(example.headers) == TYPES[AlertChanged]]


@named(ALERTS)
def test_the_judge_takes_a_recorded_alert_up_again_under_its_own_id(example: Example) -> None:
    event = decode_alert(example.value)
    raised = as_recorded(event)
    assert (raised.id, raised.historical) == (event.id, event.historical)


@named(ALERTS)
@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_courier_has_words_for_a_recorded_alert(example: Example, language: str) -> None:
    message = write("alert", decode_alert(example.value), person=head(language), demo=True)
    assert "{" not in message.text


def test_the_board_and_the_courier_read_the_life_of_an_alert() -> None:
    book = AlertBook().updated(events_in([*of_topic("decisions"), *of_topic("alerts")]))
    alert = book.alerts["so-noi-vu", "quick-5@1", "drop", date(2026, 9, 23)]
    assert alert.acknowledged == decode_alert_decided(EXAMPLES["alert-acknowledged"].value)
    assert alert.closed == decode_alert_decided(EXAMPLES["alert-new-normal"].value)
    assert alert.told == (decode_delivered(EXAMPLES["delivered"].value),)
    [silence] = book.silences.values()
    assert book.silenced(("so-noi-vu", "block/so", "province"), silence.start) == silence


def test_a_switch_of_the_generation_says_nothing_about_an_alert() -> None:
    assert read_event(EXAMPLES["generation-switched"]) is None


def test_a_delivery_names_the_alert_and_the_person_by_their_ids() -> None:
    delivered = decode_delivered(EXAMPLES["delivered"].value)
    person = decode_entry(EXAMPLES["person"].value)
    assert delivered.alert_id == decode_alert(EXAMPLES["alert-changed-possible"].value).id
    assert delivered.person == person.id
    for field in ("name", "email"):
        assert person.history[0][field] not in json.dumps(EXAMPLES["delivered"].document, ensure_ascii=False)


def test_the_aggregator_follows_a_switch_and_takes_its_offset_for_the_epoch() -> None:
    switched = EXAMPLES["generation-switched"]
    at_seven = Example("", switched.topic, switched.key, switched.headers, switched.value, offset=7)
    switches = with_switches(Switches(), [at_seven])
    assert switches.published == ("g2", 7)
    assert (switches.previous, switches.building) == ("g1", "g3")


def test_a_frozen_result_has_the_hash_that_is_told_with_it() -> None:
    event = decode_frozen(EXAMPLES["result-frozen"].value)
    [(where, frozen)] = results_in([event]).items()
    assert where == ("2026-Q3", 1)
    assert frozen.intact
    assert parts_of(frozen) == [event]


def test_a_decision_of_another_type_switches_nothing() -> None:
    other = EXAMPLES["delivered"]
    assert with_switches(Switches(), [other]) == Switches()


def test_the_registry_of_the_examples_has_no_problem() -> None:
    registry = Registry.fold(read_item(example) for example in of_topic("registry"))
    assert registry.problems == ()
    assert {kind for kind, _ in registry.entries} == set(KINDS)


def test_a_person_is_known_until_erased() -> None:
    known = People.fold([read_item(EXAMPLES["person"])])
    (person,) = known.by_id.values()
    assert person.leads == ("so-noi-vu",)
    erased = known.updated([read_item(EXAMPLES["person-erased"])])
    assert (erased.by_id, erased.entries, erased.problems) == ({}, {}, ())


# --- what is no event


def changed(**fields: Any) -> bytes:
    return json.dumps(EXAMPLES["response-form"].document | fields).encode()


def without(field: str) -> bytes:
    value = EXAMPLES["response-form"].document
    del value[field]
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(None, "empty", id="a tombstone"),
        pytest.param(b"", "not-json", id="no bytes"),
        pytest.param(b"{", "not-json", id="half an object"),
        pytest.param(b"\xff\xfe", "not-json", id="not UTF-8"),
        pytest.param(b'{"agency": NaN}', "not-json", id="NaN"),
        pytest.param(b'{"added_later": ' + b"[" * 100_000, "not-json", id="nested too deep"),
        pytest.param(b"null", "wrong-shape", id="null"),
        pytest.param(b"[]", "wrong-shape", id="a list"),
        pytest.param(without("agency"), "wrong-shape", id="no agency"),
        pytest.param(changed(agency="Sở Nội vụ"), "wrong-shape", id="an agency's name for its id"),
        pytest.param(changed(response_id="1"), "wrong-shape", id="an id that is no UUID"),
        pytest.param(changed(answers={"STAFF": "4"}), "wrong-shape", id="a level in quotes"),
        pytest.param(changed(answers={"STAFF": 4.5}), "wrong-shape", id="a level and a half"),
        pytest.param(changed(answers={"STAFF": True}), "wrong-shape", id="true for a level"),
        pytest.param(changed(answers={"STAFF": 6}), "wrong-shape", id="level 6"),
        pytest.param(changed(answers={"staff": 4}), "wrong-shape", id="a criterion in small letters"),
        pytest.param(changed(agency="so-noi-vu\n"), "wrong-shape", id="an agency and a line feed"),
        pytest.param(changed(place="tt-pvhcc\n"), "wrong-shape", id="a place and a line feed"),
        pytest.param(changed(counter="MQJHXJJXR6\n"), "wrong-shape", id="a counter and a line feed"),
        pytest.param(changed(sector="dat-dai\n"), "wrong-shape", id="a sector and a line feed"),
        pytest.param(changed(method="quick-5@1\n"), "wrong-shape", id="a method and a line feed"),
        pytest.param(changed(answers={"STAFF\n": 4}), "wrong-shape", id="a criterion and a line feed"),
        pytest.param(changed(channel="qr\n"), "wrong-shape", id="a channel and a line feed"),
        pytest.param(changed(language="vi\n"), "wrong-shape", id="a language and a line feed"),
        pytest.param(changed(flags=["late\n"]), "wrong-shape", id="a flag and a line feed"),
        pytest.param(changed(answered_on="22/11/2026"), "wrong-shape", id="a day of another form"),
        pytest.param(changed(received_at="2026-11-22T03:15:00"), "wrong-shape", id="a time without zone"),
        pytest.param(changed(via="phone"), "wrong-shape", id="a way that there is not"),
        pytest.param(changed(answers={}), "no-answer", id="no criterion"),
        pytest.param(changed(answers={"STAFF": None, "PROC": None}), "no-answer", id="no opinion on everything"),
    ],
)
def test_what_is_no_answer_sheet_is_told_by_its_code(value: bytes | None, code: str) -> None:
    with pytest.raises(MalformedEvent) as caught:
        decode_response(value)
    assert caught.value.code == code


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS)
@pytest.mark.parametrize(("value", "code"), [(None, "empty"), (b"{", "not-json"), (b"{}", "wrong-shape")])
def test_every_reader_tells_what_is_no_event(
    decode: Callable[[bytes | None], Struct], value: bytes | None, code: str
) -> None:
    with pytest.raises(MalformedEvent) as caught:
        decode(value)
    assert caught.value.code == code
