"""The judge's pure part: what day totals raise, in whatever order, version and batch they come."""

import json
from dataclasses import replace
from datetime import date
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier.counters import PartFall, counter_fallen_most, pack
from services.notifier.drop_rule import Fact, Rule
from services.notifier.evidence import alert_changed, as_recorded, fallen_most, phase_after
from services.notifier.judge import (
    GRACE_DAYS,
    HISTORICAL_DAYS,
    WINDOW_DAYS,
    Raised,
    Scope,
    Series,
    advance,
    raise_all,
)
from services.notifier.passage import Course, Marker, Told, take
from services.notifier.rules import rules_of
from services.notifier.totals import BLOCK_DAYS, Block, Total, window_start
from sipas.events import Entry, decode_alert, encode
from sipas.registry import Registry
from sipas.tally import sheet_fields

SCOPE = Scope("so-noi-vu", "quick-5@1")
START = date(2026, 1, 5).toordinal()
USUAL = Rule()
NO_TARGET = {"drop": lambda _: USUAL, "target": lambda _: USUAL}
TARGET = {"drop": lambda _: USUAL, "target": lambda _: Rule(target=0.85)}
BEGUN = Course(next_offset=1, fold_until=0, epoch=0, marked=0)


def total(mean: float, *, version: int = 1, epoch: int = 0, responses: int = 40) -> Total:
    """A day of sheets with two questions; the second one carries the whole fall."""
    satisfied = round(mean * responses, 6)
    worse = round(max(0.0, 2 * mean - 1) * responses)
    return Total((epoch, version), responses, satisfied, {"A": (responses, responses), "B": (worse, responses)})


def told(day: int, mean: float, scope: Scope = SCOPE, **kwargs) -> Told:
    return Told(scope, START + day, total(mean, **kwargs))


class Running:
    """What the loop around the pure part does, without its servers."""

    def __init__(self, course: Course = BEGUN, rules=NO_TARGET, known=(), today: int | None = None) -> None:
        self.course, self.rules, self.today = course, rules, today
        self.series: dict[Scope, Series] = {}
        self.known: list[Raised] = list(known)
        self.transitions = []

    def read(self, *events) -> list[str]:
        """One batch; the kinds that it raised."""
        arrived = list(enumerate(events, start=self.course.next_offset))
        taken = take(
            self.course,
            self.series,
            arrived,
            known=lambda scope: [one for one in self.known if one.scope == scope],
            rules=lambda _: self.rules,
            today=self.today,
        )
        self.course = taken.course
        self.series |= taken.series
        self.known += [one for one, _ in taken.raised]
        self.transitions += taken.raised
        return [one.fact.kind for one, _ in taken.raised]

    def read_one_by_one(self, *events) -> list[str]:
        return [kind for event in events for kind in self.read(event)]


def good_days(number: int, first: int = 0) -> list[Told]:
    return [told(day, 0.88 + 0.04 * (day % 3 - 1)) for day in range(first, first + number)]


def bad_days(number: int, first: int) -> list[Told]:
    return [told(day, 0.66) for day in range(first, first + number)]


class TestCounters:
    """Of an agency, day by day, packed small."""

    def day(self, **counters: tuple[int, int]) -> str:
        """Counter -> (sheets, wholly satisfied ones)."""
        return pack(
            {
                f"counter={code}": {"responses": sheets, "5/5": satisfied, "1/5": sheets - satisfied, "excluded": 3}
                for code, (sheets, satisfied) in counters.items()
            }
            | {"channel=qr": {"responses": 7, "5/5": 7}}
        )

    def test_the_one_that_fell_most_is_named_with_its_figures(self):
        before, after = self.day(A=(50, 50), B=(50, 40)), self.day(A=(20, 10), B=(20, 14))
        assert counter_fallen_most([before, before], [after, after]) == PartFall("A", 1.0, 100, 0.6, 40)

    def test_with_fewer_than_thirty_sheets_is_not_named(self):
        before, after = self.day(A=(50, 50), B=(50, 40)), self.day(A=(29, 0), B=(30, 14))
        found = counter_fallen_most([before], [after])
        assert found is not None
        assert found.code == "B"

    def test_that_rose_are_not_named(self):
        assert counter_fallen_most([self.day(A=(50, 40))], [self.day(A=(50, 45))]) is None

    def test_without_days_are_none(self):
        assert pack({"channel=qr": {"responses": 7, "5/5": 7}}) == ""
        assert counter_fallen_most([""], []) is None

    def test_cost_a_few_hundred_bytes_a_day(self):
        codes = {f"7K3M9QX2{number:02}": (36, 31) for number in range(12)}
        assert len(self.day(**codes)) < 300

    def test_that_cannot_come_from_sheets_are_refused(self):
        with pytest.raises(ValueError, match="no cell"):
            Total.from_fields((0, 1), {"responses": 1, "A:5": 1, "1/1": 1}, {"counter=A": {"responses": 1, "3/2": 1}})

    def test_survive_the_ledger(self):
        made = msgspec.structs.replace(total(0.5), counters=self.day(A=(50, 50)))
        assert Block(packed=Block({5: made}).packed).totals == {5: made}


