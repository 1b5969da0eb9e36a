"""The pages on a real Redis: what people read, in both languages, without script, cookie or anything from elsewhere."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from tests.integration.board_stack import BAD, GOOD, PROVINCE, TODAY, BoardStack, agency, days_before
from tests.servers import RedisServer

NO_BREAK = "\u00a0"


@pytest.fixture
def board(redis_server: RedisServer, namespace: str) -> Iterator[BoardStack]:
    stack = BoardStack(redis_server.url, namespace, PROVINCE, demo=True)
    yield stack
    stack.ledgers.close()


class Page(HTMLParser):
    """What a page is made of: tags with their attributes, and the text of each element that is read out."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def rows(page: str) -> dict[str, str]:
    """Agency -> the text of its row."""
    found = {}
    for row in re.findall(r"<tr role=\"row\">(.*?)</tr>", page, re.DOTALL):
        link = re.search(r'href="/agencies/([^"?]+)', row)
        if link:
            found[link[1]] = " ".join(re.sub(r"<[^>]+>", " ", row).split(" ")).replace("\n", " ")
    return found


PAGES = ("/", "/agencies/so-noi-vu", "/rankings", "/agencies/nobody", "/?period=never", "/nothing")


def test_the_board_shows_index_interval_and_sheets_as_vietnamese_writes_them(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [{"ACCESS": 5}] * 1000 + [{"ACCESS": 2}] * 170)
    row = rows(board.page("/"))["so-noi-vu"]
    assert f"85,47{NO_BREAK}%" in row
    assert "1.170" in row
    assert re.search(r"83,\d\d đến 87,\d\d %", row)


def test_the_board_in_english(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [{"ACCESS": 5}] * 1000 + [{"ACCESS": 2}] * 170)
    page = board.page("/", lang="en")
    assert '<html lang="en">' in page
    assert f"85.47{NO_BREAK}%" in rows(page)["so-noi-vu"]
    assert "1,170" in rows(page)["so-noi-vu"]
    assert "so-noi-vu (en)" in page


def test_blocks_stand_in_their_order_and_agencies_in_that_of_a_dictionary(board: BoardStack) -> None:
    page = board.page("/")
    assert re.findall(r"<caption>(.*?)</caption>", page) == ["Sở, ban, ngành", "Xã, phường"]
    assert list(rows(page)) == ["so-dan-toc", "so-noi-vu", "so-y-te", "so-tu-phap", "xa-mot"]


def test_too_few_sheets_are_said_in_words_and_not_as_a_number(board: BoardStack) -> None:
    board.count("so-noi-vu", "2026-11-10", [GOOD, BAD])
    board.count("so-noi-vu", TODAY, [])
    row = rows(board.page("/"))["so-noi-vu"]
    assert "chưa đủ số phiếu" in row
    assert "%" not in row


def test_every_page_says_what_the_figure_is_and_is_not(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 6)
    for path in ("/", "/agencies/so-noi-vu", "/rankings"):
        page = board.page(path)
        assert "phỏng theo" in page
        assert "2640/QĐ-BNV" in page
        assert "không nói gì về việc ai chọn trả lời" in page
        assert "quick-5@1" in page
        assert "modelled on" in board.page(path, lang="en")


def test_a_demo_stack_says_so_on_every_page(board: BoardStack) -> None:
    for path in PAGES:
        assert "DỮ LIỆU MẪU" in board.page(path)


def test_a_real_stack_does_not_call_its_data_made_up(redis_server: RedisServer, namespace: str) -> None:
    board = BoardStack(redis_server.url, f"{namespace}r", PROVINCE)
    assert "DỮ LIỆU MẪU" not in board.page("/")
    board.ledgers.close()


def test_no_page_names_the_figure_as_the_ministrys_survey(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 40)
    for path in PAGES:
        for language in ("vi", "en"):
            assert "SIPAS" not in board.page(f"{path}{'&' if '?' in path else '?'}lang={language}")


def test_while_the_ledger_is_rebuilt_the_page_says_so_and_shows_no_percentage(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 40)
    assert "Đang tính lại số liệu" not in board.page("/")
    board.keys_of("so-noi-vu").slot.note({"rebuild_until": 1_000_000})
    page = board.page("/")
    assert "Đang tính lại số liệu" in page
    assert "đang tính lại" in rows(page)["so-noi-vu"]
    assert "100,00" not in page


def test_the_data_are_dated_on_the_local_clock(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 6)  # received at 03:15 UTC
    assert ">22/11/2026 10:15</time>" in board.page("/")


def test_an_agencys_page_has_its_days_newest_first_and_its_criteria(board: BoardStack) -> None:
    for day in days_before(TODAY, 3):
        board.count("so-noi-vu", day, [GOOD] * 6)
    page = board.page("/agencies/so-noi-vu")
    assert re.findall(r'rowheader">(\d\d/\d\d/\d{4})<', page) == ["22/11/2026", "21/11/2026", "20/11/2026"]
    assert "thái độ phục vụ" in page


def test_a_criterion_that_few_answered_has_no_number(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 9 + [{**GOOD, "FEEDBACK": 1}] * 4)
    page = board.page("/agencies/so-noi-vu")
    feedback = page[page.index("góp ý, phản ánh") :]
    assert feedback.index("chưa đủ số phiếu") < feedback.index("</tr>")


def test_a_long_period_is_told_by_month(board: BoardStack) -> None:
    board.count("so-noi-vu", "2026-03-02", [GOOD] * 6)
    board.count("so-noi-vu", "2026-10-02", [GOOD] * 6)
    page = board.page("/agencies/so-noi-vu", period="2026")
    assert re.findall(r'rowheader">(\d\d/\d{4})<', page) == ["10/2026", "03/2026"]


