"""Made-up answers: the same again where they should be, as spread as real days are, and lower where a fall is asked."""

from datetime import date, timedelta
from statistics import fmean, variance

import pytest

from services.notifier.drop_rule import Day, Rule, Transition, fold
from services.survey.simulation import (
    DAY_ICC,
    LEVEL_SPREAD,
    Desk,
    Drop,
    Scenario,
    SimulatedAgency,
    SimulatedSheet,
    level_on,
    open_days,
    sheets_of_day,
)

CRITERIA = ("ACCESS", "PROC", "STAFF", "RESULT", "FEEDBACK")
TODAY = date(2026, 11, 20)


def agency(name: str) -> SimulatedAgency:
    return SimulatedAgency(name, (Desk("C1", None, CRITERIA), Desk("C2", "dat-dai", CRITERIA)))


AGENCIES = [agency(f"a-{number}") for number in range(4)]


def answers_of(sheets: list[SimulatedSheet], criterion: str) -> list[int]:
    return [level for sheet in sheets if (level := sheet.answers[criterion]) is not None]


def satisfied(sheets: list[SimulatedSheet]) -> float:
    return fmean(level >= 4 for sheet in sheets for level in sheet.answers.values() if level is not None)


def many_days(scenario: Scenario, agencies: list[SimulatedAgency], days: int = 700) -> list[list[SimulatedSheet]]:
    return [sheets_of_day(scenario, agencies, day) for day in open_days(TODAY, days)]


def test_offices_are_open_from_monday_to_friday_up_to_the_last_day() -> None:
    days = open_days(TODAY, 14)
    assert (days[0], days[-1], len(days)) == (date(2026, 11, 9), TODAY, 10)
    assert {day.weekday() for day in days} == set(range(5))


def test_a_weekend_has_no_open_day() -> None:
    assert open_days(date(2026, 11, 22), 2) == []


def test_the_same_scenario_gives_the_same_sheets() -> None:
    assert sheets_of_day(Scenario(seed=7), AGENCIES, TODAY) == sheets_of_day(Scenario(seed=7), AGENCIES, TODAY)


def test_an_agencys_day_does_not_depend_on_which_other_agencies_are_simulated() -> None:
    among_others = [sheet for sheet in sheets_of_day(Scenario(seed=7), AGENCIES, TODAY) if sheet.agency == "a-2"]
    alone = sheets_of_day(Scenario(seed=7), [AGENCIES[2]], TODAY)
    assert {sheet.response_id: sheet for sheet in among_others} == {sheet.response_id: sheet for sheet in alone}


def test_seeds_agencies_and_days_never_share_an_id() -> None:
    sheets = [
        sheet
        for seed in (1, 2)
        for day in (TODAY, TODAY - timedelta(days=1))
        for sheet in sheets_of_day(Scenario(seed=seed), AGENCIES, day)
    ]
    assert len({sheet.response_id for sheet in sheets}) == len(sheets)


def test_a_sheet_names_a_desk_of_its_agency_and_answers_at_least_one_question_in_levels() -> None:
    for sheet in sheets_of_day(Scenario(seed=1, rate=200), AGENCIES, TODAY):
        assert sheet.desk in AGENCIES[0].desks
        assert set(sheet.answers) == set(CRITERIA)
        assert set(sheet.answers.values()) <= {1, 2, 3, 4, 5, None}
        assert any(sheet.answers.values())


@pytest.mark.parametrize("share", [0.0, 0.5, 0.85, 1.0])
def test_the_mean_over_many_days_is_the_agencys_level(share: float) -> None:
    scenario = Scenario(seed=3, satisfied=share)
    sheets = [sheet for day in many_days(scenario, AGENCIES[:1]) for sheet in day]
    assert satisfied(sheets) == pytest.approx(level_on(scenario, "a-0", TODAY), abs=0.02)