class TestATotal:
    def test_is_made_of_the_tallys_cells(self):
        fields: dict[str, int] = {"excluded": 2}
        for answers in ({"A": 5, "B": 2}, {"A": 4, "B": None}, {"A": 1, "B": 1}):
            for name in sheet_fields(answers):
                fields[name] = fields.get(name, 0) + 1
        made = Total.from_fields((3, 17), fields)
        assert (made.version, made.responses, made.satisfied) == ((3, 17), 3, 1.5)
        assert made.criteria == {"A": (2, 3), "B": (0, 2)}

    def test_of_a_day_with_flagged_sheets_only_has_nobody_to_judge(self):
        assert Total.from_fields((0, 1), {"excluded": 4}).responses == 0

    def test_survives_the_ledger_exactly(self):
        made = total(1 / 3)
        assert Block(packed=Block({5: made}).packed).totals == {5: made}


@st.composite
def day_totals(draw) -> list[Told]:
    """Versions of some days; a version names one content."""
    versions = draw(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5)), min_size=1, max_size=30))
    return [told(day, (day * 7 + version * 3) % 11 / 10, version=version) for day, version in versions]


class TestTheDaysOfASeries:
    @given(day_totals(), st.randoms(use_true_random=False))
    def test_are_the_same_in_any_order_and_told_twice(self, events, shuffler):
        shuffled = events + events
        shuffler.shuffle(shuffled)
        held, other = Series(), Series()
        for one in events:
            held = held.with_total(one.day, one.total)
        for one in shuffled:
            other = other.with_total(one.day, one.total)
        assert held.days == other.days
        assert all(one.total.version <= held.days[one.day].version for one in events)

    def test_take_a_new_epoch_over_an_older_one_that_counted_further(self):
        series = Series().with_total(START, total(0.9, version=900)).with_total(START, total(0.5, epoch=1, version=3))
        assert series.days[START].version == (1, 3)
        assert series.with_total(START, total(0.9, version=901)) is series

    def test_that_only_have_a_new_version_are_not_judged_again(self):
        series = replace(Series().with_total(START, total(0.9)), changed_from=None)
        assert series.with_total(START, total(0.9, version=8)).changed_from is None

    def test_leave_after_four_hundred_days_by_the_block_into_the_base_state(self):
        running = Running()
        running.read(*good_days(WINDOW_DAYS + 50))
        series = running.series[SCOPE]
        first = START + 49
        assert first - BLOCK_DAYS < min(series.days) <= first
        assert min(series.days) == window_start(max(series.days), WINDOW_DAYS)
        assert series.watchers["drop"].base.last_closed == min(series.days) - 1
        assert series.watchers["drop"].base.days == min(series.days) - START

    def test_that_have_left_do_not_change_any_more(self):
        running = Running()
        running.read(*good_days(WINDOW_DAYS + 50))
        series = running.series[SCOPE]
        assert series.with_total(START, total(0.1, version=9)) is series

    def test_give_the_same_state_whether_the_window_moved_day_by_day_or_at_once(self):
        slowly, at_once = Running(), Running()
        for first in range(0, WINDOW_DAYS + 60, 20):
            slowly.read(*good_days(20, first))
        at_once.read(*good_days(WINDOW_DAYS + 60))
        assert slowly.series[SCOPE].watchers == at_once.series[SCOPE].watchers
        again, found = advance(slowly.series[SCOPE], NO_TARGET, [], silently=True)
        assert (again.watchers, found) == (slowly.series[SCOPE].watchers, [])

    def test_survive_the_ledger(self):
        running = Running(rules=TARGET)
        running.read(*good_days(40), *bad_days(4, 40))
        series = running.series[SCOPE]
        stored = json.loads(json.dumps(series.watchers_state()))
        assert Series.from_state(series.days, stored) == series


