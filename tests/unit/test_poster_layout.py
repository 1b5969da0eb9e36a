"""Posters' layout: nothing leaves the sheet, nothing touches anything else, whatever stands on it."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.board.posters import fonts
from services.board.posters.content import WORDS, Poster
from services.board.posters.elements import Box, Element, Face, Frame, Symbol, Words
from services.board.posters.layout import sheet
from services.board.posters.targets import SIZES, Size
from services.board.posters.typesetting import AddressTooLong, Style, set_text, wrap
from sipas.codes import printed
from sipas.problems import Text
from tests.posters import LONG, LONGEST, POSTER

LETTERS = st.text(st.sampled_from("aáẤỖgQyđƯW .,-/0"), min_size=1, max_size=400).map(lambda text: text.strip() or "a")
NAMES = st.builds(Text, LETTERS, LETTERS)
SITES = st.from_regex(r"[a-z]{1,20}(\.[a-z-]{1,20}){1,4}", fullmatch=True)


def face(poster: Poster, size: Size) -> Face:
    return sheet(poster, size, fonts.measure).faces[0].face


def of(kind: type, poster: Poster, size: Size) -> list:
    return [element for element in face(poster, size).elements if isinstance(element, kind)]


def said(poster: Poster, size: Size) -> str:
    return " ".join(words.text for words in of(Words, poster, size))


def shares_room(one: Element, other: Element) -> bool:
    # a frame is there to hold words: it must not cut through them
    if isinstance(one, Frame) or isinstance(other, Frame):
        frame, inner = (one, other) if isinstance(one, Frame) else (other, one)
        half = frame.thickness
        hole = Box(frame.box.left + half, frame.box.top + half, frame.box.right - half, frame.box.bottom - half)
        return inner.box.overlaps(frame.box) and not inner.box.inside(hole)
    return one.box.overlaps(other.box)


def check(poster: Poster, size: Size) -> None:
    made = face(poster, size)
    whole = Box(0, 0, made.width, made.height)
    printable = 5 * 72 / 25.4  # what office printers leave white, and a little more
    inner = Box(printable, printable, made.width - printable, made.height - printable)
    for element in made.elements:
        # the quiet zone is white: it may lie where a printer cannot print
        assert element.box.inside(whole if isinstance(element, Symbol) else inner), element
    for one, other in combinations(made.elements, 2):
        assert not shares_room(one, other), (one, other)


@pytest.mark.parametrize("size", SIZES)
class TestRoom:
    @pytest.mark.parametrize("poster", [POSTER, replace(POSTER, demo=True), LONGEST], ids=["usual", "demo", "longest"])
    def test_a_poster_keeps_to_its_margins_and_nothing_overlaps(self, size: Size, poster: Poster) -> None:
        check(poster, size)

    @settings(deadline=None, max_examples=50)
    @given(place=NAMES, counter=NAMES, agencies=st.lists(NAMES, max_size=3), site=SITES, demo=st.booleans())
    def test_so_does_any_other(
        self, size: Size, place: Text, counter: Text, agencies: list[Text], site: str, demo: bool
    ) -> None:
        check(
            replace(
                POSTER,
                url=f"https://{site}/{POSTER.code}",
                site=site,
                place=place,
                counter=counter,
                agencies=tuple(agencies),
                demo=demo,
            ),
            size,
        )

    def test_the_symbol_is_large_and_has_its_quiet_zone(self, size: Size) -> None:
        (symbol,) = of(Symbol, POSTER, size)
        made = face(POSTER, size)
        assert symbol.side > 0.44 * min(made.width, made.height)
        assert symbol.x - symbol.box.left == pytest.approx(4 * symbol.side / len(symbol.rows))

    def test_even_the_longest_names_leave_a_symbol_that_is_easy_to_scan(self, size: Size) -> None:
        (symbol,) = of(Symbol, LONGEST, size)
        assert symbol.side > 60 * 72 / 25.4


@pytest.mark.parametrize("size", SIZES)
class TestWords:
    def test_a_poster_says_what_to_do_in_both_languages(self, size: Size) -> None:
        text = said(POSTER, size)
        for key in ("question", "scan", "or-go-to", "type-code", "check", "about", "printed-on"):
            for words in WORDS[key]:
                assert words.replace("\N{NO-BREAK SPACE}", " ") in text
        assert "25/11/2026" in text

    def test_it_says_whose_it_is_and_how_to_reach_and_check_it(self, size: Size) -> None:
        text = said(POSTER, size)
        for words in (POSTER.place.vi, POSTER.counter.vi, "Sở Nội vụ", POSTER.site, f"{POSTER.site}/check"):
            assert words in text
        assert printed(POSTER.code) in text

    def test_names_of_two_hundred_letters_are_there_to_the_end(self, size: Size) -> None:
        assert len(LONG.vi) == 200
        text = said(LONGEST, size)
        assert text.count(LONG.vi) >= 2
        assert "…" not in text

    def test_only_a_demo_says_that_its_data_are_made_up(self, size: Size) -> None:
        assert "DỮ LIỆU MẪU" in said(replace(POSTER, demo=True), size)
        assert "DỮ LIỆU MẪU" not in said(POSTER, size)

    def test_several_agencies_are_all_named_or_none(self, size: Size) -> None:
        three = replace(POSTER, agencies=tuple(Text(f"Sở thứ {n}", f"Department {n}") for n in range(3)))
        assert "Sở thứ 0 · Sở thứ 1 · Sở thứ 2" in said(three, size)
        too_long = replace(POSTER, agencies=(POSTER.agencies[0], *[Text("Sở " * 200, "D")] * 2))
        assert "Sở Nội vụ" not in said(too_long, size)

    def test_vietnamese_is_larger_than_english(self, size: Size) -> None:
        sizes = {words.text: words.size for words in of(Words, POSTER, size)}
        (question,) = {size for text, size in sizes.items() if "Ông/Bà" in text}
        assert question > 1.5 * sizes[WORDS["question"].en]

    def test_an_address_that_does_not_fit_is_never_cut_off(self, size: Size) -> None:
        with pytest.raises(AddressTooLong):
            face(replace(POSTER, site="khao-sat." * 60 + "vn"), size)


class TestTent:
    def test_its_sheet_is_a5_with_one_face_upside_down_above_the_fold(self) -> None:
        made = sheet(POSTER, "a6-tent", fonts.measure)
        upper, lower = made.faces
        assert (upper.turned, lower.turned) == (True, False)
        assert upper.face == lower.face
        (fold,) = made.folds
        assert (upper.y, lower.y, fold.y, made.height) == (0, fold.y, made.height / 2, 2 * upper.face.height)


class TestTypesetting:
    @given(LETTERS, st.floats(1, 40))
    def test_no_letter_is_lost_in_wrapping(self, text: str, width: float) -> None:
        lines = wrap(text, width, lambda part: fonts.measure(part, False))
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert all(fonts.measure(line, False) <= width + 0.001 or len(line) == 1 for line in lines)

    @given(LETTERS, st.floats(4, 40), st.integers(1, 4), st.booleans())
    def test_a_block_keeps_to_its_width_and_room(self, text: str, size: float, lines: int, balanced: bool) -> None:
        style = Style(size, size / 3, lines)
        block = set_text(text, style, 100, fonts.measure, balanced=balanced)
        assert block.height <= style.room + 0.01
        assert all(wide <= 100.01 for _, wide in block.lines)
        assert block.whole == ("…" not in block.lines[-1][0])

    def test_a_short_text_has_its_full_size(self) -> None:
        assert set_text("Quầy", Style(20, 5), 400, fonts.measure).size == 20

    def test_an_address_breaks_after_a_dot(self) -> None:
        assert wrap("khaosat.tinhmau.vn", 9, lambda part: float(len(part))) == ["khaosat.", "tinhmau.", "vn"]

    def test_words_held_together_stay_on_one_line(self) -> None:
        held = "a b\N{NO-BREAK SPACE}c"
        assert wrap(held, 3, lambda part: float(len(part))) == ["a", "b\N{NO-BREAK SPACE}c"]

    def test_balanced_lines_are_about_equally_long(self) -> None:
        block = set_text("một hai ba bốn năm sáu bảy", Style(10, 10, 2), 110, fonts.measure, balanced=True)
        (_, first), (_, second) = block.lines
        assert abs(first - second) < 25
