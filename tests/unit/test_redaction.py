"""Redaction of comments: no number of the listed kinds survives in any written form, and ordinary sentences do."""

import re
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from services.survey.redaction import DOSSIER, EMAIL, MARKS, NUMBER, PAPER, PHONE, PLATE, redact

# --- ordinary sentences

ORDINARY = [
    "Nhân viên quầy số 12 rất tận tình, tôi chờ khoảng 15 phút.",
    "Hẹn ngày 22/11/2026 nhưng đến 25/11/2026 mới có kết quả.",
    "Hẹn 22-11-2026 8:30, trả lúc 16:45.",
    "Từ 22/11/2026 - 25/11/2026 tôi phải đi lại 3 lần.",
    "Giờ làm việc 7:30-11:30 13:30-17:00 không thuận tiện.",
    "Giờ làm việc 7h30-11h30, 13h30-17h00.",
    "Lệ phí 150.000đ, nộp thêm 1.500.000 đồng, không có biên lai.",
    "Phí từ 150.000 - 200.000 đồng là đúng; tổng đầu tư 1.500.000.000 đồng.",
    "Theo Nghị định 118/2025/NĐ-CP, Quyết định 2640/QĐ-BNV và Luật 91/2025/QH15.",
    "Nghị định số 61/2018/NĐ-CP ngày 23/4/2018 đã hết hiệu lực từ 1/7/2025.",
    "Thủ tục 1.001193 và 2.000815.000.00.00.H55 chưa niêm yết.",
    "Mã 1.001193 2.000815 1.000894 ghi trên bảng.",
    "Phòng 301, tầng 3, nhà A2, số 12 Nguyễn Trãi.",
    "Quầy 12 có 1000 người, quầy 15 ở 12345 hồ sơ tồn.",
    "Quầy 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 đều đông.",
    "Tỷ lệ 83,94% năm 2024, 82,66% năm 2023; dân số 36.525 người.",
    "Giai đoạn 2021-2025, 2026-2030.",
    "Từ tháng 9/2025 - 11/2026 phải chờ.",
    "Lúc 15h 2026 người; phòng 12A 2026.",
    "Gọi tổng đài 1900 1234 hoặc 1022 không ai nghe máy.",
    "Chờ 2 tiếng 30 phút (từ 8:00 đến 10:30), số thứ tự 1057.",
    "Tôi được 9,5/10 điểm; 5 sao!",
    "Cán bộ a công tâm. Cổng dichvucong.gov.vn chậm.",
    "- quầy 1\n- quầy 2\n\nXin cảm ơn 🙏👍🏽",
    "TCVN ISO 9001:2015, thông tư 01/2018/TT-VPCP",
    "",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_sentence_is_left_byte_for_byte(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("text", ORDINARY)
def test_also_with_its_diacritics_written_apart(text: str) -> None:
    apart = unicodedata.normalize("NFD", text)
    assert redact(apart) == apart


# --- what is taken out, and by which mark


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Gọi 0912 345 678 nhé", f"Gọi {PHONE} nhé"),
        ("Gọi (+84) 912.345.678.", f"Gọi {PHONE}."),
        ("máy bàn (024) 3822 1234, quầy 5", f"máy bàn {PHONE}, quầy 5"),
        ("sđt: 38221234", f"sđt: {PHONE}"),
        ("CCCD 001099012345 cấp 22/11/2021", f"CCCD {PAPER} cấp 22/11/2021"),
        ("CMND 123 456 789", f"CMND {PAPER}"),
        ("CMND 123.456.789 đồng ý", f"CMND {PAPER} đồng ý"),
        ("hộ chiếu B1234567", f"hộ chiếu {PAPER}"),
        ("STK 123456 của tôi", f"STK {NUMBER} của tôi"),
        ("tài khoản ngân hàng 1903 2014 5678 9012", f"tài khoản ngân hàng {NUMBER}"),
        ("xe 29A-123.45 đỗ ở cổng", f"xe {PLATE} đỗ ở cổng"),
        ("xe 29-B1 234.56, 30E 12345, 51f-1234", f"xe {PLATE}, {PLATE}, {PLATE}"),
        ("xe 80-NG-123-45", f"xe {PLATE}"),
        ("hồ sơ H15.50.05.13-261008-0975 chậm", f"hồ sơ {DOSSIER} chậm"),
        ("hồ sơ G22.99.08-260921-896048", f"hồ sơ {DOSSIER}"),
        ("hồ sơ 000.00.12.H62-201105-0004", f"hồ sơ {DOSSIER}"),
        ("hồ sơ 261008-0975", f"hồ sơ {NUMBER}"),
        ("Email: ten.toi@gmail.com.", f"Email: {EMAIL}."),
        ("Tôi hài lòng. Thu@gmail.com", f"Tôi hài lòng. {EMAIL}"),
        ("viết cho ten (at) gmail.com nhé", f"viết cho {EMAIL} nhé"),
        ("viết cho ten a còng gmail chấm com nhé", f"viết cho {EMAIL} nhé"),
        ("0912345678@zalo.me", EMAIL),
        ("001099012345 0912345678", f"{PAPER} {PHONE}"),
        ("22/11/2026 0912345678", f"22/11/2026 {PHONE}"),
        ("O9I2", "O9I2"),
        ("OO1O99O12345", PAPER),
        ("8️⃣1️⃣2️⃣345678 nhé", f"{PAPER} nhé"),
    ],
)
def test_a_number_is_replaced_by_a_mark_that_says_what_it_was(text: str, redacted: str) -> None:
    assert redact(text) == redacted


