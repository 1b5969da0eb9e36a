"""Rankings, comparisons, cells, scopes, pages of lists, tags and open data, asked of one board on a real Redis."""

import csv
import io
import uuid
from collections.abc import Iterator

import pytest

from services.board.validators import FROM_FIGURES
from sipas.events import Entry
from tests.integration.board_stack import BAD, GOOD, PROVINCE, READ, SUBMIT, TODAY, BoardStack, agency, block
from tests.servers import RedisServer

COUNTER = Entry(
    kind="counter",
    id="7K3M9QX2TB",
    history=(
        {
            "label": {"vi": "Quầy 1", "en": "Counter 1"},
            "place": "tt-pvhcc",
            "agencies": ["so-noi-vu", "so-y-te"],
            "method": "quick-5@1",
        },
    ),
)
ENTRIES = (
    *PROVINCE,
    block("nganh", "Ngành dọc", 3),
    agency("formula", '=HYPERLINK("x")', "nganh"),
    agency("long", "Chuỗi dài", "nganh"),
    agency("changed", "Đổi phương pháp", "nganh"),
    Entry(
        kind="agency",
        id="moved",
        history=(
            {
                "name": {"vi": "Chuyển khối", "en": "moved"},
                "block": "so",
                "kind": "SO",
                "valid_to": "2026-09-30",
            },
            {
                "name": {"vi": "Chuyển khối", "en": "moved"},
                "block": "nganh",
                "kind": "SO",
                "valid_from": "2026-10-01",
            },
        ),
    ),
    COUNTER,
)


@pytest.fixture(scope="module")
def board(redis_server: RedisServer) -> Iterator[BoardStack]:
    """Filled once; no test counts further sheets of what another asks for."""
    # above the step of public numbers, so that some of them are too small to be told
    stack = BoardStack(redis_server.url, f"t{uuid.uuid4().hex[:10]}", ENTRIES, publication_minimum=10)
    for agency_id, month, good, bad in (
        ("so-noi-vu", "2026-10", 60, 40),
        ("so-y-te", "2026-10", 60, 0),
        ("so-tu-phap", "2026-10", 30, 30),
        ("so-noi-vu", "2026-09", 50, 10),
        ("so-y-te", "2026-09", 30, 10),
        ("so-noi-vu", "2025-10", 20, 30),
        ("so-dan-toc", "2026-10", 5, 0),
        ("xa-mot", "2026-10", 20, 10),
        ("xa-cu", "2026-10", 5, 0),
        ("formula", "2026-10", 10, 0),
        ("moved", "2026-09", 40, 0),
        ("moved", "2026-10", 40, 0),
    ):
        for number, (sheets, answers) in enumerate(((good, GOOD), (bad, BAD))):
            if sheets:
                stack.count(agency_id, f"{month}-{5 + number:02}", [answers] * sheets, counter="7K3M9QX2TB")
    stack.count("changed", "2026-09-07", [{"OVERALL": 5}] * 20, method="overall-1@1")
    stack.count("changed", "2026-10-07", [GOOD] * 20)
    yield stack
    stack.ledgers.close()


# --- rankings ------------------------------------------------------------------------------------------------


def test_a_ranking_has_intervals_groups_changes_and_bands(board: BoardStack) -> None:
    found = board.get("/v1/rankings", READ, block="so", period="2026-10", bands="local-default")
    lines = {line["agency"]: line for line in found["ranking"]}
    assert [line["agency"] for line in found["ranking"]][:3] == ["so-y-te", "so-noi-vu", "so-tu-phap"]
    assert (found["previous"], found["year_before"], found["bands"]) == ("2026-09", "2025-10", "local-default")
    assert lines["so-y-te"]["rank_interval"] == [1, 1]
    assert lines["so-noi-vu"]["rank_interval"] == [2, 3]
    assert lines["so-noi-vu"]["groups"] == lines["so-tu-phap"]["groups"]
    assert lines["so-y-te"]["band"] == {"vi": "Xuất sắc", "en": "Excellent"}


