"""The drop rule: the recorded cases, its laws, and proof that the cases catch slips."""

import csv
import json
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from statistics import median
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier import drop_rule
from services.notifier.drop_rule import (
    Alert,
    Day,
    Detector,
    Fact,
    Rule,
    Stretch,
    Transition,
    adopt,
    close,
    close_recorded,
    fold,
    judge,
    level,
    refold,
    settle,
    watch,
    wilson,
)

DATA = Path(__file__).parent.parent / "data"
DEFAULT = Rule()
COMPANION = Rule(target=0.8)


def _days_by_case() -> dict[str, list[tuple[int, float, float]]]:
    with (DATA / "drop-cases.csv").open(newline="") as file:
        return {
            case: [(int(row["day"]), float(row["responses"]), float(row["satisfied"])) for row in rows]
            for case, rows in groupby(csv.DictReader(file), key=lambda row: row["case"])
        }


def _expected() -> list[dict]:
    return [json.loads(line) for line in (DATA / "drop-cases-expected.jsonl").read_text().splitlines()]


CASE_DAYS = _days_by_case()
CASES = _expected()


def always(rule):
    return lambda _day: rule


def days_of(*means: float, first: int = 0, responses: float = 40) -> list[Day]:
    return [Day(first + i, responses, round(responses * mean)) for i, mean in enumerate(means)]


def warmed(rule: Rule = DEFAULT, mean: float = 0.9) -> Detector:
    """Thirty quiet days, all closed: the next day is day 30."""
    detector, transitions = settle(always(rule), days_of(*[mean] * 30))
    assert transitions == ()
    return detector


def as_recorded_in_cases(transition) -> dict:
    told = {"day": transition.day, "event": transition.kind}
    if transition.kind == "possible":
        return told | {
            "since": transition.since,
            "evidence": transition.evidence,
            "before": transition.before,
            "after": transition.after,
            "n": transition.responses,
        }
    if transition.kind == "confirmed":
        return told | {"evidence": transition.evidence}
    return told | {"level": transition.after, "n": transition.responses}


def run_case(module, case) -> tuple[list[dict], dict]:
    rule = module.Rule(**case["settings"])
    detector, transitions = module.fold(always(rule), [module.Day(*day) for day in CASE_DAYS[case["case"]]])
    end = module.level(rule, detector)
    return [as_recorded_in_cases(transition) for transition in transitions], {
        "normal": end.normal,
        "reference": end.reference,
        "icc": end.icc,
    }


def agrees(module, case) -> bool:
    events, end = run_case(module, case)
    return len(events) == len(case["events"]) and all(
        map(same_to_a_millionth, [*events, end], [*case["events"], case["end"]])
    )


def same_to_a_millionth(got: dict, expected: dict) -> bool:
    return got.keys() == expected.keys() and all(
        abs(got[name] - value) <= 1e-6 if isinstance(value, float) else got[name] == value
        for name, value in expected.items()
    )


class TestTheRecordedCases:
    def test_there_are_thirty_of_them_with_every_kind_of_event(self):
        assert len(CASES) == len(CASE_DAYS) == 30
        kinds = {event["event"] for case in CASES for event in case["events"]}
        assert kinds == {"possible", "confirmed", "recovered"}

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
    def test_give_their_events_and_end_to_a_millionth(self, case):
        events, end = run_case(drop_rule, case)
        assert [(e["day"], e["event"]) for e in events] == [(e["day"], e["event"]) for e in case["events"]]
        for got, expected in zip([*events, end], [*case["events"], case["end"]], strict=True):
            assert same_to_a_millionth(got, expected), (got, expected)


