"""Posters as other programs read them: PDF, SVG, PNG of a whole province."""

import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from services.board.posters import fonts
from services.board.posters.content import WORDS, Poster
from services.board.posters.printing import FEW, complete_file, draw, print_apart, print_together, undrawable
from services.board.posters.symbol import modules
from services.board.posters.targets import SIZES, Size
from sipas.codes import printed
from sipas.problems import Text
from sipas.registry import Registry
from tests.posters import (
    LONGEST,
    POSTER,
    URL,
    codes,
    page_sizes_mm,
    page_texts,
    pages,
    posters,
    province,
    scanned,
    spoilt,
)

MANY = 60
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def all_posters() -> list[Poster]:
    return posters(Registry.fold(province(MANY)))


@pytest.fixture(scope="module", params=SIZES)
def size(request: pytest.FixtureRequest) -> Size:
    return request.param


@pytest.fixture(scope="module")
def pdf(size: Size, all_posters: list[Poster], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("posters") / "all.pdf"
    print_together(all_posters, size, path, lambda _: None)
    return path.read_bytes()


@pytest.fixture(scope="module")
def rendered(pdf: bytes) -> list[Image.Image]:
    """The pages at 100 dots an inch: as a screen shows them, and a third of what is printed."""
    return list(pages(pdf, 100))


def addresses(picture: Image.Image) -> set[str]:
    return {code.text for code in scanned(picture)}


def symbol_of(svg: bytes) -> list[Image.Image]:
    """Each QR symbol of an SVG, painted from the path that stands there, in modules of four pixels and white around."""
    made = []
    for element in ET.fromstring(svg).iter(f"{SVG}path"):
        if element.get("class") != "qr":
            continue
        bars = [tuple(map(int, bar)) for bar in re.findall(r"M(\d+) (\d+)h(\d+)v1H(\d+)z", element.get("d"))]
        assert "".join(f"M{x} {y}h{long}v1H{x}z" for x, y, long, _ in bars) == element.get("d")
        count = max(y for _, y, _, _ in bars) + 1
        image = Image.new("L", (count, count), 255)
        for x, y, long, _ in bars:
            image.paste(0, (x, y, x + long, y + 1))
        framed = Image.new("L", (count + 8, count + 8), 255)
        framed.paste(image, (4, 4))
        made.append(framed.resize((framed.width * 4, framed.height * 4), Image.Resampling.NEAREST))
    return made


class TestPdf:
    def test_another_reader_finds_the_counters_address_on_every_page(self, rendered: list[Image.Image]) -> None:
        found = [addresses(page) for page in rendered]
        assert found == [{f"{URL}/{code}"} for code in codes(MANY)]

    def test_it_still_does_at_half_the_size_and_as_a_poor_jpeg(self, rendered: list[Image.Image]) -> None:
        found = [addresses(spoilt(page)) for page in rendered]
        assert found == [{f"{URL}/{code}"} for code in codes(MANY)]

    def test_the_symbol_can_lose_a_quarter(self, rendered: list[Image.Image]) -> None:
        assert {code.ec_level for code in scanned(rendered[0])} == {"Q"}

    def test_both_faces_of_a_tent_can_be_scanned(self, rendered: list[Image.Image], size: Size) -> None:
        page = rendered[0]
        upper = page.crop((0, 0, page.width, page.height // 2))
        lower = page.crop((0, page.height // 2, page.width, page.height))
        if size == "a6-tent":
            assert addresses(upper) == addresses(lower) == {f"{URL}/{codes(1)[0]}"}
        else:
            assert len(scanned(page)) == 1

    def test_its_text_can_be_searched_in_vietnamese(self, pdf: bytes, all_posters: list[Poster]) -> None:
        for text, poster in zip(page_texts(pdf), all_posters, strict=True):
            words = " ".join(text.split())
            assert printed(poster.code) in words
            assert poster.site in words
            assert poster.counter.vi in words
            assert all(agency.vi in words for agency in poster.agencies)
            assert "phỏng theo Quyết định 2640/QĐ-BNV" in words
            assert "DỮ LIỆU MẪU" in words

    def test_a_counter_of_many_agencies_is_named_by_its_place(self, pdf: bytes, all_posters: list[Poster]) -> None:
        tenth = " ".join(page_texts(pdf)[9].split())
        assert all_posters[9].agencies == ()
        assert "Sở thứ" not in tenth
        assert "Trung tâm Phục vụ hành chính công xã Mẫu 000" in tenth

    def test_pages_have_the_papers_size(self, pdf: bytes, size: Size) -> None:
        assert set(page_sizes_mm(pdf)) == {(210, 297) if size == "a4" else (148, 210)}

    def test_the_longest_names_and_address_can_be_scanned_too(self, size: Size) -> None:
        site = "khao-sat-hai-long.trung-tam-phuc-vu-hanh-chinh-cong.tinh-mau-dai-nhat.example"
        poster = replace(LONGEST, site=site, url=f"https://{site}/{LONGEST.code}")
        (page,) = pages(draw(poster, size, "pdf"), 100)
        assert addresses(page) == addresses(spoilt(page)) == {poster.url}


class TestPicture:
    def test_a_png_can_be_scanned_and_knows_its_size_on_paper(self, size: Size) -> None:
        png = Image.open(BytesIO(draw(POSTER, size, "png")))
        assert addresses(png.convert("L")) == addresses(spoilt(png.convert("L"))) == {POSTER.url}
        assert [round(dots) for dots in png.info["dpi"]] == [300, 300]
        assert round(png.width / 300 * 25.4) == (210 if size == "a4" else 148)

    def test_a_svg_holds_the_same_symbol_once_a_face(self, size: Size) -> None:
        symbols = symbol_of(draw(POSTER, size, "svg"))
        assert len(symbols) == (2 if size == "a6-tent" else 1)
        for symbol in symbols:
            assert addresses(symbol) == {POSTER.url}

    def test_a_svg_needs_no_font_and_nothing_from_elsewhere(self, size: Size) -> None:
        tree = ET.fromstring(draw(POSTER, size, "svg"))
        assert {element.tag.removeprefix(SVG) for element in tree.iter()} == {
            "svg",
            "title",
            "defs",
            "path",
            "rect",
            "g",
            "use",
        }
        drawn = {element.get("id") for element in tree.iter(f"{SVG}path")}
        used = {element.get("{http://www.w3.org/1999/xlink}href") for element in tree.iter(f"{SVG}use")}
        assert used
        assert {name.removeprefix("#") for name in used} <= drawn


class TestSymbol:
    def test_two_counters_have_two_symbols(self) -> None:
        assert modules(f"{URL}/{codes(2)[0]}") != modules(f"{URL}/{codes(2)[1]}")


class TestFont:
    def test_it_has_every_letter_of_vietnamese_and_of_our_words(self) -> None:
        vowels = "aăâeêioôơuưy"
        letters = [v + tone for v in vowels for tone in ("", *"\u0300\u0301\u0303\u0309\u0323")] + list(
            "bcdđghklmnpqrstvx"
        )
        import unicodedata

        text = unicodedata.normalize("NFC", "".join(letters))
        assert len(text) == 12 * 6 + 17
        assert fonts.missing([text, text.upper(), *(part for words in WORDS.values() for part in words)]) == []

    def test_a_name_that_it_cannot_write_is_told_with_its_counter(self) -> None:
        foreign = replace(POSTER, counter=Text("Quầy 漢", "Counter"))
        (line,) = undrawable([POSTER, foreign])
        assert "'漢'" in line
        assert printed(POSTER.code) in line


class TestFiles:
    def test_many_files_are_each_their_own_counters(self, all_posters: list[Poster], tmp_path: Path) -> None:
        """So many that they are drawn in further processes."""
        some = all_posters[: FEW + 2]
        paths = [tmp_path / f"{poster.code}.svg" for poster in some]
        told: list[int] = []
        print_apart(some, "a4", "svg", paths, told.append)
        assert told == list(range(1, FEW + 3))
        assert [path.read_bytes() for path in paths] == [draw(poster, "a4", "svg") for poster in some]
        assert len(list(tmp_path.iterdir())) == len(some)

    def test_a_file_that_is_not_finished_does_not_exist(self, tmp_path: Path) -> None:
        path = tmp_path / "posters.pdf"
        path.write_bytes(b"yesterday's")

        def stopped_by_hand() -> None:
            with complete_file(path) as file:
                file.write(b"half")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            stopped_by_hand()
        assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("posters.pdf", b"yesterday's")]
