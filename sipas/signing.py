"""Signed texts, and secrets that are replaced without a break: the newest signs, all that are given are accepted."""

from __future__ import annotations

from itsdangerous import URLSafeSerializer

Secrets = str | tuple[str, ...]
"""One, or several, newest first."""


def signer(secrets: Secrets, salt: str) -> URLSafeSerializer:
    # itsdangerous signs with the last
    return URLSafeSerializer([secrets] if isinstance(secrets, str) else list(reversed(secrets)), salt=salt)
