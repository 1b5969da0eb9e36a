"""How an alert stands: the follow-up, the monthly reminder, and what a judge that was away finds still open. Pure.

They change no state. Whether one is due follows from the days that are over and from what was told already, so it does
not matter in which batches the days came, or whether they are folded again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.notifier.drop_rule import Day, Detector, Fact, Kind, Rule, Transition, measure

FOLLOW_UP_DAYS = 10
REMINDER_DAYS = 30
FOUND_OPEN = 0
"""The number of the reminder that says what leaders could not be told when it began."""


def remark(rule: Rule, state: Detector, after: Sequence[Day], told: Iterable[Fact]) -> Transition | None:
    """What is due on the evening of the last of `after`, the reporting days that are over since the alert was opened.

    One at most: where a quiet office needs a month for ten reporting days, the follow-up is that month's reminder.
    """
    alert = state.alert
    if alert is None or not after:
        return None
    today = after[-1].day
    of_alert = [fact for fact in told if fact.opened == alert.opened]
    if len(after) >= FOLLOW_UP_DAYS and all(fact.kind != "follow-up" for fact in of_alert):
        return measure(rule, state, _fact("follow-up", state, today), after[:FOLLOW_UP_DAYS])
    months = _months(alert.opened, today)
    reminded = [fact.number for fact in of_alert if fact.kind == "reminder"]
    reminded += [_months(alert.opened, fact.day) for fact in of_alert if fact.kind == "follow-up"]
    if months > max(reminded, default=0):
        return measure(rule, state, _fact("reminder", state, today, months), _of_the_month(after))
    return None


def found_open(rule: Rule, state: Detector, after: Sequence[Day]) -> Transition | None:
    """What is told of an alert that was history when it was found, and lasts."""
    if state.alert is None or not after:
        return None
    return measure(rule, state, _fact("reminder", state, after[-1].day, FOUND_OPEN), _of_the_month(after))


def _fact(kind: Kind, state: Detector, day: int, number: int = 1) -> Fact:
    assert state.alert is not None  # noqa: S101 - its callers have looked
    return Fact(kind, day, state.alert.opened, state.alert.drop_index, state.alert.evidence, number=number)


def _months(opened: int, day: int) -> int:
    return (day - opened) // REMINDER_DAYS


def _of_the_month(after: Sequence[Day]) -> list[Day]:
    return [day for day in after if day.day > after[-1].day - REMINDER_DAYS]
