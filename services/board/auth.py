"""Who asks: the public, or a holder of a key of scope `read`. A key that is wrong is refused, never ignored."""

from __future__ import annotations

from sipas.problems import Problem, Text
from sipas.registry import Registry

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="board"'}
_HOW = Text(
    "Gửi tiêu đề Authorization: Bearer với khóa quyền read", "Send Authorization: Bearer with a key of scope read"
)


def may_read_live(authorization: str | None, registry: Registry) -> bool:
    """False without a key, True with one of scope read; raises `Problem` bad-key or wrong-scope."""
    if authorization is None:
        return False
    scheme, _, token = authorization.partition(" ")
    key = registry.key_for(token.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise Problem("bad-key", detail=_HOW, headers=CHALLENGE)
    if key.scope != "read":
        raise Problem("wrong-scope", detail=_HOW)
    return True


def require_read_key(authorization: str | None, registry: Registry) -> None:
    """Raise `Problem` unless the key may read what is not public."""
    if not may_read_live(authorization, registry):
        raise Problem("no-key", detail=_HOW, headers=CHALLENGE)