MUTANTS = {
    "learns during an alert": (
        "        return replace(detector, alert=_with_level(rule, detector, detector.alert, day))\n",
        "        pass\n",
    ),
    "learns the recovery day": (
        "_counted(adopt(evening, fact), day), _told",
        "_counted(_learnt(rule, adopt(evening, fact), day), day), _told",
    ),
    "keeps the queue when an alert opens": ("replace(detector, queue=(), alert=", "replace(detector, alert="),
    "learns without delay": ("len(queue) <= rule.lag", "len(queue) <= 0"),
    "no cap on a day": ("min(found, cap)", "found"),
    "no benefit of the doubt": ("rule.guard * math.sqrt", "0 * math.sqrt"),
    "recovery against the whole drop": ("max(alert.drop_index - 1, 0)", "alert.drop_index"),
    "a run is never forgotten": ("if cusum > 0 else None", "if cusum >= 0 else None"),
    "every sheet weighs the same": ("tosses / (1 + (tosses - 1) * icc) if tosses > 1 else tosses", "tosses"),
    "one wild day may teach any icc": (
        "min(excess / (day.tosses - 1), 10 * rule.icc)",
        "excess / (day.tosses - 1)",
    ),
    "the day that completes warm-up is queued": (
        "_counted(_learnt(rule, evening, day), day), None",
        "_learnt(rule, _counted(evening, day), day), None",
    ),
    "a target is learnt away": ("_Footing(rule.target, ", "_Footing(_mean_or(rule.target, detector), "),
    "unit is forgotten": ("hits = rule.unit * day.satisfied", "hits = day.satisfied"),
}


@pytest.fixture
def mutated() -> Iterator:
    """Compiles the rule with one phrase replaced; dataclasses look their module up by name."""
    source = Path(drop_rule.__file__).read_text()
    name = "mutated_drop_rule"

    def compiled(old: str, new: str) -> ModuleType:
        assert source.count(old) == 1, f"the rule no longer says {old!r} exactly once"
        module = ModuleType(name)
        sys.modules[name] = module
        module._mean_or = lambda target, detector: detector.satisfied / detector.weight if detector.weight else target
        exec(compile(source.replace(old, new), name, "exec"), module.__dict__)
        return module

    yield compiled
    sys.modules.pop(name, None)


class TestTheCasesCatchSlips:
    @pytest.mark.parametrize(("old", "new"), MUTANTS.values(), ids=MUTANTS.keys())
    def test_a_rule_with_a_slip_fails_them(self, mutated, old, new):
        module = mutated(old, new)
        assert not all(agrees(module, case) for case in CASES)

    def test_the_rule_itself_passes_the_same_check(self):
        assert all(agrees(drop_rule, case) for case in CASES)


# --- laws ---------------------------------------------------------------------------------------------------

rules = st.builds(
    Rule,
    smallest_drop=st.floats(0.005, 0.5),
    false_alarm_days=st.floats(2, 1e5),
    icc=st.floats(0.003, 0.25),
    lag=st.integers(0, 30),
    half_life=st.floats(0.5, 500),
    warmup_days=st.integers(1, 12),
    warmup_responses=st.integers(0, 100),
    day_share=st.floats(0.1, 2),
    target=st.none() | st.floats(0.001, 0.999),
    unit=st.floats(0.1, 20),
)
sizes = st.one_of(st.integers(1, 400), st.floats(0.01, 50), st.sampled_from([1e6, 1e12]))


