"""What a leader reads, in both languages, on paper, in mail and on a phone."""

import io
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from services.notifier.message import MOST_LISTED, Links, Message
from services.notifier.numerals import Numerals
from services.notifier.short_text import MOST_PARTS, fullest, parts
from services.notifier.trend_picture import draw_trend
from services.notifier.webhook_payload import payload
from sipas.events import AlertChanged, Measured
from tests.message_samples import METHODS, WORDS, head, life, links, sample_registry, write

CHANGE = life()["confirmed"]
"""Of the head of Sở Nội vụ, as the judge made it; its figures are replaced by these, so that they can be read below."""
FACTS = {
    "before": Measured(percent=88.14, interval=(86.0, 90.1), responses=1234),
    "after": Measured(percent=66.2, interval=(55.5, 75.44), responses=81),
    "evidence": 8.8,
}
LANGUAGES = ("vi", "en")
KINDS = ("possible", "confirmed", "follow-up", "reminder", "recovered")
CHAIRMAN = {"vi": head("vi", role="chairman"), "en": head("en", role="chairman")}


def change(state: str = "confirmed", rule: str = "drop", **facts) -> AlertChanged:
    made = life() if rule == "drop" else life(target=85.0)
    return replace(made[state], **(FACTS | ({"before": None} if rule == "target" else {}) | facts))


def found() -> AlertChanged:
    return change("reminder", number=0)


def one(event: AlertChanged, language: str = "vi", **more) -> Message:
    return write("alert", event, person=head(language), **more)


