"""What a leader reads, and the mail that carries it."""

import re
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.policy import default
from importlib.resources import files

import pytest

from services.notifier.mailer import Mailer
from services.notifier.message import Message, compose, load_words
from sipas.events import AlertChanged, Measured

WORDS = load_words()
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


def alert(kind="confirmed", rule="drop", **kwargs) -> AlertChanged:
    facts = {
        "id": f"so-noi-vu/quick-5@1/{rule}/2026-11-20/{kind}/1",
        "agency": "so-noi-vu",
        "method": "quick-5@1",
        "rule": rule,
        "kind": kind,
        "number": 1,
        "opened_on": date(2026, 11, 20),
        "day": date(2026, 11, 21),
        "since": date(2026, 11, 18),
        "before": Measured(percent=88.14, interval=(86.0, 90.1), responses=1234) if rule == "drop" else None,
        "after": Measured(percent=66.2, interval=(55.5, 75.44), responses=81),
        "evidence": 8.8,
        "criterion": "STAFF",
        "target": None if rule == "drop" else 85.0,
        "historical": False,
        "version": (0, 7),
        "state": {"rule": {"false_alarm_days": 520.0, "recover_days": 20.0}},
    }
    return AlertChanged(**(facts | kwargs))


def composed(event: AlertChanged, language="vi", *, demo=False) -> Message:
    name = {"vi": "Sở Nội vụ", "en": "Department of Home Affairs"}[language]
    criterion = {"vi": "Công chức", "en": "Civil servants"}[language] if event.criterion else None
    return compose(
        event,
        WORDS[language],
        language=language,
        agency=name,
        criterion=criterion,
        board_url="https://board.example",
        demo=demo,
    )


class TestAMessage:
    @pytest.mark.parametrize(
        "expected",
        [
            "88,1%, khoảng tin cậy 86,0% đến 90,1% (1.234 phiếu)",
            "Gần đây (tạm tính): 66,2%, khoảng tin cậy 55,5% đến 75,4%, 81 phiếu",
            "Bắt đầu vào khoảng: 18/11/2026",
            "Tiêu chí giảm nhiều nhất: Công chức",
            "trung bình 520 ngày có phiếu mới có một lần do ngẫu nhiên",
            "6.634 : 1",
            "chỉ số hài lòng (phỏng theo QĐ 2640)",
            "https://board.example/agencies/so-noi-vu",
            "không nói gì về việc ai đã chọn trả lời",
        ],
    )
    def test_in_vietnamese_says(self, expected):
        message = composed(alert())
        assert expected in message.text
        assert expected in re.sub(r"</?a[^>]*>", "", message.html)

    @pytest.mark.parametrize(
        "expected",
        [
            "88.1%, interval 86.0% to 90.1% (1,234 sheets)",
            "Lately (provisional): 66.2%",
            "Began about: 18 November 2026",
            "once in 520 days with answers",
            "satisfaction index (modelled on QĐ 2640)",
        ],
    )
    def test_in_english_says(self, expected):
        assert expected in composed(alert(), "en").text

    @pytest.mark.parametrize("language", ["vi", "en"])
    def test_against_a_target_names_the_target(self, language):
        text = composed(alert(rule="target"), language).text
        assert {"vi": "Chỉ tiêu: 85,0%", "en": "Target: 85.0%"}[language] in text
        assert {"vi": "Trước đó", "en": "Before"}[language] not in text

    def test_of_recovery_says_since_when_and_how_often_that_is_wrong(self):
        text = composed(alert("recovered", criterion=None)).text
        assert "Trở lại từ khoảng: 18/11/2026" in text
        assert "một báo hồi phục sai trung bình 20 ngày" in text
        assert "Tiêu chí" not in text

    def test_gives_no_odds_beyond_a_million(self):
        assert "> 1.000.000 : 1" in composed(alert(evidence=900.0)).text

    @pytest.mark.parametrize("language", ["vi", "en"])
    @pytest.mark.parametrize("demo", [True, False])
    def test_says_in_subject_and_body_that_data_are_made_up_where_they_are(self, language, demo):
        message = composed(alert(), language, demo=demo)
        banner = WORDS[language]["sample"]
        for part in (message.subject, message.text, message.html):
            assert (banner in part) is demo

    @pytest.mark.parametrize("language", ["vi", "en"])
    @pytest.mark.parametrize("rule", ["drop", "target"])
    @pytest.mark.parametrize("kind", ["possible", "confirmed", "recovered"])
    def test_is_whole_in_every_kind_and_has_no_gap(self, language, rule, kind):
        message = composed(alert(kind, rule), language)
        for part in (message.subject, message.text, message.html):
            assert "{" not in part
            assert "None" not in part

    def test_escapes_names(self):
        made = compose(
            alert(), WORDS["vi"], language="vi", agency="A <b> & C", criterion=None, board_url="https://b", demo=False
        )
        assert "A &lt;b&gt; &amp; C" in made.html

    def test_never_calls_our_figure_by_the_name_of_the_yearly_survey(self):
        assert "SIPAS" not in files("services.notifier").joinpath("messages.yaml").read_text("utf-8")

    def test_has_the_same_places_in_both_languages(self):
        def shape(words):
            return {key: shape(value) if isinstance(value, dict) else None for key, value in words.items()}

        assert shape(WORDS["vi"]) == shape(WORDS["en"])


class TestTheMail:
    def mail(self, message_id="a/leader/email"):
        return Mailer("smtp://127.0.0.1:1", "sipas@tinhmau.example").mail(
            message_id, "leader@tinhmau.example", composed(alert()), NOW
        )

    def test_has_a_message_id_that_follows_from_the_messages_own(self):
        assert self.mail()["Message-ID"] == self.mail()["Message-ID"]
        assert self.mail()["Message-ID"] != self.mail("a/other/email")["Message-ID"]
        assert self.mail()["Message-ID"].endswith("@tinhmau.example>")

    def test_is_plain_text_with_an_html_form_beside_it(self):
        assert [part.get_content_type() for part in self.mail().get_payload()] == ["text/plain", "text/html"]

    @pytest.mark.parametrize("agency", ["Sở Nội vụ", "Sở Nông nghiệp và Môi trường tỉnh Mẫu " * 4])
    @pytest.mark.parametrize("kind", ["possible", "confirmed", "recovered"])
    def test_keeps_its_subject_whole_on_its_way(self, kind, agency):
        message = compose(
            alert(kind), WORDS["vi"], language="vi", agency=agency.strip(), criterion=None, board_url="b", demo=True
        )
        sent = Mailer("smtp://127.0.0.1:1", "sipas@tinhmau.example").mail("id", "a@b.example", message, NOW)
        assert str(message_from_bytes(sent.as_bytes(), policy=default)["Subject"]) == message.subject

    def test_says_that_a_machine_wrote_it(self):
        assert self.mail()["Auto-Submitted"] == "auto-generated"