@st.composite
def histories(draw, min_size=1, max_size=60) -> list[Day]:
    """Days with gaps, mostly of one level, with sudden ends: alerts and recoveries do happen in them."""
    phases = draw(st.lists(st.tuples(st.integers(1, 15), sizes, st.floats(0, 1)), min_size=1, max_size=max_size // 15))
    day, history = 0, []
    for length, responses, mean in phases:
        for _ in range(length):
            day += draw(st.integers(1, 3))
            history.append(Day(day, responses, min(responses * mean, responses)))
    return history[: max(min_size, len(history))]


def numbers(value) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from numbers(one)
    elif value is not None:
        yield value


class TestAnyInput:
    @settings(max_examples=60, deadline=None)
    @given(rules, histories())
    def test_leaves_only_finite_numbers(self, rule, history):
        detector, transitions = fold(always(rule), history)
        assert all(math.isfinite(number) for number in numbers(detector.to_state()))
        for told in transitions:
            assert math.isfinite(told.evidence)
            assert told.after_interval[0] <= told.after <= told.after_interval[1]
            assert 0 <= told.after_interval[0] <= told.after_interval[1] <= 1
        end = level(rule, detector)
        assert 0.003 <= end.icc <= 0.25
        assert end.reference is None or 0.10 <= end.reference <= 0.985

    @settings(max_examples=60, deadline=None)
    @given(rules, histories(), st.data())
    def test_is_folded_the_same_after_the_state_went_through_json(self, rule, history, data):
        cut = data.draw(st.integers(0, len(history)))
        half, first = settle(always(rule), history[:cut])
        stored = Detector.from_state(json.loads(json.dumps(half.to_state(), allow_nan=False)))
        assert stored == half
        whole = fold(always(rule), history)
        state, rest = fold(always(rule), history[cut:], detector=stored)
        assert (state, first + rest) == whole or cut == len(history)

    @settings(max_examples=60, deadline=None)
    @given(rules, histories())
    def test_leaves_the_same_state_when_the_record_is_folded_again(self, rule, history):
        state, facts = settle(always(rule), history)
        assert refold(always(rule), history, facts) == state
        _, new = settle(always(rule), history, facts)
        # the last day with a fact is looked at once more, which may confirm its alert
        assert {told.kind for told in new} <= {"confirmed"}

    @settings(max_examples=60, deadline=None)
    @given(rules, st.integers(1, 500), st.floats(0, 1))
    def test_gives_no_more_evidence_in_one_day_than_its_share(self, rule, responses, mean):
        detector = warmed() if rule.target is None else Detector()
        held = math.log(sum(math.exp(one.log_odds) for one in detector.suspicions) / drop_rule.DROPS)
        _, told = judge(rule, detector, Day(99, responses, responses * mean))
        if told:
            assert told.evidence <= held + rule.day_share * math.log(rule.false_alarm_days) + 1e-9

    @settings(max_examples=60, deadline=None)
    @given(rules, histories())
    def test_raises_an_alert_exactly_where_the_evidence_exceeds_what_it_needs(self, rule, history):
        detector = Detector()
        for day in history:
            footing, phase = drop_rule._footing(rule, detector), level(rule, detector).phase
            _, told = judge(rule, detector, day)
            if phase == "normal":
                gains = drop_rule._capped(rule, drop_rule._likelihoods(rule, footing, day))
                terms = [one.log_odds + gain for one, gain in zip(detector.suspicions, gains, strict=True)]
                evidence = math.log(sum(map(math.exp, terms))) - math.log(drop_rule.DROPS)
                assert (told is not None) == (evidence > rule.alarm_evidence) or evidence == pytest.approx(
                    rule.alarm_evidence
                )
            detector, _ = close(rule, detector, day)

    @settings(max_examples=60, deadline=None)
    @given(rules, histories(), st.integers(1, 5))
    def test_is_watched_as_its_days_one_by_one_would_be(self, rule, history, still_open):
        closed, open_days = history[:-still_open], history[-still_open:]
        state, facts = settle(always(rule), closed)
        copy, expected = state, []
        for day in open_days[:-1]:
            copy, told = judge(rule, copy, day)
            copy = close_recorded(rule, copy, day)
            expected += [told] if told else []
        copy, told = judge(rule, copy, open_days[-1])
        expected += [told] if told else []
        for _ in range(2):
            assert watch(always(rule), open_days, facts, state) == (copy, tuple(expected))

    @settings(max_examples=60, deadline=None)
    @given(st.floats(0.15, 0.98), st.floats(0.003, 0.25), st.lists(st.booleans(), min_size=1, max_size=60))
    def test_of_yes_and_no_answers_counts_alike_one_at_a_time_and_in_any_order(self, ref, icc, answers):
        """Polya's urn: each answer is judged by those before it; the totals of the day say the same."""
        footing = drop_rule._Footing(ref, ref, icc)
        spread = 1 / icc - 1
        at_once = drop_rule._likelihoods(DEFAULT, footing, Day(0, len(answers), sum(answers)))
        for drop, expected in zip(DEFAULT.drops, at_once, strict=True):
            low, total, hits, misses = max(ref - drop, 0.02), 0.0, 0, 0
            for satisfied in answers:
                if satisfied:
                    total += math.log((low * spread + hits) / (ref * spread + hits))
                    hits += 1
                else:
                    total += math.log(((1 - low) * spread + misses) / ((1 - ref) * spread + misses))
                    misses += 1
            assert total == pytest.approx(expected, abs=1e-8)

    @settings(max_examples=100, deadline=None)
    @given(st.floats(0, 1), st.floats(0.1, 1e7), st.sampled_from([1.96, 3.0]))
    def test_gives_an_interval_around_the_share(self, share, weight, z):
        low, high = wilson(share, weight, z)
        assert 0 <= low <= share + 1e-12
        assert share - 1e-12 <= high <= 1


class TestADaysTotals:
    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(st.integers(1, 10), st.integers(0, 10)).map(lambda mk: (min(mk[1], mk[0]), mk[0])),
            min_size=1,
            max_size=200,
        ),
        st.randoms(use_true_random=False),
        st.integers(1, 4),
    )
    def test_are_the_same_in_any_order_and_however_sharded(self, sheets, shuffler, shards):
        def cells(part):
            return {cell: part.count(cell) for cell in part}

        whole = Day.from_cells(7, cells(sheets))
        shuffled = sheets.copy()
        shuffler.shuffle(shuffled)
        merged: dict[tuple[int, int], int] = {}
        for shard in range(shards):
            for cell, count in cells(shuffled[shard::shards]).items():
                merged[cell] = merged.get(cell, 0) + count
        assert Day.from_cells(7, merged) == whole

    def test_are_the_mean_share_per_sheet(self):
        assert Day.from_cells(0, {(3, 4): 2, (5, 5): 1, (0, 2): 1}) == Day(0, 4, 2.5)

    @pytest.mark.parametrize(
        ("responses", "satisfied"),
        [(0, 0), (-1, 0), (5, 5.1), (5, -0.1), (math.nan, 0), (5, math.nan), (math.inf, 1)],
    )
    def test_that_cannot_be_are_refused(self, responses, satisfied):
        with pytest.raises(ValueError, match="day 3"):
            Day(3, responses, satisfied)


