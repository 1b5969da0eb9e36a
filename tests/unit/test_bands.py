"""Bands are data: what the shipped ones say, what a wrong file is told, and laws for any."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipas.bands import BandError, BandScheme, Cut, load_bands, parse_bands
from sipas.methods import Text

SCHEMES = load_bands()


@pytest.mark.parametrize(
    ("scheme", "points", "maximum", "label"),
    [
        pytest.param("quang-tri-2023", "93.36", None, "Tốt", id="a top label that is not excellent"),
        pytest.param("binh-thuan-2023", "74.20", "97", "Khá", id="76.49 % of the own maximum"),
        pytest.param("binh-thuan-2023", "67.90", "97", "Khá", id="the cut itself is earned"),
        pytest.param("binh-thuan-2023", "67.89", "97", "Trung bình", id="just below the cut"),
        pytest.param("da-nang-2021", "101.69", None, "Xuất sắc", id="above 100"),
        pytest.param("da-nang-2021", "90.39", None, "Xuất sắc", id="excellent"),
        pytest.param("da-nang-2021", "75.39", None, "Khá", id="fair"),
        pytest.param("da-nang-2021", "67.92", None, "Trung bình khá", id="upper-average"),
        pytest.param("da-nang-2012", "90", None, "Rất tốt", id="the same cut under another label"),
        pytest.param("par-index-provinces", "79.99", None, "Nhóm C", id="group C"),
        pytest.param("par-index-provinces", "69.99", None, None, id="below the lowest cut there is no band"),
    ],
)
def test_a_score_earns_the_band_of_its_scheme(scheme, points, maximum, label):
    found = SCHEMES[scheme].band(Fraction(points), Fraction(maximum) if maximum else None)
    assert (found and found.label.vi) == label


def test_every_shipped_scheme_says_where_it_comes_from():
    assert all(len(scheme.source) > 20 for scheme in SCHEMES.values())


GOOD = """
id: made-up
owner: Made up
block: null
year: 2026
basis: ratio
max_points: 83.68
source: nowhere
cuts:
  - {label: {vi: Tốt, en: Good}, min_inclusive: 83.68}
  - {label: {vi: Khá, en: Fair}, min_inclusive: 0}
"""


def test_a_number_is_read_as_it_is_written():
    assert parse_bands(GOOD, "made-up.yaml").cuts[0].min_inclusive == Fraction(8368, 100)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param("id: made-up", "id: other", "is called other.yaml", id="another name than the file's"),
        pytest.param("min_inclusive: 0}", "min_inclusive: 90}", "best first", id="cuts in another order"),
        pytest.param("min_inclusive: 0}", "min_inclusive: 83.68}", "best first", id="two bands for one value"),
        pytest.param("vi: Khá", "vi: Tốt", "label of its own in vi", id="the same label twice"),
        pytest.param("basis: ratio", "basis: stars", "basis", id="an unknown basis"),
        pytest.param("owner: Made up", "owners: Made up", "owner", id="an unknown field"),
        pytest.param("max_points: 83.68", "max_points: 0", "above 0", id="a maximum of nothing"),
        pytest.param("year: 2026", "year: 2026\nyear: 2027", "written twice: year", id="a field written twice"),
        pytest.param("min_inclusive: 0}", 'min_inclusive: "0"}', "cuts", id="a number in quotes"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(old, new, says):
    assert old in GOOD
    with pytest.raises(BandError, match=says) as error:
        parse_bands(GOOD.replace(old, new), "made-up.yaml")
    assert "made-up.yaml" in str(error.value)


def test_a_file_without_cuts_is_refused():
    with pytest.raises(BandError, match="at least one"):
        parse_bands(GOOD.partition("cuts:")[0] + "cuts: []", "made-up.yaml")


def test_all_wrong_files_are_told_at_once(tmp_path):
    (tmp_path / "one.yaml").write_text(GOOD)
    (tmp_path / "two.yaml").write_text("[")
    with pytest.raises(BandError) as error:
        load_bands(tmp_path)
    assert [problem.partition(":")[0] for problem in error.value.problems] == ["one.yaml", "two.yaml"]


values = st.fractions(0, 130, max_denominator=100)
schemes = st.builds(
    lambda minimums, basis, maximum: BandScheme(
        id="x",
        owner="x",
        block=None,
        year=None,
        basis=basis,
        max_points=maximum,
        source="x",
        cuts=tuple(Cut(Text(str(m), str(m)), m) for m in sorted(minimums, reverse=True)),
    ),
    st.sets(values, min_size=1, max_size=6),
    st.sampled_from(["points", "ratio"]),
    st.fractions(1, 130, max_denominator=100),
)


@given(schemes, values, values)
def test_more_points_never_earn_a_lower_band(scheme, one, other):
    less, more = sorted((one, other))
    bands = [scheme.band(points) for points in (less, more)]
    places = [scheme.cuts.index(band) if band else len(scheme.cuts) for band in bands]
    assert places[1] <= places[0]


@given(schemes, values)
def test_a_value_has_the_one_band_whose_cuts_enclose_it(scheme, points):
    value = scheme.value(points)
    edges = [None, *(cut.min_inclusive for cut in scheme.cuts)]
    enclosing = [
        cut
        for cut, above in zip(scheme.cuts, edges, strict=False)
        if cut.min_inclusive <= value and (above is None or value < above)
    ]
    band = scheme.band(points)
    assert enclosing == ([band] if band else [])


@given(schemes, st.integers(0, 5))
def test_the_cut_itself_is_in_its_band(scheme, place):
    cut = scheme.cuts[place % len(scheme.cuts)]
    points = cut.min_inclusive if scheme.basis == "points" else cut.min_inclusive * scheme.max_points / 100
    assert scheme.band(points) == cut