class TestAFall:
    def test_of_twenty_points_is_possible_then_confirmed_then_recovered_each_once(self):
        running = Running()
        assert running.read_one_by_one(*good_days(60)) == []
        assert running.read_one_by_one(*bad_days(6, 60)) == ["possible", "confirmed"]
        assert running.read_one_by_one(*good_days(30, 66)) == ["recovered"]

    def test_is_told_the_same_in_one_batch(self):
        running = Running()
        assert running.read(*good_days(60), *bad_days(6, 60), *good_days(30, 66)) == [
            "possible",
            "confirmed",
            "recovered",
        ]

    def test_is_not_told_again_by_reading_its_days_again(self):
        running = Running()
        days = [*good_days(60), *bad_days(6, 60)]
        running.read(*days)
        assert running.read(*days) == []
        newer = [replace(one, total=msgspec.structs.replace(one.total, version=(0, 2))) for one in days]
        assert running.read(*newer) == []

    def test_that_only_late_answers_show_on_days_that_are_over_is_folded_silently(self):
        running = Running()
        running.read(*good_days(120))
        before = running.series[SCOPE].watchers
        assert running.read(*(told(day, 0.5, version=2) for day in range(40, 44))) == []
        assert running.series[SCOPE].watchers != before

    def test_that_late_answers_take_back_stands(self):
        running = Running()
        running.read(*good_days(60), *bad_days(6, 60), *good_days(4, 66))
        assert running.read(*(told(day, 0.9, version=2) for day in range(60, 66))) == []
        assert running.series[SCOPE].watchers["drop"].state.alert is not None

    def test_is_told_on_an_open_day(self):
        running = Running()
        running.read(*good_days(60))
        assert "possible" in running.read(*bad_days(3, 60))
        assert running.known[0].fact.day > running.series[SCOPE].days.newest - GRACE_DAYS

    def test_is_looked_at_until_the_same_totals_say_nothing_new(self):
        running = Running()
        running.read(*good_days(60))
        assert running.read(*bad_days(3, 60)) == ["possible", "confirmed"]
        series = running.series[SCOPE]
        assert advance(series, NO_TARGET, running.known)[1] == []

    def test_has_the_same_id_whoever_finds_it(self):
        ids = []
        for _ in range(2):
            running = Running()
            running.read(*good_days(60), *bad_days(6, 60))
            ids.append([one.id for one in running.known])
        assert ids[0] == ids[1]
        opened = date.fromordinal(running.known[0].fact.opened).isoformat()
        assert ids[0][0] == f"so-noi-vu/quick-5@1/drop/{opened}/possible/1"


@st.composite
def histories(draw) -> list[list[Told]]:
    """Days of an office with a fall somewhere, in batches, some days told again with more sheets."""
    number, fall, length = draw(st.integers(20, 70)), draw(st.integers(15, 60)), draw(st.integers(0, 15))
    days = [told(day, 0.6 if fall <= day < fall + length else 0.9) for day in range(number)]
    again = draw(st.lists(st.integers(0, number - 1), max_size=8))
    events = days + [told(day, draw(st.sampled_from([0.5, 0.9])), version=2 + n) for n, day in enumerate(again)]
    # not further apart than grace, as in service, and some later
    order = sorted(range(len(events)), key=lambda index: index + draw(st.integers(0, 4)))
    cuts = sorted({0, len(events), *draw(st.lists(st.integers(0, len(events)), max_size=10))})
    return [[events[index] for index in order[first:last]] for first, last in pairwise(cuts)]


def standing(running: Running) -> list[tuple[str, int, int]]:
    """(kind, number, day) of what was said of alerts that stand."""
    return [
        (one.fact.kind, one.fact.number, one.fact.day - START)
        for one in running.known
        if one.fact.kind in ("follow-up", "reminder")
    ]