def test_agencies_lie_within_five_points_of_the_mean_asked_for() -> None:
    levels = [level_on(Scenario(seed=1), f"a-{number}", TODAY) for number in range(200)]
    assert max(abs(level - 0.85) for level in levels) <= LEVEL_SPREAD
    assert fmean(levels) == pytest.approx(0.85, abs=0.01)


def test_the_mean_number_of_sheets_is_the_rate() -> None:
    counts = [len(day) for day in many_days(Scenario(seed=5, rate=12.0), AGENCIES[:1])]
    assert fmean(counts) == pytest.approx(12.0, rel=0.05)


def test_days_vary_more_than_their_sheets_alone_would_by_the_icc_that_the_drop_rule_assumes() -> None:
    scenario = Scenario(seed=11, rate=60.0)
    days = [answers_of(day, "STAFF") for day in many_days(scenario, AGENCIES[:1], 1000)]
    share = level_on(scenario, "a-0", TODAY)
    n = fmean(map(len, days))
    between = variance([fmean(level >= 4 for level in day) for day in days])
    # of n answers with ICC r: variance p(1-p)/n (1 + (n-1) r)
    icc = (between * n / (share * (1 - share)) - 1) / (n - 1)
    assert icc == pytest.approx(DAY_ICC, rel=0.25)


def test_the_answers_of_one_sheet_resemble_each_other() -> None:
    sheets = sheets_of_day(Scenario(seed=2, rate=5000.0), AGENCIES[:1], TODAY)
    both = [(s.answers["PROC"], s.answers["STAFF"]) for s in sheets if s.answers["PROC"] and s.answers["STAFF"]]
    happy, unhappy = (fmean(staff >= 4 for proc, staff in both if (proc >= 4) is liked) for liked in (True, False))
    assert happy - unhappy > 0.25


def test_a_drop_that_ends_leaves_the_level_of_before() -> None:
    begins, ends = date(2026, 11, 2), date(2026, 11, 13)
    fallen = Scenario(seed=4, drop=Drop("a-1", begins, 0.2, ends))
    before, during, after = (level_on(fallen, "a-1", day) for day in (begins - timedelta(1), ends, ends + timedelta(1)))
    assert (before - during, after) == (pytest.approx(0.2), before)


def test_a_drop_lowers_its_agency_from_its_day_on_and_no_other() -> None:
    begins = TODAY - timedelta(days=300)
    calm = Scenario(seed=4)
    fallen = Scenario(seed=4, drop=Drop("a-1", begins, 0.2))
    before = begins - timedelta(days=1)
    for name in ("a-0", "a-1"):
        assert level_on(fallen, name, before) == level_on(calm, name, before)
    assert level_on(fallen, "a-0", begins) == level_on(calm, "a-0", begins)
    assert level_on(fallen, "a-1", begins) == pytest.approx(level_on(calm, "a-1", begins) - 0.2)


def raised(scenario: Scenario) -> tuple[Transition, ...]:
    """What the drop rule tells of the first agency, over the command's default of 60 days."""
    days = []
    for day in open_days(TODAY, 60):
        shares = [
            fmean(level >= 4 for level in sheet.answers.values() if level is not None)
            for sheet in sheets_of_day(scenario, AGENCIES[:1], day)
        ]
        if shares:
            days.append(Day(day.toordinal(), len(shares), sum(shares)))
    return fold(lambda _day: Rule(), days)[1]


def test_the_drop_rule_finds_most_drops_of_20_points_with_the_settings_that_are_the_default() -> None:
    """20 sheets a day, the fall 14 calendar days ago: ten reporting days, of which the rule needs about four."""
    begins = TODAY - timedelta(days=14)
    found = [raised(Scenario(seed=seed, drop=Drop("a-0", begins, 0.2))) for seed in range(40)]
    assert sum(1 for told in found if any(one.day >= begins.toordinal() for one in told)) >= 30


def test_the_drop_rule_keeps_quiet_about_most_agencies_without_a_drop() -> None:
    """A false alarm in 520 reporting days at most: 3.3 among 40 agencies of 43 days."""
    assert sum(1 for seed in range(40) if raised(Scenario(seed=seed))) <= 4