def test_a_rank_is_compared_with_that_among_the_members_of_then(board: BoardStack) -> None:
    """In September one more belonged to the block and was first."""
    lines = {line["agency"]: line for line in board.get("/v1/rankings", block="so", period="2026-10")["ranking"]}
    assert (lines["so-y-te"]["rank"], lines["so-y-te"]["rank_change"]) == (1, 2)
    assert (lines["so-noi-vu"]["rank"], lines["so-noi-vu"]["rank_change"]) == (2, 0)
    assert lines["so-noi-vu"]["rank_change_year"] == -1
    assert lines["so-tu-phap"]["rank_change"] is None
    assert "moved" not in lines
    assert "moved" in {line["agency"] for line in board.get("/v1/rankings", block="so", period="2026-09")["ranking"]}


def test_who_has_too_few_sheets_has_no_rank_interval_band_or_change(board: BoardStack) -> None:
    line = board.get("/v1/rankings", block="so", period="2026-10", bands="local-default")["ranking"][-1]
    assert (line["agency"], line["responses"], line["suppressed"]) == ("so-dan-toc", 5, True)
    assert [line[name] for name in ("rank", "rank_interval", "groups", "rank_change", "band")] == [None] * 5


def test_bands_that_do_not_exist_are_refused(board: BoardStack) -> None:
    assert board.get("/v1/rankings", block="so", bands="x")["errors"][0]["code"] == "unknown-bands"


# --- comparison, factors, distribution ------------------------------------------------------------------------


def test_a_change_says_whether_chance_explains_it(board: BoardStack) -> None:
    found = board.get("/v1/agencies/so-noi-vu/comparison", period="2026-10")
    assert (found["now"]["percent"], found["previous"]["index"]["percent"]) == (60.0, 83.33)
    assert found["previous"]["change"]["points"] == -23.33
    assert found["previous"]["change"]["verdict"] == "real"
    low, high = found["previous"]["change"]["interval"]
    assert low < -23.33 < high < 0
    assert found["year_before"]["index"]["period"] == "2025-10"
    assert found["year_before"]["change"]["points"] == 20.0


def test_across_a_change_of_method_nothing_is_compared(board: BoardStack) -> None:
    earlier = board.get("/v1/agencies/changed/comparison", period="2026-10")["previous"]
    assert (earlier["breaks"], earlier["change"], earlier["index"]["method"]) == (True, None, "overall-1@1")


def test_a_period_without_sheets_is_no_break(board: BoardStack) -> None:
    earlier = board.get("/v1/agencies/changed/comparison", period="2026-10")["year_before"]
    assert (earlier["breaks"], earlier["change"], earlier["index"]["responses"]) == (False, None, 0)


def test_a_change_against_too_few_sheets_is_not_told(board: BoardStack) -> None:
    earlier = board.get("/v1/agencies/so-dan-toc/comparison", period="2026-11")["previous"]
    assert (earlier["index"]["suppressed"], earlier["change"]) == (True, None)


def test_factors_add_up_to_the_index(board: BoardStack) -> None:
    found = board.get("/v1/agencies/so-noi-vu/factors", period="2026-10")
    assert [factor["code"] for factor in found["factors"]] == ["ACCESS", "PROC", "STAFF", "RESULT", "FEEDBACK"]
    assert sum(factor["answers"] for factor in found["factors"]) == found["answers"] == 400
    assert found["factors"][0]["criteria"][0]["percent"] == 60.0
    assert found["factors"][4]["percent"] is None


def test_of_too_few_sheets_no_cell_is_told(board: BoardStack) -> None:
    found = board.get("/v1/agencies/so-dan-toc/factors", period="2026-10")
    assert {factor["answers"] for factor in found["factors"]} == {None}
    levels = board.get("/v1/agencies/so-dan-toc/distribution", period="2026-10")
    assert {criterion["levels"] is None for criterion in levels["criteria"]} == {True}
    assert board.get("/v1/agencies/so-dan-toc/factors", READ, period="2026-10")["factors"][0]["answers"] == 5


def test_the_levels_of_a_criterion_are_told(board: BoardStack) -> None:
    found = board.get("/v1/agencies/so-noi-vu/distribution", period="2026-10")
    assert found["criteria"][0]["levels"] == [0, 40, 0, 0, 60]
    assert found["criteria"][4]["no_opinion"] == 100
    assert [choice["level"] for choice in found["scale"]] == [1, 2, 3, 4, 5, None]


