"""How a channel says that it did not deliver, and what every channel is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from services.notifier.message import Message
from sipas.people import Person


class ChannelAway(Exception):
    """The other side does not answer, or takes nothing now: the next message would fail too.

    `perhaps_taken`: it may have accepted the message before it went.
    """

    def __init__(self, why: str, *, perhaps_taken: bool = False) -> None:
        super().__init__(why)
        self.perhaps_taken = perhaps_taken


class MessageRefused(Exception):
    """The other side is there and refuses this message, for now or for good."""


class Channel(Protocol):
    """Sends one message to one person, and returns once the other side has accepted it."""

    def send(
        self, message_id: str, person: Person, message: Message, payloads: Sequence[Mapping[str, Any]], at: datetime
    ) -> None:
        """Raises `ChannelAway` or `MessageRefused`; neither says an address. `payloads`: the same for programs."""
