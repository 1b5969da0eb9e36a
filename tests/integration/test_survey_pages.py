"""The citizens' pages over HTTP, without a browser: what each costs, what each may do, and what each says."""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from bench.weight import visit
from services.survey.assets import ASSETS, FORM_SCRIPT, KIOSK_SCRIPT, WORKER
from services.survey.tokens import FormTokens
from sipas.events import Entry
from tests.servers import KafkaServer
from tests.survey_page import Page
from tests.survey_stack import (
    LONG,
    OPEN,
    REVOKED,
    SECRET,
    SHARED,
    UNKNOWN,
    Answer,
    Survey,
    entry,
    names,
    set_up_namespace,
    sheets,
    small_registry,
)

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GZIP = {"Accept-Encoding": "gzip, deflate, br, zstd"}
MOST_BYTES = 20_000
"""A whole visit, from the scan to the thanks."""
TOKENS = FormTokens(SECRET)
STATIC = [*ASSETS, "/favicon.ico"]
PAGES = {
    **dict.fromkeys([f"/{OPEN}", f"/{OPEN}?lang=en", f"/{LONG}", f"/{SHARED}", f"/{OPEN}?kiosk=1"], 200),
    **dict.fromkeys(
        ["/thanks", f"/thanks?counter={OPEN}&lang=en", f"/check/{OPEN}", "/check", "/check?lang=en", "/"], 200
    ),
    **dict.fromkeys(
        [f"/{UNKNOWN}", f"/{UNKNOWN}?kiosk=1", f"/check/{UNKNOWN}", "/no/such/page", "/" + "x" * 2000], 404
    ),
    **dict.fromkeys([f"/{REVOKED}", f"/check/{REVOKED}"], 410),
}


def registry() -> list[Entry]:
    contact = {"vi": "Tổ một cửa Trung tâm, điện thoại 0299 222", "en": "One-stop team, telephone 0299 222"}
    return [
        *(one for one in small_registry() if one.kind != "place"),
        entry("place", "trung-tam", name=names("Trung tâm"), contact=contact, hotline="0299 111"),
    ]


@pytest.fixture(scope="module")
def survey(kafka: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survey]:
    namespace = f"t{uuid.uuid4().hex[:10]}"
    set_up_namespace(kafka.bootstrap, namespace, registry())
    with Survey(kafka.bootstrap, namespace, tmp_path_factory.mktemp("pages"), SIPAS_DEMO="true") as running:
        yield running


def post(survey: Survey, path: str, fields: dict[str, str]) -> Answer:
    return survey.ask("POST", path, urlencode(fields).encode(), FORM)


def renewed(survey: Survey, token: str, code: str = OPEN) -> Answer:
    """What a phone gets for the token of a form that it kept."""
    return post(survey, f"/{code}/token", {"form_token": token})


def sheet_of(kafka: KafkaServer, survey: Survey, token: str) -> Any:
    of_token = TOKENS.read(token)
    assert of_token is not None
    return next(
        sheet for sheet in sheets(kafka.bootstrap, survey.namespace) if sheet.response_id == of_token.response_id
    )


# --- what every page keeps to


def every_answer(survey: Survey) -> Iterator[tuple[str, int, Answer]]:
    for path, status in PAGES.items():
        yield path, status, survey.ask("GET", path)
    for path in STATIC:
        yield path, 204 if path == "/favicon.ico" else 200, survey.ask("GET", path)
    yield "an empty form", 422, post(survey, f"/{OPEN}", {})
    yield "a revoked counter's form", 410, post(survey, f"/{REVOKED}", {"answers.ACCESS": "4"})
    yield "a form as JSON", 415, survey.ask("POST", f"/{OPEN}", b"{}", {"Content-Type": "application/json"})
    yield "a large form", 413, post(survey, f"/{OPEN}", {"x": "x" * 17_000})
    yield "a wrong method", 405, survey.ask("DELETE", f"/{OPEN}")
    yield "a token", 200, renewed(survey, TOKENS.make(OPEN, now=datetime.now(UTC)))


