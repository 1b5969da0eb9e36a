"""What a folded batch writes: the totals that it changes, added to as they stand, and everything else that it leaves.

Why that is exactly once is told in `counting.py`: old totals are read together with the position, and the new ones are
written only where the position is still that one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

from services.aggregator.fold import Folded, Tallied
from services.aggregator.steps import DAY, MONTH, YEAR
from sipas.ledger import Moved, Place, Writes
from sipas.packed import Layout, layouts
from sipas.tally_keys import ALL_AGENCIES, TallyKeys

Before = Mapping[Place, bytes | None]


def commit(folded: Folded, keys: TallyKeys, next_offset: int, position: Mapping[str, str | int]) -> None:
    """Write what a folded batch changes, and the new position; raises `Moved` where another than `next_offset` stands.

    `position` holds the new `next_offset`.
    """
    totals = {one: keys.total(*one) for one in _with_wider_times(folded.totals, (DAY, MONTH, YEAR))}
    shown = {one: keys.total(*one, shown=True) for one in _with_wider_times(folded.shown, (DAY, MONTH, YEAR))}
    parts = {one: keys.parts(*one) for one in _with_wider_times(folded.parts, (DAY, MONTH))}
    places = [*totals.values(), *shown.values(), *parts.values()]
    stored, old = keys.slot.values(places)
    if stored is None or int(stored["next_offset"]) != next_offset:
        raise Moved(int(stored["next_offset"]) if stored else None)
    before = dict(zip(places, old, strict=True))
    new_totals, new_shown = _raised(totals, folded.totals, before), _raised(shown, folded.shown, before)
    new_parts = _raised_parts(parts, totals, folded, before)
    values = {totals[one]: _layout(one).pack(vector) for one, vector in new_totals.items()}
    values |= {shown[one]: _layout(one).pack(vector) for one, vector in new_shown.items()}
    values |= {parts[one]: _layout(one).pack_parts(of, new_totals[one]) for one, of in new_parts.items()}
    begun = {one[0] for one in folded.totals if before[totals[one]] is None}
    keys.slot.commit(next_offset, position, _writes(folded, keys, values, begun, int(position["next_offset"])))


def _layout(tallied: Tallied) -> Layout:
    return layouts()[tallied[1]]


def _with_wider_times(times: Iterable[Tallied], lengths: Iterable[int]) -> Iterator[Tallied]:
    """Each, and the months and years that it is part of."""
    for agency, method, time in times:
        for length in lengths:
            if length <= len(time):
                yield agency, method, time[:length]


def _raised(
    places: Mapping[Tallied, Place], sums: Mapping[Tallied, Mapping[str, int]], before: Before
) -> dict[Tallied, list[int]]:
    """The totals with these sums in them."""
    vectors = {one: list(_layout(one).unpack(before[place])) for one, place in places.items()}
    for tallied, fields in sums.items():
        for wider in _with_wider_times((tallied,), (DAY, MONTH, YEAR)):
            _layout(tallied).add(vectors[wider], fields)
    return vectors


def _raised_parts(
    places: Mapping[Tallied, Place], totals: Mapping[Tallied, Place], folded: Folded, before: Before
) -> dict[Tallied, dict[str, list[int]]]:
    vectors: dict[Tallied, dict[str, list[int]]] = {}
    for one, place in places.items():
        total = _layout(one).unpack(before[totals[one]])
        stored = _layout(one).unpack_parts(before[place], total)
        vectors[one] = {part: list(vector) for part, vector in stored.items()}
    for tallied, of_part in folded.parts.items():
        layout = _layout(tallied)
        for wider in _with_wider_times((tallied,), (DAY, MONTH)):
            for part, fields in of_part.items():
                layout.add(vectors[wider].setdefault(part, layout.vector({})), fields)
    return vectors


def _writes(
    folded: Folded, keys: TallyKeys, values: Mapping[Place, bytes], begun: AbstractSet[str], next_offset: int
) -> Writes:
    """`begun`: agencies with a day that had no sheet before."""
    hashes: dict[str, dict[str, str | bytes]] = {}
    for place, value in values.items():
        hashes.setdefault(place.key, {})[place.field] = value
    members: dict[str, list[bytes]] = {keys.seen(shelf): ids for shelf, ids in folded.ids.items()}
    if folded.totals:
        hashes[keys.dirty] = {"/".join(tallied): str(next_offset) for tallied in folded.totals}
        hashes[keys.waiting] = {
            agency: json.dumps(one.to_state(), separators=(",", ":")) for agency, one in folded.waiting.items()
        }
        members[keys.agencies] = [agency.encode() for agency in folded.waiting]
        for agency, method, day in folded.totals:
            members.setdefault(keys.days(agency), []).append(f"{method}/{day}".encode())
    # that a day has begun is told of it before any of its sheets is
    for shown, as_of, agencies in (
        (False, folded.as_of, folded.as_of.keys()),
        (True, folded.shown_as_of, folded.shown_as_of.keys() | begun),
    ):
        hashes[keys.as_of(shown=shown)] = {agency: _instant(minute) for agency, minute in as_of.items()}
        if agencies:
            hashes[keys.changed(shown=shown)] = dict.fromkeys((ALL_AGENCIES, *agencies), str(next_offset))
    return Writes(fields=dict(hashes), members=members, unlinked=[keys.seen(shelf) for shelf in folded.thrown_away])


def _instant(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%MZ")
