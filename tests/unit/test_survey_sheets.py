"""From a submission to a sheet: agency, day, flags, and everything that is wrong with it."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from itsdangerous import URLSafeSerializer

from services.survey.fields import Answers
from services.survey.sheets import Sheets, Submitted, Via
from services.survey.tokens import FormTokens
from sipas.events import Comment, Response
from sipas.methods import load_methods
from sipas.problems import Problem
from sipas.registry import Registry
from tests.survey_stack import OPEN, REVOKED, SHARED, UNKNOWN, small_registry

NOW = datetime(2026, 11, 22, 3, 15, 42, 123456, UTC)  # 10:15 in Vietnam
TOKENS = FormTokens("s" * 40)
SHEETS = Sheets(
    {method.id: Answers(method) for method in load_methods().values()}, TOKENS, ZoneInfo("Asia/Ho_Chi_Minh")
)
REGISTRY = Registry.fold(small_registry())


def make(via: Via = "submit", now: datetime = NOW, **given: Any) -> Response:
    return submitted(via, now, **given).sheet


def comment(via: Via = "submit", now: datetime = NOW, **given: Any) -> Comment:
    found = submitted(via, now, **given).comment
    assert found is not None
    return found


def submitted(via: Via = "submit", now: datetime = NOW, **given: Any) -> Submitted:
    document = {"counter": OPEN, "answers": {"ACCESS": 4}} | given
    document = {name: value for name, value in document.items() if value != "absent"}
    return SHEETS.make(document, via=via, registry=REGISTRY, now=now)


def errors(via: Via = "submit", **given: Any) -> set[tuple[str, str]]:
    with pytest.raises(Problem) as caught:
        make(via, **given)
    return {(error.field, error.code) for error in caught.value.errors}


def refusal(via: Via = "submit", **given: Any) -> str:
    with pytest.raises(Problem) as caught:
        make(via, **given)
    return caught.value.code


def test_a_plain_answer_becomes_a_sheet_with_the_facts_of_its_counter() -> None:
    sheet = make(answers={"ACCESS": 4, "PROC": None})
    assert (sheet.agency, sheet.place, sheet.counter, sheet.sector) == ("so-a", "trung-tam", OPEN, None)
    assert (sheet.method, sheet.answers) == ("quick-5@1", {"ACCESS": 4, "PROC": None})
    assert (sheet.language, sheet.assisted, sheet.channel, sheet.via) == ("vi", False, "kiosk", "submit")


def test_the_time_is_cut_to_the_minute() -> None:
    assert make().received_at == datetime(2026, 11, 22, 3, 15, tzinfo=UTC)


def test_the_clients_id_is_kept_and_otherwise_a_random_one_made() -> None:
    mine = uuid.uuid5(uuid.NAMESPACE_URL, "x")
    assert make(response_id=str(mine)).response_id == mine
    assert make().response_id.version == 4


def test_a_code_may_be_written_as_people_write_it() -> None:
    assert make(counter=f" {OPEN[:3]}-{OPEN[3:].lower()} ").counter == OPEN


# --- whom it is for


@pytest.mark.parametrize(
    ("given", "agency", "sector"),
    [
        ({"agency": "so-b"}, "so-b", "ho-tich"),
        ({"agency": "so-a"}, "so-a", None),
        ({"agency": "so-a", "sector": "dat-dai"}, "so-a", "dat-dai"),
        ({"sector": "dat-dai"}, "so-a", "dat-dai"),
    ],
    ids=["its only sector", "one of several sectors unsaid", "both", "the sector says the agency"],
)
def test_at_a_shared_counter_the_submission_says_the_agency(given: dict[str, str], agency: str, sector: str) -> None:
    sheet = make(counter=SHARED, **given)
    assert (sheet.agency, sheet.sector) == (agency, sector)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"counter": SHARED}, {("agency", "choose-agency")}),
        ({"counter": SHARED, "agency": "so-c"}, {("agency", "not-at-counter")}),
        ({"counter": OPEN, "agency": "so-b"}, {("agency", "not-at-counter")}),
        ({"counter": SHARED, "sector": "thue"}, {("sector", "not-at-counter")}),
        ({"counter": SHARED, "agency": "so-b", "sector": "dat-dai"}, {("sector", "not-at-counter")}),
        ({"counter": "absent"}, {("counter", "missing")}),
        ({"counter": "absent", "agency": "so-a"}, {("counter", "missing")}),
        (
            {"counter": SHARED, "answers": {"ACCESS": 6}},
            {("agency", "choose-agency"), ("answers.ACCESS", "not-a-level")},
        ),
    ],
)
def test_what_names_no_agency_of_the_counter_is_refused(given: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert errors(**given) == expected


def test_an_unknown_or_revoked_counter_is_refused_by_its_own_status() -> None:
    assert refusal(counter=UNKNOWN) == "unknown-counter"
    assert refusal(counter="no code") == "unknown-counter"
    assert refusal(counter=REVOKED) == "revoked-counter"


# --- which day


@pytest.mark.parametrize(
    ("rendered", "received", "day"),
    [
        (NOW - timedelta(minutes=1), NOW, date(2026, 11, 22)),
        (NOW - timedelta(days=2), NOW, date(2026, 11, 20)),
        (NOW - timedelta(days=3, seconds=1), NOW, date(2026, 11, 22)),
        (NOW + timedelta(days=1), NOW, date(2026, 11, 22)),
        (datetime(2026, 11, 21, 16, 59, tzinfo=UTC), datetime(2026, 11, 21, 17, 1, tzinfo=UTC), date(2026, 11, 21)),
    ],
    ids=["at once", "two days later", "more than three days later", "a clock ahead of ours", "over local midnight"],
)
def test_the_day_is_the_tokens_for_three_days(rendered: datetime, received: datetime, day: date) -> None:
    assert make("form", received, form_token=TOKENS.make(OPEN, now=rendered)).answered_on == day


def test_without_a_token_the_day_is_the_local_day_of_receipt() -> None:
    assert make(now=datetime(2026, 11, 21, 17, 1, tzinfo=UTC)).answered_on == date(2026, 11, 22)


def test_a_day_after_today_is_refused() -> None:
    assert errors("import", answered_on="2026-11-23") == {("answered_on", "in-the-future")}
    assert make("import", answered_on="2026-11-22").answered_on == date(2026, 11, 22)


# --- flags


@pytest.mark.parametrize(
    ("age", "flags"),
    [
        (timedelta(seconds=1), ("too-fast",)),
        (timedelta(seconds=4), ()),
        (timedelta(days=29), ()),
        (timedelta(days=31), ("late",)),
    ],
)
def test_a_forms_age_is_judged(age: timedelta, flags: tuple[str, ...]) -> None:
    assert make("form", form_token=TOKENS.make(OPEN, now=NOW - age)).flags == flags


@pytest.mark.parametrize(
    "token",
    [
        "absent",
        "nonsense",
        TOKENS.make(SHARED, now=NOW - timedelta(minutes=1)),
        FormTokens("t" * 40).make(OPEN, now=NOW - timedelta(minutes=1)),
    ],
    ids=["none", "nonsense", "another counter's", "signed by somebody else"],
)
def test_without_a_form_of_ours_the_sheet_is_flagged_and_not_refused(token: str) -> None:
    assert make("form", form_token=token).flags == ("no-form",)


def test_a_forms_answer_has_the_id_of_its_form_whatever_the_client_says() -> None:
    token = TOKENS.make(OPEN, now=NOW - timedelta(minutes=1))
    first, second = (make("form", form_token=token, response_id=str(uuid.uuid4())) for _ in range(2))
    assert first.response_id == second.response_id


def test_a_kiosks_answers_are_never_flagged() -> None:
    assert make("submit").flags == ()


# --- imports


def test_an_import_may_say_day_channel_and_method() -> None:
    sheet = make("import", answered_on="2023-04-01", channel="paper", method="overall-1@1", answers={"OVERALL": 5})
    assert (sheet.answered_on, sheet.channel, sheet.method) == (date(2023, 4, 1), "paper", "overall-1@1")


def test_an_import_may_have_no_counter() -> None:
    sheet = make("import", counter="absent", agency="so-b", method="overall-1@1", answers={"OVERALL": 5})
    assert (sheet.agency, sheet.counter, sheet.place, sheet.sector) == ("so-b", None, None, None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"agency": "so-x", "method": "overall-1@1"}, {("agency", "unknown-agency")}),
        ({"agency": "so-a"}, {("method", "missing")}),
        ({"agency": "so-a", "method": "overall-1@9"}, {("method", "unknown-method")}),
        ({"agency": "so-a", "method": "overall-1@1", "sector": "dat-dai"}, {("sector", "no-sector-without-counter")}),
        ({"method": "overall-1@1"}, {("counter", "missing")}),
    ],
)
def test_an_import_without_counter_names_agency_and_method(
    given: dict[str, str], expected: set[tuple[str, str]]
) -> None:
    assert errors("import", counter="absent", answers={"OVERALL": 5}, **given) == expected


@pytest.mark.parametrize("field", ["answered_on", "channel", "method"])
def test_others_may_not_say_what_an_import_may(field: str) -> None:
    given = {field: {"answered_on": "2026-11-22", "channel": "paper", "method": "quick-5@1"}[field]}
    assert refusal("submit", **given) == "wrong-scope"
    assert refusal("form", **given) == "no-key"


# --- fields


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"answers": {"ACCESS": "4"}}, {("answers.ACCESS", "not-a-level")}),
        ({"answers": {"ACCESS": 4.0}}, {("answers.ACCESS", "not-a-level")}),
        ({"answers": {"ACCESS": True}}, {("answers.ACCESS", "not-a-level")}),
        ({"answers": {"ACCESS": 6, "PROC": 0}}, {("answers.ACCESS", "not-a-level"), ("answers.PROC", "not-a-level")}),
        ({"answers": {"OTHER": 4}}, {("answers.OTHER", "unknown-criterion")}),
        ({"answers": {}}, {("answers", "no-answer")}),
        ({"answers": {"ACCESS": None}}, {("answers", "no-answer")}),
        ({"answers": [4]}, {("answers", "not-an-object")}),
        ({"answers": None}, {("answers", "missing")}),
        ({"answers": "absent"}, {("answers", "missing")}),
        ({"name": "Nguyễn Văn A"}, {("name", "unknown-field")}),
        ({"comment": 7}, {("comment", "not-text")}),
        ({"comment": "x" * 1001}, {("comment", "comment-too-long")}),
        ({"comment": " " * 5000}, {("comment", "comment-too-long")}),
        ({"response_id": 7}, {("response_id", "not-a-uuid")}),
        ({"assisted": 1}, {("assisted", "not-true-or-false")}),
        ({"assisted": "true"}, {("assisted", "not-true-or-false")}),
        ({"language": "0912345678"}, {("language", "not-a-language")}),
        ({"channel": "0912345678"}, {("channel", "not-a-channel")}),
        ({"answered_on": "hôm qua"}, {("answered_on", "not-a-day")}),
        ({"counter": 7}, {("counter", "not-text")}),
    ],
)
def test_a_wrong_field_is_named(given: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert errors(**given) == expected


def test_optional_fields_may_be_null() -> None:
    names = ("response_id", "agency", "sector", "language", "assisted", "form_token", "comment")
    assert make(**dict.fromkeys(names)).agency == "so-a"


# --- comments


def test_a_comment_has_agency_counter_and_day_and_nothing_else_of_its_sheet() -> None:
    token = TOKENS.make(OPEN, now=NOW - timedelta(days=1))
    sheet, found = submitted("form", form_token=token, comment="Chờ lâu quá")
    assert found is not None
    assert (found.agency, found.counter, found.day, found.text) == ("so-a", OPEN, date(2026, 11, 21), "Chờ lâu quá")
    assert set(found.__struct_fields__) == {"id", "agency", "counter", "day", "text"}
    assert found.id != sheet.response_id


def test_a_comment_is_redacted() -> None:
    assert comment(comment="Gọi tôi 0912 345 678").text == "Gọi tôi [số điện thoại]"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  Chậm\r\nvà đông \n", "Chậm\nvà đông"),
        ("Cha\u0323\u0302m", "Chậm"),
        ("a\x1b[31m\x00b\tc", "a[31mb c"),
        ("a\u202eb\ud800c", "abc"),
        ("đ" * 1000, "đ" * 1000),
        ("e\u0323\u0302" * 1000, "ệ" * 1000),
        ("🙏🏽", "🙏🏽"),
    ],
)
def test_a_comment_is_kept_as_it_reads(written: str, kept: str) -> None:
    assert comment(comment=written).text == kept


@pytest.mark.parametrize("empty", ["", " \r\n\t ", "\x00", None])
def test_an_empty_comment_is_none(empty: str | None) -> None:
    assert submitted(comment=empty).comment is None


def test_a_form_sent_twice_gives_one_id_of_the_comment_too() -> None:
    token = TOKENS.make(OPEN, now=NOW - timedelta(minutes=1))
    first, second = (comment("form", form_token=token, comment="chậm") for _ in range(2))
    assert first.id == second.id


def test_without_a_form_of_ours_a_comment_has_another_id_each_time() -> None:
    response_id = str(uuid.uuid4())
    first, second = (comment(response_id=response_id, comment="chậm") for _ in range(2))
    assert first.id.version == second.id.version == 4
    assert len({first.id, second.id, uuid.UUID(response_id)}) == 3


def test_a_form_that_was_opened_before_there_were_comments_is_still_one_of_ours() -> None:
    old: Any = URLSafeSerializer("s" * 40, salt="sipas.form").dumps(
        [OPEN, uuid.uuid4().hex, int((NOW - timedelta(minutes=1)).timestamp())]
    )
    sheet, found = submitted("form", form_token=old, comment="chậm")
    assert sheet.flags == ()
    assert found is not None
    assert found.id.version == 4


def test_an_import_carries_no_comment() -> None:
    assert errors("import", comment="chậm") == {("comment", "no-comment-with-import")}
    assert submitted("import", comment=" ").comment is None
