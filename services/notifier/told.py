"""Who was told what, as a fold over the deliveries in `alerts`. Pure.

A message's id says which lane it was in: `escalation:` and `children:` stand before what it says, and no agency's id
has a colon. A change may be said to a person twice: once as news, once because nobody acknowledged it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from services.notifier.routing import Lane
from sipas.events import Delivered, Undelivered, Withheld


def lane_of_message(message_id: str) -> Lane:
    """The lane of a message that was delivered."""
    if message_id.startswith("escalation:"):
        return "escalation"
    return "children" if message_id.startswith("children:") else "own"


@dataclass(slots=True)
class Told:
    """Grows with the log. `as_news` and `escalated` hold (person, change id); a digest's own id stands in `as_news`."""

    messages: set[str] = field(default_factory=set)
    as_news: set[tuple[str, str]] = field(default_factory=set)
    escalated: set[tuple[str, str]] = field(default_factory=set)
    overdue: set[tuple[str, str]] = field(default_factory=set)
    """(person, change id) of what no channel had accepted after an hour."""
    above_at: dict[str, datetime] = field(default_factory=dict)
    """Person -> when they were last told as one above others."""

    def add(self, events: Iterable[Delivered | Withheld | Undelivered]) -> None:
        """Take further events; one that stands twice changes nothing."""
        for event in events:
            said = {(event.person, change) for change in (event.alert_id, *event.also)}
            if isinstance(event, Undelivered):
                self.overdue |= said
                continue
            if isinstance(event, Withheld):
                self.as_news |= said
                continue
            self.messages.add(event.message_id)
            lane = lane_of_message(event.message_id)
            if lane == "escalation":
                self.escalated |= said
            else:
                self.as_news |= said
            if lane != "own":
                at = self.above_at.get(event.person)
                self.above_at[event.person] = event.at if at is None else max(at, event.at)

    def knows(self, person: str, change: str, lane: Lane) -> bool:
        """Whether the person was told of the change, or never will be."""
        return (person, change) in (self.escalated if lane == "escalation" else self.as_news)