def test_every_page_is_whole_under_a_policy_that_lets_only_us_in(survey: Survey) -> None:
    for what, status, answer in every_answer(survey):
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert answer.status == status, what
        assert policy.pop("default-src") == "'none'"
        assert re.fullmatch(r"('sha256-[\w+/=]+' ?)+", policy.pop("style-src"))
        assert {policy.pop(name) for name in ("base-uri", "frame-ancestors")} == {"'none'"}
        assert policy == dict.fromkeys(["script-src", "connect-src", "worker-src", "form-action"], "'self'"), what
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_no_answer_sets_a_cookie(survey: Survey) -> None:
    assert [what for what, _, answer in every_answer(survey) if "Set-Cookie" in answer.headers] == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_its_script_from_us_and_nothing_else_from_anywhere(survey: Survey, path: str) -> None:
    page = Page(survey.ask("GET", path).text)
    assert page.loaded == [KIOSK_SCRIPT.path if path == f"/{OPEN}?kiosk=1" else FORM_SCRIPT.path]
    assert not set(page.tags) & {"img", "link", "iframe", "object", "base"}
    assert not {name for name in page.attributes if name.startswith("on")} | (page.attributes & {"style"})
    assert all(re.match(r"[/?#](?!/)", link) for link in page.links)
    assert "DỮ LIỆU MẪU" in page.text
    assert "SIPAS" not in page.text


@pytest.mark.parametrize("path", [path for path in PAGES if "lang=" not in path and "kiosk" not in path])
def test_every_page_is_vietnamese_and_leads_to_the_same_page_in_english(survey: Survey, path: str) -> None:
    page = Page(survey.ask("GET", path).text)
    assert '<html lang="vi">' in page.text
    (english,) = (link for link in page.links if link.endswith("lang=en"))
    there = survey.ask("GET", english if english.startswith("/") else path + english)
    assert there.status == PAGES[path]
    assert '<html lang="en">' in there.text
    assert "Ông/Bà" not in there.text.replace("Bộ phận Một cửa nơi Ông/Bà làm thủ tục", "")


# --- what it costs


@pytest.mark.parametrize("code", [OPEN, SHARED, LONG])
def test_a_visit_from_scan_to_thanks_costs_less_than_20_kilobytes(survey: Survey, code: str) -> None:
    requests = visit(survey, code)
    assert [request.what for request in requests] == ["form", "script", "service worker", "sending", "thanks"]
    assert sum(request.transferred for request in requests) < MOST_BYTES


@pytest.mark.parametrize("path", [*PAGES, *ASSETS])
def test_who_accepts_gzip_gets_the_same_in_gzip(survey: Survey, path: str) -> None:
    plain, packed = survey.ask("GET", path), survey.ask("GET", path, headers=GZIP)
    assert (plain.headers.get("Content-Encoding"), packed.headers.get("Content-Encoding")) == (None, "gzip")
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    token = re.compile(r'name="form_token" value="[^"]+"')
    assert token.sub("", packed.page) == token.sub("", plain.text)
    assert len(packed.body) < len(plain.body) * 0.7


def test_who_refuses_gzip_gets_none(survey: Survey) -> None:
    assert "Content-Encoding" not in survey.ask("GET", f"/{OPEN}", headers={"Accept-Encoding": "gzip;q=0"}).headers


def test_a_form_in_gzip_has_a_token_of_its_own_each_time(survey: Survey) -> None:
    tokens = {Page(survey.ask("GET", f"/{LONG}", headers=GZIP).page).fields["form_token"] for _ in range(5)}
    assert len({TOKENS.read(token).response_id for token in tokens}) == 5  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("path", "cache"),
    [
        (f"/{OPEN}", "private, no-cache"),
        (f"/thanks?counter={OPEN}", "private, max-age=300"),
        (f"/check/{OPEN}", "no-store"),
        (f"/{UNKNOWN}", "no-store"),
        (FORM_SCRIPT.path, "public, max-age=31536000, immutable"),
        (WORKER.path, "no-cache"),
    ],
)
def test_a_browser_keeps_what_it_should_and_no_longer(survey: Survey, path: str, cache: str) -> None:
    assert survey.ask("GET", path).headers["Cache-Control"] == cache


def test_a_script_of_another_release_is_not_found(survey: Survey) -> None:
    assert survey.ask("GET", "/form.000000000000.js").status == 404


# --- the form


def test_a_long_form_is_answered_in_one_sending(kafka: KafkaServer, survey: Survey) -> None:
    page = Page(survey.ask("GET", f"/{LONG}").text)
    questions = sorted(name for name in page.choices if name.startswith("answers."))
    assert len(questions) == 22
    answer = post(survey, page.action, page.fields | dict.fromkeys(questions, "4"))
    assert answer.status == 303
    sheet = sheet_of(kafka, survey, page.fields["form_token"])
    assert (sheet.method, len(sheet.answers)) == ("qd2640@1", 22)