class TestAnAlertThatStands:
    """Opened on day 62, by a fall that began on day 60."""

    def test_is_followed_up_on_its_tenth_reporting_day_and_reminded_of_every_thirty_days(self):
        running = Running()
        running.read_one_by_one(*good_days(60), *bad_days(70, 60))
        opened = running.known[0].fact.opened - START
        assert standing(running) == [
            ("follow-up", 1, opened + 10),
            ("reminder", 1, opened + 30),
            ("reminder", 2, opened + 60),
        ]

    def test_says_the_same_of_itself_in_one_batch(self):
        days = [*good_days(60), *bad_days(70, 60)]
        slowly, at_once = Running(), Running()
        slowly.read_one_by_one(*days)
        at_once.read(*days)
        assert standing(at_once) == standing(slowly) != []
        assert {one.id for one in at_once.known} == {one.id for one in slowly.known}

    def test_measures_ten_days_that_did_not_raise_it(self):
        running = Running()
        running.read(*good_days(60), *bad_days(3, 60), *(told(day, 0.75) for day in range(63, 90)))
        [followed] = [one for _, one in running.transitions if one.kind == "follow-up"]
        assert followed.after == pytest.approx(0.75)
        assert (followed.since - START, followed.responses) == (63, 400)
        low, high = followed.after_interval
        [opening] = [one for _, one in running.transitions if one.kind == "possible"]
        assert high - low < opening.after_interval[1] - opening.after_interval[0]

    def test_is_reminded_of_with_the_last_thirty_days_only(self):
        running = Running()
        running.read(*good_days(60), *bad_days(20, 60), *(told(day, 0.72) for day in range(80, 140)))
        reminders = [one for _, one in running.transitions if one.kind == "reminder"]
        assert len(reminders) == 2
        assert reminders[-1].after == pytest.approx(0.72)

    def test_of_an_office_that_needs_a_month_for_ten_days_is_followed_up_and_not_reminded_of_as_well(self):
        running = Running()
        running.read_one_by_one(*good_days(60), *(told(60 + 3 * number, 0.66) for number in range(26)))
        opened = running.known[0].fact.opened - START
        assert standing(running) == [("follow-up", 1, opened + 30), ("reminder", 2, opened + 60)]

    def test_is_silent_once_it_is_over(self):
        running = Running()
        running.read_one_by_one(*good_days(60), *bad_days(5, 60), *good_days(80, 65))
        assert [one.fact.kind for one in running.known][-1] == "recovered"
        recovered = running.known[-1].fact.day - START
        assert all(day < recovered for _, _, day in standing(running))

    def test_is_not_followed_up_again_by_late_answers_that_change_which_day_is_the_tenth(self):
        running = Running()
        running.read_one_by_one(*good_days(60), *bad_days(8, 60), *bad_days(20, 70))
        before = standing(running)
        assert [kind for kind, _, _ in before] == ["follow-up"]
        running.read_one_by_one(*bad_days(2, 68), *bad_days(1, 90))
        assert standing(running) == before


class TestReplay:
    @settings(max_examples=40)
    @given(histories(), st.sampled_from([NO_TARGET, TARGET]))
    def test_of_days_and_record_gives_the_state_and_raises_nothing_of_what_is_over(self, batches, rules):
        running = Running(rules=rules)
        for batch in batches:
            running.read(*batch)
        held = running.series[SCOPE]
        days_only = replace(held, watchers=Series().watchers)
        again, found = advance(days_only, rules, running.known, silently=True)
        assert again.watchers == held.watchers
        assert found == []

    @settings(max_examples=40)
    @given(histories())
    def test_after_a_lost_ledger_tells_nothing_twice(self, batches):
        running = Running()
        for batch in batches:
            running.read(*batch)
        events = [event for batch in batches for event in batch]
        rebuilt = Running(Course(1, fold_until=len(events) + 1, epoch=0, marked=0), known=running.known)
        assert rebuilt.read(*events) == []
        assert rebuilt.series[SCOPE].watchers == running.series[SCOPE].watchers


