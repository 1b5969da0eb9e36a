"""Form tokens: what a rendered form carries, signed, so that an answer can be tied to a form but to no person.

A token says which counter's form it was, which ids its answer and its comment will have, and when it was rendered.
Sending a form twice therefore gives one answer and one comment, and a script without forms is seen. It never leaves
this service: it is all that joins a comment to its sheet. Both ids are random, neither is made from the other.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import NamedTuple

from itsdangerous import BadData

from sipas.signing import Secrets, signer


class FormToken(NamedTuple):
    """What a valid token says."""

    counter: str
    response_id: uuid.UUID
    rendered_at: datetime
    comment_id: uuid.UUID | None
    """None in a token of a form that was rendered before forms had a comment."""


class FormTokens:
    """Makes and reads tokens; every replica has the same `secrets`."""

    def __init__(self, secrets: Secrets) -> None:
        self._serializer = signer(secrets, "sipas.form")

    def make(self, counter: str, *, now: datetime) -> str:
        """A token for a form that is rendered now."""
        signed = self._serializer.dumps([counter, uuid.uuid4().hex, int(now.timestamp()), uuid.uuid4().hex])
        return signed if isinstance(signed, str) else signed.decode()

    def read(self, text: str) -> FormToken | None:
        """What the token says; None if we did not make it."""
        try:
            counter, response_id, seconds, *more = self._serializer.loads(text)
        except BadData:
            return None
        comment_id = uuid.UUID(more[0]) if more else None
        return FormToken(counter, uuid.UUID(response_id), datetime.fromtimestamp(seconds, UTC), comment_id)
