"""Which alerts people have ended, as the judge reads it from `decisions`: the first ending of an alert is the one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.notifier.drop_rule import Ending
from services.notifier.judge import Ended, Scope
from sipas.alert_records import events_in
from sipas.broker import Record
from sipas.events import AlertDecided


@dataclass(frozen=True)
class Endings:
    """A snapshot, by series, in the order of the days that they take effect after."""

    by_scope: Mapping[Scope, tuple[Ended, ...]] = field(default_factory=dict)

    def of(self, scope: Scope) -> Sequence[Ended]:
        """Those of a series."""
        return self.by_scope.get(scope, ())

    def updated(self, decisions: Iterable[AlertDecided]) -> Endings:
        """The snapshot after further decisions, in the order of the log."""
        by_scope = dict(self.by_scope)
        for one in decisions:
            if one.act not in ("closed", "new-normal") or one.after is None:
                continue
            scope, opened = Scope(one.agency, one.method), one.opened_on.toordinal()
            held = by_scope.get(scope, ())
            if all((rule, ending.opened) != (one.rule, opened) for rule, ending in held):
                more = (*held, (one.rule, Ending(one.act, one.after.toordinal(), opened)))
                by_scope[scope] = tuple(sorted(more, key=lambda ended: (ended[1].day, ended[0])))
        return Endings(by_scope)


def with_endings(endings: Endings, records: Iterable[Record]) -> Endings:
    """What is known after further records; other decisions are passed over."""
    return endings.updated(event for event in events_in(records) if isinstance(event, AlertDecided))
