"""What the public may see of an agency: whole groups of at least five sheets, formed in the order of the log. Pure.

If a public number moved with each sheet, whoever sits at the counter would know what the citizen who just left has
answered. So a sheet waits until it is one of a group:

- five sheets of one day are a group: the public day, month and year get them together;
- a day's last one to four sheets wait until the agency's data are on a later day, and then for others that are left of
  the month: five or more of them are a group, which the month and the year get, and no day;
- what is left of a month waits in the same way for the year.

So every public number, at every moment, is a sum of whole groups, and groups share no sheet: whoever keeps all that was
ever published, and adds and subtracts, has sums of groups and never a part of one. Groups follow from the log alone, so
a ledger that is built again shows the same numbers, and nobody learns anything by comparing the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from sipas.tally import EXCLUDED_FIELDS

STEP = 5
"""Fewest sheets by which a public number moves."""

DAY, MONTH, YEAR = len("YYYY-MM-DD"), len("YYYY-MM"), len("YYYY")


class Scope(NamedTuple):
    """`time`: a day, a month or a year."""

    method: str
    time: str


@dataclass(slots=True)
class Group:
    """Sheets that wait. `since`: the agency's newest day when the last of them came."""

    since: str
    sheets: int = 0
    fields: dict[str, int] = field(default_factory=dict)

    def add(self, other: Group) -> None:
        self.sheets += other.sheets
        for name, number in other.fields.items():
            self.fields[name] = self.fields.get(name, 0) + number


class Complete(NamedTuple):
    """A group that the public may see now."""

    scope: Scope
    fields: Mapping[str, int]


@dataclass(slots=True)
class Waiting:
    """An agency's sheets that no public number holds yet. `minute`: the newest counted, since 1970 UTC."""

    newest: str = ""
    minute: int = -1
    groups: dict[Scope, Group] = field(default_factory=dict)

    def take(self, method: str, day: str, fields: Sequence[str]) -> list[Complete]:
        """One sheet more, which raises each of these fields by one; gives the groups that are complete by it."""
        complete: list[Complete] = []
        if day > self.newest:
            self.newest = day
            complete += self._days_are_over()
        scope = Scope(method, day)
        group = self.groups.setdefault(scope, Group(self.newest))
        group.since = self.newest
        for name in fields:
            group.fields[name] = group.fields.get(name, 0) + 1
        if fields is not EXCLUDED_FIELDS:
            group.sheets += 1
            if group.sheets == STEP:
                del self.groups[scope]
                complete.append(Complete(scope, group.fields))
        return complete

    def _days_are_over(self) -> Iterator[Complete]:
        """What is left of earlier days joins its month, what is left of earlier months its year."""
        for length, wider in ((DAY, MONTH), (MONTH, YEAR)):
            joined: dict[Scope, Group] = {}
            for scope in [scope for scope in self.groups if len(scope.time) == length and self._is_over(scope)]:
                group = self.groups.pop(scope)
                into = Scope(scope.method, scope.time[:wider])
                joined[into] = self.groups.setdefault(into, Group(self.newest))
                joined[into].add(group)
            for scope, group in joined.items():
                if group.sheets >= STEP:
                    del self.groups[scope]
                    yield Complete(scope, group.fields)

    def _is_over(self, scope: Scope) -> bool:
        if len(scope.time) == DAY:
            return self.groups[scope].since < self.newest
        return scope.time < self.newest[:MONTH]

    def copy(self) -> Waiting:
        """Another one, that may be changed."""
        return Waiting.from_state(self.to_state())

    def to_state(self) -> list[Any]:
        """Plain JSON values."""
        groups = [[*scope, one.since, one.sheets, dict(one.fields)] for scope, one in self.groups.items()]
        return [self.newest, self.minute, groups]

    @classmethod
    def from_state(cls, state: Sequence[Any]) -> Self:
        """The inverse of `to_state`."""
        newest, minute, groups = state
        return cls(newest, minute, {Scope(method, time): Group(*group) for method, time, *group in groups})
