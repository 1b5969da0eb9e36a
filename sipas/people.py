"""Whom to tell: leaders with their channels, as one immutable snapshot of the people topic. Pure.

People are kept apart from the registry because they can be erased: a tombstone removes a person for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal

from sipas.events import ChannelName, Entry
from sipas.registry import PROVINCE, Agency, Erased, Item, Unreadable, parse_history

PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A leader. `leads` names agencies by id, blocks as `block/<id>`, or `province`.

    `role`: the head of what is led, a department above it, the chairman, or an observer, who gets digests only.
    `channels`, the preferred one first: `email`, `sms`, or a `webhook:<name>` or `chat:<name>` of the settings.
    `quiet_hours`: such as `21:00-06:30`, `none`, or "" for those of the settings.
    """

    id: str
    name: str
    email: str
    language: Literal["vi", "en"] = "vi"
    leads: tuple[str, ...] = ()
    role: Literal["head", "department", "chairman", "observer"] = "head"
    channels: tuple[ChannelName, ...] = ("email",)
    phone: str | None = None
    quiet_hours: str = ""
    digest: Literal["none", "daily", "weekly"] = "none"


@dataclass(frozen=True, kw_only=True)
class People:
    """A snapshot, by id; `problems` lists what could not be used."""

    by_id: Mapping[str, Person]
    problems: tuple[str, ...]
    entries: Mapping[str, Entry] = field(repr=False)
    _unreadable: Mapping[str, str] = field(repr=False)

    @classmethod
    def fold(cls, items: Iterable[Item]) -> People:
        """The people after `items`, in the order of the log."""
        return cls(by_id={}, problems=(), entries={}, _unreadable={}).updated(items)

    def updated(self, items: Iterable[Item]) -> People:
        """The people after further `items`."""
        by_id, entries, unreadable = dict(self.by_id), dict(self.entries), dict(self._unreadable)
        for item in items:
            if isinstance(item, Unreadable):
                unreadable[item.where] = item.why
                continue
            if item.kind != PERSON:
                continue
            unreadable.pop(f"{PERSON}/{item.id}", None)
            by_id.pop(item.id, None)
            entries.pop(item.id, None)
            if isinstance(item, Erased):
                continue
            try:
                by_id[item.id] = parse_history(item, Person, "id")[-1].value
            except ValueError as reason:
                unreadable[f"{PERSON}/{item.id}"] = str(reason)
            else:
                entries[item.id] = item
        return People(
            by_id=MappingProxyType(by_id),
            problems=tuple(f"{where}: {why}" for where, why in sorted(unreadable.items())),
            entries=MappingProxyType(entries),
            _unreadable=MappingProxyType(unreadable),
        )

    @cached_property
    def by_scope(self) -> Mapping[str, tuple[Person, ...]]:
        """Those who lead it, by what they lead."""
        found: dict[str, tuple[Person, ...]] = {}
        for person in self.by_id.values():
            for scope in dict.fromkeys(person.leads):
                found[scope] = (*found.get(scope, ()), person)
        return MappingProxyType(found)


def scopes_of(agency_id: str, agencies: Mapping[str, Agency]) -> tuple[str, ...]:
    """What a leader may name to lead the agency, the nearest first: itself, its parents, its block, the province."""
    agency = agencies.get(agency_id)
    if agency is None:
        return (agency_id, PROVINCE)
    chain = tuple(dict.fromkeys(_and_parents(agency, agencies)))
    return (*chain, *agency.scopes[1:])


def leads(person: Person, agency_id: str, agencies: Mapping[str, Agency]) -> bool:
    """Whether the person leads the agency, itself or as part of what is above it."""
    return not set(person.leads).isdisjoint(scopes_of(agency_id, agencies))


def _and_parents(agency: Agency, agencies: Mapping[str, Agency]) -> Iterator[str]:
    seen: set[str] = set()
    above: Agency | None = agency
    while above is not None and above.id not in seen:
        seen.add(above.id)
        yield above.id
        above = agencies.get(above.parent or "")
