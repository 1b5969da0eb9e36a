"""What backtests found, for people: one summary of all. Pure but for the words, which lie in backtest.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from services.notifier.backtest import Backtest
from services.notifier.drop_rule import Interval, Transition
from services.notifier.false_alarms import expected_false_alarms
from services.notifier.history_file import History
from services.notifier.numerals import Numerals

LANGUAGES = ("vi", "en")


@cache
def _words() -> Mapping[str, Any]:
    words: Mapping[str, Any] = yaml.safe_load(files(__package__).joinpath("backtest.yaml").read_text("utf-8"))
    return words


class Speech:
    """Words and numbers of one language."""

    def __init__(self, language: str) -> None:
        self._vietnamese = language == "vi"
        self._words = _words()[language]
        self._numerals = Numerals(language)

    def say(self, name: str, **facts: object) -> str:
        """A sentence; whole numbers are written as the language does."""
        return str(self._words[name]).format(**self._written(facts))

    def say_of(self, name: str, count: int, **facts: object) -> str:
        """A sentence that is another one of one thing than of many."""
        one, many = self._words[name]
        return str(one if count == 1 else many).format(**self._written({"count": count, **facts}))

    def state(self, kind: str) -> str:
        return str(self._words["state"][kind])

    def number(self, value: float, places: int) -> str:
        text = f"{value:.{places}f}"
        return text.replace(".", ",") if self._vietnamese else text

    def percent(self, share: float | None) -> str:
        return "-" if share is None else f"{self.number(100 * share, 1)} %"

    def level(self, share: float | None, interval: Interval | None) -> str:
        """With its interval, where it has one."""
        if interval is None:
            return self.percent(share)
        low, high = (self.number(100 * end, 1) for end in interval)
        return f"{self.percent(share)} [{low}{';' if self._vietnamese else ','} {high}]"

    def day(self, history: History, day: int) -> str:
        if history.dated and self._vietnamese:
            return self._numerals.day(date.fromordinal(day))
        return str(history.shown(day))

    def _written(self, facts: Mapping[str, object]) -> Mapping[str, object]:
        return {name: self._numerals.whole(fact) if isinstance(fact, int) else fact for name, fact in facts.items()}


def lines(results: Sequence[Backtest], language: str = "en") -> Iterator[str]:
    """The summary for a terminal."""
    speech = Speech(language)
    for result in results:
        yield from _of_case(result, speech)
    yield ""
    yield from _of_all(results, speech)


def _of_case(result: Backtest, speech: Speech) -> Iterator[str]:
    history, days = result.history, result.history.days
    if not days:
        yield speech.say("no-day", case=history.case)
        return
    first, last = (speech.day(history, one.day) for one in (days[0], days[-1]))
    answers = round(sum(day.responses for day in days))
    yield speech.say("span", case=history.case, days=len(days), first=first, last=last, answers=answers)
    if result.end.phase == "warming":
        rule = result.rule
        yield f"  {speech.say('too-short', answers=round(rule.warmup_responses), days=rule.warmup_days)}"
    elif not result.told:
        yield f"  {speech.say('no-alert', normal=speech.percent(result.end.normal))}"
    for one in result.told:
        yield f"  {speech.day(history, one.day)}  {_sentence(one, history, speech)}"


def _sentence(one: Transition, history: History, speech: Speech) -> str:
    change = speech.say(
        "change",
        state=speech.state(one.kind),
        after=speech.level(one.after, one.after_interval),
        answers=round(one.responses),
        since=speech.day(history, one.since),
    )
    if one.kind != "possible":
        return change
    than = "below-normal" if one.rule.target is None else "below-target"
    return speech.say(than, change=change, before=speech.level(one.before, one.before_interval))


def _of_all(results: Sequence[Backtest], speech: Speech) -> Iterator[str]:
    years = sum(result.years for result in results)
    alerts, confirmed, recovered = (
        sum(result.count(kind) for result in results) for kind in ("possible", "confirmed", "recovered")
    )
    yield speech.say_of("histories", len(results), years=speech.number(years, 1))
    rate = speech.say("rate", rate=speech.number(alerts / years, 2)) if years else speech.say("no-time")
    quiet = sum(not result.told for result in results)
    yield speech.say_of("alerts", alerts, rate=rate, confirmed=confirmed, recovered=recovered, quiet=quiet)
    expected = [expected_false_alarms(result.judged_days, result.rule.false_alarm_days) for result in results]
    low, high, most = (
        speech.number(sum(getattr(one, name) for one in expected), 1) for name in ("low", "high", "most")
    )
    yield speech.say("chance", low=low, high=high, most=most)
    follow_ups = sum(result.follow_ups for result in results)
    yield speech.say("routing")
    yield f"  {speech.say('head', count=alerts + confirmed + recovered + follow_ups)}"
    of_it = {"possible": alerts, "confirmed": confirmed, "follow_ups": follow_ups, "recovered": recovered}
    yield f"    {speech.say('head-of-it', **of_it)}"
    of_those = sum(result.confirmed_recoveries for result in results)
    yield f"  {speech.say('department', count=confirmed + of_those, confirmed=confirmed, recovered=of_those)}"
    yield f"  {speech.say('not-counted')}"
