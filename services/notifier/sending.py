"""Hand messages to channels: in the order of a person's preference, with pauses for what fails.

A channel that is away is tried again after a growing pause, by one message at a time; so is a person whom a channel
refuses. The second channel comes in after the first has failed for an hour, the third after two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notifier import metrics
from services.notifier.breaker import Breaker
from services.notifier.channels.outcome import Channel, ChannelAway, MessageRefused
from services.notifier.composing import Payloads
from services.notifier.message import Message
from services.notifier.outgoing import Outgoing
from sipas.people import Person
from sipas.telemetry import logger

NEXT_CHANNEL_AFTER = timedelta(hours=1)
LONGEST_AWAY = timedelta(minutes=1)
LONGEST_REFUSED = timedelta(hours=1)

log = logger("courier")


@dataclass(frozen=True, slots=True)
class Sent:
    """How it went. `channel`: who accepted it, None where nobody did. `perhaps_taken`: one may have, unheard."""

    channel: str | None
    perhaps_taken: bool


class Sender:
    """The channels with their breakers, which live as long as the process."""

    def __init__(
        self, channels: Mapping[str, Channel], *, now: Callable[[], datetime], chance: Callable[[], float]
    ) -> None:
        self._channels = channels
        self._now = now
        self._chance = chance
        self._of_channel = {name: Breaker(LONGEST_AWAY) for name in channels}
        self._of_person: dict[tuple[str, str], Breaker] = {}
        for name in channels:
            metrics.CHANNEL_AWAY.labels(name).set(0)
            metrics.DELIVERED.labels(name)

    def usable(self, person: Person, since: datetime) -> list[str]:
        """The channels that may be tried now for a message that is due since then, the preferred first."""
        now = self._now()
        reached = int(max(now - since, timedelta(0)) / NEXT_CHANNEL_AFTER) + 1
        known = [name for name in person.channels if name in self._channels]
        return [
            name
            for name in known[:reached]
            if self._of_channel[name].may_try(now) and self._takes(name, person.id, now)
        ]

    def send(
        self,
        message: Outgoing,
        person: Person,
        composed: Message,
        payloads: Payloads,
        since: datetime,
    ) -> Sent:
        """Try the usable channels one after the other until one accepts it."""
        for name in self.usable(person, since):
            try:
                self._channels[name].send(message.id(name), person, composed, payloads, self._now())
            except ChannelAway as reason:
                self._of_channel[name].fail(self._now(), self._chance())
                metrics.CHANNEL_AWAY.labels(name).set(1)
                metrics.DELIVERY_FAILURES.labels("server").inc()
                log.error("a channel is away, messages wait", channel=name, why=str(reason))  # noqa: TRY400
                if reason.perhaps_taken:
                    return Sent(None, perhaps_taken=True)
            except MessageRefused as reason:
                pause = self._of_person.setdefault((name, person.id), Breaker(LONGEST_REFUSED))
                pause.fail(self._now(), self._chance())
                metrics.DELIVERY_FAILURES.labels("message").inc()
                log.error(  # noqa: TRY400 - the place says enough
                    "a channel refuses a message, it waits", channel=name, why=str(reason), person=person.id
                )
            else:
                self._of_channel[name].succeed()
                self._of_person.pop((name, person.id), None)
                metrics.CHANNEL_AWAY.labels(name).set(0)
                return Sent(name, perhaps_taken=False)
        return Sent(None, perhaps_taken=False)

    def _takes(self, name: str, person: str, now: datetime) -> bool:
        pause = self._of_person.get((name, person))
        return pause is None or pause.may_try(now)
