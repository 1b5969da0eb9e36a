"""Official scores: what a file says is read right or refused with row and column; what a book of tables tells."""

import re
import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import services.board
from services.board.list_files import Source
from services.board.scores import Place, ScoreBook, exact_text, met, packaged, table, tables_in
from services.board.scores_drawing import HEIGHT, WIDTH, Point, drawing
from services.board.scores_file import COLUMNS, read, rows_of, unit_name, written
from services.board.scores_pages import WORDS
from services.board.scores_view import Wish, chosen, nearest
from sipas.events import ScoreLine
from sipas.problems import Problem
from tests.contract.documents import EXAMPLES
from tests.unit.registry_tables import saved, text_of, workbook_of

ROOT = Path(__file__).parents[2]
HEADER = ("scheme", "year", "unit", "block", "points", "maximum", "rank", "of", "source", "bands", "target")
ROWS = (
    ("PAPI", 2024, "Khánh Hòa", "tinh", "43.25", "80", None, None, "Nguồn", None, "top 3/9"),
    ("PAPI", 2024, "Cà Mau", "tinh", None, "80", 2, 63, "Nguồn", None, None),
    ("DDCI", 2024, "so-y-te", "so", "101.5", None, None, None, "Nguồn", "local-default", "≥ 90 %"),
)


def csv_of(rows: Any = ROWS, delimiter: str = ",", encoding: str = "utf-8") -> list[Source]:
    return [Source("diem-2024.csv", text_of([HEADER, *rows], delimiter).encode(encoding))]


def with_cell(row: int, column: str, value: Any) -> list[tuple[Any, ...]]:
    rows = [list(one) for one in ROWS]
    rows[row][HEADER.index(column)] = value
    return [tuple(one) for one in rows]


def tables_of(sources: list[Source]) -> Any:
    wanted, faults = read(sources)
    assert faults == []
    return wanted


def said(sources: list[Source]) -> list[str]:
    wanted, faults = read(sources)
    assert faults == [] or wanted == [], "nothing is half read"
    return [str(fault) for fault in faults]


AS_READ = tables_of(csv_of())


def test_a_file_holds_whole_tables_each_of_a_scheme_a_year_and_a_block() -> None:
    assert [(one.place, len(one.lines)) for one in AS_READ] == [
        (("DDCI", 2024, "so"), 1),
        (("PAPI", 2024, "tinh"), 2),
    ]
    assert AS_READ[0].lines[0].maximum == "100"
    assert AS_READ[1].lines[1].points is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_separators_encodings_and_decimal_commas_are_all_the_same(delimiter: str, encoding: str) -> None:
    rows = [tuple(cell.replace(".", ",") if at == 4 and cell else cell for at, cell in enumerate(row)) for row in ROWS]
    assert tables_of(csv_of(rows, delimiter, encoding)) == AS_READ


def test_marks_that_stand_apart_and_either_place_of_a_tone_are_the_same_unit() -> None:
    apart = unicodedata.normalize("NFD", text_of([HEADER, *with_cell(0, "unit", "Khánh  Hoà")]))
    assert tables_of([Source("s.csv", apart.encode())]) == AS_READ


def test_a_workbook_with_vietnamese_names_and_numbers_is_the_same() -> None:
    names = ("Bộ chỉ số", "Năm", "Đơn vị", "Khối", "Điểm", "Điểm tối đa", "Xếp thứ", "Trên tổng số", "Nguồn")
    rows = [[float(cell) if at in {4, 5} and cell else cell for at, cell in enumerate(row)] for row in ROWS]
    workbook = workbook_of({"Bảng điểm": [(*names, "Thang xếp loại", "Chỉ tiêu"), *rows]})
    assert tables_of(saved(workbook)) == AS_READ


@pytest.mark.parametrize(
    ("row", "column", "value", "where", "why"),
    [
        pytest.param(0, "points", "80 điểm", "diem-2024.csv:2: column points", "must be a number", id="words"),
        pytest.param(
            0, "points", "43,250", "diem-2024.csv:2: column points", "thousands or a fraction", id="thousands"
        ),
        pytest.param(0, "points", "-1", "diem-2024.csv:2: column points", "from 0", id="negative"),
        pytest.param(0, "maximum", "0", "diem-2024.csv:2: column maximum", "from 0.01", id="a maximum of nothing"),
        pytest.param(0, "points", None, "diem-2024.csv:2", "neither points nor a rank", id="nothing published"),
        pytest.param(1, "unit", "Khánh Hoà", "diem-2024.csv:3: column unit", "stands already at line 2", id="twice"),
        pytest.param(1, "of", 1, "diem-2024.csv:3: column of", "is 1, but", id="rank 2 of 1"),
        pytest.param(
            1, "bands", "local-default", "diem-2024.csv:3: column bands", "one scheme of bands", id="two bands"
        ),
        pytest.param(
            2, "bands", "da-lat", "diem-2024.csv:4: column bands", "must be binh-thuan-2023 or", id="no bands"
        ),
        pytest.param(2, "target", "top", "diem-2024.csv:4: column target", "write top 3/9", id="no target"),
        pytest.param(2, "year", "24", "diem-2024.csv:4: column year", "from 1990", id="a short year"),
        pytest.param(2, "source", None, "diem-2024.csv:4: column source", "is empty", id="without a source"),
    ],
)
def test_what_is_wrong_is_told_with_row_and_column(row: int, column: str, value: Any, where: str, why: str) -> None:
    faults = said(csv_of(with_cell(row, column, value)))
    assert any(fault.startswith(where) and why in fault for fault in faults), faults


