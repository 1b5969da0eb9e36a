"""An alert that a person ends: closed, or declared normal. Going on and folding again come to the same state."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier.drop_rule import (
    Day,
    Detector,
    Ending,
    Fact,
    Rule,
    Transition,
    adopt,
    decided,
    level,
    refold,
    settle,
    watch,
)
from services.notifier.endings import Endings
from services.notifier.judge import Ended, Raised, Scope, Series, raise_all
from services.notifier.passage import Course, Told, take
from services.notifier.totals import Total
from sipas.events import AlertDecided

DEFAULT = Rule()
USUAL, LOW = 0.90, 0.66
KINDS = ["closed", "new-normal"]


def always(_day: int) -> Rule:
    return DEFAULT


def days_of(mean: float, number: int, first: int, responses: float = 40) -> list[Day]:
    return [Day(first + at, responses, round(responses * mean)) for at in range(number)]


def confirmed() -> tuple[Detector, list[Transition]]:
    """Forty quiet days, then six low ones, all closed: a confirmed alert. The next day is day 46."""
    detector, found = settle(always, days_of(USUAL, 40, 0) + days_of(LOW, 6, 40))
    assert [one.kind for one in found] == ["possible", "confirmed"]
    return detector, list(found)


def ended(kind: Any, after: int = 45) -> tuple[Detector, list[Transition], Ending]:
    """The same, and a person ends it after a day that may still have to come."""
    detector, found = confirmed()
    return detector, found, Ending(kind, after, found[0].opened)


class TestTheNewNormal:
    def test_is_the_mean_of_the_days_since_the_alert_and_of_no_others(self):
        detector, found, ending = ended("new-normal", after=49)
        days = days_of(0.5, 4, 46)
        state, more = settle(always, days, [*found, ending], detector)
        since = [day for day in days_of(LOW, 6, 40) + days if day.day >= found[0].opened]
        fade = 2 ** (-1 / DEFAULT.half_life)
        icc = level(DEFAULT, detector).icc
        weights = [40 / (1 + 39 * icc) * fade**age for age in range(len(since))][::-1]
        mean = sum(w * day.mean for w, day in zip(weights, since, strict=True)) / sum(weights)
        assert more == ()
        assert level(DEFAULT, state).normal == pytest.approx(mean)
        assert state.weight == pytest.approx(sum(weights))

    def test_leaves_nothing_of_the_alert_behind(self):
        detector, found, ending = ended("new-normal", after=46)
        state, _ = settle(always, days_of(LOW, 1, 46), [*found, ending], detector)
        assert (state.alert, state.queue, state.suspicions) == (None, (), Detector().suspicions)
        assert level(DEFAULT, state).phase == "normal"
        assert (state.icc_weight, state.icc_sum) == (detector.icc_weight, detector.icc_sum)

    def test_raises_no_alert_again_while_it_lasts_but_one_when_it_falls_further(self):
        detector, found, ending = ended("new-normal")
        state, quiet = settle(always, days_of(LOW, 60, 46), [*found, ending], detector)
        assert quiet == ()
        _, fallen = settle(always, days_of(0.4, 6, 106), [*found, ending], state)
        assert [one.kind for one in fallen][:1] == ["possible"]
        assert fallen[0].before == pytest.approx(LOW, abs=0.02)

    def test_of_an_alert_without_any_day_since_leaves_the_level(self):
        """Whose day has lost all its sheets."""
        detector, _ = settle(always, days_of(USUAL, 40, 0))
        facts = [Fact("possible", 40, 40, 2, 7.0), Ending("new-normal", 40, 40)]
        state = refold(always, days_of(USUAL, 1, 41), facts, detector)
        assert state.alert is None
        assert state.weight == detector.weight


class TestClosing:
    def test_leaves_the_level_as_it_was_and_learning_goes_on_the_next_day(self):
        detector, found, ending = ended("closed", after=47)
        state, more = settle(always, days_of(LOW, 2, 46), [*found, ending], detector)
        assert more == ()
        assert (state.alert, state.queue, state.suspicions) == (None, (), Detector().suspicions)
        assert (state.weight, state.satisfied) == (detector.weight, detector.satisfied)
        state, _ = settle(always, days_of(USUAL, 1, 48), [*found, ending], state)
        assert [day.mean for day in state.queue] == [0.9]

    def test_does_not_hide_a_fall_that_lasts(self):
        detector, found, ending = ended("closed")
        _, again = settle(always, days_of(LOW, 6, 46), [*found, ending], detector)
        assert [one.kind for one in again] == ["possible", "confirmed"]
        assert again[0].opened > ending.day
        assert again[0].before == pytest.approx(USUAL, abs=0.02)


class TestUntilItTakesEffect:
    @pytest.mark.parametrize("kind", KINDS)
    def test_nothing_more_is_said_of_the_alert(self, kind):
        """Neither that it was confirmed nor that it recovered: the person has decided."""
        detector, found = settle(always, days_of(USUAL, 40, 0) + days_of(0.72, 3, 40))
        assert [one.kind for one in found] == ["possible"]
        later = days_of(0.3, 3, 43) + days_of(1.0, 20, 46)
        assert {one.kind for one in settle(always, later, found, detector)[1]} >= {"confirmed", "recovered"}
        ending = Ending(kind, 70, found[0].opened)
        assert settle(always, later, [*found, ending], detector)[1] == ()
        assert watch(always, later[:3], [*found, ending], detector)[1] == ()
        assert decided(detector, [*found, ending])

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_open_days_know_it_too(self, kind):
        detector, found, ending = ended(kind, after=46)
        copy, opening = watch(always, days_of(LOW, 2, 46), [*found, ending], detector)
        assert (copy.alert, opening) == (None, ())

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_day_without_answers_is_over_with_the_next_that_has_some(self, kind):
        detector, found, ending = ended(kind, after=48)
        state = refold(always, days_of(LOW, 1, 52), [*found, ending], detector)
        assert state.alert is None
        assert [day.mean for day in state.queue] == [days_of(LOW, 1, 52)[0].mean]


class TestAnEnding:
    @pytest.mark.parametrize("kind", KINDS)
    def test_of_an_alert_that_is_not_open_changes_nothing(self, kind):
        detector, _, ending = ended(kind)
        for state in (replace(detector, alert=None), replace(detector, alert=replace(detector.alert, opened=7))):
            assert adopt(state, ending) == state
            assert not decided(state, [ending])

    def test_of_an_alert_that_has_recovered_meanwhile_keeps_no_other_from_being_raised(self):
        detector, found = confirmed()
        back, more = settle(always, days_of(1.0, 30, 46), found, detector)
        assert [one.kind for one in more] == ["recovered"]
        undisturbed = settle(always, days_of(0.3, 4, 76), [*found, *more], back)
        assert [one.kind for one in undisturbed[1]] == ["possible", "confirmed"]
        for after in range(75, 82):
            raced = Ending("closed", after, found[0].opened)
            assert settle(always, days_of(0.3, 4, 76), [*found, *more, raced], back) == undisturbed

    @pytest.mark.parametrize("kind", KINDS)
    def test_that_was_heard_of_long_after_its_day_is_folded_as_of_its_day(self, kind):
        detector, found, ending = ended(kind)
        late, more = settle(always, days_of(LOW, 5, 46), found, detector)
        facts = [*found, *more, ending]
        days = days_of(USUAL, 40, 0) + days_of(LOW, 11, 40)
        in_time, _ = settle(always, days_of(LOW, 5, 46), [*found, ending, Fact("possible", 99, 99, 0, 7.0)], detector)
        assert late.alert is not None
        assert refold(always, days, facts) == in_time

    @settings(max_examples=60, deadline=None)
    @given(
        st.sampled_from(KINDS),
        st.lists(st.sampled_from([0.95, 0.9, 0.7, 0.5, 0.3]), min_size=1, max_size=40),
        st.integers(0, 39),
        st.integers(0, 6),
        st.data(),
    )
    def test_folding_the_record_again_gives_the_state(self, kind, means, at, ahead, data):
        """Whenever a person ends whichever alert is open then, after that day or one to come."""
        days = days_of(USUAL, 40, 0)
        for mean in means:
            gap = data.draw(st.integers(1, 3))
            days.append(Day(days[-1].day + gap, 40, round(40 * mean)))
        state, record = Detector(), []
        for number, day in enumerate(days):
            state, found = settle(always, [day], record, state)
            record += found
            if number == 40 + at and state.alert is not None:
                record.append(Ending(kind, day.day + ahead, state.alert.opened))
                if ahead == 0:
                    # it takes effect after a day that was closed already
                    state = refold(always, days[: number + 1], record)
        assert refold(always, days, record) == state
        assert Detector.from_state(json.loads(json.dumps(state.to_state()))) == state


SCOPE = Scope("so-noi-vu", "quick-5@1")
START = date(2026, 1, 5).toordinal()
NO_TARGET = {"drop": lambda _: DEFAULT, "target": lambda _: DEFAULT}


def told(day: int, mean: float) -> Told:
    return Told(SCOPE, START + day, Total((0, day + 1), 40, float(round(40 * mean)), {"A": (40, 40), "B": (20, 40)}))


class Running:
    """What the loop around the judge does, without its servers."""

    def __init__(self) -> None:
        self.course = Course(next_offset=1, fold_until=0, epoch=0, marked=0)
        self.series: dict[Scope, Series] = {}
        self.known: list[Raised] = []
        self.ended: tuple[Ended, ...] = ()

    def read(self, first: int, *means: float) -> list[str]:
        kinds = []
        for number, mean in enumerate(means):
            taken = take(
                self.course,
                self.series,
                [(self.course.next_offset, told(first + number, mean))],
                known=lambda _: self.known,
                rules=lambda _: NO_TARGET,
                today=None,
                ended=lambda _: self.ended,
            )
            self.course = taken.course
            self.series |= taken.series
            self.known += [one for one, _ in taken.raised]
            kinds += [one.fact.kind for one, _ in taken.raised]
        return kinds

    def end(self, kind: Any, after: int) -> None:
        self.ended = (("drop", Ending(kind, START + after, self.known[0].fact.opened)),)

    @property
    def watched(self) -> Detector:
        return self.series[SCOPE].watchers["drop"].state


def alerted() -> Running:
    judge = Running()
    assert judge.read(0, *[USUAL] * 40, *[LOW] * 6) == ["possible", "confirmed"]
    return judge


class TestTheJudge:
    def test_comes_to_the_same_whenever_it_hears_of_a_decision(self):
        """Days that were closed before it heard are folded again."""
        at_once, later = alerted(), alerted()
        at_once.end("new-normal", 45)
        assert at_once.read(46, *[LOW] * 9) == []
        assert later.read(46, *[LOW] * 8) == []
        assert later.watched.last_closed == START + 49
        later.end("new-normal", 45)
        assert later.read(54, LOW) == []
        assert at_once.watched.alert is None
        assert at_once.watched == later.watched

    @pytest.mark.parametrize("kind", KINDS)
    def test_folds_a_decision_once_and_keeps_it_over_a_restart(self, kind):
        judge = alerted()
        judge.end(kind, 46)
        judge.read(46, *[USUAL] * 8)
        series = judge.series[SCOPE]
        kept = json.loads(json.dumps(series.watchers_state()))
        again = Series.from_state(series.days, kept)
        assert again == series
        assert again.ended == judge.ended

    def test_gives_no_follow_up_or_reminder_of_what_a_person_has_ended(self):
        lasting, ended_ = alerted(), alerted()
        ended_.end("new-normal", 80)
        assert "follow-up" in lasting.read(46, *[LOW] * 30)
        assert ended_.read(46, *[LOW] * 30) == []

    def test_lets_a_breach_that_a_person_has_closed_lead_no_other_alert(self):
        def raised(rule: Any, kind: Any, day: int, opened: int) -> Raised:
            return Raised(SCOPE, rule, Fact(kind, day, opened, 0, 7.0), historical=False)

        known = [raised("target", "possible", 100, 100)]
        _, found = confirmed()
        fallen = replace(found[0], day=120, opened=120)

        def led_by(*ended: Ended) -> str | None:
            [(one, _)] = raise_all(SCOPE, [("drop", fallen)], known, today=120, target_holds=True, ended=ended)
            return one.told_with

        assert led_by() == known[0].id
        assert led_by(("target", Ending("closed", 110, 100))) is None
        assert led_by(("target", Ending("closed", 110, 90))) == known[0].id
        assert led_by(("target", Ending("closed", 130, 100))) == known[0].id


class TestWhatTheJudgeReads:
    def decision(self, act: Any, after: date | None, id_: str = "1") -> AlertDecided:
        return AlertDecided(
            id=id_,
            agency=SCOPE.agency,
            method=SCOPE.method,
            rule="drop",
            opened_on=date(2026, 1, 7),
            act=act,
            by="an",
            at=datetime(2026, 1, 9, tzinfo=UTC),
            note="",
            until=None,
            after=after,
        )

    def test_is_how_an_alert_ends_and_nothing_else_that_people_do(self):
        others = [self.decision(act, None) for act in ("acknowledged", "noted", "acted", "snoozed")]
        assert Endings().updated(others).of(SCOPE) == ()

    def test_the_first_decision_that_ends_an_alert_is_the_one(self):
        first, second = self.decision("closed", date(2026, 1, 9)), self.decision("new-normal", date(2026, 1, 8), "2")
        endings = Endings().updated([first]).updated([second, first])
        assert endings.of(SCOPE) == (
            ("drop", Ending("closed", date(2026, 1, 9).toordinal(), date(2026, 1, 7).toordinal())),
        )
        assert endings.of(Scope("so-y-te", SCOPE.method)) == ()