class TestAMessage:
    @pytest.mark.parametrize(
        "expected",
        [
            "Kính gửi: Giám đốc Sở Nội vụ",
            "Trước đó: 88,1%, khoảng tin cậy 86,0% đến 90,1%, 1.234 phiếu",
            "Gần đây (tạm tính): 66,2%, khoảng tin cậy 55,5% đến 75,4%, 81 phiếu trong 3 ngày",
            "Bắt đầu vào khoảng: 16/11/2026",
            "Tiêu chí giảm nhiều nhất: Công chức trực tiếp giải quyết công việc, 89,2% → 53,8%",
            "Mức chứng cứ 6.634 : 1.",
            "trung bình 520 ngày có phiếu một lần",
            "chỉ số hài lòng (phỏng theo QĐ 2640)",
            "https://hailong.tinhmau.example/agencies/so-noi-vu",
            "không nói gì về việc ai đã chọn trả lời",
            "xin bấm nút xác nhận",
        ],
    )
    def test_in_vietnamese_says(self, expected):
        assert expected in one(change()).text

    @pytest.mark.parametrize(
        "expected",
        [
            "Before: 88.1%, interval 86.0% to 90.1%, 1,234 sheets",
            "Lately (provisional): 66.2%, interval 55.5% to 75.4%, 81 sheets in 3 days",
            "Began about: 16 November 2026",
            "once in 520 days with answers",
            "satisfaction index (modelled on QĐ 2640)",
            "Opening the link does not acknowledge.",
        ],
    )
    def test_in_english_says(self, expected):
        assert expected in one(change(), "en").text

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_says_in_html_what_it_says_in_text(self, language):
        message = one(change(), language)
        shown = " ".join(re.sub(r"<[^>]*>", " ", message.html.partition("<body")[2]).split())
        for figure in re.findall(r"\d+[.,]\d%|\d{4}", message.text):
            assert figure in shown or figure in message.html

    def test_says_possible_without_certainty_and_confirmed_without_doubt_and_how_often_each_is_wrong(self):
        possible, confirmed = one(change("possible")), one(change("confirmed"))
        assert possible.subject == "Sự hài lòng có thể đang giảm: Sở Nội vụ"
        assert confirmed.subject == "Sự hài lòng giảm rõ: Sở Nội vụ"
        assert "có thể đã giảm" in possible.text
        assert "có thể đã giảm" not in confirmed.text
        assert "61% cảnh báo mức “có thể” là báo nhầm" in possible.text
        assert "19% cảnh báo mức “giảm rõ” là báo nhầm" in confirmed.text
        for language, words in (("vi", ("61%", "19%")), ("en", ("61%", "19%"))):
            for kind, (share, other) in zip(("possible", "confirmed"), (words, words[::-1]), strict=True):
                text = one(change(kind), language).text
                assert share in text
                assert other not in text

    def test_against_a_target_names_the_target_and_quotes_no_simulation_of_another_rule(self):
        for language, label in (("vi", "Chỉ tiêu: 85,0%"), ("en", "Target: 85.0%")):
            text = one(change(rule="target"), language).text
            assert label in text
            assert "19%" not in text
            assert {"vi": "Trước đó", "en": "Before"}[language] not in text

    def test_of_recovery_says_since_when_and_how_often_that_is_wrong_and_asks_for_nothing(self):
        message = one(change("recovered"))
        assert "Trở lại từ khoảng: 11/01/2027" in message.text
        assert "trung bình 20 ngày có phiếu mới có một lần" in message.text
        assert "/alerts/" not in message.text + message.html + message.short

    def test_that_follows_up_says_whether_the_new_level_is_surely_lower(self):
        lower = one(change("follow-up"))
        unsure = one(change("follow-up", after=Measured(percent=83.0, interval=(76.0, 89.0), responses=300)))
        assert "vẫn thấp hơn mức thường thấy" in lower.text
        assert "chưa thể nói" in unsure.text
        assert "vẫn thấp hơn" not in unsure.text
        assert "Mười ngày có phiếu sau cảnh báo: 66,2%" in lower.text

    def test_that_reminds_says_since_when_the_alert_is_open(self):
        assert "Cảnh báo mở ngày: 17/11/2026" in one(change("reminder")).text

    def test_of_what_was_history_when_it_was_found_says_that_it_comes_late(self):
        message = one(found())
        assert message.subject == "Sự hài lòng đang thấp hơn trước: Sở Nội vụ"
        assert "Ngày 17/11/2026 hệ thống chưa báo được" in message.text
        assert "Nhắc lại" not in message.subject

    def test_gives_no_odds_beyond_a_million(self):
        assert "> 1.000.000 : 1" in one(change(evidence=900.0)).text

    @pytest.mark.parametrize("role", ["head", "department", "chairman", "observer"])
    def test_names_a_counter_to_the_head_of_the_unit_only(self, role):
        assert change().counter_fell is not None
        message = write("alert", change(), person=head(role=role))
        for text in (message.text, message.html):
            assert ("Quầy số 9" in text) is (role == "head")

    @pytest.mark.parametrize(("language", "demo"), [*product(LANGUAGES, [True, False])])
    def test_says_everywhere_that_data_are_made_up_where_they_are(self, language, demo):
        message = one(change(), language, demo=demo)
        banner = WORDS[language]["sample"]
        for part in (message.subject, message.text, message.html):
            assert (banner in part) is demo
        assert message.short.startswith(WORDS[language]["short"]["sample"]) is demo

    def test_without_a_way_to_acknowledge_does_not_ask_for_it(self):
        message = one(change(), links=lambda _: Links("https://b.example/agencies/x"))
        assert "nút xác nhận" not in message.text

    def test_of_an_acknowledged_alert_leads_to_its_page_where_it_can_be_decided_upon(self):
        message = one(change("reminder"), links=lambda _: Links("https://b.example/d", page="https://b.example/p"))
        assert "Mở trang cảnh báo: https://b.example/p" in message.text
        assert "mức bình thường mới" in message.text
        assert "nút xác nhận" not in message.text
        assert "mức bình thường mới" not in one(change("reminder"), links=lambda _: Links("https://b.example/d")).text

    def test_escapes_names(self):
        message = write("alert", change(), person=head(name='A <b> & "C"'))
        assert "A &lt;b&gt; &amp; &quot;C&quot;" in message.html

    def test_made_again_is_the_same(self):
        assert one(change()) == one(change())


EVERY = [
    *(("alert", kind, rule) for kind in KINDS for rule in ("drop", "target")),
    ("escalation", "confirmed", "drop"),
]