class TestWarmUp:
    def test_judges_nothing_however_bad_the_days(self):
        _, transitions = settle(always(DEFAULT), days_of(*[0.9] * 9, 0.0))
        assert transitions == ()

    @pytest.mark.parametrize(
        ("responses", "days", "phase"),
        [(40, 9, "warming"), (40, 10, "normal"), (5, 11, "warming"), (5, 12, "normal")],
        ids=["too few days", "ten days", "too few responses", "sixty responses"],
    )
    def test_ends_with_enough_days_and_enough_responses(self, responses, days, phase):
        detector, _ = settle(always(DEFAULT), days_of(*[0.8] * days, responses=responses))
        where = level(DEFAULT, detector)
        assert (where.phase, where.closed_days, where.closed_responses) == (phase, days, days * responses)

    def test_is_not_needed_against_a_target(self):
        assert level(COMPANION, Detector()).phase == "normal"
        state, transitions = settle(always(COMPANION), days_of(0.3, 0.3, 0.3))
        assert transitions[0].kind == "possible"
        assert transitions[0].before == 0.8
        assert transitions[0].before_interval is None
        assert level(COMPANION, state).reference == 0.8

    def test_has_no_level_to_show_before_the_first_day(self):
        where = level(DEFAULT, Detector())
        assert (where.normal, where.reference, where.icc) == (None, None, 0.03)


class TestLookingAtAnOpenDay:
    def test_leaves_no_trace_however_often(self):
        detector = warmed()
        for looked_at in range(1, 41):
            state, told = judge(DEFAULT, detector, Day(30, looked_at, looked_at * 0.85))
            assert (state, told) == (detector, None)

    def test_goes_from_possible_to_confirmed_within_one_day_as_two_events(self):
        rule = Rule(day_share=2.0)
        detector, first = judge(rule, warmed(), Day(30, 40, 8))
        detector, second = judge(rule, detector, Day(30, 40, 8))
        detector, third = judge(rule, detector, Day(30, 40, 0))
        assert (first.kind, second.kind, third) == ("possible", "confirmed", None)
        assert (second.opened, second.drop_index, second.evidence) == (30, first.drop_index, first.evidence)
        assert level(rule, detector).phase == "confirmed"

    def test_raises_nothing_on_one_day_alone_with_the_default_cap(self):
        _, told = judge(DEFAULT, warmed(), Day(30, 5000, 0))
        assert told is None

    def test_refuses_a_day_that_is_closed(self):
        with pytest.raises(ValueError, match="closed already"):
            judge(DEFAULT, warmed(), Day(29, 10, 9))
        with pytest.raises(ValueError, match="closed already"):
            close(DEFAULT, warmed(), Day(29, 10, 9))