def test_a_form_that_lacks_something_comes_back_with_all_that_was_said(survey: Survey) -> None:
    page = Page(survey.ask("GET", f"/{SHARED}").text)
    said = {"answers.STAFF": "2", "answers.PROC": "-", "assisted": "yes"}
    answer = post(survey, page.action, page.fields | said)
    again = Page(answer.text)
    assert (answer.status, answer.headers["Cache-Control"]) == (422, "no-store")
    assert again.checked == said
    assert again.fields["form_token"] == page.fields["form_token"]
    assert "#choice" in again.links


def test_the_form_tells_what_the_survey_is_and_who_answers_for_it(survey: Survey) -> None:
    text = survey.ask("GET", f"/{OPEN}").text
    assert "phỏng theo" in text
    assert "Khảo sát ẩn danh, tự nguyện" in text
    assert text.index("Tổ một cửa Trung tâm, điện thoại 0299 222") < text.index("<fieldset")
    assert "One-stop team" in survey.ask("GET", f"/{OPEN}?lang=en").text


# --- after it


def test_the_thanks_page_says_where_to_complain_and_lets_another_person_answer(survey: Survey) -> None:
    page = Page(survey.ask("GET", f"/thanks?counter={OPEN.lower()}&lang=vi").text)
    assert {"thanks", "another"} <= page.ids
    assert f"/{OPEN}?lang=vi" in page.links
    for words in ("Cảm ơn", "Phản ánh, kiến nghị", "dichvucong.gov.vn", "0299 111"):
        assert words in page.text


@pytest.mark.parametrize("counter", [UNKNOWN, REVOKED, "https://elsewhere.example", "//elsewhere", "<b>x</b>", ""])
def test_the_thanks_page_leads_only_to_counters_of_ours(survey: Survey, counter: str) -> None:
    page = Page(survey.ask("GET", f"/thanks?{urlencode({'counter': counter, 'lang': counter})}").text)
    assert "another" not in page.ids
    assert page.links == ["/thanks?lang=en"]
    assert not counter or counter not in page.text


# --- a form from a copy on the phone


def test_a_copied_form_gets_a_sheet_of_its_own_on_the_day_of_the_visit(kafka: KafkaServer, survey: Survey) -> None:
    two_days_ago = datetime.now(UTC) - timedelta(days=2)
    old = TOKENS.make(OPEN, now=two_days_ago)
    fresh = [renewed(survey, old).text for _ in range(2)]
    for token in (old, *fresh):
        assert post(survey, f"/{OPEN}", {"answers.ACCESS": "4", "form_token": token}).status == 303
    found = [sheet_of(kafka, survey, token) for token in (old, *fresh)]
    assert len({sheet.response_id for sheet in found}) == 3
    day = (two_days_ago + timedelta(hours=7)).date()
    assert {(sheet.answered_on, sheet.flags) for sheet in found} == {(day, ())}


def test_a_token_of_a_month_ago_stays_as_old_as_it_is(kafka: KafkaServer, survey: Survey) -> None:
    old = TOKENS.make(OPEN, now=datetime.now(UTC) - timedelta(days=31))
    fresh = renewed(survey, old).text
    assert post(survey, f"/{OPEN}", {"answers.ACCESS": "4", "form_token": fresh}).status == 303
    assert sheet_of(kafka, survey, fresh).flags == ("late",)


def test_only_a_token_of_ours_and_of_that_counter_can_be_renewed(survey: Survey) -> None:
    now = datetime.now(UTC)
    good = TOKENS.make(OPEN, now=now)
    assert renewed(survey, good).status == 200
    for code, token in (
        (OPEN, "nonsense"),
        (OPEN, ""),
        (SHARED, good),
        (OPEN, FormTokens("t" * 40).make(OPEN, now=now)),
    ):
        refused = renewed(survey, token, code)
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, "form_token")
    assert renewed(survey, good, REVOKED).status == 410
    assert renewed(survey, good, UNKNOWN).status == 404


# --- is this poster genuine?


