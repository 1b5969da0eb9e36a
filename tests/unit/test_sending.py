"""Pauses after failures, and which channel comes when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.breaker import JITTER, Breaker
from services.notifier.channels.outcome import ChannelAway, MessageRefused
from services.notifier.message import Message
from services.notifier.outgoing import Outgoing
from services.notifier.sending import Sender, Sent
from tests.unit.notifier_records import THURSDAY, person

WORDS = Message(subject="s", text="t", html="h")
ANYBODY = person("anybody", "so-a", channels=("email", "webhook:ioc", "chat:unknown"))
MESSAGE = Outgoing(kind="alert", lane="own", person="anybody", said=("a",), also=())


def test_a_pause_doubles_with_each_failure_up_to_the_longest() -> None:
    pause, waits = Breaker(timedelta(seconds=60)), []
    for _ in range(9):
        pause.fail(THURSDAY, chance=0.0)
        waits.append((pause.until - THURSDAY).total_seconds())
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_after_a_success_the_next_pause_is_short_again() -> None:
    pause = Breaker(timedelta(seconds=60))
    for _ in range(5):
        pause.fail(THURSDAY, chance=0.0)
    pause.succeed()
    assert pause.may_try(THURSDAY)
    pause.fail(THURSDAY, chance=0.0)
    assert pause.until == THURSDAY + timedelta(seconds=1)


@given(failures=st.integers(1, 30), chance=st.floats(0, 1))
def test_chance_makes_a_pause_shorter_by_a_quarter_at_most(failures, chance):
    pause = Breaker(timedelta(minutes=1))
    for _ in range(failures):
        pause.fail(THURSDAY, chance)
    full = min(timedelta(seconds=2 ** (failures - 1)), timedelta(minutes=1))
    assert full * (1 - JITTER) <= pause.until - THURSDAY <= full


def test_a_clock_that_was_set_back_an_hour_does_not_lengthen_a_pause() -> None:
    pause = Breaker(timedelta(minutes=1))
    pause.fail(THURSDAY, chance=0.0)
    assert not pause.may_try(THURSDAY)
    assert pause.may_try(THURSDAY - timedelta(hours=1))


class Clocked:
    """Channels that do as they are told, and a clock."""

    def __init__(self) -> None:
        self.now = THURSDAY
        self.tries: list[tuple[str, str]] = []
        self.does: dict[str, Exception | None] = {}
        self.sender = Sender(
            {name: self.channel(name) for name in ("email", "webhook:ioc")}, now=lambda: self.now, chance=lambda: 0.0
        )

    def channel(self, name: str):
        outer = self

        class Told:
            def send(self, message_id, _person, _message, _changes, _at) -> None:
                outer.tries.append((name, message_id))
                if (failure := outer.does.get(name)) is not None:
                    raise failure

        return Told()

    def send(self, since: datetime = THURSDAY) -> Sent:
        return self.sender.send(MESSAGE, ANYBODY, WORDS, (), since)


def test_the_preferred_channel_is_used_while_it_works() -> None:
    made = Clocked()
    assert made.send() == Sent("email", perhaps_taken=False)
    assert made.tries == [("email", "a/anybody/email")]


@pytest.mark.parametrize("failure", [ChannelAway("away"), MessageRefused("no")], ids=["away", "refused"])
def test_the_second_channel_comes_in_after_an_hour(failure: Exception) -> None:
    made = Clocked()
    made.does["email"] = failure
    assert made.send() == Sent(None, perhaps_taken=False)
    made.now = THURSDAY + timedelta(minutes=59)
    assert made.send().channel is None
    made.now = THURSDAY + timedelta(minutes=61)
    assert made.send().channel == "webhook:ioc"
    assert ("webhook:ioc", "a/anybody/webhook:ioc") in made.tries


def test_while_a_channel_is_away_it_is_not_asked() -> None:
    made = Clocked()
    made.does["email"] = ChannelAway("away")
    made.send()
    assert made.sender.usable(ANYBODY, THURSDAY) == []
    made.now += timedelta(seconds=1)
    assert made.sender.usable(ANYBODY, THURSDAY) == ["email"]


def test_one_person_who_is_refused_holds_up_nobody_else() -> None:
    made = Clocked()
    made.does["email"] = MessageRefused("no")
    made.send()
    assert made.sender.usable(ANYBODY, THURSDAY) == []
    assert made.sender.usable(person("other", "so-a"), THURSDAY) == ["email"]


def test_what_may_have_been_taken_is_tried_nowhere_else_in_the_same_breath() -> None:
    made = Clocked()
    made.does["email"] = ChannelAway("cut off", perhaps_taken=True)
    assert made.send(THURSDAY - timedelta(hours=3)) == Sent(None, perhaps_taken=True)
    assert [name for name, _ in made.tries] == ["email"]


def test_a_channel_that_the_settings_do_not_know_is_passed_over() -> None:
    made = Clocked()
    assert made.sender.usable(ANYBODY, datetime(2026, 1, 1, tzinfo=UTC)) == ["email", "webhook:ioc"]
