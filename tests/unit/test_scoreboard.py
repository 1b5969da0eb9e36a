"""Official results: the published arithmetic comes out, to the second decimal.

Of each block only the figures named in a test are published ones; the other units' points are made up to fill it.
"""

from collections import Counter
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipas.bands import load_bands
from sipas.comparison import unbroken
from sipas.official import BEFORE_2022, COUNTRY, SINCE_2022, published_sipas
from sipas.scoreboard import AtLeast, Score, Top, parse_goal, points_for, scoreboard

BANDS = load_bands()


def score(unit, points, maximum="100", year=2023, **more):
    points = None if points is None else Decimal(points)
    given = {"scheme": "PAR INDEX", "source": "made up", **more}
    return Score(year=year, unit=unit, points=points, maximum=Decimal(maximum), **given)


def block(points, maximum="100", year=2023):
    return [score(f"u{number}", value, maximum, year) for number, value in enumerate(points)]


def line_of(lines, unit="it"):
    return next(line for line in lines if line.score.unit == unit)


def test_9336_of_100_is_good_and_up_87_on_the_year_before():
    line = line_of(scoreboard([score("it", "93.36")], [score("it", "84.66", year=2022)], bands=BANDS["quang-tri-2023"]))
    assert (line.score.ratio, line.band.label.vi, line.points_change) == (Decimal("93.36"), "Tốt", Decimal("8.70"))


def test_7420_of_97_is_7649_percent_fair_second_of_10_up_45_at_the_same_rank():
    now = [score("it", "74.20", "97"), *block(["76.00", *["70.00"] * 8], "97")]
    before = [
        score("it", "69.70", "97", 2022),
        *block(["72.00", *["60.00"] * 8], "97", 2022),
    ]
    line = line_of(scoreboard(now, before, bands=BANDS["binh-thuan-2023"]))
    assert (line.score.ratio, line.band.label.vi) == (Decimal("76.49"), "Khá")
    assert (line.rank, line.of, line.points_change, line.rank_change) == (2, 10, Decimal("4.50"), 0)
    assert line.ratio_change == Decimal("76.49") - Decimal("71.86")


def test_10169_is_first_of_21_in_a_block_of_4_excellent_12_good_and_5_fair():
    filled = ["97.31", "95.00", "90.39", *["85.00"] * 12, *["75.39"] * 4, "70.22"]
    lines = scoreboard([score("it", "101.69"), *block(filled)], bands=BANDS["da-nang-2021"])
    first = lines[0]
    assert (first.score.unit, first.rank, first.of, first.score.ratio) == ("it", 1, 21, Decimal("101.69"))
    assert Counter(line.band.label.vi for line in lines) == {"Xuất sắc": 4, "Tốt": 12, "Khá": 5}


def test_6792_is_upper_average_and_last_of_5():
    lines = scoreboard([score("it", "67.92"), *block(["97", "88", "80", "70.22"])], bands=BANDS["da-nang-2021"])
    assert (lines[-1].score.unit, lines[-1].rank, lines[-1].of) == ("it", 5, 5)
    assert lines[-1].band.label.vi == "Trung bình khá"


def test_from_12th_to_4th_of_12_is_eight_up():
    now = [score("it", "90"), *block(["93", "92", "91", *["80"] * 8])]
    before = [score("it", "60", year=2022), *block(["80"] * 11, year=2022)]
    line = line_of(scoreboard(now, before))
    assert (line.rank, line.of, line.rank_change) == (4, 12, 8)


def test_an_archive_ranking_counts_7_11_10_15_and_2_units_per_band():
    points = ["90", *["95"] * 6, "80", *["85"] * 10, "70", *["75"] * 9, "60", *["65"] * 14, "59.99", "30"]
    lines = scoreboard(block(points), bands=BANDS["local-default"])
    counted = Counter(line.band.label.vi for line in lines)
    assert [counted[cut.label.vi] for cut in BANDS["local-default"].cuts] == [7, 11, 10, 15, 2]


def test_ranked_by_ratio_a_lower_score_may_stand_higher():
    lines = scoreboard([score("office", "93.76", "95"), score("bureau", "93.95", "98.61")])
    assert [(line.score.unit, line.score.ratio) for line in lines] == [
        ("office", Decimal("98.69")),
        ("bureau", Decimal("95.27")),
    ]
    by_points = scoreboard([score("office", "93.76", "95"), score("bureau", "93.95", "98.61")], basis="points")
    assert [line.score.unit for line in by_points] == ["bureau", "office"]


def test_ties_share_a_rank():
    assert [line.rank for line in scoreboard(block(["90.39", "88.10", "88.10", "75.39"]))] == [1, 2, 2, 4]


def test_a_published_rank_is_kept_and_none_is_made_up_beside_it():
    lines = scoreboard([score("a", "90", rank=3, of=63), score("b", "95")])
    assert [(line.score.unit, line.rank, line.of) for line in lines] == [("a", 3, 63), ("b", None, 63)]


def test_a_change_of_method_is_a_break_and_not_a_change():
    now, before = score("it", "82.18", method="new"), score("it", "90.30", year=2022, method="old")
    line = line_of(scoreboard([now], [before]))
    assert (line.points_change, line.ratio_change, line.rank_change, line.breaks) == (None, None, None, True)