def test_a_ranking_tells_possible_ranks_and_who_has_none_and_why(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 60)
    board.count("so-y-te", TODAY, [GOOD] * 50 + [BAD] * 10)
    board.count("so-tu-phap", TODAY, [BAD] * 60)
    board.count("so-dan-toc", TODAY, [GOOD] * 6)
    page = board.page("/rankings", block="so")
    found = rows(page)
    assert list(found) == ["so-noi-vu", "so-y-te", "so-tu-phap", "so-dan-toc"]
    assert "hạng 1" in found["so-noi-vu"]
    assert "hạng 3" in found["so-tu-phap"]
    assert "dưới 30 phiếu" in found["so-dan-toc"]
    assert "không phân biệt được" in page
    assert "fewer than 30 sheets" in rows(board.page("/rankings", block="so", lang="en"))["so-dan-toc"]


def test_without_a_block_the_first_is_ranked_and_the_others_are_linked(board: BoardStack) -> None:
    page = board.page("/rankings")
    assert '<span aria-current="page">Sở, ban, ngành</span>' in page
    assert '<a href="/rankings?block=xa">Xã, phường</a>' in page
    assert 'href="/rankings?block=xa"' in board.page("/")


def test_an_agencys_page_says_whether_a_change_is_real(board: BoardStack) -> None:
    board.count("so-noi-vu", "2026-09-02", [GOOD] * 90 + [BAD] * 10)
    board.count("so-noi-vu", "2026-10-02", [GOOD] * 40 + [BAD] * 60)
    board.count("so-y-te", "2026-09-02", [GOOD] * 27 + [BAD] * 3)
    board.count("so-y-te", "2026-10-02", [GOOD] * 24 + [BAD] * 6)
    real = board.page("/agencies/so-noi-vu", period="2026-10")
    assert "giảm 50,00 điểm phần trăm" in real
    assert "thay đổi là thật" in real
    assert "trong khoảng ngẫu nhiên" in board.page("/agencies/so-y-te", period="2026-10")


def test_where_the_method_changed_the_trend_breaks_and_nothing_is_compared(board: BoardStack) -> None:
    for month in ("2026-05", "2026-06"):
        board.count("so-noi-vu", f"{month}-02", [{"OVERALL": 5}] * 40, method="overall-1@1")
    for month in ("2026-07", "2026-08"):
        board.count("so-noi-vu", f"{month}-02", [GOOD] * 40)
    page = board.page("/agencies/so-noi-vu", period="2026")
    assert page.count('class="curve"') == 2
    assert page.count('class="break"') == 1
    assert "overall-1@1" in page
    assert "đo bằng phương pháp khác" in board.page("/agencies/so-noi-vu", period="2026-07")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/agencies/nobody", 404, "Không có cơ quan nào mang mã này"),
        ("/?period=never", 422, "không phải là một kỳ"),
        ("/agencies/so-noi-vu?method=x", 422, "không phải là phương pháp đã biết"),
        ("/nothing", 404, "Không tìm thấy"),
    ],
)
def test_an_error_is_a_page_for_people(board: BoardStack, path: str, status: int, words: str) -> None:
    page = board.page(path)
    assert (board.status, words in page, board.headers["Content-Type"]) == (status, True, "text/html; charset=utf-8")


def test_what_stands_in_an_address_is_not_taken_for_markup(board: BoardStack) -> None:
    for path in ("/?method=<script>x</script>", '/?period=2026-11&lang="><script>', "/agencies/<script>"):
        assert "<script" not in board.page(path)


def test_what_stands_in_the_registry_is_not_taken_for_markup(redis_server: RedisServer, namespace: str) -> None:
    board = BoardStack(redis_server.url, f"{namespace}m", [*PROVINCE, agency("so-la", "Sở <b>Lạ</b> & Co")])
    for path in ("/", "/agencies/so-la"):
        assert "Sở &lt;b&gt;Lạ&lt;/b&gt; &amp; Co" in board.page(path)
    board.ledgers.close()


def test_no_page_has_a_script_a_cookie_or_anything_from_elsewhere(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 6)
    for path in PAGES:
        page = Page(board.page(path))
        assert "Set-Cookie" not in board.headers
        assert "default-src 'none'" in board.headers["Content-Security-Policy"]
        assert page.all("script") == []
        # what the policy forbids must not be there either: a browser would only drop it
        assert not any("style" in attributes or name == "style" for name, attributes in page.tags)
        addresses = [a[name] or "" for _, a in page.tags for name in ("href", "src") if name in a]
        assert addresses
        assert all(address.startswith(("/", "#")) and not address.startswith("//") for address in addresses)


def test_what_the_pages_load_is_there(board: BoardStack) -> None:
    for link in Page(board.page("/")).all("link"):
        answer = board.client.get(link["href"] or "")
        assert (answer.status_code, bool(answer.data)) == (200, True)
        answer.close()


def test_tables_can_be_read_out(board: BoardStack) -> None:
    board.count("so-noi-vu", TODAY, [GOOD] * 40)
    board.count("so-noi-vu", days_before(TODAY, 2)[0], [GOOD] * 40)
    for path in ("/", "/agencies/so-noi-vu", "/rankings"):
        text = board.page(path)
        page = Page(text)
        assert len(page.all("caption")) == len(page.all("table")) > 0
        assert {heading.get("scope") for heading in page.all("th")} == {"col", "row"}
        assert len(page.all("h1")) == 1
        assert all(svg.get("aria-hidden") == "true" for svg in page.all("svg"))