class TestWhilePartial:
    def test_below_the_logs_first_end_nothing_is_raised_but_open_days_are_judged_when_it_is_reached(self):
        days = [*good_days(60), *bad_days(3, 60)]
        running = Running(Course(0, fold_until=len(days), epoch=0, marked=0))
        assert running.read(*days[:-1]) == []
        assert running.course.folding
        assert "possible" in running.read(days[-1])
        assert not running.course.folding

    def test_a_fall_that_is_over_when_it_is_reached_is_never_told(self):
        days = [*good_days(60), *bad_days(6, 60), *good_days(20, 66)]
        running = Running(Course(0, fold_until=len(days), epoch=0, marked=0))
        assert running.read(*days) == []
        assert running.read(*good_days(5, 86)) == []

    def test_totals_before_the_first_marker_are_not_judged(self):
        running = Running(Course(0, fold_until=0, epoch=0, marked=-1))
        assert running.read(*good_days(60), *bad_days(6, 60), *good_days(20, 66)) == []
        assert running.read(Marker(0)) == []
        assert running.read(*bad_days(6, 86)) != []

    def test_after_the_marker_in_one_batch_they_are(self):
        running = Running(Course(0, fold_until=0, epoch=0, marked=-1))
        assert running.read(Marker(0), *good_days(60), *bad_days(6, 60)) == ["possible", "confirmed"]

    def test_a_new_epoch_is_folded_until_its_marker_and_then_open_days_are_judged(self):
        running = Running()
        running.read(*good_days(60), *good_days(3, 60))
        new = [
            replace(one, total=msgspec.structs.replace(one.total, version=(7, 1)))
            for one in (*good_days(60), *bad_days(3, 60))
        ]
        assert running.read(*new) == []
        assert running.course.folding
        assert "possible" in running.read(Marker(7))

    def test_what_was_judged_before_a_new_epoch_in_the_same_batch_is_told(self):
        running = Running()
        newer = told(66, 0.66, epoch=1)
        assert running.read(*good_days(60), *bad_days(6, 60), newer) == ["possible", "confirmed"]
        assert running.course.folding

    def test_days_are_kept_in_any_order_however_old(self):
        days = good_days(WINDOW_DAYS + 50)
        straight, turned = Running(), Running(Course(0, fold_until=len(days), epoch=0, marked=0))
        straight.read(*days)
        turned.read(*reversed(days[:-1]))
        turned.read(days[-1])
        assert turned.series[SCOPE] == straight.series[SCOPE]


@st.composite
def growing_days(draw) -> list[Told]:
    """Totals as answers come: mostly to the newest day, now and then to one before it, with falls and returns."""
    told_so_far, day, version = [], 60, 1
    for _ in range(draw(st.integers(1, 40))):
        version += 1
        day += draw(st.sampled_from((0, 0, 0, 1, 1, 3)))
        of = max(day - draw(st.sampled_from((0, 0, 0, 0, 1, 2, 5))), 0)
        mean, responses = draw(st.sampled_from((0.3, 0.66, 0.88, 0.92))), draw(st.sampled_from((0, 12, 40)))
        told_so_far.append(told(of, mean, version=version, responses=responses))
    return told_so_far


class TestWhatWasFoundOfTheOpenDays:
    """`Ahead` only saves work."""

    @pytest.mark.parametrize("rules", [NO_TARGET, TARGET])
    @given(events=growing_days())
    def test_changes_nothing_that_is_raised_or_kept(self, rules, events):
        remembering, forgetful = Running(rules=rules), Running(rules=rules)
        assert remembering.read(*good_days(60)) == forgetful.read(*good_days(60))
        for event in events:
            held = forgetful.series[SCOPE]
            forgetful.series[SCOPE] = Series.from_state(held.days, held.watchers_state())
            assert remembering.read(event) == forgetful.read(event)
            assert remembering.series == forgetful.series

    def test_holds_while_only_the_newest_day_grows_and_nothing_is_recorded(self):
        running = Running()
        running.read(*good_days(60))
        running.read(told(60, 0.9, responses=5))
        held = running.series[SCOPE].watchers["drop"]
        running.read(told(60, 0.9, responses=6, version=2))
        assert running.series[SCOPE].watchers["drop"] is held
        running.known.append(Raised(SCOPE, "drop", Fact("possible", START + 60, START + 60, 1, 7.0), historical=False))
        running.read(told(60, 0.9, responses=7, version=3))
        assert running.series[SCOPE].watchers["drop"] is not held


class TestHistory:
    @pytest.mark.parametrize(("behind", "historical"), [(HISTORICAL_DAYS, False), (HISTORICAL_DAYS + 1, True)])
    def test_is_what_lies_more_than_a_week_behind_today(self, behind, historical):
        running = Running(today=START + 62 + behind)
        running.read_one_by_one(*good_days(60), *bad_days(3, 60))
        assert {one.fact.day for one in running.known} == {START + 62}
        assert {one.historical for one in running.known} == {historical}

    def test_ends_in_a_demo_at_the_agencys_own_newest_day_of_any_method(self):
        other = Scope("so-noi-vu", "overall-1@1")
        running = Running()
        running.read(told(400, 0.9, scope=other))
        running.read(*good_days(60), *bad_days(3, 60))
        assert [one.historical for one in running.known] == [True] * len(running.known)

    def test_is_not_what_a_demo_lives_through_however_many_days_come_at_once(self):
        running = Running()
        running.read(*good_days(50))
        running.read(*good_days(10, 50), *bad_days(14, 60))
        assert [(one.fact.kind, one.historical) for one in running.known] == [("possible", False), ("confirmed", False)]