class TestEveryMessage:
    """Of whatever kind, in either language."""

    @staticmethod
    @cache
    def all_of(language: str) -> dict[str, Message]:
        person, others = CHAIRMAN[language], [life("so-y-te", 3)["confirmed"], life("so-tai-chinh", 5)["recovered"]]
        made = {
            f"{kind} {state} {rule}": write(kind, change(state, rule), person=person) for kind, state, rule in EVERY
        }
        return made | {
            "found": write("alert", found(), person=person),
            "waited": write("escalation", change(), person=person, hours=16),
            "merged": write("merged", change(), *others, person=person),
            "children": write("children", change(), *others[:1], person=person),
            "daily": write("digest-daily", change(), *others, waiting=others[:1], person=person),
            "quiet": write("digest-weekly", person=person, watched=69),
            "quiet, unknown": write("digest-weekly", person=person),
        }

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_is_whole_and_has_no_gap(self, language):
        for name, message in self.all_of(language).items():
            for part in (message.subject, message.text, message.html.partition("<body")[2], message.short):
                assert part, name
                assert not re.search(r"[{}]|None|\bnan\b", part), name

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_is_written_in_composed_letters(self, language):
        for message in self.all_of(language).values():
            assert unicodedata.is_normalized("NFC", message.subject + message.text + message.short)

    def test_addresses_nobody_without_respect(self):
        for message in self.all_of("vi").values():
            assert not re.search(r"\b(?:bạn|anh|chị)\b", message.text)
            assert not re.search(r"Đề nghị (?!Ông/Bà)", message.text)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_fetches_nothing_from_anywhere(self, language):
        for message in self.all_of(language).values():
            sources = re.findall(r'(?:src|background)="([^"]*)"|url\(([^)]*)\)', message.html)
            shown = {f"cid:{picture.cid}" for picture in message.pictures}
            assert {first or second for first, second in sources} == shown
            assert "<script" not in message.html
            assert "<link" not in message.html

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_is_a_text_message_of_three_parts_at_most(self, language):
        for message in self.all_of(language).values():
            assert 1 <= parts(message.short) <= MOST_PARTS

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_has_sentences_that_a_phone_can_show(self, language):
        """A sentence of more than 40 words is not read there."""
        for message in self.all_of(language).values():
            for sentence in re.split(r"(?<=[.!?:;])\s|\n", message.text):
                assert len(sentence.split()) <= 40, sentence

    def test_never_calls_our_figure_by_the_name_of_the_yearly_survey(self):
        assert "SIPAS" not in files("services.notifier").joinpath("messages.yaml").read_text("utf-8")

    def test_has_the_same_places_in_both_languages(self):
        def shape(words):
            if isinstance(words, dict):
                return {key: shape(value) for key, value in words.items()}
            texts = words if isinstance(words, list) else [words]
            return [set(re.findall(r"{\w+}", text)) for text in texts]

        assert shape(WORDS["vi"]) == shape(WORDS["en"])


