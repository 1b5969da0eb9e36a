"""Whom a change of state is for, and in what kind of message. Pure.

- possible: the heads, that is the nearest with that role (of the agency, else of its block, else of the province);
- confirmed: the departments above the agency too; the chairmen where it stays unacknowledged (`escalation`);
- recovered, follow-up, reminder: the heads, the departments where it was confirmed, the chairmen who were told of it;
- observers get digests only.

Where an agency has no head, its departments are told, else its chairmen, at once: never nobody, if there is anybody.
Who leads a block or the province, or is a chairman or a department, is told of many agencies: they get one message for
many (`children`), in which the agencies' own messages to them are gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sipas.alert_book import Alert
from sipas.events import AlertChanged
from sipas.people import People, Person

Lane = Literal["own", "children", "escalation"]
"""What is said together: to a head, to those above of many agencies, and to those above of what nobody answers."""


@dataclass(frozen=True, slots=True)
class Route:
    """A person who is told, in a lane."""

    person: Person
    lane: Lane


def routes(change: AlertChanged, alert: Alert, scopes: Sequence[str], people: People) -> list[Route]:
    """Everybody who is told of `change`, once each; `alert` is as it stands with it."""
    heads = _nearest(scopes, people, "head")
    above = _all(scopes, people, "department")
    chairmen = _all(scopes, people, "chairman")
    told = {delivered.person for delivered in alert.told}
    was_confirmed = any(one.kind == "confirmed" for one in alert.changes)
    found = [Route(person, lane_of(person, scopes)) for person in heads]
    if was_confirmed or not heads:
        found += [Route(person, "children") for person in above]
    if not heads and not above:
        found += [Route(person, "children") for person in chairmen]
    elif change.kind == "confirmed":
        found += [Route(person, "escalation") for person in chairmen]
    else:
        found += [Route(person, "children") for person in chairmen if person.id in told]
    first: dict[str, Route] = {}
    for route in found:
        first.setdefault(route.person.id, route)
    return list(first.values())


def lane_of(person: Person, scopes: Sequence[str]) -> Lane:
    """A head who leads the agency itself has its messages alone; one who leads it with others, as one of many."""
    return "own" if scopes[0] in person.leads else "children"


def _nearest(scopes: Sequence[str], people: People, role: str) -> list[Person]:
    for scope in scopes:
        found = _all((scope,), people, role)
        if found:
            return found
    return []


def _all(scopes: Sequence[str], people: People, role: str) -> list[Person]:
    found = (person for scope in scopes for person in people.by_scope.get(scope, ()))
    return list({person.id: person for person in found if person.role == role}.values())
