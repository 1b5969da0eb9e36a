"""How many answers one coarse client sends for one counter, counted in a Redis of its own. Nobody is ever refused.

- An answer beyond the limit is accepted and flagged `burst`. Only answers without a key are looked at.
- The limiter is asked once for an answer. Away, slow, or answering nonsense, it costs one answer TIMEOUT_S and the
  following ones nothing: for QUIET_S nobody asks, and all are accepted as they are.
- The key of the hashes is random, made in that Redis by whichever replica comes first, and expires there after a day.
  A process holds it for KEY_HELD_S, and of a client it holds nothing when the request has ended.
- Counts are two integers for each bucket, without times of arrival (docs/adr/0014-limits.md).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from limits import RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from services.survey import metrics
from services.survey.coarse_client import Headers, bucket, coarse_client
from sipas.settings import Rate
from sipas.telemetry import logger

TIMEOUT_S = 0.2
QUIET_S = 5.0
KEY_BYTES = 32
KEY_LIVES_S = 24 * 3600
KEY_HELD_S = 60.0
MOST_CONNECTIONS = 2000
"""As many as a worker serves: redis-py's own limit of 100 would be an error to the others."""

OVER_LIMIT = "sipas.over_limit"
"""Where the WSGI environment holds the question."""

OverLimit = Callable[[str], bool]
"""Whether the client who sends this request has sent more for a counter, by its code, than the limit."""
Question = Callable[[object, Headers], OverLimit]
"""Makes the question of a request, from the connection's other end and the headers."""

_log = logger(__name__)


def never(_peer: object, _headers: Headers) -> OverLimit:
    """Where nothing is limited."""
    return lambda _counter: False


class Limiter:
    """Asks the limiter's Redis. Made after fork; no connection before the first question."""

    def __init__(
        self,
        url: str,
        namespace: str,
        limit: Rate,
        trusted_proxies: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`url`: redis:// or rediss://."""
        self._storage = RedisStorage(
            url,
            key_prefix=f"{namespace}:burst",
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            max_connections=MOST_CONNECTIONS,
            protocol=2,  # the handshake of version 3 takes more replies, each with its own time-out
        )
        self._window = SlidingWindowCounterRateLimiter(self._storage)
        self._limit = RateLimitItemPerSecond(limit.answers, limit.seconds)
        self._trusted_proxies = trusted_proxies
        self._clock = clock
        self._key_name = f"{namespace}:burst-key"
        self._key = b""
        self._key_until = 0.0
        self._away = False
        self._quiet_until = 0.0

    def question(self, peer: object, headers: Headers) -> OverLimit:
        """What a request may ask; who sends it stays in here, and is looked at only if it asks."""
        return lambda counter: self._over(counter, peer, headers)

    def _over(self, counter: str, peer: object, headers: Headers) -> bool:
        now = self._clock()
        if now < self._quiet_until:
            metrics.UNLIMITED.inc()
            return False
        tries_for_all = self._away
        if tries_for_all:
            self._quiet_until = now + QUIET_S
        client = coarse_client(peer, headers, self._trusted_proxies)
        try:
            over = not self._window.hit(self._limit, bucket(self._current_key(now), counter, client))
        except Exception as reason:  # noqa: BLE001 - whatever it is, no answer may be lost by a limit
            self._failed(reason)
            return False
        # a reply to an earlier question, read late, says nothing of the limiter as it is now
        if tries_for_all:
            self._away, self._quiet_until = False, 0.0
            _log.info("the limiter answers again")
        return over

    def _current_key(self, now: float) -> bytes:
        if now >= self._key_until:
            redis: Any = self._storage.storage
            redis.set(self._key_name, secrets.token_bytes(KEY_BYTES), nx=True, ex=KEY_LIVES_S)
            found = redis.get(self._key_name)
            if not isinstance(found, bytes) or len(found) != KEY_BYTES:
                raise ValueError("what stands at the key's place is no key")
            self._key, self._key_until = found, now + KEY_HELD_S
        return self._key

    def _failed(self, reason: Exception) -> None:
        metrics.UNLIMITED.inc()
        self._quiet_until = self._clock() + QUIET_S
        if not self._away:
            self._away = True
            # its class only: a text of the client's could quote what was sent
            _log.warning("the limiter does not answer; answers are not limited", error=type(reason).__name__)
