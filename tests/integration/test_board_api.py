"""The read API on a real Redis: arithmetic, who may see what, and what is said when it cannot be answered."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from services.board.reading import Question, TallyReader
from sipas.ledger import Ledgers
from sipas.periods import Period
from tests.integration.board_stack import BAD, GOOD, PARTITIONS, READ, SUBMIT, TODAY, BoardStack, days_before
from tests.servers import RedisServer


@pytest.fixture
def board(redis_server: RedisServer, namespace: str) -> Iterator[BoardStack]:
    stack = BoardStack(redis_server.url, namespace)
    yield stack
    stack.ledgers.close()


# --- arithmetic


def test_an_index_has_exactly_the_fields_of_the_contract(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 6)
    assert list(board.index("so-noi-vu")) == [
        "agency",
        "method",
        "aggregation",
        "period",
        "percent",
        "responses",
        "answers",
        "satisfied",
        "interval",
        "excluded",
        "as_of",
        "rebuilding",
        "suppressed",
    ]


def test_the_percentage_is_the_pooled_share_of_satisfied_answers(board: BoardStack) -> None:
    board.count("so-noi-vu", "2026-11-03", [GOOD] * 5 + [BAD] * 2)
    board.count("so-noi-vu", "2026-11-20", [{"ACCESS": 4}] * 5)
    found = board.index("so-noi-vu", READ, period="2026-11")
    # 5 sheets of 4 satisfied answers, 2 of none, 5 of one: 25 of 33
    assert (found["satisfied"], found["answers"], found["responses"]) == (25, 33, 12)
    assert found["percent"] == 75.76


@pytest.mark.parametrize(
    ("period", "responses"),
    [
        ("2026-11-22", 8),
        ("2026-11-21", 0),
        ("2026-W47", 8),
        ("2026-11", 15),
        ("2026-Q4", 21),
        ("2026-H2", 21),
        ("2026", 26),
        ("last-30d", 15),
        ("2025", 5),
    ],
)
def test_every_form_of_a_period_adds_up_its_own_days(board: BoardStack, period: str, responses: int) -> None:
    for day, sheets in {"2025-12-31": 5, "2026-01-01": 5, "2026-10-23": 6, "2026-11-02": 7, "2026-11-22": 8}.items():
        board.count("so-noi-vu", day, [GOOD] * sheets)
    assert board.index("so-noi-vu", READ, period=period)["responses"] == responses


def test_flagged_sheets_are_told_apart_and_not_counted(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 10)
    board.count("so-noi-vu", TODAY, [BAD] * 4, flags=("burst",))
    found = board.index("so-noi-vu", READ)
    assert (found["responses"], found["excluded"], found["percent"]) == (10, 4, 100.0)


def test_as_of_is_the_newest_counted_minute(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 5, received=datetime(2026, 11, 22, 3, 15, tzinfo=UTC))
    board.count("so-noi-vu", "2026-11-01", [GOOD] * 5, received=datetime(2026, 11, 1, 3, 0, tzinfo=UTC))
    assert board.index("so-noi-vu")["as_of"] == "2026-11-22T03:15:00Z"


def test_an_agency_without_sheets_has_null_and_not_zero(board: BoardStack) -> None:
    found = board.index("so-noi-vu", READ)
    assert (found["percent"], found["interval"], found["responses"]) == (None, None, 0)
    assert found["as_of"] is None


@pytest.mark.parametrize("period", ["2026-W43", "2026-10", "2026"])
def test_days_that_differ_make_the_interval_wider_than_sheets_alone(board: BoardStack, period: str) -> None:
    """Also where the period is stored in months: the days inside them are looked at."""
    for number, day in enumerate(days_before(date(2026, 10, 25), 12)):
        board.count("so-noi-vu", day, [GOOD] * (9 if number % 2 else 3) + [BAD] * (1 if number % 2 else 7))
        board.count("so-y-te", day, [GOOD] * 6 + [BAD] * 4)
    uneven, even = (board.index(agency, READ, period=period) for agency in ("so-noi-vu", "so-y-te"))
    widths = [one["interval"][1] - one["interval"][0] for one in (uneven, even)]
    # a week has fewer than ten days: they say too little about how much days differ
    assert (widths[0] > 1.5 * widths[1]) == (period != "2026-W43")


@pytest.mark.parametrize("period", ["2026-11", "2026"])
def test_a_figure_has_the_same_interval_wherever_it_is_shown(board: BoardStack, period: str) -> None:
    for number, day in enumerate(days_before(TODAY, 70)):
        board.count("so-noi-vu", day, [GOOD] * (5 + number % 4) + [BAD] * (number % 3))
    alone = board.index("so-noi-vu", READ, period=period)
    ranked = board.get("/v1/rankings", READ, block="so", period=period)["ranking"][0]
    assert ranked["agency"] == "so-noi-vu"
    assert ranked["interval"] == alone["interval"]
    if period == "2026-11":
        months = board.get("/v1/agencies/so-noi-vu/series", READ, by="month")["series"]
        assert months[-1] == alone


def test_the_method_is_the_one_asked_for(board: BoardStack) -> None:
    board.count("so-noi-vu", "2023-04-03", [{"OVERALL": 5}] * 947 + [{"OVERALL": 3}] * 222, method="overall-1@1")
    assert board.index("so-noi-vu", READ, period="2023-04")["responses"] == 0
    found = board.index("so-noi-vu", READ, period="2023-04", method="overall-1@1")
    assert (found["method"], found["responses"], found["percent"]) == ("overall-1@1", 1169, 81.01)


def test_a_series_by_day_has_every_day_and_says_what_each_would_say_alone(board: BoardStack) -> None:
    board.count("so-noi-vu", "2026-11-02", [GOOD] * 5)
    board.count("so-noi-vu", "2026-11-04", [BAD] * 6)
    found = board.get("/v1/agencies/so-noi-vu/series", READ, by="day", **{"from": "2026-11-01", "to": "2026-11-05"})
    assert [point["period"] for point in found["series"]] == [f"2026-11-0{day}" for day in range(1, 6)]
    assert [point["responses"] for point in found["series"]] == [0, 5, 0, 6, 0]
    assert found["series"][1] == board.index("so-noi-vu", READ, period="2026-11-02")


def test_a_series_ends_today_and_has_thirty_days_unless_asked_otherwise(board: BoardStack) -> None:
    found = board.get("/v1/agencies/so-noi-vu/series")
    assert (found["from"], found["to"], len(found["series"])) == ("2026-10-24", "2026-11-22", 30)


# --- rankings


def test_a_block_is_ranked_best_first_and_those_below_the_minimum_stand_last_without_a_rank(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 28 + [BAD] * 2)
    board.count("so-y-te", TODAY, [GOOD] * 30)
    board.count("so-tu-phap", TODAY, [GOOD] * 28 + [BAD] * 2)
    board.count("so-dan-toc", TODAY, [GOOD] * 29)
    found = board.get("/v1/rankings", block="so", period="2026-11")
    assert [(one["rank"], one["of"], one["agency"]) for one in found["ranking"]] == [
        (1, 3, "so-y-te"),
        (2, 3, "so-noi-vu"),
        (2, 3, "so-tu-phap"),
        (None, 3, "so-dan-toc"),
    ]


def test_a_merged_agency_stands_in_a_ranking_only_where_it_has_sheets(board: BoardStack) -> None:
    board.count("xa-cu", "2026-06-01", [GOOD] * 40)
    assert {one["agency"] for one in board.get("/v1/rankings", block="xa", period="2026-06")["ranking"]} == {
        "xa-mot",
        "xa-cu",
    }
    assert {one["agency"] for one in board.get("/v1/rankings", block="xa", period="2026-11")["ranking"]} == {"xa-mot"}


# --- who may see what


def test_the_public_gets_no_result_of_fewer_than_five_sheets(board: BoardStack) -> None:
    board.count("so-noi-vu", "2026-11-01", [GOOD, GOOD, BAD])
    found = board.index("so-noi-vu", period="2026-11-01")
    assert found["suppressed"] is True
    assert [found[name] for name in ("responses", "percent", "answers", "satisfied", "interval")] == [None] * 5
    assert board.index("so-noi-vu", period="2026-11-02")["responses"] == 0
    live = board.index("so-noi-vu", READ, period="2026-11-01")
    assert (live["percent"], live["satisfied"], live["suppressed"]) == (66.67, 8, False)


def test_public_numbers_move_in_steps_of_five_sheets_and_live_ones_at_once(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 7)
    board.count("so-noi-vu", TODAY, [BAD] * 2)
    assert board.index("so-noi-vu")["responses"] == 5
    assert board.index("so-noi-vu", READ)["responses"] == 9
    board.count("so-noi-vu", TODAY, [BAD])
    assert board.index("so-noi-vu") == board.index("so-noi-vu", READ)


def test_a_key_of_another_scope_is_refused(board: BoardStack) -> None:
    problem = board.index("so-noi-vu", SUBMIT)
    assert (board.status, board.type, problem["code"]) == (403, "application/problem+json", "wrong-scope")


def test_a_live_answer_is_kept_by_no_cache(board: BoardStack) -> None:
    answer = board.client.get("/v1/agencies", headers=READ)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Authorization"


def test_an_agency_that_is_counted_but_not_listed_is_shown_with_the_read_key_only(board: BoardStack) -> None:
    board.count("nowhere", TODAY, [GOOD] * 9)
    assert board.index("nowhere")["code"] == "unknown-agency"
    assert board.index("nowhere", READ)["responses"] == 9
    assert "nowhere" not in {one["id"] for one in board.get("/v1/agencies")["agencies"]}
    [unlisted] = [one for one in board.get("/v1/agencies", READ)["agencies"] if not one["listed"]]
    assert (unlisted["id"], unlisted["name"], unlisted["index"]["responses"]) == ("nowhere", None, 9)


def test_agencies_stand_in_the_order_of_a_vietnamese_dictionary(board: BoardStack) -> None:
    names = [one["name"]["vi"] for one in board.get("/v1/agencies")["agencies"]]
    assert names == ["Đặc phái viên Dân tộc", "Sở Nội vụ", "Sở Y tế", "Tư pháp", "Xã Cũ", "Xã Một"]


# --- rebuilding


def rebuild(board: BoardStack, agency: str) -> None:
    board.keys_of(agency).slot.note({"rebuild_until": 1_000_000})


def test_while_the_ledger_is_rebuilt_no_percentage_is_told_even_to_the_read_key(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 40)
    rebuild(board, "so-noi-vu")
    found = board.index("so-noi-vu", READ)
    assert (found["rebuilding"], found["percent"], found["interval"]) == (True, None, None)


def test_a_ledger_that_is_not_there_is_being_rebuilt(
    redis_server: RedisServer, namespace: str, board: BoardStack
) -> None:
    assert board.index("so-noi-vu")["rebuilding"] is False
    for keys in board.keys:
        board.ledgers.client.delete(keys.slot.key("position"))
    assert board.index("so-noi-vu")["rebuilding"] is True


class Meanwhile(Ledgers):
    """A ledger to which something happens after the first read of two."""

    happens: Callable[[], object] | None = None

    def hashes(self, keys: Sequence[str]) -> list[dict[str, str]]:
        found = super().hashes(keys)
        if self.happens is not None:
            happens, self.happens = self.happens, None
            happens()
        return found


@pytest.mark.parametrize("change", ["emptied", "rebuilt"])
def test_a_ledger_that_changes_between_the_two_reads_is_not_taken_for_whole(
    board: BoardStack, redis_server: RedisServer, change: str
) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 40)
    slot = board.keys_of("so-noi-vu").slot
    ledgers = Meanwhile(redis_server.url, board.ledgers.namespace)
    if change == "emptied":
        ledgers.happens = lambda: board.ledgers.client.delete(slot.key("position"))
    else:
        slot.note({"rebuild_until": 1_000_000})
        ledgers.happens = lambda: slot.note({"rebuild_until": 0})
    question = Question("so-noi-vu", "quick-5@1", Period.parse("2026-11-22", TODAY))
    [reading] = TallyReader(ledgers, PARTITIONS).read([question], shown=False)
    assert reading.rebuilding
    ledgers.close()


def test_ranks_are_refused_while_an_agency_of_the_block_is_rebuilt(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 40)
    rebuild(board, "so-noi-vu")
    problem = board.get("/v1/rankings", READ, block="so")
    assert (board.status, problem["code"], board.type) == (409, "rebuilding", "application/problem+json")


def test_agencies_of_other_partitions_are_told_as_ever(board: BoardStack) -> None:
    for agency in ("so-noi-vu", "so-y-te", "so-tu-phap", "so-dan-toc"):
        board.count(agency, TODAY, [GOOD] * 40)
    rebuild(board, "so-noi-vu")
    here = board.keys_of("so-noi-vu")
    told = {one["id"]: one["index"]["rebuilding"] for one in board.get("/v1/agencies")["agencies"]}
    assert told == {agency: board.keys_of(agency) is here for agency in told}
    assert set(told.values()) == {True, False}


# --- what cannot be answered


@pytest.mark.parametrize(
    ("path", "query", "status", "field", "code"),
    [
        ("/v1/agencies/so-noi-vu/index", {"period": "yesterday"}, 422, "period", "unknown-period"),
        ("/v1/agencies/so-noi-vu/index", {"period": ""}, 422, "period", "unknown-period"),
        ("/v1/agencies/so-noi-vu/index", {"period": "2026-02-30"}, 422, "period", "impossible-period"),
        ("/v1/agencies/so-noi-vu/index", {"period": "2026-W54"}, 422, "period", "impossible-period"),
        ("/v1/agencies/so-noi-vu/index", {"method": "quick-6@1"}, 422, "method", "unknown-method"),
        ("/v1/agencies/so-noi-vu/index", {"metod": "quick-5@1"}, 422, "metod", "unknown-field"),
        ("/v1/agencies/so-noi-vu/series", {"by": "hour"}, 422, "by", "day-or-month"),
        ("/v1/agencies/so-noi-vu/series", {"from": "2026-11-05", "to": "2026-11-04"}, 422, "to", "before-from"),
        ("/v1/agencies/so-noi-vu/series", {"from": "2020"}, 422, "from", "too-long"),
        ("/v1/rankings", {}, 422, "block", "missing"),
        ("/v1/rankings", {"block": "phong"}, 422, "block", "unknown-block"),
    ],
)
def test_a_wrong_question_is_answered_with_the_field_and_the_reason_in_both_languages(
    board: BoardStack, path: str, query: dict[str, str], status: int, field: str, code: str
) -> None:
    problem = board.get(path, **query)
    assert (board.status, board.type, problem["status"]) == (status, "application/problem+json", status)
    [error] = problem["errors"]
    assert (error["field"], error["code"]) == (field, code)
    assert error["detail"]["vi"]
    assert error["detail"]["en"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/agencies/nobody/index", 404, "unknown-agency"),
        ("GET", "/v1/agencies/nobody/series", 404, "unknown-agency"),
        ("GET", "/v1/agencies/a:b{p1}/index", 404, "unknown-agency"),
        ("GET", "/v1/nothing", 404, "not-found"),
        ("POST", "/v1/agencies", 405, "method-not-allowed"),
        ("GET", "/v1/alerts", 401, "no-key"),
    ],
)
def test_what_is_not_there_is_a_problem_document(
    board: BoardStack, method: str, path: str, status: int, code: str
) -> None:
    answer = board.client.open(path, method=method)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert answer.get_json(force=True)["code"] == code


# --- the description


def schema_names(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        if isinstance(document.get("$ref"), str):
            yield document["$ref"]
        for value in document.values():
            yield from schema_names(value)
    elif isinstance(document, list):
        for value in document:
            yield from schema_names(value)


def test_the_description_names_every_route_and_every_schema_it_refers_to(board: BoardStack) -> None:
    document = board.get("/v1/openapi.json")
    assert document["openapi"].startswith("3.")
    assert set(document["paths"]) == {
        "/v1/agencies",
        "/v1/agencies/{agency}/index",
        "/v1/agencies/{agency}/series",
        "/v1/agencies/{agency}/comparison",
        "/v1/agencies/{agency}/factors",
        "/v1/agencies/{agency}/distribution",
        "/v1/scopes/{scope}/index",
        "/v1/rankings",
        "/v1/open-data/index.json",
        "/v1/open-data/index.csv",
        "/v1/open-data/dictionary.json",
        "/v1/open-data/dictionary.csv",
        "/v1/agencies/{agency}/comments",
        "/v1/alerts",
        "/v1/scoreboard",
        "/v1/scoreboard/series",
    }
    known = {f"#/components/{kind}/{name}" for kind, found in document["components"].items() for name in found}
    assert set(schema_names(document)) <= known


def test_the_description_of_an_index_is_what_is_answered(board: BoardStack) -> None:
    schema = board.get("/v1/openapi.json")["components"]["schemas"]["Index"]
    assert set(schema["properties"]) == set(schema["required"]) == set(board.index("so-noi-vu"))


def test_no_answer_names_the_figure_as_the_ministrys_survey(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 40)
    for path in (
        "/v1/agencies",
        "/v1/agencies/so-noi-vu/index",
        "/v1/agencies/so-noi-vu/series",
        "/v1/rankings?block=so",
        "/v1/openapi.json",
    ):
        answer = board.client.get(path)
        assert answer.status_code == 200
        assert "SIPAS" not in answer.get_data(as_text=True)


def test_every_list_says_that_the_figure_is_only_modelled_on_the_decision(board: BoardStack) -> None:
    for path in ("/v1/agencies", "/v1/rankings?block=so"):
        about = board.get(path)["about"]
        assert "phỏng theo" in about["vi"]
        assert "modelled on" in about["en"]


def test_the_public_s_as_of_moves_only_with_its_numbers(board: BoardStack) -> None:
    """The newest minute alone would tell at a quiet counter that somebody has just answered."""
    board.count("so-noi-vu", TODAY, [GOOD] * 2)
    assert board.index("so-noi-vu")["as_of"] is None
    assert board.index("so-noi-vu", READ)["as_of"] is not None


def test_without_redis_the_answer_is_503_and_says_that_the_figures_cannot_be_read(
    tmp_path: Path, namespace: str
) -> None:
    with RedisServer(tmp_path) as redis:
        stack = BoardStack(redis.url, namespace)
        stack.count("so-noi-vu", TODAY, [GOOD] * 6)
        redis.kill()
        answer = stack.client.get("/v1/agencies/so-noi-vu/index?period=2026-11")
        assert (answer.status_code, (answer.get_json(force=True))["code"]) == (503, "figures-away")
        stack.ledgers.close()