def test_all_faults_of_a_file_are_told_at_once_in_its_order() -> None:
    rows = [*with_cell(0, "points", "x")[:1], *with_cell(1, "source", None)[1:2], *with_cell(2, "year", "x")[2:]]
    assert [fault.split(": ")[0] for fault in said(csv_of(rows))] == [f"diem-2024.csv:{line}" for line in (2, 3, 4)]


def test_a_table_that_no_record_can_hold_is_refused() -> None:
    rows = [("PAPI", 2024, f"Xã {n}", "x", "1", "80", None, None, "n" * 400, None, None) for n in range(2500)]
    [fault] = said(csv_of(rows))
    assert "divide it by blocks" in fault


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Khánh Hoà", "Khánh Hòa"),
        ("Thanh Hóa", "Thanh Hóa"),
        ("THANH HOÁ", "THANH HÓA"),
        ("Xã Thuỷ Nguyên", "Xã Thủy Nguyên"),
        ("Quỳnh Lưu", "Quỳnh Lưu"),
        ("Quý Lộc", "Quý Lộc"),
        ("Hoàn Kiếm", "Hoàn Kiếm"),
        ("Hoặc", "Hoặc"),
        ("Huế", "Huế"),
    ],
)
def test_a_tone_is_moved_only_where_both_places_are_in_use(name: str, kept: str) -> None:
    assert unit_name(name) == kept
    assert unit_name(unicodedata.normalize("NFD", name)) == kept


decimals = st.decimals(0, 999_999, places=3).map(exact_text)
score_lines = st.builds(
    ScoreLine,
    unit=st.text("abcđêỹ", min_size=1, max_size=8).map(unit_name),
    points=decimals,
    maximum=st.sampled_from(["100", "97", "98.61", "0.125"]),
    rank=st.none() | st.integers(1, 3),
    of=st.none() | st.integers(63, 70),
    method=st.sampled_from(["", "QĐ 1"]),
    source=st.sampled_from(["Nguồn, trang 2", 'a "b"; c']),
    target=st.sampled_from([None, "top 3/9", "≥ 90 %"]),
)


@given(st.lists(score_lines, min_size=1, max_size=5, unique_by=lambda line: line.unit))
def test_what_is_exported_is_read_as_the_same_table(lines: list[ScoreLine]) -> None:
    before = table(Place("X", 2024, "b"), "local-default", lines)
    cells = [[written(one) if isinstance(one, Decimal) else one for one in row] for row in rows_of([before])]
    [again] = tables_of([Source("scores.csv", text_of(cells).encode())])
    assert again.as_version_after(None) == before


def test_equal_tables_have_equal_hashes_whatever_the_order_of_their_rows() -> None:
    place, lines = Place("X", 2024, "b"), AS_READ[1].lines
    first, second = table(place, None, lines), table(place, None, lines[::-1], reason="other")
    assert first.sha256 == second.sha256
    others = [
        table(place._replace(year=2025), None, lines),
        table(place, "local-default", lines),
        table(place, None, lines[:1]),
    ]
    assert first.sha256 not in {other.sha256 for other in others}


def test_the_first_of_a_version_stands_and_the_highest_holds() -> None:
    place, lines = Place("X", 2024, "b"), AS_READ[1].lines
    first = table(place, None, lines)
    faster = table(place, None, lines[:1], first, reason="a")
    slower = table(place, None, lines[1:], first, reason="b")
    book = ScoreBook({}).updated([first, faster, slower])
    assert book.versions[place] == (first, faster)
    assert ScoreBook({}).updated([first]).updated([faster, slower]) == book


def test_a_loaded_table_takes_the_place_of_the_packaged_one() -> None:
    [place] = [one for one in packaged() if one == ("SIPAS", 2024, "ca-nuoc")]
    [old] = packaged()[place]
    new = table(place, None, old.lines, old, reason="Số chính thức")
    assert (old.version, new.version, new.previous) == (0, 1, old.sha256)
    assert ScoreBook().updated([new]).newest(place) == new


