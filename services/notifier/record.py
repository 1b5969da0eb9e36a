"""What `alerts` says of changes of state; the first of an id wins.

It is the record, and wins over every ledger. Read whole, without a group; each loop keeps its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.notifier.evidence import as_recorded
from services.notifier.judge import Raised, Scope
from sipas.alert_records import read_event
from sipas.broker import Topics, WholeTopicReader
from sipas.events import AlertChanged


class AlertLog:
    """The topic as far as it was read; `catch_up` reads on to its end as it is now."""

    def __init__(self, bootstrap: Sequence[str], namespace: str) -> None:
        self._reader = WholeTopicReader(bootstrap, Topics(namespace).alerts)
        self.alerts: dict[str, AlertChanged] = {}
        self._by_scope: dict[Scope, dict[str, Raised]] = {}

    def catch_up(self) -> None:
        for record in self._reader.to_end():
            event = read_event(record)
            if isinstance(event, AlertChanged) and event.id not in self.alerts:
                self.alerts[event.id] = event
                self.adopt([as_recorded(event)])

    def adopt(self, raised: Iterable[Raised]) -> None:
        """Take over what this process has committed, before it reads it from the topic."""
        for one in raised:
            self._by_scope.setdefault(one.scope, {}).setdefault(one.id, one)

    def known(self, scope: Scope) -> list[Raised]:
        """What stands of a series, in the order of the record."""
        return list(self._by_scope.get(scope, {}).values())

    def close(self) -> None:
        self._reader.close()
