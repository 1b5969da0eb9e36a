"""The survey on a real Kafka: what is accepted is in the log, what is refused is not, nothing names a citizen."""

import http.client
import json
import re
import subprocess
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from deploy.local.programs import HOST
from sipas.broker import Log, partition_of
from tests.servers import KafkaServer, wait_until
from tests.survey_page import Page
from tests.survey_stack import (
    IMPORT_KEY,
    OPEN,
    READ_KEY,
    REVOKED,
    REVOKED_KEY,
    SHARED,
    SUBMIT_KEY,
    UNKNOWN,
    Answer,
    Survey,
    entry,
    names,
    records,
    set_up_namespace,
    sheets,
    small_registry,
)

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GOOD = {"counter": OPEN, "answers": {"ACCESS": 4, "PROC": None}}


@pytest.fixture(scope="module")
def survey(kafka: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survey]:
    namespace = f"t{uuid.uuid4().hex[:10]}"
    set_up_namespace(kafka.bootstrap, namespace, small_registry())
    with Survey(kafka.bootstrap, namespace, tmp_path_factory.mktemp("survey"), SIPAS_DEMO="true") as running:
        yield running


def in_log(kafka: KafkaServer, survey: Survey) -> dict[str, Any]:
    return {str(sheet.response_id): sheet for sheet in sheets(kafka.bootstrap, survey.namespace)}


# --- machine clients


def test_an_accepted_answer_is_in_the_log_when_the_client_hears_of_it(kafka: KafkaServer, survey: Survey) -> None:
    answer = survey.submit(GOOD, SUBMIT_KEY)
    assert answer.status == 202
    assert answer.json["status"] == "accepted"
    sheet = in_log(kafka, survey)[answer.json["response_id"]]
    assert (sheet.agency, sheet.counter, sheet.answers) == ("so-a", OPEN, {"ACCESS": 4, "PROC": None})
    assert (sheet.via, sheet.flags) == ("submit", ())


def test_its_record_is_keyed_by_agency_and_its_times_are_cut_to_the_minute(kafka: KafkaServer, survey: Survey) -> None:
    response_id = survey.submit(GOOD, SUBMIT_KEY).json["response_id"]
    record = next(r for r in records(kafka.bootstrap, survey.namespace) if response_id.encode() in r.value)
    headers = dict(record.headers)
    received_at = datetime.fromisoformat(json.loads(record.value)["received_at"])
    assert record.key == b"so-a"
    assert record.partition == partition_of("so-a", 3)
    assert (received_at.second, received_at.microsecond) == (0, 0)
    assert record.timestamp == received_at.timestamp() * 1000
    assert headers["ce_time"].decode() == received_at.strftime("%Y-%m-%dT%H:%M:00Z")
    assert headers["ce_id"].decode() == response_id
    assert headers["ce_source"].decode() == f"/{survey.namespace}/survey"
    assert headers["ce_type"] == b"sipas.response.v1"
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-00", headers["traceparent"])


def test_the_same_id_twice_is_accepted_twice(survey: Survey) -> None:
    document = GOOD | {"response_id": str(uuid.uuid4())}
    assert [survey.submit(document, SUBMIT_KEY).json["response_id"] for _ in range(2)] == [document["response_id"]] * 2


def test_an_import_without_a_counter_has_neither_counter_nor_place(kafka: KafkaServer, survey: Survey) -> None:
    document = {"agency": "so-b", "method": "overall-1@1", "answers": {"OVERALL": 5}, "answered_on": "2023-04-01"}
    answer = survey.submit(document, IMPORT_KEY)
    sheet = in_log(kafka, survey)[answer.json["response_id"]]
    assert (sheet.agency, sheet.counter, sheet.place, sheet.via) == ("so-b", None, None, "import")
    assert sheet.answered_on.isoformat() == "2023-04-01"


def tomorrow() -> str:
    # two days: whatever the time zone
    return (datetime.now(UTC) + timedelta(days=2)).date().isoformat()


