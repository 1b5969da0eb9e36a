"""The registry as it was on the last day of a period: who belonged to which block is a fact of its time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from sipas.periods import Period
from sipas.registry import Registry

MOST_DAYS = 16


class DatedRegistry:
    """Remembers the last few days asked for, until the registry changes: a view of thousands of agencies takes time."""

    def __init__(self, current: Callable[[], Registry], today: Callable[[], date]) -> None:
        self._current = current
        self._today = today
        self._views: tuple[Registry, dict[date, Registry]] | None = None

    def on(self, period: Period) -> Registry:
        """As of the period's last day; of a period that is not over, as of today."""
        registry = self._current()
        if period.last >= self._today():
            return registry
        views = self._views
        if views is None or views[0] is not registry:
            views = self._views = (registry, {})
        if period.last not in views[1]:
            if len(views[1]) >= MOST_DAYS:
                views[1].clear()
            views[1][period.last] = registry.as_of(period.last)
        return views[1][period.last]
