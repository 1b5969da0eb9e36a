"""Send a short text to a chat or a phone, over whatever service an address of apprise names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from services.notifier.channels.outcome import ChannelAway, MessageRefused
from services.notifier.message import Message
from sipas.people import Person


class Chat:
    """Hands a text to apprise, which says only whether it was taken."""

    def __init__(self, address: str) -> None:
        """`address`: one of apprise; `{phone}` in it becomes the person's number."""
        self._address = address

    def send(
        self, _message_id: str, person: Person, message: Message, _payloads: Sequence[Mapping[str, Any]], _at: datetime
    ) -> None:
        """Return once the service has accepted it. Raises `ChannelAway` or `MessageRefused`."""
        from apprise import Apprise  # noqa: PLC0415 - takes half a second, and only who has such a channel needs it

        if "{phone}" in self._address and not person.phone:
            raise MessageRefused("the person has no phone")
        phone = quote("".join(sign for sign in person.phone or "" if sign.isdigit()))
        service = Apprise()
        if not service.add(self._address.replace("{phone}", phone)):
            raise MessageRefused("apprise does not know the address")
        if not service.notify(body=message.short or message.subject):
            raise ChannelAway("the service did not take it", perhaps_taken=True)