BAD: dict[str, tuple[int, str, Any]] = {
    "unknown counter": (404, "counter", GOOD | {"counter": UNKNOWN}),
    "a code with a wrong check character": (
        404,
        "counter",
        GOOD | {"counter": OPEN[:-1] + ("1" if OPEN[-1] == "0" else "0")},
    ),
    "revoked counter": (410, "counter", GOOD | {"counter": REVOKED}),
    "no counter": (422, "counter", {"answers": {"ACCESS": 4}}),
    "no agency at a shared counter": (422, "agency", GOOD | {"counter": SHARED}),
    "an agency that is not at the counter": (422, "agency", GOOD | {"agency": "so-b"}),
    '"4"': (422, "answers.ACCESS", GOOD | {"answers": {"ACCESS": "4"}}),
    "4.0": (422, "answers.ACCESS", GOOD | {"answers": {"ACCESS": 4.0}}),
    "true": (422, "answers.ACCESS", GOOD | {"answers": {"ACCESS": True}}),
    "6": (422, "answers.ACCESS", GOOD | {"answers": {"ACCESS": 6}}),
    "unknown criterion": (422, "answers.SPEED", GOOD | {"answers": {"ACCESS": 4, "SPEED": 4}}),
    "unknown field": (422, "phone", GOOD | {"phone": "0912345678"}),
    "no answer at all": (422, "answers", GOOD | {"answers": {}}),
    "only null answers": (422, "answers", GOOD | {"answers": {"ACCESS": None}}),
    "a comment that is too long": (422, "comment", GOOD | {"comment": "chậm" * 251}),
    "a comment that is no text": (422, "comment", GOOD | {"comment": ["chậm"]}),
    "a future day": (422, "answered_on", GOOD | {"answered_on": tomorrow()}),
    "a list": (422, "body", [GOOD]),
    "half a surrogate pair": (422, "?", b'{"counter":"' + OPEN.encode() + b'","answers":{"ACCESS":4},"\\ud800":1}'),
    "1 MiB": (413, "body", b'{"x":"' + b"x" * 1024 * 1024 + b'"}'),
    "17 KiB": (413, "body", b'{"x":"' + b"x" * 17 * 1024 + b'"}'),
    "not JSON": (400, "body", b"counter=1"),
    "an empty body": (400, "body", b""),
    "NaN": (400, "body", b'{"counter":"' + OPEN.encode() + b'","answers":{"ACCESS":NaN}}'),
    "duplicate keys": (400, "body", b'{"counter":"' + OPEN.encode() + b'","answers":{"ACCESS":4,"ACCESS":5}}'),
    "UTF-16": (400, "body", json.dumps(GOOD).encode("utf-16")),
    "very deep": (400, "body", b"[" * 16_000),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_field_and_reason_in_both_languages_and_reaches_no_log(
    kafka: KafkaServer, survey: Survey, name: str
) -> None:
    status, field, document = BAD[name]
    before = len(records(kafka.bootstrap, survey.namespace))
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    answer = survey.ask("POST", "/v1/responses", body, JSON)
    assert_problem(answer, status, field)
    assert len(records(kafka.bootstrap, survey.namespace)) == before


def assert_problem(answer: Answer, status: int, field: str) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    error = next(error for error in answer.json["errors"] if error["field"] == field)
    assert error["code"]
    assert error["detail"]["vi"]
    assert error["detail"]["en"]
    for words in (answer.json["titles"], error["detail"]):
        assert words["vi"] != words["en"]
    assert error["detail"]["vi"] in answer.json["detail"]
    assert error["detail"]["en"] in answer.json["detail"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_wrong_content_type_is_refused(survey: Survey, content_type: str) -> None:
    answer = survey.ask("POST", "/v1/responses", json.dumps(GOOD).encode(), {"Content-Type": content_type})
    assert_problem(answer, 415, "Content-Type")


def test_a_chunked_body_cannot_be_larger_either(survey: Survey) -> None:
    connection = http.client.HTTPConnection(HOST, survey.port, timeout=30)
    chunks = iter([b'{"x":"'] + [b"x" * 1024] * 1024)
    connection.request("POST", "/v1/responses", chunks, JSON, encode_chunked=True)
    answer = connection.getresponse()
    assert_problem(Answer(answer.status, dict(answer.getheaders()), answer.read()), 413, "body")
    connection.close()


def test_a_connection_serves_on_after_a_refusal(survey: Survey) -> None:
    connection = http.client.HTTPConnection(HOST, survey.port, timeout=30)
    for body, status in ((b"x" * 100_000, 413), (json.dumps(GOOD).encode(), 202), (b"{", 400)):
        connection.request("POST", "/v1/responses", body, JSON)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


@pytest.mark.parametrize(
    ("key", "given", "status"),
    [
        ("nonsense", {}, 401),
        (REVOKED_KEY, {}, 401),
        (READ_KEY, {}, 403),
        (SUBMIT_KEY, {"answered_on": "2026-01-01"}, 403),
        (SUBMIT_KEY, {"method": "quick-5@1"}, 403),
        (None, {"channel": "paper"}, 401),
    ],
    ids=["unknown", "revoked", "a read key", "submit says a day", "submit says a method", "no key says a channel"],
)
def test_a_key_allows_what_its_scope_says(survey: Survey, key: str | None, given: dict[str, str], status: int) -> None:
    answer = survey.submit(GOOD | given, key)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_an_unknown_address_and_a_wrong_method_are_problems_too(survey: Survey) -> None:
    assert survey.ask("GET", "/v1/nothing").json["status"] == 404
    wrong_method = survey.ask("DELETE", "/v1/responses")
    assert (wrong_method.status, wrong_method.headers["Allow"]) == (405, "POST")


# --- citizens


def post_form(survey: Survey, code: str, fields: dict[str, str], lang: str = "vi") -> Answer:
    return survey.ask("POST", f"/{code}?lang={lang}", urlencode(fields).encode(), FORM)


def test_the_form_works_without_script_and_its_answer_reaches_the_log(kafka: KafkaServer, survey: Survey) -> None:
    form = Page(survey.ask("GET", f"/{OPEN.lower()}").text)
    before = set(in_log(kafka, survey))
    # the page's own floor for a human being
    time.sleep(3.1)
    answer = post_form(survey, OPEN, form.fields | {"answers.ACCESS": "4", "answers.PROC": "-", "assisted": "yes"})
    assert (answer.status, answer.headers["Location"]) == (303, f"/thanks?counter={OPEN}&lang=vi")
    assert "Cảm ơn" in survey.ask("GET", answer.headers["Location"]).text
    new = in_log(kafka, survey)
    (sheet,) = (new[name] for name in set(new) - before)
    assert sheet.answers == {"ACCESS": 4, "PROC": None}
    assert (sheet.via, sheet.channel, sheet.assisted, sheet.language, sheet.flags) == ("form", "qr", True, "vi", ())


def test_sending_a_form_twice_gives_one_id(kafka: KafkaServer, survey: Survey) -> None:
    form = Page(survey.ask("GET", f"/{OPEN}").text)
    before = set(in_log(kafka, survey))
    for level in ("4", "5"):
        assert post_form(survey, OPEN, form.fields | {"answers.ACCESS": level}).status == 303
    assert len(set(in_log(kafka, survey)) - before) == 1


def test_the_form_asks_for_the_agency_where_there_are_several(kafka: KafkaServer, survey: Survey) -> None:
    form = Page(survey.ask("GET", f"/{SHARED}").text)
    assert form.choices["choice"] == ["so-a/dat-dai", "so-a/moi-truong", "so-b/ho-tich"]
    before = set(in_log(kafka, survey))
    sent = form.fields | {"answers.ACCESS": "2", "choice": "so-b/ho-tich"}
    assert post_form(survey, SHARED, sent).status == 303
    new = in_log(kafka, survey)
    (sheet,) = (new[name] for name in set(new) - before)
    assert (sheet.agency, sheet.sector) == ("so-b", "ho-tich")


def test_a_form_that_was_not_understood_comes_back_as_it_was_filled_in(survey: Survey) -> None:
    form = Page(survey.ask("GET", f"/{SHARED}?lang=en").text)
    answer = post_form(survey, SHARED, form.fields | {"answers.ACCESS": "2", "assisted": "yes"}, "en")
    again = Page(answer.text)
    assert answer.status == 422
    assert again.fields == form.fields | {"answers.ACCESS": "2", "assisted": "yes"}
    assert 'href="#choice"' in answer.text
    assert 'id="choice"' in answer.text
    assert answer.text.count("choose one") == 2


def test_a_form_without_any_answer_says_so(survey: Survey) -> None:
    answer = post_form(survey, OPEN, Page(survey.ask("GET", f"/{OPEN}").text).fields)
    assert answer.status == 422
    assert answer.text.count("Ông/Bà chưa trả lời câu hỏi nào") == 2


# --- privacy


def test_the_form_token_never_leaves_the_service(kafka: KafkaServer, survey: Survey) -> None:
    token = Page(survey.ask("GET", f"/{OPEN}").text).fields["form_token"]
    survey.submit(GOOD | {"form_token": token})
    assert not any(token.encode() in record.value for record in records(kafka.bootstrap, survey.namespace))


# --- operation


def test_metrics_add_up_over_the_workers(survey: Survey) -> None:
    before = survey.metric('sipas_survey_responses_total{status="accepted",via="submit"}')
    for _ in range(20):
        survey.submit(GOOD, SUBMIT_KEY)
    assert survey.metric('sipas_survey_responses_total{status="accepted",via="submit"}') == before + 20
    assert survey.metric("sipas_survey_workers_without_kafka") == 0


def test_a_counter_that_is_registered_while_the_survey_runs_is_known_soon(
    kafka: KafkaServer, tmp_path: Path, namespace: str
) -> None:
    set_up_namespace(kafka.bootstrap, namespace, [])
    with Survey(kafka.bootstrap, namespace, tmp_path) as running:
        assert running.submit(GOOD).status == 404
        set_up_namespace(kafka.bootstrap, namespace, small_registry())
        wait_until(lambda: running.submit(GOOD).status != 404, what="the counter to be known")
        assert running.submit(GOOD).status == 202


def test_a_counter_that_is_revoked_while_the_survey_runs_soon_says_where_to_go(
    kafka: KafkaServer, tmp_path: Path, namespace: str
) -> None:
    set_up_namespace(kafka.bootstrap, namespace, small_registry())
    with Survey(kafka.bootstrap, namespace, tmp_path) as running:
        assert running.ask("GET", f"/{OPEN}").status == 200
        at = {"label": names("Quầy 1"), "agencies": ["so-a"], "place": "trung-tam", "method": "quick-5@1"}
        revoked = entry("counter", OPEN, status="revoked", replaced_by=SHARED, **at)
        set_up_namespace(kafka.bootstrap, namespace, [revoked])
        wait_until(lambda: running.ask("GET", f"/{OPEN}").status == 410, what="the counter to be revoked")
        wait_until(lambda: running.submit(GOOD, SUBMIT_KEY).status == 410, what="the other worker to know it too")
        assert f'href="/{SHARED}?lang=vi"' in running.ask("GET", f"/{OPEN}").text


def test_wrong_settings_end_it_before_anything_starts(tmp_path: Path) -> None:
    settings = {"SIPAS_SECRET": "short", "SIPAS_SURVEY_LISTEN": "8080", "SIPAS_SPOOLDIR": "misspelt"}
    survey = Survey("no port", "Not A Namespace", tmp_path, **settings)
    ended = subprocess.run(survey.command, env=survey.env, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    for name in ("SIPAS_NAMESPACE", "SIPAS_KAFKA_BOOTSTRAP", *settings):
        assert name in ended.stderr
    assert not survey.spool.exists()


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [("SIPAS_SPOOL_DIR", "/proc/nowhere", 2), ("SIPAS_SURVEY_ADMIN", "203.0.113.1:9080", 1)],
)
def test_what_it_cannot_use_is_named(tmp_path: Path, setting: str, value: str, code: int) -> None:
    survey = Survey(f"{HOST}:1", "n", tmp_path, **{setting: value})
    ended = subprocess.run(survey.command, env=survey.env, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (code, 1)
    assert f"{setting}={value}" in ended.stderr


def test_a_namespace_of_another_time_zone_ends_it(kafka: KafkaServer, tmp_path: Path, namespace: str) -> None:
    set_up_namespace(kafka.bootstrap, namespace, small_registry())
    survey = Survey(kafka.bootstrap, namespace, tmp_path, SIPAS_TIMEZONE="Europe/Berlin")
    ended = subprocess.run(survey.command, env=survey.env, capture_output=True, text=True, check=False, timeout=30)
    assert ended.returncode == 3
    assert "SIPAS_TIMEZONE" in ended.stderr


def test_until_the_namespace_is_set_up_it_lives_waits_and_says_why(
    kafka: KafkaServer, tmp_path: Path, namespace: str
) -> None:
    waiting = Survey(kafka.bootstrap, namespace, tmp_path)
    with pytest.raises(TimeoutError):
        waiting.start(timeout_s=5)
    waiting.ready = lambda: waiting_says(waiting, "sipas topics create")  # type: ignore[method-assign]
    with waiting:
        assert waiting.admin("/livez").status == 200
        refused = waiting.submit(GOOD)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
        # the topics job is half done: they are there, what was settled for ever is not
        log = Log([kafka.bootstrap])
        log.create(namespace, partitions=3, replication=1)
        log.close()
        wait_until(lambda: waiting_says(waiting, "never set up"), what="the survey to see the topics")
        set_up_namespace(kafka.bootstrap, namespace, small_registry())
        wait_until(lambda: waiting.submit(GOOD).status == 202, what="the survey to take an answer")


def waiting_says(survey: Survey, words: str) -> bool:
    try:
        return words in survey.admin("/readyz").text
    except OSError:
        return False