def test_readers_of_scores_pass_over_frozen_results_and_what_cannot_be_used() -> None:
    good, frozen = EXAMPLES["scores-loaded"], EXAMPLES["result-frozen"]
    assert good.value is not None
    zero = good.value.replace(b'"maximum": "97"', b'"maximum": "0"')
    bad = [type(good)("", good.topic, good.key, good.headers, value) for value in (b"{", None, zero)]
    assert [one.version for one in tables_in([frozen, *bad, good])] == [1]


def test_a_series_breaks_once_where_the_method_changed_also_over_a_missing_year() -> None:
    def year(number: int, method: str) -> Any:
        line = ScoreLine(
            unit="it", points="80", maximum="100", rank=None, of=None, method=method, source="s", target=None
        )
        return table(Place("X", number, "b"), None, [line])

    book = ScoreBook({}).updated([year(2020, "old"), year(2022, "new"), year(2023, "new")])
    assert [(place.year, breaks) for place, _, breaks in book.series("X", "it")] == [
        (2020, False),
        (2022, True),
        (2023, False),
    ]


def test_a_target_of_a_form_that_is_not_known_cannot_be_told() -> None:
    [line] = ScoreBook().lines(Place("SIPAS", 2024, "ca-nuoc"))
    assert (met("≥ 80 %", line), met("≥ 90 %", line), met("best of all", line), met(None, line)) == (
        True,
        False,
        None,
        None,
    )


# --- which table


BOOK = ScoreBook().updated(one.as_version_after(None) for one in AS_READ)


@pytest.mark.parametrize(
    ("wish", "place"),
    [
        pytest.param(Wish(), ("DDCI", 2024, "so"), id="loaded ones before packaged ones"),
        pytest.param(Wish(scheme="SIPAS"), ("SIPAS", 2024, "ca-nuoc"), id="the newest of a scheme"),
        pytest.param(Wish(scheme="SIPAS", block="cac-tinh", year=2021), ("SIPAS", 2021, "cac-tinh"), id="exactly"),
    ],
)
def test_what_is_left_open_gets_the_newest_table(wish: Wish, place: Any) -> None:
    assert chosen(BOOK, wish) == place == nearest(BOOK, wish)


def test_a_form_whose_fields_do_not_go_together_keeps_the_block_rather_than_the_year() -> None:
    wish = Wish(scheme="SIPAS", block="cac-tinh", year=2017)
    assert nearest(BOOK, wish) == ("SIPAS", 2024, "cac-tinh")
    with pytest.raises(Problem, match="unknown-scoreboard"):
        chosen(BOOK, wish)
    assert nearest(BOOK, Wish(scheme="PAPI", block="cac-tinh", year=2024)) == ("PAPI", 2024, "tinh")


# --- the drawing


points = st.lists(
    st.tuples(st.integers(1990, 2099), st.decimals(0, 130, places=2), st.booleans()), unique_by=lambda one: one[0]
).map(lambda rows: [Point(*row) for row in sorted(rows)])


@given(points)
def test_a_drawing_has_every_point_inside_and_a_new_line_at_every_break(of: list[Point]) -> None:
    made = drawing(of)
    dots = [dot for line in made.lines for dot in line]
    assert [dot.point for dot in dots] == of
    assert all(0 <= dot.x <= WIDTH and 0 <= dot.y <= HEIGHT for dot in dots)
    assert [dot.x for dot in dots] == sorted(dot.x for dot in dots)
    assert len(made.breaks) == sum(point.breaks for point in of[1:])
    if of:
        (_, low), (_, high) = made.ticks
        assert low <= min(point.ratio for point in of)
        assert max(point.ratio for point in of) <= high


# --- words and files


def test_every_wording_of_the_page_is_used_and_none_is_empty() -> None:
    template = (Path(services.board.__file__).parent / "templates/scoreboard.html").read_text(encoding="utf-8")
    asked = set(re.findall(r'\b(?:s|label)\("([a-z-]+)"', template)) | {"bands-by-points", "bands-by-ratio"}
    asked |= set(re.findall(r'else s\("([a-z-]+)"', template))
    asked |= {"scheme", "year", "block"}  # the fields of the form
    assert asked - {"bands-by-"} == set(WORDS)
    assert all(text.vi.strip() and text.en.strip() for text in WORDS.values())


@pytest.mark.parametrize("name", ["examples/scores-sample.csv", "tests/data/published-scores.csv"])
def test_a_shipped_file_is_right_and_says_of_every_made_up_row_that_it_is(name: str) -> None:
    wanted = tables_of([Source(name, (ROOT / name).read_bytes())])
    sources = {line.source for one in wanted for line in one.lines}
    assert all("DỮ LIỆU MẪU" in source or "công bố năm" in source for source in sources)


def test_a_column_that_is_exported_is_one_that_is_read() -> None:
    cells = [list(COLUMNS), ["X", 2024, "u", "b", "1", "100", 1, 1, "m", "s", "local-default", "top 3"]]
    assert len(tables_of([Source("scores.csv", text_of(cells).encode())])) == 1
