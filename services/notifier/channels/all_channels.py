"""The channels of the settings, by name."""

from __future__ import annotations

from collections.abc import Mapping

from services.notifier.channels.chat import Chat
from services.notifier.channels.outcome import Channel
from services.notifier.channels.webhook import Webhook
from services.notifier.mailer import Mailer


def channels_of(smtp_url: str, mail_from: str, further: Mapping[str, str]) -> dict[str, Channel]:
    """`email` and the further ones."""
    made: dict[str, Channel] = {"email": Mailer(smtp_url, mail_from)}
    for name, address in further.items():
        made[name] = Webhook(address) if name.startswith("webhook:") else Chat(address)
    return made
