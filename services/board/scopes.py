"""Scopes wider or narrower than an agency, and which of them the public may read. Pure.

Wider: `province`, `block:<id>`, `kind:<KIND>`, and `agency:<id>`, an agency with all that were merged into it. Counts
of agencies are added, never percentages, and never those of different methods.
Narrower: `counter:<code>`, `place:<id>`, `sector:<id>`, `channel:<word>`, for holders of the read key, and no day
before the next working day, so that no officer can tell whose answer just came.

The public knows every agency that has enough sheets, so of a sum it knows what the agencies with too few have together.
Province and blocks are one tree (`sipas.suppression` says why its regions are safe): a block is published if what its
withheld agencies have is nothing or enough, the province if that holds for the withheld agencies of withheld blocks.
Kinds and merged agencies cut across that tree, so they are published only if nothing in them is withheld.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sipas.periods import Period
from sipas.registry import PROVINCE, Agency, Registry
from sipas.working_days import next_working_day


@dataclass(frozen=True, slots=True)
class Scope:
    """What is added up: of each agency its total, or those `parts` of it. `merged` are among the agencies."""

    name: str
    agencies: tuple[str, ...]
    parts: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()

    @property
    def is_narrow(self) -> bool:
        return bool(self.parts)


def scope_of(text: str, registry: Registry) -> Scope | None:
    """The scope of that name; None where there is none."""
    kind, _, name = text.partition(":")
    find = _SCOPES.get(kind)
    return find(text, name, registry) if find else None


def _province(text: str, name: str, registry: Registry) -> Scope | None:
    is_it = text == PROVINCE and not name
    return Scope(text, tuple(registry.agencies)) if is_it and registry.agencies else None


def _block(text: str, name: str, registry: Registry) -> Scope | None:
    return _those(text, registry, lambda agency: agency.block == name) if name in registry.blocks else None


def _kind(text: str, name: str, registry: Registry) -> Scope | None:
    return _those(text, registry, lambda agency: agency.kind == name)


def _those(text: str, registry: Registry, belongs: Callable[[Agency], bool]) -> Scope | None:
    members = tuple(agency.id for agency in registry.agencies.values() if belongs(agency))
    return Scope(text, members) if members else None


def _agency(text: str, name: str, registry: Registry) -> Scope | None:
    if name not in registry.agencies:
        return None
    found = {name: None}
    grown = True
    while grown:
        into = [one.id for one in registry.agencies.values() if one.merged_into in found and one.id not in found]
        found |= dict.fromkeys(into)
        grown = bool(into)
    members = tuple(found)
    return Scope(text, members, merged=members[1:])


def _counter(text: str, name: str, registry: Registry) -> Scope | None:
    counter = registry.counters.get(name)
    return Scope(text, counter.agencies, (f"counter={name}",)) if counter else None


def _place(text: str, name: str, registry: Registry) -> Scope | None:
    counters = [counter for counter in registry.counters.values() if counter.place == name]
    agencies = tuple(dict.fromkeys(agency for counter in counters for agency in counter.agencies))
    return Scope(text, agencies, tuple(f"counter={counter.code}" for counter in counters)) if counters else None


def _sector(text: str, name: str, registry: Registry) -> Scope | None:
    sectors = (sector for counter in registry.counters.values() for sector in counter.sectors if sector.id == name)
    agencies = tuple(dict.fromkeys(sector.agency for sector in sectors))
    return Scope(text, agencies, (f"sector={name}",)) if agencies else None


def _channel(text: str, name: str, registry: Registry) -> Scope | None:
    return Scope(text, tuple(registry.agencies), (f"channel={name}",)) if name else None


_SCOPES: Mapping[str, Callable[[str, str, Registry], Scope | None]] = {
    PROVINCE: _province,
    "block": _block,
    "kind": _kind,
    "agency": _agency,
    "counter": _counter,
    "place": _place,
    "sector": _sector,
    "channel": _channel,
}


def is_published(scope: Scope, registry: Registry, sheets: Mapping[str, int], minimum: int) -> bool:
    """Whether the public may read a wide scope; `sheets` of every agency, in the same period and method."""
    total = sum(sheets.get(agency, 0) for agency in scope.agencies)
    if not total:  # nobody is behind it
        return True
    if scope.is_narrow or total < minimum:
        return False
    kind, _, name = scope.name.partition(":")
    if kind == "block":
        return _leaves_enough(_hidden(registry, sheets, name, minimum), minimum)
    if kind == PROVINCE:
        blocks = {agency.block for agency in registry.agencies.values()}
        hidden = [_hidden(registry, sheets, block, minimum) for block in blocks]
        return _leaves_enough(sum(some for some in hidden if not _leaves_enough(some, minimum)), minimum)
    return not any(0 < sheets.get(agency, 0) < minimum for agency in scope.agencies)


def _leaves_enough(hidden: int, minimum: int) -> bool:
    return not 0 < hidden < minimum


def _hidden(registry: Registry, sheets: Mapping[str, int], block: str, minimum: int) -> int:
    """The sheets of a block's agencies that have too few of them."""
    counts = (sheets.get(agency.id, 0) for agency in registry.agencies.values() if agency.block == block)
    return sum(count for count in counts if 0 < count < minimum)


def readable_part(period: Period, today: date, holidays: Container[date]) -> Period | None:
    """The days of a period of which the next working day has come; None where there are none yet."""
    last = min(period.last, today)
    while last >= period.first and next_working_day(last, holidays) > today:
        last -= timedelta(days=1)
    return Period(period.text, period.first, last) if last >= period.first else None
