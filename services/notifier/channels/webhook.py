"""Send a message to another program, signed after Standard Webhooks (standardwebhooks.com, version 1).

Each change is a request of its own. The receiver verifies `webhook-signature` over
`<webhook-id>.<webhook-timestamp>.<body>` and drops an id that it has seen: a change that is sent again, alone or with
others, carries the same one.
"""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import ssl
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

from services.notifier.channels.outcome import ChannelAway, MessageRefused
from services.notifier.message import Message
from sipas.people import Person

TIMEOUT_S = 10.0


def signed_headers(secret: bytes, name: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of a request. Its id is a hash of its name: a full stop would move the signed parts."""
    webhook_id = "msg_" + blake2b(name.encode(), digest_size=16).hexdigest()
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

    def __init__(self, address: str, timeout_s: float = TIMEOUT_S) -> None:
        """`address`: http(s)://…#whsec_<secret in base64>. `timeout_s`: how long the other side may be silent."""
        self._timeout_s = timeout_s
        self._url = urlsplit(address)
        self._secret = base64.b64decode(self._url.fragment.removeprefix("whsec_") + "==")

    def send(
        self, _message_id: str, person: Person, _message: Message, payloads: Sequence[Mapping[str, Any]], at: datetime
    ) -> None:
        """Return once the other side has said 2xx to each. Raises `ChannelAway` or `MessageRefused`."""
        for payload in payloads:
            body = json.dumps(payload, ensure_ascii=False).encode()
            self._post(body, signed_headers(self._secret, f"{payload['data']['id']}/{person.id}", at, body))

    def _post(self, body: bytes, headers: Mapping[str, str]) -> None:
        path = f"{self._url.path or '/'}?{self._url.query}" if self._url.query else self._url.path or "/"
        connection = self._connection()
        with closing(connection):
            try:
                connection.connect()
            except OSError as reason:
                raise ChannelAway(type(reason).__name__) from reason
            try:
                connection.request("POST", path, body, dict(headers))
                status = connection.getresponse().status
            except (OSError, http.client.HTTPException) as reason:
                raise ChannelAway(type(reason).__name__, perhaps_taken=True) from reason
        if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR or status == http.HTTPStatus.TOO_MANY_REQUESTS:
            raise ChannelAway(f"status {status}")
        if not http.HTTPStatus.OK <= status < http.HTTPStatus.MULTIPLE_CHOICES:
            raise MessageRefused(f"status {status}")

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            return http.client.HTTPSConnection(
                host, port, timeout=self._timeout_s, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(host, port, timeout=self._timeout_s)
