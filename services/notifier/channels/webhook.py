"""Send a message to another program, signed after Standard Webhooks (standardwebhooks.com, version 1).

The receiver verifies `webhook-signature` over `<webhook-id>.<webhook-timestamp>.<body>` and drops an id that it has
seen: what is sent again after a crash carries the same one.
"""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import ssl
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

import msgspec

from services.notifier.channels.outcome import ChannelAway, MessageRefused
from services.notifier.message import Message
from sipas.events import AlertChanged
from sipas.people import Person

TIMEOUT_S = 10.0
TYPE = "sipas.alert.told"


def signed_headers(secret: bytes, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of a request. The id is a hash of ours: a full stop in one would move the signed parts."""
    webhook_id = "msg_" + blake2b(message_id.encode(), digest_size=16).hexdigest()
    timestamp = str(int(at.timestamp()))
    signed = b".".join((webhook_id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
    return {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


class Webhook:
    """POSTs to one address over a connection of its own for each message; a redirection is a refusal."""

    def __init__(self, address: str) -> None:
        """`address`: http(s)://…#whsec_<secret in base64>."""
        self._url = urlsplit(address)
        self._secret = base64.b64decode(self._url.fragment.removeprefix("whsec_") + "==")

    def send(
        self, message_id: str, person: Person, message: Message, changes: Sequence[AlertChanged], at: datetime
    ) -> None:
        """Return once the other side has said 2xx. Raises `ChannelAway` or `MessageRefused`."""
        body = json.dumps(_payload(person, message, changes, at), ensure_ascii=False).encode()
        path = f"{self._url.path or '/'}?{self._url.query}" if self._url.query else self._url.path or "/"
        connection = self._connection()
        with closing(connection):
            try:
                connection.connect()
            except OSError as reason:
                raise ChannelAway(type(reason).__name__) from reason
            try:
                connection.request("POST", path, body, signed_headers(self._secret, message_id, at, body))
                status = connection.getresponse().status
            except (OSError, http.client.HTTPException) as reason:
                raise ChannelAway(type(reason).__name__, perhaps_taken=True) from reason
        if status >= 500 or status == http.HTTPStatus.TOO_MANY_REQUESTS:
            raise ChannelAway(f"status {status}")
        if not http.HTTPStatus.OK <= status < http.HTTPStatus.MULTIPLE_CHOICES:
            raise MessageRefused(f"status {status}")

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)


def _payload(person: Person, message: Message, changes: Sequence[AlertChanged], at: datetime) -> dict[str, Any]:
    """People stand in it by id only; the facts are those of the record."""
    return {
        "type": TYPE,
        "timestamp": at.isoformat(),
        "data": {
            "person": person.id,
            "subject": message.subject,
            "text": message.text,
            "alerts": [msgspec.to_builtins(change) for change in changes],
        },
    }