class TestAnAlert:
    def test_says_before_after_since_and_how_sure(self):
        state, transitions = settle(always(DEFAULT), days_of(*[0.9] * 30, *[0.6] * 4))
        told = transitions[0]
        assert isinstance(told, Transition)
        assert (told.kind, told.since, told.opened) == ("possible", 30, told.day)
        assert told.before == pytest.approx(0.9)
        assert told.after == pytest.approx(0.6)
        assert told.responses == 40 * (told.day - 29)
        assert told.before_interval[0] < 0.9 < told.before_interval[1]
        assert told.after_interval[0] < 0.6 < told.after_interval[1] < told.before_interval[0]
        assert told.evidence > math.log(520)
        assert told.rule == DEFAULT
        assert state.queue == ()

    def test_stands_though_the_full_day_would_not_raise_it(self):
        """Raised at noon on a bad morning; the afternoon was fine."""
        detector, _ = settle(always(DEFAULT), days_of(0.5, first=30), detector=warmed())
        morning, full = Day(31, 40, 16), Day(31, 90, 84)
        assert judge(DEFAULT, detector, full)[1] is None
        alerted, told = judge(DEFAULT, detector, morning)
        assert told.kind == "possible"
        closed, recovered = close(DEFAULT, alerted, full)
        assert recovered is None
        assert replace(closed.alert, weight=0, satisfied=0) == Alert(31, told.drop_index, told.evidence)
        assert refold(always(DEFAULT), [full], [told], detector) == closed
        assert settle(always(DEFAULT), [full], [told], detector) == (closed, ())

    def test_stands_though_its_day_has_lost_all_its_sheets(self):
        fact = Fact("possible", 30, 30, 1, 7.0)
        state = refold(always(DEFAULT), days_of(0.9, first=32), [fact], warmed())
        assert state.alert.opened == 30

    def test_teaches_the_level_nothing(self):
        alerted = adopt(warmed(), Fact("possible", 30, 30, 0, 7.0))
        later = refold(always(DEFAULT), days_of(*[0.6] * 25, first=30), detector=alerted)
        assert level(DEFAULT, later).normal == level(DEFAULT, alerted).normal
        assert later.queue == ()

    def test_recovers_as_recorded_and_the_day_is_not_learnt(self):
        """The record is followed even where the days, as they now are, would not recover."""
        facts = [Fact("possible", 31, 31, 1, 7.0), Fact("recovered", 33, 31, 1, 4.0)]
        state = refold(always(DEFAULT), days_of(*[0.5] * 4, first=30), facts, warmed())
        assert state.alert is None
        assert state.last_closed == 33
        assert [one.cusum for one in state.suspicions] == [0.0] * 4
        assert state.queue == ()
        assert state.days == 34

    def test_does_not_recover_silently_when_no_recovery_is_recorded(self):
        fact = Fact("possible", 30, 30, 1, 7.0)
        good = days_of(0.4, *[0.95] * 20, first=30)
        assert refold(always(DEFAULT), good, [fact], warmed()).alert is not None
        _, transitions = settle(always(DEFAULT), good, [fact], warmed())
        assert [told.kind for told in transitions] == ["recovered"]

    def test_that_is_not_open_cannot_be_confirmed(self):
        detector = warmed()
        assert adopt(detector, Fact("confirmed", 30, 12, 1, 9.0)) == detector
        alerted = adopt(detector, Fact("possible", 30, 30, 1, 7.0))
        assert adopt(alerted, Fact("confirmed", 30, 12, 1, 9.0)) == alerted

    def test_is_adopted_once_however_often_it_is_read(self):
        opened, confirmed = Fact("possible", 30, 30, 1, 7.0), Fact("confirmed", 30, 30, 1, 9.0)
        once = adopt(adopt(warmed(), opened), confirmed)
        assert adopt(adopt(once, opened), confirmed) == once

    def test_does_not_recover_while_the_level_is_a_drop_below_normal(self):
        """Most of a 40-point fall has come back: far likelier over than not, and still more than five points short."""
        alerted = adopt(warmed(), Fact("possible", 30, 30, 3, 7.0))
        halfway, transitions = settle(always(DEFAULT), days_of(*[0.825] * 30, first=30), detector=alerted)
        assert (transitions[-1].kind if transitions else None) != "recovered"
        assert halfway.alert.recovery > math.log(20)
        _, transitions = settle(always(DEFAULT), days_of(*[0.9] * 60, first=60), detector=halfway)
        assert transitions[-1].kind == "recovered"

    def test_says_how_long_the_level_has_been_back(self):
        _, transitions = settle(always(DEFAULT), days_of(*[0.9] * 30, *[0.5] * 5, *[0.9] * 20))
        told = transitions[-1]
        assert told.kind == "recovered"
        assert told.opened == transitions[0].opened
        assert 35 <= told.since <= told.day
        assert told.after == pytest.approx(0.9)
        assert told.evidence > math.log(20)

    def test_that_lasts_for_years_keeps_its_numbers_finite(self):
        """The evidence R would be about e^4000 here."""
        state, _ = settle(always(DEFAULT), days_of(*[0.9] * 30, *[0.2] * 1000))
        assert all(math.isfinite(number) for number in numbers(state.to_state()))


