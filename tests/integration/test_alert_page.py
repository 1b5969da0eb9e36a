"""The page behind a leader's link: only a form decides, once, and what a browser must not keep it does not."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from sipas.events import AlertDecided, Entry, decode_alert
from sipas.people import People
from tests.contract.documents import EXAMPLES
from tests.integration.board_stack import PROVINCE, BoardStack, agency
from tests.servers import RedisServer

POSSIBLE, CONFIRMED, RECOVERED = (
    decode_alert(EXAMPLES[f"alert-changed-{kind}"].value) for kind in ("possible", "confirmed", "recovered")
)
KEY = (POSSIBLE.agency, POSSIBLE.method, POSSIBLE.rule, POSSIBLE.opened_on)


def person(id_: str, name: str, leads: str, language: str = "vi", role: str = "head") -> Entry:
    fields = {"name": name, "email": f"{id_}@tinhmau.example", "language": language, "leads": [leads], "role": role}
    return Entry(kind="person", id=id_, history=(fields,))


PEOPLE = (
    person("an", "Nguyễn Văn An", "so-noi-vu"),
    person("ann", "Ann Lee", "block/so", "en"),
    person("binh", "Trần Thị Bình", "so-y-te"),
    person("chi", "Lê Thị Chi", "province", role="observer"),
)


class Board:
    """A board with an open alert; `page` is what stands behind somebody's link."""

    def __init__(self, stack: BoardStack) -> None:
        self.stack = stack
        self.stack.alerts = stack.alerts.updated([POSSIBLE])

    def link(self, who: str = "an", **query: str) -> str:
        token = self.stack.links.token(KEY, who, at=self.stack.now - timedelta(days=1))
        return f"/alerts/{token}" + "".join(f"?{name}={value}" for name, value in query.items())

    def page(self, who: str = "an", **query: str) -> str:
        return self.stack.page(self.link(who, **query))

    def form(self, who: str = "an", *, act: str, **fields: str) -> dict[str, str]:
        found = re.search(r'name="nonce" value="([^"]+)"', self.page(who))
        assert found
        return {"nonce": found[1], "act": act, **fields}

    def send(self, form: dict[str, str], who: str = "an") -> Any:
        return self.stack.client.post(self.link(who), data=form)

    def decide(self, who: str = "an", *, act: str, **fields: str) -> str:
        """Send the form; the page that the browser is led to."""
        answer = self.send(self.form(who, act=act, **fields), who)
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return self.stack.page(answer.headers["Location"])

    @property
    def decisions(self) -> tuple[AlertDecided, ...]:
        return self.stack.alerts.alerts[KEY].decisions


@pytest.fixture
def board(redis_server: RedisServer, namespace: str) -> Iterator[Board]:
    stack = BoardStack(redis_server.url, namespace, people=PEOPLE)
    yield Board(stack)
    stack.ledgers.close()


def test_the_page_says_what_fell_since_when_and_how_sure_that_is(board: Board) -> None:
    page = board.page()
    assert "Sở Nội vụ" in page
    assert "Có thể đang giảm" in page
    for figure in (POSSIBLE.before, POSSIBLE.after):
        assert figure is not None
        assert figure.interval is not None
        for number in (figure.percent, *figure.interval):
            assert f"{number:.2f}".replace(".", ",") in page
    assert POSSIBLE.since is not None
    assert f"{POSSIBLE.since:%d/%m/%Y}" in page
    assert "61 %" in page
    assert "phỏng theo QĐ 2640/QĐ-BNV" in page
    assert "SIPAS" not in page
    assert "Chưa có ai báo nhận" in page


def test_the_page_is_in_the_leaders_language_and_can_be_read_in_the_other(board: Board) -> None:
    assert '<html lang="en">' in board.page("ann")
    assert "Possible fall" in board.page("ann")
    assert '<html lang="vi">' in board.page("ann", lang="vi")


