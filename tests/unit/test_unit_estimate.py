"""How many coin tosses a sheet is worth: against simulated days whose answer is known, and what is proposed from it."""

import random
from collections import Counter
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from services.board.list_files import Source
from services.board.registry_file import read as read_registry
from services.notifier.unit_command import newest_cells, proposed
from services.notifier.unit_command import unit as command
from services.notifier.unit_estimate import MIN_SHEETS, AgencyDayCells, TooLittle, estimate, sums_of
from sipas.events import AgencyDay, encode, headers
from sipas.methods import load_methods
from sipas.registry import RuleSettings

METHOD = "quick-5@1"


def simulated(
    seed: int, sheet_icc: float, *, level: float = 0.85, day_icc: float = 0.03, agencies: int = 30, days: int = 20
) -> list[AgencyDayCells]:
    """Ten sheets of five questions a day; the answers of a sheet are alike by `sheet_icc`, its days by `day_icc`."""
    generator = random.Random(seed)

    def beta(mean: float, icc: float) -> float:
        return generator.betavariate(mean * (1 / icc - 1), (1 - mean) * (1 / icc - 1))

    found = []
    for agency in range(agencies):
        for _ in range(days):
            today = beta(level, day_icc)
            people = [beta(today, sheet_icc) for _ in range(10)]
            satisfied = [sum(generator.random() < one for _ in range(5)) for one in people]
            found.append(AgencyDayCells(f"a-{agency}", Counter((k, 5) for k in satisfied)))
    return found


def worth(sheet_icc: float, questions: int = 5) -> float:
    """Var(k/m) = p(1 - p)(1 + (m - 1) icc)/m."""
    return questions / (1 + (questions - 1) * sheet_icc)


class TestTheEstimate:
    @pytest.mark.parametrize("sheet_icc", [0.001, 0.2, 0.5, 0.95])
    def test_finds_what_a_sheet_is_worth(self, sheet_icc: float) -> None:
        found = estimate(simulated(2640, sheet_icc))
        assert found.unit == pytest.approx(worth(sheet_icc), abs=4 * found.error)
        assert found.error < 0.1 * found.unit

    def test_does_not_take_days_that_differ_for_sheets_that_do(self) -> None:
        even, uneven = (estimate(simulated(766, 0.3, day_icc=icc, level=0.7)) for icc in (0.001, 0.2))
        assert uneven.unit == pytest.approx(even.unit, rel=0.15)
        assert uneven.unit == pytest.approx(worth(0.3), abs=4 * uneven.error)

    def test_is_covered_by_its_interval_about_as_often_as_it_says(self) -> None:
        rounds = 60
        covered = 0
        for seed in range(rounds):
            low, high = estimate(simulated(seed, 0.3, agencies=25, days=8)).interval
            covered += low <= worth(0.3) <= high
        assert covered >= 0.85 * rounds

    @pytest.mark.parametrize("level", [0.75, 0.95])
    def test_of_the_fewest_sheets_that_are_enough_is_known_to_a_tenth(self, level: float) -> None:
        found = estimate(simulated(5, 0.3, level=level, agencies=25, days=8))
        low, high = found.interval
        assert found.sheets == MIN_SHEETS
        assert high - low <= 2 * 0.11 * found.unit

    def test_speaks_for_days_where_agencies_are_few(self) -> None:
        assert estimate(simulated(1, 0.3, agencies=2, days=110)).clusters == "days"
        assert estimate(simulated(1, 0.3)).clusters == "agencies"

    def test_does_not_depend_on_the_order_of_days(self) -> None:
        days = simulated(1, 0.3)
        assert estimate(reversed(days)).unit == pytest.approx(estimate(days).unit, rel=1e-12)

    def test_of_yes_and_no_answers_is_one_toss(self) -> None:
        days = [AgencyDayCells(f"a-{at % 25}", {(1, 1): 30, (0, 1): 10 + at % 5}) for at in range(60)]
        assert estimate(days).unit == pytest.approx(1.0)


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 8), st.integers(1, 8)).map(lambda cell: (min(cell), max(cell[1], min(cell)))),
        st.integers(1, 500),
        min_size=1,
    )
)
@settings(max_examples=200, deadline=None)
def test_a_day_never_says_that_a_sheet_is_worth_less_than_a_toss(cells: dict) -> None:
    found = sums_of(cells)
    assert found.variance <= found.spread + 1e-9


class TestTooLittleToEstimateFrom:
    @pytest.mark.parametrize(
        ("days", "said"),
        [
            ([], "0 sheets"),
            (simulated(1, 0.3, agencies=5), "1,000 sheets on days with two or more; at least 2,000"),
            ([AgencyDayCells("a", {(1, 1): 1})] * 5000, "0 sheets"),
            ([AgencyDayCells("a", {(1, 1): 3000, (0, 1): 9})], "1 days of an agency; at least 20"),
            ([AgencyDayCells("a", {(5, 5): 300})] * 30, "all sheets of a day are alike"),
        ],
        ids=["nothing", "few sheets", "days of one sheet", "few days", "all alike"],
    )
    def test_is_refused_with_what_is_lacking(self, days: list[AgencyDayCells], said: str) -> None:
        with pytest.raises(TooLittle, match=said):
            estimate(days)


class TestWhatIsProposed:
    def test_is_an_entry_that_the_registry_takes_with_the_settings_in_force(self) -> None:
        overrides = {"lag": 10.0, "smallest_drop": 0.07, "false_alarm_days": 730.0, "icc": 0.025}
        before = RuleSettings(method=METHOD, unit=1.0, overrides=overrides)
        text = proposed(before, 2.8763, date(2026, 11, 27))
        [wanted], faults = read_registry([Source("proposed.yaml", text.encode())], load_methods(), {})
        assert faults == []
        assert (wanted.kind, wanted.id, wanted.valid_from) == ("rule", METHOD, date(2026, 11, 27))
        assert wanted.fields["unit"] == 2.88
        assert wanted.fields["overrides"] == pytest.approx(overrides)


class TestTheCells:
    def record(
        self, version: tuple[int, int], cells: dict[str, int], *, method: str = METHOD, day: int = 1
    ) -> SimpleNamespace:
        total = {"responses": sum(cells.values()), **cells}
        of_day = date(2026, 11, day)
        event = AgencyDay(agency="a", method=method, day=of_day, version=version, as_of=None, fields=total, parts={})
        marks = headers(event, event_id="t", source="/t", at=datetime(2026, 11, 1, tzinfo=UTC))
        return SimpleNamespace(value=encode(event), headers=marks)

    def test_are_those_of_the_newest_version_of_each_day(self) -> None:
        records = [
            self.record((0, 1), {"1/5": 1}),
            self.record((1, 0), {"2/5": 2}),
            self.record((0, 9), {"3/5": 3}),
            self.record((0, 2), {"4/5": 4}, method="quick-1@1"),
            self.record((0, 3), {"5/5": 5}, day=2),
        ]
        found = newest_cells(records, METHOD)
        assert found == {("a", date(2026, 11, 1)): {(2, 5): 2}, ("a", date(2026, 11, 2)): {(5, 5): 5}}


def test_a_method_that_nobody_knows_is_refused_before_any_server_is_asked() -> None:
    done = CliRunner().invoke(command, ["--method", "quick-6@1"])
    assert done.exit_code == 2
    assert "quick-6@1 is not one of" in done.stderr
