"""What the public sees while sheets arrive: whole groups, and no part of one however long somebody watches."""

import json
from collections import Counter

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.aggregator.steps import STEP, Waiting
from sipas.tally import EXCLUDED_FIELDS
from tests.unit.linear import isolated

METHOD = "quick-5@1"


class Public:
    """One agency: `shown` at each time, of sheets that can be told apart by a field of their own."""

    def __init__(self) -> None:
        self.waiting = Waiting()
        self.shown: dict[str, Counter[str]] = {}
        self.arrived = 0

    def take(self, day: str, *fields: str) -> None:
        self.arrived += 1
        for scope, group in self.waiting.take(METHOD, day, fields or (f"sheet{self.arrived - 1}",)):
            for wider in {scope.time, scope.time[:7], scope.time[:4]}:
                self.shown.setdefault(wider, Counter()).update(group)

    def sheets(self, time: str) -> int:
        return sum(self.shown.get(time, Counter()).values())


def test_a_day_its_month_and_its_year_move_by_five_sheets() -> None:
    public = Public()
    for number in range(1, 13):
        public.take("2026-11-20")
        assert [public.sheets(time) for time in ("2026-11-20", "2026-11", "2026")] == [number // STEP * STEP] * 3


def test_what_is_left_of_days_is_shown_with_their_month_when_it_is_enough() -> None:
    public = Public()
    for day, sheets in (("2026-11-20", 8), ("2026-11-21", 7), ("2026-11-22", 1)):
        for _ in range(sheets):
            public.take(day)
    assert [public.sheets(f"2026-11-{day}") for day in (20, 21, 22)] == [5, 5, 0]
    assert public.sheets("2026-11") == 15


def test_what_is_left_of_months_is_shown_with_their_year() -> None:
    public = Public()
    for month in ("01", "02", "03"):
        for _ in range(3):
            public.take(f"2026-{month}-10")
    public.take("2026-04-01")
    assert [public.sheets(time) for time in ("2026-01", "2026-02", "2026-03", "2026")] == [0, 0, 0, 6]


def test_a_late_sheet_of_an_old_day_waits_for_a_later_day_too() -> None:
    """Nobody at the counter may see whose answer just came, whatever day it is booked on."""
    public = Public()
    for day, sheets in (("2026-11-20", 9), ("2026-11-21", 1), ("2026-11-20", 1)):
        for _ in range(sheets):
            public.take(day)
    assert public.sheets("2026-11") == 5
    public.take("2026-11-22")
    assert public.sheets("2026-11") == 11
    assert public.sheets("2026-11-20") == 5


def test_flagged_sheets_come_with_a_group_and_make_none() -> None:
    waiting = Waiting()
    for _ in range(7):
        assert waiting.take(METHOD, "2026-11-20", EXCLUDED_FIELDS) == []
    groups = [waiting.take(METHOD, "2026-11-20", ("responses",)) for _ in range(5)]
    assert groups[:4] == [[]] * 4
    assert groups[4][0].fields == {"excluded": 7, "responses": 5}


DAYS = [f"2025-{month}-{day}" for month in ("11", "12") for day in ("03", "04", "28")] + ["2026-01-05", "2026-01-06"]
arrivals = st.lists(st.sampled_from(DAYS), max_size=18)


@settings(max_examples=40)
@given(arrivals.flatmap(lambda days: st.sampled_from((days, sorted(days)))))
@example(sorted(["2025-11-03", "2025-11-04", "2025-11-28"] * 6))
def test_whoever_keeps_all_that_was_ever_shown_isolates_no_few_sheets(days: list[str]) -> None:
    public = Public()
    sums: set[tuple[int, ...]] = set()
    for day in days:
        public.take(day)
        for shown in public.shown.values():
            assert not shown or max(shown.values()) == 1
            sums.add(tuple(shown[f"sheet{number}"] for number in range(len(days))))
    assert isolated(list(sums), [1] * len(days), STEP) == []


@given(arrivals, st.integers(0, 18))
def test_a_restart_in_the_middle_changes_nothing(days: list[str], at: int) -> None:
    whole, cut = Public(), Public()
    for number, day in enumerate(days):
        whole.take(day)
        if number == at:
            cut.waiting = Waiting.from_state(json.loads(json.dumps(cut.waiting.to_state())))
        cut.take(day)
    assert cut.shown == whole.shown


@given(arrivals)
def test_of_each_month_at_most_four_sheets_and_the_newest_day_s_wait(days: list[str]) -> None:
    public = Public()
    for day in sorted(days):
        public.take(day)
    for month in {day[:7] for day in days}:
        of_month = [day for day in days if day[:7] == month]
        newest = sum(day == max(days) for day in of_month)
        assert 0 <= len(of_month) - public.sheets(month) <= 4 + min(newest, 4)