class TestSeveralInOne:
    def test_merged_are_said_once_each_under_their_agencies(self):
        message = write("merged", change(), life("so-y-te", 3)["recovered"])
        assert message.subject == "2 tin về sự hài lòng của người dân"
        for expected in ("Sở Nội vụ\n- giảm rõ: 88,1% → 66,2% (81 phiếu)", "Sở Y tế\n- đã hồi phục"):
            assert expected in message.text
        assert message.pictures == ()

    def test_of_one_alert_are_the_newest_of_it(self):
        message = write("merged", change("possible"), change("confirmed"))
        assert message.subject == one(change("confirmed")).subject

    def test_children_are_counted_out_of_their_block_since_the_first(self):
        fallen = [change(), life("so-y-te", 3)["confirmed"], life("so-tai-chinh", 5)["possible"]]
        message = write("children", *fallen, person=CHAIRMAN["vi"])
        assert message.subject == "3 trong 14 cơ quan giảm từ khoảng thứ Hai: Sở, ban, ngành"
        assert (
            message.text.index("Sở Nội vụ\n") < message.text.index("Sở Tài chính\n") < message.text.index("Sở Y tế\n")
        )

    def test_only_what_fell_is_counted_as_fallen(self):
        fallen, risen = [change(), life("so-y-te", 3)["confirmed"]], life("so-tai-chinh", 5)["recovered"]
        message = write("children", *fallen, risen, person=CHAIRMAN["vi"])
        assert message.subject.startswith("2 trong 14 cơ quan giảm")
        assert message.text.index("\n\nHồi phục\n") < message.text.index("\n\nSở Tài chính\n")

    def test_of_which_one_fell_are_merged(self):
        message = write("children", change(), life("so-y-te", 3)["recovered"], person=CHAIRMAN["vi"])
        assert message.subject == "2 tin về sự hài lòng của người dân"

    @pytest.mark.parametrize("kind", ["merged", "children", "digest-daily"])
    def test_of_whatever_kind_say_how_often_such_alerts_are_false(self, kind):
        fallen = [change("possible"), life("so-y-te", 3)["confirmed"]]
        assert "61%" in write(kind, *fallen).text
        assert "19%" in write(kind, *fallen).text
        assert "61%" not in write(kind, *fallen[1:], life("so-tai-chinh", 5)["recovered"]).text

    def test_more_than_a_person_reads_are_counted(self):
        many = [replace(change(), agency=f"xa-{number}") for number in range(MOST_LISTED + 7)]
        message = write("children", *many, person=CHAIRMAN["vi"])
        assert message.text.count("giảm rõ:") == MOST_LISTED
        assert "Còn 7 tin nữa ở bảng theo dõi" in message.text

    def test_children_of_two_blocks_are_counted_out_of_the_province(self):
        other = next(agency for agency in sample_registry().agencies.values() if agency.block == "cap-xa")
        message = write("children", change(), replace(change(), agency=other.id), person=CHAIRMAN["vi"])
        assert "2 trong 69 cơ quan (toàn tỉnh)" in message.text

    def test_a_fall_of_last_month_is_not_called_by_a_weekday(self):
        late = datetime(2026, 12, 20, tzinfo=UTC)
        message = write("children", change(), life("so-y-te", 3)["confirmed"], now=late)
        assert "từ khoảng 16/11/2026" in message.subject

    def test_a_digest_says_what_fell_what_recovered_and_what_waits(self):
        waiting = life("so-tai-chinh", 5)["confirmed"]
        message = write("digest-daily", change(), life("so-y-te", 3)["recovered"], waiting=[waiting, change()])
        assert message.subject.endswith(": 1 giảm, 1 hồi phục, 2 chờ xác nhận")
        sections = ["Giảm", "Sở Nội vụ", "Hồi phục", "Sở Y tế", "Chờ xác nhận", "Sở Tài chính"]
        places = [message.text.index(f"\n\n{section}\n") for section in sections]
        assert places == sorted(places)
        assert message.text.count("\n\nSở Nội vụ\n") == 1

    def test_a_week_without_news_says_so_and_why_it_says_so(self):
        message = write("digest-weekly", person=CHAIRMAN["vi"], watched=69)
        assert message.subject == "Tổng hợp tuần đến 20/11/2026: không có thay đổi"
        assert "ở 69 cơ quan mà Ông/Bà theo dõi" in message.text
        assert "không phải hệ thống ngừng chạy" in message.text

    def test_an_escalation_says_how_long_nobody_has_answered(self):
        message = write("escalation", change(), person=CHAIRMAN["vi"], hours=16)
        assert message.subject == "Cảnh báo chưa có người xác nhận: Sở Nội vụ"
        assert "Đã qua 16 giờ làm việc" in message.text


class TestAShortText:
    def test_says_what_where_how_much_and_leads_to_the_acknowledgement(self):
        short = one(change()).short
        assert short.startswith("Sở Nội vụ: giảm rõ, 88,1% → 66,2%")
        assert short.endswith(links(change()).acknowledge)

    def test_leads_to_the_days_where_the_other_address_is_too_long(self):
        far = Links("https://b.example/agencies/x", "https://b.example/alerts/" + "x" * 200)
        assert one(change(), links=lambda _: far).short.endswith(" https://b.example/agencies/x")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("a" * 160, 1), ("a" * 161, 2), ("a" * 459, 3), ("ế" * 70, 1), ("ế" * 71, 2), ("ế" * 201, 3), ("[" * 81, 2)],
    )
    def test_costs_parts(self, text, expected):
        assert parts(text) == expected

    @given(st.lists(st.text(max_size=600), min_size=1, max_size=4))
    def test_fits_whatever_there_is_to_say(self, texts):
        assert parts(fullest(texts)) <= MOST_PARTS

    def test_is_the_fullest_that_fits(self):
        assert fullest(["ế" * 300, "ế" * 60, "ế"]) == "ế" * 60


