"""When a channel or a recipient that failed is tried again. Pure: the clock and chance are passed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
JITTER = 0.25
"""A pause is up to this share shorter, so that many who failed together do not come back together."""


@dataclass
class Breaker:
    """Open for a growing pause after each failure; then one may try."""

    longest: timedelta
    until: datetime = LONG_AGO
    failures: int = 0

    def may_try(self, now: datetime) -> bool:
        """Whether the pause is over. A clock that was set back must not make it longer than the longest."""
        return not now < self.until <= now + self.longest

    def fail(self, now: datetime, chance: float) -> None:
        """`chance` is from 0 to 1."""
        pause = min(timedelta(seconds=2 ** min(self.failures, 20)), self.longest)
        self.until = now + pause * (1 - JITTER * chance)
        self.failures += 1

    def succeed(self) -> None:
        self.until, self.failures = LONG_AGO, 0