class TestAFallThatWasHistoryWhenItWasFound:
    """A judge that was away, or days that came late."""

    TODAY = START + 100

    def told(self, running: Running) -> list[tuple[str, int]]:
        return [(one.fact.kind, one.fact.number) for one in running.known if not one.historical]

    def test_and_lasts_is_told_once_as_what_it_is_now(self):
        running = Running(today=START + 80)
        running.read(*good_days(60), *bad_days(20, 60))
        assert self.told(running) == [("reminder", 0)]
        running.read(*bad_days(3, 80))
        assert self.told(running) == [("reminder", 0)]
        now = running.transitions[-1][1]
        assert (now.after, now.before) == (pytest.approx(0.66), pytest.approx(0.88, abs=0.01))

    def test_is_followed_by_no_follow_up_of_a_message_that_nobody_got(self):
        running = Running(today=START + 80)
        running.read(*good_days(60), *bad_days(20, 60))
        assert [one.historical for one in running.known if one.fact.kind == "follow-up"] == [True]

    def test_and_is_over_is_never_told(self):
        running = Running(today=self.TODAY)
        running.read(*good_days(60), *bad_days(6, 60), *good_days(35, 66))
        assert [one.fact.kind for one in running.known] != []
        assert self.told(running) == []

    def test_is_not_told_while_its_days_are_those_of_last_month(self):
        running = Running(today=START + 120)
        running.read(*good_days(60), *bad_days(20, 60))
        assert self.told(running) == []

    def test_against_the_target_too_is_one_message(self):
        running = Running(today=START + 80, rules=TARGET)
        running.read(*good_days(60), *bad_days(20, 60))
        now = [one for one in running.known if not one.historical]
        assert [(one.rule, one.fact.kind) for one in now if one.told_with is None] == [("target", "reminder")]
        assert {one.rule for one in now} == {"drop", "target"}


def raised(rule, kind, day, *, opened=None, historical=False, told_with=None) -> Raised:
    return Raised(SCOPE, rule, Fact(kind, day, opened or day, 2, 7.0), historical, told_with)


class TestOneFall:
    def mark(self, found, known=(), today=100, target_holds=True) -> dict[str, str | None]:
        marked = raise_all(
            SCOPE,
            [(one.rule, one.fact) for one in found],
            known,
            today=today,
            target_holds=target_holds,
        )
        return {f"{one.rule} {one.fact.kind}": one.told_with for one, _ in marked}

    def test_possible_and_confirmed_in_one_pass_is_one_message(self):
        found = [raised("drop", "possible", 100), raised("drop", "confirmed", 100)]
        assert self.mark(found) == {"drop possible": found[1].id, "drop confirmed": None}

    def test_that_also_breaks_the_target_is_told_by_the_target(self):
        found = [raised("drop", "possible", 100), raised("target", "possible", 100)]
        assert self.mark(found) == {"drop possible": found[1].id, "target possible": None}

    def test_while_leaders_know_of_a_breach_is_not_told_again_by_the_drop(self):
        breach = raised("target", "possible", 98)
        assert self.mark([raised("drop", "confirmed", 100, opened=99)], [breach]) == {"drop confirmed": breach.id}

    def test_is_told_by_the_drop_where_the_breach_was_history(self):
        breach = raised("target", "possible", 80, historical=True)
        assert self.mark([raised("drop", "possible", 100)], [breach]) == {"drop possible": None}

    def test_is_told_by_the_drop_where_the_target_was_given_up(self):
        breach = raised("target", "possible", 98)
        found = [raised("drop", "possible", 100)]
        assert self.mark(found, [breach], target_holds=False) == {"drop possible": None}

    def test_whose_beginning_the_target_told_does_not_end_on_its_own(self):
        breach = raised("target", "possible", 98)
        quiet = raised("drop", "possible", 99, told_with=breach.id)
        over = raised("target", "recovered", 100, opened=98)
        found = [raised("drop", "recovered", 101, opened=99)]
        assert self.mark(found, [breach, quiet, over], today=101) == {"drop recovered": breach.id}

    def test_whose_beginning_was_told_ends_with_a_message(self):
        began = raised("drop", "possible", 99)
        assert self.mark([raised("drop", "recovered", 100, opened=99)], [began]) == {"drop recovered": None}

    def test_that_ends_together_with_the_breach_ends_with_one_message(self):
        known = [raised("drop", "possible", 96), raised("target", "possible", 98)]
        found = [raised("drop", "recovered", 100, opened=96), raised("target", "recovered", 100, opened=98)]
        assert self.mark(found, known) == {"drop recovered": found[1].id, "target recovered": None}