class TestThePicture:
    def test_is_a_small_png_of_the_size_that_the_page_gives_it_twice_over(self):
        [picture] = one(change()).pictures
        shown = Image.open(io.BytesIO(picture.png))
        assert shown.size == (2 * picture.width, 2 * picture.height)
        assert len(picture.png) < 20_000

    def test_shows_both_levels_in_their_own_colours(self):
        def colours(event):
            shown = Image.open(io.BytesIO(draw_trend(event, "vi"))).convert("RGB")
            return {colour for _, colour in shown.getcolors(100_000)}

        def has(found, wanted):
            return any(max(abs(a - b) for a, b in zip(one, wanted, strict=True)) < 16 for one in found)

        red, green = (0xB3, 0x26, 0x1E), (0x14, 0x6C, 0x2E)
        assert has(colours(change()), red)
        assert not has(colours(change()), green)
        assert has(colours(change("recovered")), green)

    def test_says_the_same_in_words(self):
        [picture] = one(change()).pictures
        for expected in ("23 ngày có phiếu", "Mức trước đó 88,1%.", "Mức mới 66,2%, từ khoảng 16/11/2026."):
            assert expected in picture.alt
        assert picture.alt in one(change()).text

    def test_is_left_out_of_an_alert_that_was_recorded_without_days(self):
        message = one(change(trend=()))
        assert message.pictures == ()
        assert "<img" not in message.html

    @settings(max_examples=25)
    @given(
        st.lists(st.tuples(st.integers(0, 40), st.floats(0, 100), st.integers(1, 500)), min_size=2, max_size=60),
        st.floats(0, 100),
        st.integers(-50, 50),
    )
    def test_can_be_drawn_of_any_days(self, days, after, since):
        first = CHANGE.trend[0]
        trend = tuple(
            replace(first, day=first.day + timedelta(days=day), percent=percent, responses=responses)
            for day, percent, responses in sorted(days)
        )
        event = change(
            trend=trend,
            since=first.day + timedelta(days=since),
            after=Measured(percent=after, interval=(after / 2, after), responses=1),
        )
        assert draw_trend(event, "en")


class TestNumerals:
    @given(st.floats(0, 5000))
    def test_odds_are_never_more_than_a_million(self, evidence):
        assert int(re.sub(r"\D", "", Numerals("vi").odds(evidence))) <= 1_000_000


class TestWhatAnotherProgramIsTold:
    def payload(self, event: AlertChanged) -> dict:
        now = datetime(2026, 11, 18, 11, tzinfo=UTC)
        return payload(event, registry=sample_registry(), methods=METHODS, links=links(event), now=now)

    def test_is_the_figures_of_the_record(self):
        told = self.payload(change())
        assert (told["type"], told["timestamp"]) == ("alert.confirmed", "2026-11-18T11:00:00+00:00")
        data = told["data"]
        assert data["id"] == change().id
        assert data["before"] == {"percent": 88.14, "interval": [86.0, 90.1], "responses": 1234}
        assert data["agency_name"]["vi"] == "Sở Nội vụ"
        assert (data["criterion"]["code"], data["false_alarm_days"], data["state"]) == ("STAFF", 520.0, "confirmed")

    def test_names_no_counter_no_person_and_no_address_to_acknowledge(self):
        told = str(self.payload(change()))
        for secret in ("0MWF2SBY7J", "Quầy", "/alerts/", "giam-doc"):
            assert secret not in told

    def test_calls_what_was_found_late_by_a_name_of_its_own(self):
        assert self.payload(found())["type"] == "alert.found"

    def test_has_exactly_the_fields_that_its_page_describes(self):
        page = (files("services").joinpath("..").joinpath("docs/alerts-webhook.md")).read_text("utf-8")
        described = set(re.findall(r"^\| `(\w+)` ", page, re.MULTILINE))
        assert described == set(self.payload(change())["data"])