class TestGrace:
    """Days stay open for late answers and are judged in order on a copy."""

    GRACE = 3

    def sheets(self, seed: int, level: float = 0.9) -> list[tuple[int, int, int]]:
        """(arrival, day, satisfied of 5), up to two days late and shuffled."""
        generator = random.Random(seed)
        made = [
            (day + generator.choice([0, 0, 0, 1, 2]), day, sum(generator.random() < level for _ in range(5)))
            for day in range(45)
            for _ in range(generator.randint(5, 20))
        ]
        generator.shuffle(made)
        return sorted(made, key=lambda sheet: sheet[0])

    def totals(self, sheets) -> list[Day]:
        cells: dict[int, dict[tuple[int, int], int]] = {}
        for _, day, satisfied in sheets:
            of_day = cells.setdefault(day, {})
            of_day[satisfied, 5] = of_day.get((satisfied, 5), 0) + 1
        return [Day.from_cells(day, cells[day]) for day in sorted(cells)]

    def serve(self, rule: Rule, sheets) -> tuple[Detector, list[Transition]]:
        """As in service: after each sheet, close what grace has left behind and look at what is open."""
        detector, facts, arrived = Detector(), list[Transition](), []
        for number, sheet in enumerate(sheets):
            arrived.append(sheet)
            if number % 5 and number < len(sheets) - 1:
                continue
            days = [
                day for day in self.totals(arrived) if detector.last_closed is None or day.day > detector.last_closed
            ]
            over = [day for day in days if day.day + self.GRACE < sheet[0]]
            detector, found = settle(always(rule), over, facts, detector)
            facts += found
            facts += watch(always(rule), days[len(over) :], facts, detector)[1]
        days = [day for day in self.totals(sheets) if day.day > (detector.last_closed or 0)]
        detector, found = settle(always(rule), days, facts, detector)
        return detector, facts + list(found)

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("rule", [DEFAULT, Rule(unit=2.5), Rule(target=0.85)], ids=["own", "unit", "target"])
    def test_late_answers_in_any_order_leave_exactly_the_state_of_the_full_days(self, rule, seed):
        sheets = self.sheets(seed)
        detector, facts = self.serve(rule, sheets)
        assert facts == []
        assert detector == settle(always(rule), self.totals(sheets))[0]

    def test_a_real_drop_is_told_once_and_folding_the_record_again_gives_the_state(self):
        before, after = self.sheets(1), self.sheets(2, level=0.5)
        sheets = before + [(arrival + 47, day + 47, satisfied) for arrival, day, satisfied in after]
        detector, facts = self.serve(DEFAULT, sheets)
        assert [told.kind for told in facts] == ["possible", "confirmed"]
        assert refold(always(DEFAULT), self.totals(sheets), facts) == detector

    def test_late_answers_to_an_earlier_day_do_not_raise_the_same_fall_twice(self):
        bad = days_of(0.3, 0.3, 0.3, first=30)
        early = days_of(0.9, 0.3, 0.3, first=30)
        _, facts = watch(always(DEFAULT), early, detector=warmed())
        assert [(told.kind, told.day) for told in facts] == [("possible", 32)]
        assert judge(DEFAULT, close(DEFAULT, warmed(), bad[0])[0], bad[1])[1].kind == "possible"
        copy, more = watch(always(DEFAULT), bad, facts, warmed())
        assert (copy.alert.opened, [told.kind for told in more]) == (32, ["confirmed"])

    def test_a_copy_never_recovers_before_its_day_is_closed(self):
        alerted = adopt(warmed(), Fact("possible", 30, 30, 3, 7.0))
        alerted = close_recorded(DEFAULT, alerted, Day(30, 40, 8))
        good = days_of(*[0.95] * 4, first=31)
        copy, told = watch(always(DEFAULT), good, detector=alerted)
        assert (copy.alert.opened, told) == (30, ())
        closed, recovered = settle(always(DEFAULT), good, detector=alerted)
        assert (closed.alert, recovered[0].kind) == (None, "recovered")

    def test_a_changed_closed_day_is_folded_again_without_any_new_event(self):
        days = days_of(*[0.9] * 60)
        worse = [replace(day, satisfied=10) if day.day in (40, 41, 42) else day for day in days]
        assert fold(always(DEFAULT), worse)[1] != ()
        state = refold(always(DEFAULT), worse)
        assert state.alert is None
        assert state != refold(always(DEFAULT), days)