# --- in every written form

DIGITS = "0123456789"
FULL_WIDTH = str.maketrans(DIGITS, "０１２３４５６７８９")
SEPARATORS = ["", " ", ".", "-", " - ", ". ", "–", "\N{NO-BREAK SPACE}", "_", "\n"]
UNSEEN = ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\ufe0f"]
SENTENCES = [
    ("", ""),
    ("Số của tôi là ", " nhé."),
    ("Tôi đến ngày 22/11/2026, ", ", đợi 3 tiếng."),
    ("(", ")"),
    ("Phí 150.000đ.\n", "\nXin cảm ơn!"),
    ("Theo 118/2025/NĐ-CP thì ", " đồng ý"),
    ("SĐT:", "ạ"),
    ("chị Hoa", "quầy số 12"),
]


def digits(length: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=length, max_size=length)


MOBILE = st.builds(str.__add__, st.sampled_from("35789"), digits(8))
LANDLINE = st.builds(str.__add__, st.sampled_from(["24", "28", "203", "236", "263"]), st.one_of(digits(7), digits(8)))
NATIONAL = st.one_of(MOBILE, LANDLINE)
PHONES = st.builds(lambda prefix, rest: prefix + rest, st.sampled_from(["0", "84", "0084", "840"]), NATIONAL)
NUMBERS = st.one_of(
    PHONES,
    MOBILE,  # without its naught
    st.builds(str.__add__, st.just("0"), digits(11)),  # CCCD
    digits(9),  # CMND
    st.integers(9, 19).flatmap(digits),  # accounts and whatever else
)


LONE_O = r"(?<![^\W_])(?:O|O{7,})(?![^\W_])"
"""Not read as a digit: "ở" without its signs, and an exclamation."""


@st.composite
def written(draw: st.DrawFn, number: str) -> str:
    """The number in groups, as people write it: one separator throughout, or a different one each time."""
    parts, rest = [], number
    same = draw(st.sampled_from(SEPARATORS) | st.none())
    while rest:
        size = draw(st.integers(1, 6))
        parts.append(rest[:size])
        rest = rest[size:]
    text = parts[0]
    for part in parts[1:]:
        text += (draw(st.sampled_from(SEPARATORS)) if same is None else same) + part
    if draw(st.booleans()):
        text = text.translate(FULL_WIDTH)
    elif draw(st.booleans()) and not re.search(LONE_O, letters := text.replace("0", "O")):
        text = f" {letters} "
    unseen = draw(st.sampled_from(UNSEEN) | st.none())
    if unseen:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + unseen + text[at:]
    return ("+" if draw(st.booleans()) and number.startswith("84") else "") + text


def bare(text: str) -> str:
    """What somebody reads who leaves out everything between the digits and letters."""
    plain = unicodedata.normalize("NFKC", text).upper()
    return "".join(character for character in plain if character.isascii() and character.isalnum()).replace("O", "0")


@given(st.data(), NUMBERS, st.sampled_from(SENTENCES))
def test_no_long_number_survives_however_it_is_written(
    data: st.DataObject, number: str, sentence: tuple[str, str]
) -> None:
    text = data.draw(written(number))
    before, after = sentence
    redacted = redact(before + text + after)
    assert number not in bare(redacted)
    assert any(mark in redacted for mark in MARKS)
    assert redacted.startswith(before.rstrip("("))
    assert redacted.endswith(after.lstrip(")"))


PROVINCE = st.integers(11, 99).map(str)
LETTER = st.sampled_from("ABCDEFGHKLMNPSTUVXYZ")
SERIES = LETTER | st.builds(str.__add__, LETTER, st.sampled_from("123456789")) | st.sampled_from(["LD", "AA", "NN"])