def test_a_genuine_poster_is_said_to_be_one(survey: Survey) -> None:
    page = survey.ask("GET", f"/check/{SHARED}").text
    for words in ("Áp phích này là thật", "Trung tâm", "Sở A", "Sở B", "Quầy 2", f"https://khaosat.example/{SHARED}"):
        assert words in page
    for advice in ("Không quét miếng dán khác", "Bộ phận Một cửa", "0299 111", "dichvucong.gov.vn", "mã OTP"):
        assert advice in page


def test_a_code_can_be_typed_as_it_is_printed(survey: Survey) -> None:
    form = survey.ask("GET", "/check").text
    assert 'action="/check"' in form
    typed = f"{OPEN[:3]}-{OPEN[3:6]}-{OPEN[6:]}".lower()
    assert "Quầy 1" in survey.ask("GET", f"/check?{urlencode({'lang': 'vi', 'code': typed})}").text


@pytest.mark.parametrize("typed", [UNKNOWN, "hotline 0900 123 456", "<script>", "", "%00", "x" * 500])
def test_no_poster_has_an_unknown_code_and_the_page_does_not_repeat_it(survey: Survey, typed: str) -> None:
    answer = survey.ask("GET", f"/check?{urlencode({'code': typed})}")
    assert answer.status == 404
    assert "Không có áp phích nào mang mã này" in answer.text
    assert "10 chữ và số" in answer.text
    assert not typed or typed == "<script>" or typed not in answer.text
    assert "<script>" not in answer.text.replace('<script src="', "")


def test_a_withdrawn_poster_leads_to_the_new_one(survey: Survey) -> None:
    for path in (f"/{REVOKED}", f"/check/{REVOKED}"):
        assert f"/{OPEN}?lang=vi" in Page(survey.ask("GET", path).text).links


@pytest.mark.parametrize("typed", [OPEN, f" {OPEN[:3]}-{OPEN[3:6]}-{OPEN[6:]} ".lower(), REVOKED, UNKNOWN])
def test_who_types_the_code_at_the_front_page_is_led_to_its_form(survey: Survey, typed: str) -> None:
    """What a poster tells those whose telephone has no camera."""
    answer = survey.ask("GET", "/?" + urlencode({"code": typed, "lang": "en"}))
    code = "".join(typed.upper().split()).replace("-", "")
    assert (answer.status, answer.headers["Location"]) == (303, f"/{code}?lang=en")


@pytest.mark.parametrize("typed", ["7H7", "//elsewhere.example", "<b>", ""])
def test_what_can_be_no_code_is_told_at_the_front_page_and_not_repeated(survey: Survey, typed: str) -> None:
    answer = survey.ask("GET", "/?" + urlencode({"code": typed}))
    assert answer.status == 404
    assert "10 chữ và số" in answer.text
    assert f'value="{typed}"' not in answer.text
    assert "elsewhere" not in answer.text


def test_an_unknown_code_gets_a_page_that_helps(survey: Survey) -> None:
    for unknown in (UNKNOWN, "robots.txt", "x" * 2000):
        assert "10 chữ và số" in survey.ask("GET", f"/{unknown}").text


# --- the kiosk


def test_a_kiosks_page_is_for_everybody_and_holds_no_key_and_no_token(survey: Survey) -> None:
    text = survey.ask("GET", f"/{SHARED}?kiosk=1").text
    assert 'id="kiosk"' in text
    assert "form_token" not in text
    assert "sipas_submit" not in text
    assert "Tôi cần thêm thời gian" in text
    assert "I need more time" in text


# --- while the survey knows no counter yet


def test_without_a_registry_pages_ask_for_patience_in_both_languages(
    kafka: KafkaServer, tmp_path: Any, namespace: str
) -> None:
    waiting = Survey(kafka.bootstrap, namespace, tmp_path)
    waiting.ready = lambda: answers(waiting)  # type: ignore[method-assign]
    with waiting:
        for path in (f"/{OPEN}", f"/check/{OPEN}"):
            refused = waiting.ask("GET", path)
            assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
            assert "ít phút" in refused.text
        assert renewed(waiting, "x").status == 503
        assert "few minutes" in waiting.ask("GET", f"/{OPEN}?lang=en").text
        assert waiting.ask("GET", f"/thanks?counter={OPEN}").status == 200


def answers(survey: Survey) -> bool:
    try:
        return survey.ask("GET", "/thanks").status == 200
    except OSError:
        return False