@pytest.mark.parametrize("method", ["get", "head"])
def test_who_only_looks_changes_nothing(board: Board, method: str) -> None:
    for path in (board.link(), board.link(step="closed"), board.link(act="acknowledged"), board.link(said="x")):
        assert getattr(board.stack.client, method)(path).status_code == 200
    assert board.decisions == ()


def test_an_acknowledgement_is_recorded_and_the_page_says_by_whom(board: Board) -> None:
    page = board.decide(act="acknowledged", note="Đang kiểm tra quầy 3")
    assert "Đã ghi nhận" in page
    assert "Đã báo nhận: Nguyễn Văn An, 22/11/2026 10:30" in page
    assert "Đang kiểm tra quầy 3" in page
    assert "Tôi đã nhận cảnh báo này" not in page
    assert "Acknowledged by Nguyễn Văn An" in board.page("ann")
    assert [(one.act, one.by, one.seen) for one in board.decisions] == [("acknowledged", "an", POSSIBLE.id)]


def test_a_form_that_is_sent_twice_decides_once(board: Board) -> None:
    for form in (board.form(act="acted", note="Thêm một quầy"), board.form(act="closed", note="Đã xong")):
        assert [board.send(form).status_code for _ in range(3)] == [303] * 3
    assert [one.act for one in board.decisions] == ["acted", "closed"]


def test_what_is_written_anew_in_the_same_form_is_another_note(board: Board) -> None:
    form = board.form(act="noted", note="Một")
    board.send(form)
    board.send({**form, "note": "Hai"})
    assert [one.note for one in board.decisions] == ["Một", "Hai"]


def test_a_snooze_lasts_as_many_days_as_were_chosen(board: Board) -> None:
    page = board.decide(act="snoozed", days="3")
    assert "Tạm hoãn nhắc đến 25/11/2026 10:30" in page
    assert [one.until for one in board.decisions] == [board.stack.now + timedelta(days=3)]


@pytest.mark.parametrize(
    ("act", "question"), [("closed", "Đóng cảnh báo này?"), ("new-normal", "Đây là mức bình thường mới?")]
)
def test_what_ends_an_alert_is_asked_for_twice_and_with_a_reason(board: Board, act: str, question: str) -> None:
    step = board.page(step=act)
    assert question in step
    assert f'value="{act}"' in step
    refused = board.send(board.form(act=act, note=" "))
    assert (refused.status_code, board.decisions) == (422, ())
    assert "Xin ghi nội dung trước khi lưu" in refused.get_data(as_text=True)
    page = board.decide(act=act, note="Bỏ quầy ưu tiên")
    assert "Đã kết thúc theo quyết định" in page
    assert "Có hiệu lực sau ngày 22/11/2026" in page
    assert 'value="snoozed"' not in page
    assert [(one.act, one.note) for one in board.decisions] == [(act, "Bỏ quầy ưu tiên")]


def test_what_was_written_is_not_lost_where_it_is_refused(board: Board) -> None:
    board.decide(act="closed", note="Đã xong")
    answer = board.send(board.form(act="new-normal", note="Bỏ <b>quầy</b>"))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "đã kết thúc trước đó" in page
    assert "Bỏ &lt;b&gt;quầy&lt;/b&gt;</textarea>" in page


def test_a_recovered_alert_offers_no_more_than_words(board: Board) -> None:
    board.stack.alerts = board.stack.alerts.updated([CONFIRMED, RECOVERED])
    page = board.page()
    assert "Đã hồi phục" in page
    assert 'value="acted"' in page
    for act in ("acknowledged", "snoozed"):
        assert f'value="{act}"' not in page
    assert "Đóng cảnh báo này?" not in board.page(step="closed")