# --- scopes ---------------------------------------------------------------------------------------------------


def test_a_block_adds_up_counts(board: BoardStack) -> None:
    found = board.get("/v1/scopes/block:so/index", READ, period="2026-10")
    assert (found["responses"], found["agencies"], found["counted"]) == (225, 4, 4)
    assert found["percent"] == round(100 * (60 + 60 + 30 + 5) / 225, 2)


def test_a_block_whose_one_small_agency_would_follow_is_withheld(board: BoardStack) -> None:
    assert board.get("/v1/scopes/block:so/index", period="2026-10")["percent"] is None
    assert board.get("/v1/scopes/block:nganh/index", period="2026-10")["percent"] is not None


def test_the_province_is_told_where_the_small_agencies_of_its_blocks_hide_each_other(board: BoardStack) -> None:
    """Five sheets in each of two blocks: neither block is told, and both together have ten."""
    found = board.get("/v1/scopes/province/index", period="2026-10")
    assert (found["suppressed"], found["responses"]) == (False, 330)
    assert board.get("/v1/scopes/kind:SO/index", period="2026-10")["suppressed"] is True


def test_an_agency_with_its_predecessors_is_marked(board: BoardStack) -> None:
    found = board.get("/v1/scopes/agency:xa-mot/index", READ, period="2026-10")
    assert (found["merged"], found["responses"]) == (["xa-cu"], 35)
    assert board.get("/v1/scopes/agency:xa-mot/index", period="2026-10")["suppressed"] is True


def test_counter_place_and_channel_need_the_read_key(board: BoardStack) -> None:
    for scope in ("counter:7K3M9QX2TB", "place:tt-pvhcc", "channel:qr"):
        board.get(f"/v1/scopes/{scope}/index", period="2026-10")
        assert board.status == 401
        board.get(f"/v1/scopes/{scope}/index", SUBMIT, period="2026-10")
        assert board.status == 403
    for scope, sheets in (("counter:7K3M9QX2TB", 160), ("place:tt-pvhcc", 160), ("channel:qr", 330)):
        found = board.get(f"/v1/scopes/{scope}/index", READ, period="2026-10")
        assert (found["responses"], found["percent"] is None) == (sheets, False)


def test_a_counters_day_is_read_from_the_next_working_day_on(board: BoardStack) -> None:
    """Today is a Sunday: of this week Thursday is the last day that has a working day after it."""
    assert board.get("/v1/scopes/counter:7K3M9QX2TB/index", READ, period="2026-W47")["to"] == "2026-11-19"
    refused = board.get("/v1/scopes/counter:7K3M9QX2TB/index", READ, period=TODAY.isoformat())
    assert (board.status, refused["errors"][0]["code"]) == (422, "scope-later")
    assert "23/11/2026" in refused["detail"]


def test_a_scope_that_does_not_exist_is_not_found(board: BoardStack) -> None:
    board.get("/v1/scopes/block:none/index")
    assert board.status == 404


# --- pages of lists -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "list_", "query"),
    [
        ("/v1/agencies", "agencies", {}),
        ("/v1/agencies/so-noi-vu/series", "series", {"by": "day", "from": "2026-10-01", "to": "2026-10-10"}),
    ],
)
def test_pages_put_together_are_the_whole_list(board: BoardStack, path: str, list_: str, query: dict[str, str]) -> None:
    whole = board.get(path, **query)
    assert whole["next"] is None
    pages, cursor = [], {}
    while True:
        page = board.get(path, limit="4", **query, **cursor)
        pages += page[list_]
        assert len(page[list_]) <= 4
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert pages == whole[list_]


def test_a_cursor_that_was_never_given_is_refused(board: BoardStack) -> None:
    assert board.get("/v1/agencies", cursor="nobody")["errors"][0]["code"] == "unknown-cursor"
    for limit in ("0", "1001", "many"):
        assert board.get("/v1/agencies", limit=limit)["errors"][0]["code"] == "limit-range"


# --- tags -----------------------------------------------------------------------------------------------------