class TestHowAFallStands:
    """Said once where both rules see it: against the target."""

    def mark(self, found, known=()) -> dict[str, str | None]:
        marked = raise_all(SCOPE, [(one.rule, one.fact) for one in found], known, today=120, target_holds=True)
        return {f"{one.rule} {one.fact.kind}": one.told_with for one, _ in marked}

    @pytest.mark.parametrize("kind", ["follow-up", "reminder"])
    def test_while_leaders_know_of_a_breach_is_said_by_the_breach(self, kind):
        known = [raised("target", "possible", 98), raised("drop", "possible", 96)]
        found = [raised("drop", kind, 120, opened=96), raised("target", kind, 120, opened=98)]
        assert self.mark(found, known) == {f"drop {kind}": found[1].id, f"target {kind}": None}

    @pytest.mark.parametrize("kind", ["follow-up", "reminder"])
    def test_is_said_by_the_drop_where_there_is_no_breach(self, kind):
        known = [raised("drop", "possible", 96)]
        assert self.mark([raised("drop", kind, 120, opened=96)], known) == {f"drop {kind}": None}

    def test_is_no_follow_up_to_what_only_the_target_told(self):
        breach = raised("target", "possible", 98)
        known = [breach, raised("drop", "possible", 99, told_with=breach.id), raised("target", "recovered", 110)]
        found = [raised("drop", "follow-up", 120, opened=99)]
        assert self.mark(found, known) == {"drop follow-up": breach.id}


class TestEvidence:
    def event(self, rules=NO_TARGET, rule="drop", kind="possible"):
        running = Running(rules=rules)
        running.read(*good_days(60), *bad_days(6, 60))
        one, transition = next(
            pair for pair in running.transitions if (pair[0].rule, pair[0].fact.kind) == (rule, kind)
        )
        return alert_changed(one, transition, running.series[SCOPE].days, (0, 1), kind), transition

    def test_says_before_and_after_with_intervals_and_how_many_sheets(self):
        event, _ = self.event()
        assert event.before.percent == pytest.approx(88, abs=1)
        assert event.before.interval[0] < event.before.percent < event.before.interval[1]
        assert event.before.responses == 60 * 40
        assert event.after.percent == pytest.approx(66, abs=1)
        assert event.after.interval[0] < event.after.percent < event.after.interval[1]
        assert event.since == date.fromordinal(START + 60)
        assert event.after.responses == 40 * (event.day.toordinal() - START - 59)

    def test_names_the_criterion_that_fell_most(self):
        assert self.event()[0].criterion == "B"

    def test_of_the_companion_names_the_target_instead_of_a_level_before(self):
        event, _ = self.event(TARGET, rule="target")
        assert (event.target, event.before, event.rule) == (85.0, None, "target")

    def test_counts_the_reporting_days_since(self):
        event, _ = self.event()
        assert event.days == event.day.toordinal() - START - 59

    def test_says_how_far_the_criterion_fell(self):
        fell = self.event()[0].criterion_fell
        assert (fell.code, fell.after) == ("B", 32.5)
        assert fell.before == pytest.approx(76, abs=1)

    def test_shows_the_days_before_the_fall_and_in_it(self):
        event, _ = self.event()
        assert event.trend[0].day == date.fromordinal(START + 60 - 28)
        assert (event.trend[-1].day, event.trend[-1].percent) == (event.day, 66.0)

    def test_gives_the_fact_back_exactly_after_a_way_through_the_topic(self):
        event, transition = self.event()
        back = as_recorded(decode_alert(encode(event)))
        assert back.fact == Fact(**{name: getattr(transition, name) for name in Fact.__slots__})
        assert (back.id, back.scope) == (event.id, SCOPE)

    def test_holds_the_settings_in_force(self):
        assert Rule(**self.event()[0].state["rule"]) == USUAL

    def test_of_how_it_stands_says_in_which_state(self):
        confirmed = [raised("drop", "possible", 60), raised("drop", "confirmed", 61, opened=60)]
        later = raised("drop", "follow-up", 75, opened=60)
        assert phase_after(later, confirmed[:1]) == "possible"
        assert phase_after(later, [*confirmed, later]) == "confirmed"
        assert phase_after(later, [raised("drop", "confirmed", 31, opened=30)]) == "possible"

    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            ({"A": (90, 100), "B": (90, 100)}, {"A": (8, 10), "B": (5, 10)}, "B"),
            # ten points of many answers weigh more than twenty of a handful
            ({"A": (900, 1000), "B": (900, 1000)}, {"A": (640, 800), "B": (2, 3)}, "A"),
            ({"A": (90, 100), "B": (90, 100)}, {"A": (10, 10), "B": (10, 10)}, None),
            ({"A": (90, 100)}, {"A": (1, 10)}, None),
            ({"A": (100, 100), "B": (50, 100)}, {"A": (9, 10), "B": (5, 10)}, "A"),
            ({}, {"A": (1, 10), "B": (1, 10)}, None),
        ],
        ids=["largest fall", "surest fall", "nothing fell", "one question", "all satisfied before", "nothing before"],
    )
    def test_compares_criteria_by_how_sure_their_fall_is(self, before, after, expected):
        days = {1: Total((0, 1), 1, 1.0, before), 2: Total((0, 1), 1, 1.0, after)}
        found = fallen_most(days, [1], [2])
        assert (found and found.code) == expected