class TestSettings:
    def test_are_those_valid_on_each_day(self):
        days = days_of(*[0.9] * 30, *[0.6] * 2)
        patient = Rule(false_alarm_days=1e6)
        _, told = fold(lambda day: DEFAULT if day >= 30 else patient, days)
        assert [one.rule for one in told] == [DEFAULT]
        assert fold(always(patient), days)[1] == ()

    def test_that_drop_the_target_wait_until_a_day_is_learnt(self):
        """The companion's days wait in the queue, so there is no own level yet."""
        detector, _ = settle(always(COMPANION), days_of(*[0.8] * 15))
        assert level(DEFAULT, detector).phase == "warming"
        assert level(DEFAULT, close(DEFAULT, detector, Day(15, 40, 32))[0]).phase == "normal"

    def test_wrong_ones_are_named_all_at_once(self):
        with pytest.raises(ValueError, match=r"smallest_drop .* 0 and 1, not 5; .*target .* not 80"):
            Rule(smallest_drop=5, target=80)

    def test_more_tosses_per_sheet_bring_more_evidence(self):
        bad = days_of(*[0.75] * 3, first=30)
        evidence = [
            max(one.log_odds for one in refold(always(rule), bad, detector=warmed(rule)).suspicions)
            for rule in (DEFAULT, Rule(unit=2.9))
        ]
        assert evidence[0] < evidence[1]


class TestTheStoredState:
    def test_keeps_every_part(self):
        run = Stretch(12, 34.0, 30.5, 7.25)
        detector = replace(
            warmed(), alert=Alert(30, 2, 7.0, 31, 0.5, run), suspicions=(drop_rule.Suspicion(1.5, 0.2, run),) * 4
        )
        assert Detector.from_state(json.loads(json.dumps(detector.to_state()))) == detector

    def test_holds_about_a_hundred_numbers(self):
        state, _ = settle(always(DEFAULT), days_of(*[0.9, 0.85] * 30))
        assert len(list(numbers(state.to_state()))) <= 100


# --- simulation ---------------------------------------------------------------------------------------------


def beta_binomial_day(generator: random.Random, day: int, responses: int, mean: float, icc: float) -> Day:
    spread = 1 / icc - 1
    share = generator.betavariate(mean * spread, (1 - mean) * spread)
    return Day(day, responses, sum(generator.random() < share for _ in range(responses)))


class TestInSimulation:
    def test_a_healthy_office_is_alerted_less_often_than_promised_but_not_never(self):
        rule, generator, watched, alarms = Rule(false_alarm_days=60), random.Random(2640), 0, 0
        for _ in range(30):
            detector = Detector()
            for number in range(400):
                day = beta_binomial_day(generator, number, 20, 0.85, 0.03)
                phase = level(rule, detector).phase
                detector, raised = judge(rule, detector, day)
                watched += phase == "normal"
                alarms += raised is not None and raised.kind == "possible"
                detector, _ = close(rule, detector, day)
        assert 0 < alarms <= watched / rule.false_alarm_days

    def test_a_fall_of_twenty_points_is_found_within_days(self):
        generator, delays = random.Random(766), []
        for _ in range(40):
            before = [beta_binomial_day(generator, day, 20, 0.85, 0.03) for day in range(90)]
            after = [beta_binomial_day(generator, day, 20, 0.65, 0.03) for day in range(90, 130)]
            detector = refold(always(DEFAULT), before)
            _, transitions = settle(always(DEFAULT), after, detector=detector)
            delays.append(transitions[0].day - 89 if transitions else math.inf)
        assert 2 <= median(delays) <= 7