def test_a_unit_without_a_year_before_has_no_change_and_no_break():
    line = line_of(scoreboard([score("it", "82.18")]))
    assert (line.points_change, line.rank_change, line.breaks) == (None, None, False)


@pytest.mark.parametrize(
    ("scores", "says"),
    [
        pytest.param([score("a", "1"), score("a", "2")], "once, not twice", id="a unit twice"),
        pytest.param([score("a", "1"), score("b", "2", year=2022)], "one year", id="two years"),
        pytest.param([score("a", "1"), score("b", "2", scheme="DDCI")], "one scheme", id="two schemes"),
    ],
)
def test_what_is_not_one_scoreboard_is_refused(scores, says):
    with pytest.raises(ValueError, match=says):
        scoreboard(scores)


def test_a_maximum_is_above_zero():
    with pytest.raises(ValueError, match="not above 0"):
        score("a", "1", "0")


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("top 3/9", Top(3, 9)),
        ("Top 3", Top(3, None)),
        ("≥ 90 %", AtLeast(Decimal(90))),
        (">=86,5%", AtLeast(Decimal("86.5"))),
    ],
)
def test_a_target_is_read(text, goal):
    assert parse_goal(text) == goal


@pytest.mark.parametrize("text", ["", "top", "top 0/9", "top 9/3", "90 %", "≥ 90", "≥ 90 % of all", "> 90 %"])
def test_another_form_of_a_target_is_refused_with_the_forms_there_are(text):
    with pytest.raises(ValueError, match="write top 3/9"):
        parse_goal(text)


@pytest.mark.parametrize(
    ("target", "points", "met"),
    [
        pytest.param("top 3/9", "80", True, id="third of nine"),
        pytest.param("top 3/9", "70", False, id="fourth of nine"),
        pytest.param("≥ 90 %", "90", True, id="the target itself"),
        pytest.param("≥ 90 %", "89.996", False, id="what only rounds to it"),
        pytest.param("≥ 90 %", None, None, id="no points published"),
        pytest.param("top 3/9", None, None, id="no rank"),
    ],
)
def test_a_target_is_met_or_not_or_it_cannot_be_told(target, points, met):
    lines = scoreboard([score("it", points), *block(["95", "92", "75", "60", "60", "60", "60", "60"])])
    assert parse_goal(target).met_by(line_of(lines)) is met


@pytest.mark.parametrize(
    ("dossiers", "late", "disliked", "rate", "points"),
    [(1000, 35, 12, "95.30", "6.00"), (1000, 120, 40, "84.00", "5.60"), (250, 0, 0, "100.00", "6.00")],
)
def test_points_for_dossiers_that_were_neither_late_nor_disliked(dossiers, late, disliked, rate, points):
    satisfied = Fraction(100 * (dossiers - late - disliked), dossiers)
    assert satisfied == Fraction(rate)
    assert str(points_for(satisfied, maximum=6, threshold=90)) == points


# --- the Ministry's yearly series ----------------------------------------------------------------------------------

PUBLISHED = published_sipas()


def series(unit):
    return sorted((s for s in PUBLISHED.scores if s.unit == unit), key=lambda s: s.year)


def test_the_national_series_breaks_between_2021_and_2022():
    parts = [[s.year for s in part] for part in unbroken(series(COUNTRY), lambda s: s.method)]
    assert parts == [[2017, 2018, 2019, 2020, 2021], [2022, 2023, 2024]]


def test_a_year_that_was_not_found_and_a_target_are_no_results():
    assert {s.year for s in series(COUNTRY)}.isdisjoint({2025, 2026})
    assert PUBLISHED.goals == {2026: AtLeast(Decimal("86.00"))}


def test_the_changes_are_the_published_ones_and_none_is_taken_across_the_break():
    by_year = {s.year: s for s in series(COUNTRY)}
    changes = {
        year: scoreboard([by_year[year]], [by_year[year - 1]])[0].points_change for year in (2021, 2022, 2023, 2024)
    }
    assert changes == {2021: Decimal("1.68"), 2022: None, 2023: Decimal("2.58"), 2024: Decimal("1.28")}


def provinces(year):
    return [s for s in PUBLISHED.scores if s.year == year and s.unit != COUNTRY]


def test_hai_phong_came_first_in_2024_up_four_and_169_points():
    line = line_of(scoreboard(provinces(2024), provinces(2023)), "Hải Phòng")
    assert (line.rank, line.of, line.rank_change, line.points_change) == (1, 63, 4, Decimal("1.69"))


def test_son_la_fell_by_8_points_in_2022_only_because_the_method_changed():
    line = line_of(scoreboard(provinces(2022), provinces(2021)), "Sơn La")
    assert (line.rank, line.points_change, line.rank_change, line.breaks) == (17, None, None, True)


def test_every_published_figure_names_its_source_and_method():
    assert all(s.source and s.method in {BEFORE_2022, SINCE_2022} for s in PUBLISHED.scores)


@given(st.lists(st.tuples(st.integers(0, 11_000), st.integers(1, 110)), max_size=12))
def test_a_rank_is_one_more_than_the_number_of_better_units(rows):
    scores = [score(f"u{n}", str(Decimal(points) / 100), str(top)) for n, (points, top) in enumerate(rows)]
    ratios = {s.unit: Fraction(s.points) / Fraction(s.maximum) for s in scores}
    for line in scoreboard(scores):
        assert line.rank == 1 + sum(ratio > ratios[line.score.unit] for ratio in ratios.values())