def registry(*entries: Entry) -> Registry:
    names = {"vi": "x", "en": "x"}
    return Registry.fold(
        [
            Entry(kind="block", id="so", history=({"name": names, "order": 1},)),
            Entry(kind="agency", id="so-noi-vu", history=({"name": names, "block": "so", "kind": "SO"},)),
            *entries,
        ]
    )


class TestSettings:
    DAY = date(2026, 5, 5).toordinal()

    def test_are_the_defaults_where_the_registry_says_nothing(self):
        rules = rules_of(registry(), SCOPE)
        assert {name: rule_on(self.DAY) for name, rule_on in rules.items()} == {"drop": USUAL}

    def test_are_those_of_the_day(self):
        history = (
            {"valid_to": "2026-05-04", "method": "quick-5@1", "unit": 2.0},
            {"valid_from": "2026-05-05", "method": "quick-5@1", "unit": 2.9, "overrides": {"smallest_drop": 0.08}},
        )
        rules = rules_of(registry(Entry(kind="rule", id="quick-5@1", history=history)), SCOPE)
        assert rules["drop"](self.DAY - 1) == Rule(unit=2.0)
        assert rules["drop"](self.DAY) == Rule(unit=2.9, smallest_drop=0.08)

    @pytest.mark.parametrize("overrides", [{"smallest_drop": 5.0}, {"no_such": 1.0}], ids=["out of range", "unknown"])
    def test_that_cannot_be_used_leave_the_defaults_in_force(self, overrides):
        history = ({"method": "quick-5@1", "overrides": overrides},)
        rules = rules_of(registry(Entry(kind="rule", id="quick-5@1", history=history)), SCOPE)
        assert rules["drop"](self.DAY) == USUAL

    def test_give_the_companion_the_nearest_target_on_its_days_only(self):
        history = ({"valid_from": "2026-05-05", "scope": "block/so", "method": "quick-5@1", "percent": 85.0},)
        rules = rules_of(registry(Entry(kind="target", id="block/so/quick-5@1", history=history)), SCOPE)
        assert rules["target"](self.DAY).target == 0.85
        assert rules["target"](self.DAY - 1).target is None
        assert rules["drop"](self.DAY).target is None

    @given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6), st.integers(0, 70))
    def test_are_those_that_the_registry_gives_for_the_day_whichever_was_asked_before(self, spans, asked_first):
        start = date(2026, 1, 1).toordinal()
        targets = tuple(
            {
                "valid_from": date.fromordinal(start + min(span)).isoformat(),
                "valid_to": date.fromordinal(start + max(span)).isoformat(),
                "scope": "so-noi-vu" if number % 2 else "block/so",
                "method": "quick-5@1",
                "percent": 60.0 + number,
            }
            for number, span in enumerate(spans)
        )
        entries = [Entry(kind="target", id=f"{target['scope']}/quick-5@1", history=(target,)) for target in targets[:2]]
        held = registry(*entries)
        rules = rules_of(held, SCOPE)
        against_target = rules.get("target", lambda _: USUAL)
        against_target(start + asked_first)
        for day in range(start - 1, start + 70):
            found = held.target_on("so-noi-vu", "quick-5@1", date.fromordinal(day))
            assert against_target(day).target == (None if found is None else found.percent / 100)

    def test_without_a_target_leave_the_companion_silent(self):
        running = Running()
        running.read(*good_days(60), *bad_days(6, 60))
        assert {one.rule for one in running.known} == {"drop"}
        assert running.series[SCOPE].watchers["target"].state.days == 0
