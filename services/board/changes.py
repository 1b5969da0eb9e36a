"""From what is recorded and what a file wants to the entries that have to be written. Pure; `today` is an argument.

History is only added to: the newest version is closed on the eve of the next one, so that past numbers keep the
registry they were made with. Only the newest version may be corrected, by a load that names its own first day (or
comes on that very day). Loading the same file again changes nothing, whenever it is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import msgspec

from services.board.registry_file import Wanted
from sipas.events import Entry
from sipas.registry import KINDS, Dated, Problem, Registry, parse_history


@dataclass(frozen=True, slots=True)
class Change:
    """One entry to write. `before` and `after` are its values as plain data, `before` None where it is new."""

    kind: str
    id: str
    begins: date | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]
    entry: Entry

    def __str__(self) -> str:
        if self.before is None:
            return f"new      {self.kind}/{self.id}"
        since = f"from {self.begins}: " if self.begins else ""
        different = [
            f"{name} {_shown(self.before.get(name))} -> {_shown(value)}"
            for name, value in self.after.items()
            if self.before.get(name) != value
        ]
        return f"changed  {self.kind}/{self.id}  {since}{', '.join(different)}"


def plan(registry: Registry, wanted: Iterable[Wanted], today: date) -> tuple[list[Change], list[Problem]]:
    """What has to be written, in the file's order, and what would rewrite history."""
    changes: list[Change] = []
    problems: list[Problem] = []
    for one in wanted:
        recorded = registry.entries.get((one.kind, one.id))
        versions: Sequence[Dated[Any]] = registry.histories[one.kind].get(one.id, ())
        if _revived(versions, one):
            problems.append(Problem(one.name, "status", REVIVED))
            continue
        try:
            history = _next_history(recorded, versions, one, today)
        except ValueError as reason:
            problems.append(Problem(one.name, "valid_from", str(reason)))
            continue
        if history is None:
            continue
        entry = Entry(kind=one.kind, id=one.id, history=history)
        newest = parse_history(entry, *KINDS[one.kind])[-1]
        changes.append(
            Change(
                one.kind, one.id, newest.valid_from, _plain(versions[-1]) if versions else None, _plain(newest), entry
            )
        )
    return changes, problems


REVIVED = (
    "is revoked, and the file does not say so: write status revoked (and replaced_by) as the export has it, "
    "or status active if the code shall be good again"
)


def _revived(versions: Sequence[Dated[Any]], one: Wanted) -> bool:
    """Whether a file that is older than a revocation would undo it by saying nothing."""
    return (
        one.kind == "counter"
        and bool(versions)
        and versions[-1].value.status == "revoked"
        and ("status" not in one.fields)
    )


def _next_history(
    recorded: Entry | None, versions: Sequence[Dated[Any]], one: Wanted, today: date
) -> tuple[dict[str, Any], ...] | None:
    """The entry's history with the wanted version in it; None where it is in it already. Raises ValueError."""
    if recorded is None:
        return (_version(one.fields, one.valid_from, one.valid_to),)
    *earlier, last = recorded.history
    newest = versions[-1]
    same = _value(one) == newest.value
    begins = one.valid_from or (newest.valid_from if same else today)
    if newest.valid_from is not None and (begins is None or begins < newest.valid_from):
        raise ValueError(f"the newest version begins on {newest.valid_from}; what is recorded is not rewritten")
    if same:
        if one.valid_to == newest.valid_to:
            return None
        return (*earlier, _version(one.fields, newest.valid_from, one.valid_to))
    if begins == newest.valid_from:
        return (*earlier, _version(one.fields, begins, one.valid_to))
    assert begins is not None  # noqa: S101 - today, where the file says nothing
    eve = begins - timedelta(days=1)
    closed = last | {"valid_to": min(newest.valid_to or eve, eve).isoformat()}
    return (*earlier, closed, _version(one.fields, begins, one.valid_to))


def _version(fields: Mapping[str, Any], valid_from: date | None, valid_to: date | None) -> dict[str, Any]:
    return {
        "valid_from": valid_from and valid_from.isoformat(),
        "valid_to": valid_to and valid_to.isoformat(),
        **fields,
    }


def _value(one: Wanted) -> Any:
    entry = Entry(kind=one.kind, id=one.id, history=(dict(one.fields),))
    return parse_history(entry, *KINDS[one.kind])[0].value


def _plain(version: Dated[Any]) -> dict[str, Any]:
    value: dict[str, Any] = msgspec.to_builtins(version.value)
    return value | {"valid_to": version.valid_to and version.valid_to.isoformat()}


def _shown(value: Any) -> str:
    return "-" if value is None else msgspec.json.encode(value).decode()