@given(
    PROVINCE,
    st.one_of(
        LETTER, st.builds(str.__add__, LETTER, st.sampled_from("123456789")), st.sampled_from(["LD", "AA", "NN"])
    ),
    digits(5),
    st.sampled_from([("", "-", "."), ("-", " ", "."), ("", " ", ""), ("-", "-", ""), ("", "", ""), ("", " ", " ")]),
    st.booleans(),
    st.sampled_from(SENTENCES[:-1]),
)
def test_no_plate_survives(
    province: str, series: str, number: str, gaps: tuple[str, str, str], small: bool, sentence: tuple[str, str]
) -> None:
    plate = province + gaps[0] + series + gaps[1] + number[:3] + gaps[2] + number[3:]
    redacted = redact(sentence[0] + (plate.lower() if small else plate) + sentence[1])
    assert (province + series + number).replace("O", "0") not in bare(redacted)
    assert redacted == sentence[0] + PLATE + sentence[1]


@given(PROVINCE, LETTER, digits(4), st.sampled_from(["", "-"]), st.sampled_from(SENTENCES[:-1]))
def test_no_old_plate_of_four_digits_survives(
    province: str, series: str, number: str, gap: str, sentence: tuple[str, str]
) -> None:
    assume(gap == "-" or (series not in "HKM" and number[:2] not in {"19", "20"}))
    assert redact(f"{sentence[0]}{province}{series}{gap}{number}{sentence[1]}") == sentence[0] + PLATE + sentence[1]


AGENCY = st.one_of(
    st.builds(
        lambda letter, two, groups: ".".join([letter + two, *groups]),
        st.sampled_from("GH"),
        digits(2),
        st.lists(st.integers(1, 3).flatmap(digits), max_size=6),
    ),
    st.builds("000.00.{}.H{}".format, digits(2), digits(2)),
)


@given(
    AGENCY,
    digits(6),
    st.integers(4, 7).flatmap(digits),
    st.sampled_from(["-", " - ", "–", " ", "."]),
    st.booleans(),
    st.sampled_from(SENTENCES[:-1]),
)
def test_no_dossier_code_survives(
    agency: str, day: str, serial: str, gap: str, small: bool, sentence: tuple[str, str]
) -> None:
    code = agency + gap + day + gap + serial
    redacted = redact(sentence[0] + (code.lower() if small else code) + sentence[1])
    assert redacted == sentence[0] + DOSSIER + sentence[1]


LOCAL = st.from_regex(r"\A[a-z][a-z0-9_]{1,12}(\.[a-z0-9]{1,8})?\Z")


@given(
    LOCAL,
    st.sampled_from(["gmail.com", "yahoo.com.vn", "sonoivu.tinhmau.gov.vn", "outlook.com"]),
    st.sampled_from(["@", " @ ", "(at)", " [at] ", " at ", " a còng ", " (a còng) ", "＠"]),
    st.sampled_from([".", " chấm ", "(dot)", " dot ", " . "]),
    st.sampled_from([("", ""), ("Email của tôi là ", " nhé."), ("(", ")"), ("Xin viết cho ", ", cảm ơn.")]),
)
def test_no_email_address_survives(local: str, domain: str, at: str, dot: str, sentence: tuple[str, str]) -> None:
    address = local + at + domain.replace(".", dot)
    assert redact(sentence[0] + address + sentence[1]) == sentence[0] + EMAIL + sentence[1]


# --- always

PIECES = st.one_of(
    st.sampled_from([*ORDINARY, *MARKS, "SĐT", "stk là", "0912 345 678", "29A-123.45", "a còng", "@gmail.com", "ten"]),
    st.sampled_from([" ", "", ", ", ".", "-", "\n", "(", ")", "[", "]", "+", "\0"]),
    digits(3),
    st.text(max_size=8),
)


@given(st.lists(PIECES, max_size=12).map("".join))
@example("điện thoại 0912345678, 1234567")
@example("a@gmail.com000@gmail.com")
def test_redacting_twice_is_redacting_once(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


SLOW = ["a", "1", "1.", "a.", "a@", "+a", "8:30:15:", "1-1-2020-", "29a", "h15.", "a còng ", "(at)", "a chấm ", "O"]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("piece", SLOW)
@pytest.mark.parametrize("length", [2_000, 20_000])
def test_a_text_made_to_be_slow_ends(piece: str, length: int) -> None:
    """It must simply finish: an expression that goes back over what it read would take years for one of these."""
    redact((piece * length)[:length] + "!")