def test_a_target_is_not_offered_as_a_new_normal(redis_server: RedisServer, namespace: str) -> None:
    stack = BoardStack(redis_server.url, f"{namespace}t", people=PEOPLE)
    breach = replace(POSSIBLE, rule="target", target=90.0, before=None)
    stack.alerts = stack.alerts.updated([breach])
    page = stack.page(f"/alerts/{stack.links.token((*KEY[:2], 'target', KEY[3]), 'an', at=stack.now)}")
    assert "90,00" in page
    assert "mức bình thường mới" not in page
    assert "Đóng cảnh báo…" in page
    stack.ledgers.close()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"nonce": ""}, id="no nonce"),
        pytest.param({"nonce": "WyJhIl0.AAAA"}, id="a nonce that we did not make"),
        pytest.param({"act": "exploded"}, id="an act that there is not"),
    ],
)
def test_what_our_form_did_not_send_decides_nothing(board: Board, change: dict[str, str]) -> None:
    assert board.send({**board.form(act="acknowledged"), **change}).status_code == 400
    assert board.decisions == ()


def test_the_form_of_one_leader_is_none_of_anothers(board: Board) -> None:
    assert board.send(board.form("ann", act="acknowledged"), "an").status_code == 400
    assert board.decisions == ()


def test_an_observer_sees_everything_and_decides_nothing(board: Board) -> None:
    form = board.form(act="acknowledged")
    page = board.page("chi")
    assert "Chưa có ai báo nhận" in page
    assert "<form" not in page
    assert "<form" not in board.page("chi", step="closed")
    assert board.send(form, "chi").status_code == 403
    assert board.decisions == ()


def test_a_note_beyond_all_measure_is_not_read(board: Board) -> None:
    assert board.send(board.form(act="noted", note="x" * 20_000)).status_code == 413
    assert board.send(board.form(act="noted", note="x" * 1001)).status_code == 422
    assert board.decisions == ()


def test_a_link_that_we_did_not_make_opens_nothing(board: Board) -> None:
    page = board.stack.page(f"{board.link()}x")
    assert board.stack.status == 404
    assert "Liên kết này không đúng" in page


def test_an_old_link_opens_nothing_and_says_what_to_do(board: Board) -> None:
    link, form = board.link(), board.form(act="acknowledged")
    board.stack.now += timedelta(days=60)
    page = board.stack.page(link)
    assert board.stack.status == 410
    assert "thông báo mới nhất" in page
    assert board.stack.client.post(link, data=form).status_code == 410
    assert board.decisions == ()


@pytest.mark.parametrize("who", ["binh", "nobody"])
def test_who_leads_the_agency_no_longer_sees_nothing_by_an_old_link(board: Board, who: str) -> None:
    board.page(who)
    assert board.stack.status == 410


def test_who_leads_the_agency_above_may_open_their_link_too(redis_server: RedisServer, namespace: str) -> None:
    registry = [*PROVINCE, agency("phong-mot", "Phòng Một", parent="so-noi-vu")]
    stack = BoardStack(redis_server.url, f"{namespace}p", registry, people=PEOPLE)
    stack.alerts = stack.alerts.updated([replace(POSSIBLE, agency="phong-mot")])
    token = stack.links.token(("phong-mot", *KEY[1:]), "an", at=stack.now)
    assert "Phòng Một" in stack.page(f"/alerts/{token}")
    assert stack.status == 200
    stack.ledgers.close()


def test_a_decision_that_kafka_did_not_take_is_not_called_recorded(board: Board) -> None:
    form = board.form(act="acknowledged")
    board.stack.kafka_away = True
    answer = board.send(form)
    assert (answer.status_code, board.decisions) == (503, ())
    assert "Chưa ghi được quyết định" in answer.get_data(as_text=True)


def test_no_browser_keeps_the_page_or_tells_where_it_came_from(board: Board) -> None:
    answers = [
        board.stack.client.get(board.link()),
        board.stack.client.get(f"{board.link()}x"),
        board.send(board.form(act="acknowledged")),
        board.send({"act": "acknowledged"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 303, 400]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in answer.headers
        assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
        assert "noindex" in answer.headers["X-Robots-Tag"]


def test_somebody_erased_is_named_no_more(board: Board) -> None:
    board.decide(act="acknowledged")
    board.stack.people = People.fold([one for one in PEOPLE if one.id != "an"])
    assert "Nguyễn" not in board.page("ann")
    assert "Somebody no longer listed" in board.page("ann")
