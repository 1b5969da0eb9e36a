"""What has to be recorded so that a counter's code is worthless from a day on. Pure.

A code that may be in wrong hands cannot wait, so versions that were only planned for later days are given up; what
was in force is kept, closed on the eve, so that past answers keep their counter.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sipas.events import Entry
from sipas.registry import Registry


class CannotRevoke(Exception):
    """Says why."""


def revocation(
    registry: Registry, code: str, today: date, successor: str | None = None, reason: str | None = None
) -> Entry | None:
    """The counter's entry with `code` revoked from `today`; None where that is recorded already."""
    said = {"status": "revoked", "replaced_by": successor, "reason": reason}
    said = {name: value for name, value in said.items() if value is not None}
    *earlier, last = _begun(registry, code, today)
    kept = {name: value for name, value in last.items() if value is not None}
    if kept | said == kept and last.get("valid_to") is None:
        return None
    version = last | said | {"valid_from": today.isoformat(), "valid_to": None}
    if _begins(last) == today:
        return Entry(kind="counter", id=code, history=(*earlier, version))
    eve = (today - timedelta(days=1)).isoformat()
    closed = last | {"valid_to": min(last.get("valid_to") or eve, eve)}
    return Entry(kind="counter", id=code, history=(*earlier, closed, version))


def same_under(registry: Registry, code: str, new_code: str, today: date) -> Entry:
    """A counter that serves what `code` serves today, under a code of its own from today on."""
    last = _begun(registry, code, today)[-1]
    if last.get("replaced_by"):
        raise CannotRevoke(f"{code} was replaced by {last['replaced_by']} already")
    only_of_the_old = {"replaced_by", "reason"}
    fields = {name: value for name, value in last.items() if name not in only_of_the_old}
    version = fields | {"status": "active", "valid_from": today.isoformat(), "valid_to": None}
    return Entry(kind="counter", id=new_code, history=(version,))


def _begun(registry: Registry, code: str, today: date) -> list[dict[str, Any]]:
    """The counter's versions that are or were in force, oldest first; at least one."""
    entry = registry.entries.get(("counter", code))
    if entry is None:
        raise CannotRevoke(f"there is no counter {code}")
    begun = [version for version in entry.history if _begins(version) <= today]
    if not begun:
        raise CannotRevoke(f"{code} begins only later: nothing is in force yet")
    return begun


def _begins(version: Mapping[str, Any]) -> date:
    begins = version.get("valid_from")
    return date.fromisoformat(begins) if begins else date.min
