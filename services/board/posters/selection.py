"""Which counters get a poster. Pure.

A counter whose code was revoked, today or from a later day on, never does: its poster would lead to a page that
says the code is no longer in use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sipas.codes import normalise, printed
from sipas.registry import Counter, Registry


class NothingToPrint(Exception):
    """Why there is no poster to make, for the administrator."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The counters in the order of the posters, and what is said about those left out."""

    counters: tuple[Counter, ...]
    left_out: tuple[str, ...]


def by_codes(newest: Registry, today: Registry, codes: Sequence[str]) -> Selection:
    """The counters of these codes, as typed. Raises `NothingToPrint` if one is unknown or revoked."""
    found = []
    for typed in codes:
        counter = today.counter(normalise(typed) or "")
        if counter is None:
            raise NothingToPrint(f"no counter has the code {typed}; list them with: sipas registry export")
        found.append(counter)
    selection = _selected(newest, today, found)
    if selection.left_out:
        raise NothingToPrint("\n".join(selection.left_out))
    return selection


def of_agency(newest: Registry, today: Registry, agency_id: str) -> Selection:
    """The counters that serve an agency."""
    agency = today.agency(agency_id)
    if agency is None:
        raise NothingToPrint(f"there is no agency {agency_id}; list them with: sipas registry export")
    counters = [counter for counter in today.counters.values() if agency_id in counter.agencies]
    hint = f"; it was merged into {agency.merged_into}" if agency.merged_into else ""
    return _some(_selected(newest, today, counters), f"agency {agency_id} has no active counter{hint}")


def of_place(newest: Registry, today: Registry, place_id: str) -> Selection:
    """The counters of a place."""
    if place_id not in today.places:
        raise NothingToPrint(f"there is no place {place_id}; list them with: sipas registry export")
    counters = [counter for counter in today.counters.values() if counter.place == place_id]
    return _some(_selected(newest, today, counters), f"place {place_id} has no active counter")


def of_all(newest: Registry, today: Registry) -> Selection:
    """Every counter."""
    return _some(_selected(newest, today, today.counters.values()), "the registry has no active counter")


def _selected(newest: Registry, today: Registry, counters: Iterable[Counter]) -> Selection:
    kept, left_out, incomplete = [], [], []
    for counter in sorted(counters, key=lambda counter: _order(counter, today)):
        named = f"{printed(counter.code)} ({counter.label.vi})"
        revoked = next((c for c in (counter, newest.counters[counter.code]) if c.status == "revoked"), None)
        if revoked is not None:
            instead = f"print its replacement {printed(revoked.replaced_by)}" if revoked.replaced_by else "it has none"
            left_out.append(f"{named} is not printed: its code was revoked; {instead}")
            continue
        missing = [] if counter.place in today.places else [f"place {counter.place}"]
        missing += [f"agency {agency}" for agency in counter.agencies if agency not in today.agencies]
        incomplete += [f"{named} points to {name}, which the registry does not have" for name in missing]
        kept.append(counter)
    if incomplete:
        raise NothingToPrint("\n".join(incomplete))
    return Selection(tuple(kept), tuple(left_out))


def _some(selection: Selection, otherwise: str) -> Selection:
    if not selection.counters:
        raise NothingToPrint("\n".join([*selection.left_out, otherwise]))
    return selection


def _order(counter: Counter, registry: Registry) -> tuple[str, list[tuple[int, str]], str]:
    place = registry.places.get(counter.place)
    return (place.name.vi if place else counter.place), _natural(counter.label.vi), counter.code


def _natural(text: str) -> list[tuple[int, str]]:
    """So that "Quầy số 10" comes after "Quầy số 9"."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]