ADDRESSES = (
    "/v1/agencies?period=2026-10",
    "/v1/agencies/so-noi-vu/index?period=2026-10",
    "/v1/rankings?block=so&period=2026-10",
    "/v1/open-data/index.csv?period=2026-10",
    "/v1/openapi.json",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_who_has_the_newest_answer_is_told_so(board: BoardStack, address: str) -> None:
    first = board.client.get(address)
    again = board.client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]


def test_what_is_tagged_without_its_body_are_views_of_the_board(board: BoardStack) -> None:
    assert board.client.application.view_functions.keys() >= FROM_FIGURES


def test_alerts_have_a_tag_too(board: BoardStack) -> None:
    first = board.client.get("/v1/alerts", headers=READ)
    assert board.client.get("/v1/alerts", headers={**READ, "If-None-Match": first.headers["ETag"]}).status_code == 304


def test_tags_of_other_questions_and_readers_differ(board: BoardStack) -> None:
    answers = [board.client.get(address) for address in ADDRESSES]
    answers.append(board.client.get(ADDRESSES[1], headers=READ))
    assert len({answer.headers["ETag"] for answer in answers}) == len(answers)


def test_a_wrong_key_is_refused_and_not_told_that_nothing_changed(board: BoardStack) -> None:
    tag = board.client.get(ADDRESSES[1]).headers["ETag"]
    headers = {"If-None-Match": tag, "Authorization": "Bearer wrong"}
    assert board.client.get(ADDRESSES[1], headers=headers).status_code == 401


def test_a_tag_is_old_once_the_public_number_moves_and_not_before(board: BoardStack) -> None:
    address = "/v1/agencies/long/index?period=2026-11"
    board.count("long", TODAY, [GOOD] * 5)
    public, live = board.client.get(address), board.client.get(address, headers=READ)
    board.count("long", TODAY, [GOOD] * 4)
    assert board.client.get(address, headers={"If-None-Match": public.headers["ETag"]}).status_code == 304
    assert board.client.get(address, headers={**READ, "If-None-Match": live.headers["ETag"]}).status_code == 200
    board.count("long", TODAY, [GOOD])
    moved = board.client.get(address, headers={"If-None-Match": public.headers["ETag"]})
    assert (moved.status_code, moved.get_json()["responses"]) == (200, 10)


# --- open data ------------------------------------------------------------------------------------------------


def test_open_data_are_the_public_numbers_as_a_table(board: BoardStack) -> None:
    answer = board.client.get("/v1/open-data/index.csv?period=2026-10", headers=READ)
    assert (answer.content_type, answer.data[:3]) == ("text/csv; charset=utf-8", b"\xef\xbb\xbf")
    rows = {row["agency"]: row for row in csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline=""))}
    assert rows["so-noi-vu"]["percent"] == "60.00"
    assert rows["so-noi-vu"]["name"] == "Sở Nội vụ"
    assert (rows["so-dan-toc"]["percent"], rows["so-dan-toc"]["suppressed"]) == ("", "true")
    assert rows["formula"]["name"] == '\'=HYPERLINK("x")'
    assert answer.data.count(b"\r\n") == answer.data.count(b"\n")


def test_open_data_as_json_say_the_same(board: BoardStack) -> None:
    found = board.get("/v1/open-data/index.json", period="2026-10")
    row = next(row for row in found["rows"] if row["agency"] == "so-noi-vu")
    assert (row["percent"], row["responses"], row["block"]) == (60.0, 100, "so")
    assert list(row) == [field["field"] for field in found["fields"]]


def test_without_a_period_open_data_are_of_the_last_whole_month(board: BoardStack) -> None:
    assert {row["period"] for row in board.get("/v1/open-data/index.json")["rows"]} == {"2026-10"}


def test_the_dictionary_says_what_each_column_means(board: BoardStack) -> None:
    fields = board.get("/v1/open-data/dictionary.json")["fields"]
    table = board.client.get("/v1/open-data/dictionary.csv").data.decode("utf-8-sig")
    assert [row["field"] for row in csv.DictReader(io.StringIO(table, newline=""))] == [one["field"] for one in fields]
    assert all(one["meaning"]["vi"] and one["meaning"]["en"] for one in fields)
