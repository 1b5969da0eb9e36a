"""Nonces of the forms behind a leader's link: a form that is sent twice decides once. Pure but for the randomness.

A nonce is signed for the page's own token, so a form cannot be made elsewhere, and none is stored. The id of a
decision follows from the nonce and from what was decided: the same form gives the same id, whichever worker takes it,
and what is written anew after going back is another decision.
"""

from __future__ import annotations

import uuid

from itsdangerous import BadData, URLSafeSerializer

from sipas.signing import Secrets, signer


class FormNonces:
    """Makes and reads nonces; every board has the same `secrets`."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def make(self, token: str) -> str:
        """A nonce for a form on the page of `token`."""
        signed = self._of(token).dumps(uuid.uuid4().hex)
        return signed if isinstance(signed, str) else signed.decode()

    def decision_id(self, nonce: str, token: str, *decided: str) -> str | None:
        """The id of what was decided with a form; None if we did not make the form for this page."""
        try:
            made = uuid.UUID(self._of(token).loads(nonce))
        except BadData:
            return None
        return str(uuid.uuid5(made, "\x1f".join(decided)))

    def _of(self, token: str) -> URLSafeSerializer:
        return signer(self._secrets, f"sipas.alert-form/{token}")
