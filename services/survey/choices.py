"""For whom a counter's form can be: the one question that is asked where there are several. Pure."""

from __future__ import annotations

from typing import NamedTuple

from sipas.registry import Counter, Registry

SEPARATOR = "/"


class Choice(NamedTuple):
    """One agency, or one of its sectors, that a counter serves."""

    value: str
    label: str


def choices_of(counter: Counter, registry: Registry, names: str) -> list[Choice]:
    """The agencies of a counter, and where one has sectors there, each of them: one question for both.

    `names`: which of the registry's languages names them.
    """
    choices = []
    several = len(counter.agencies) > 1
    for agency_id in counter.agencies:
        name = agency_name(agency_id, registry, names)
        sectors = [sector for sector in counter.sectors if sector.agency == agency_id]
        choices += [
            Choice(
                f"{agency_id}{SEPARATOR}{sector.id}",
                f"{name} – {getattr(sector.name, names)}" if several else getattr(sector.name, names),
            )
            for sector in sectors
        ] or [Choice(agency_id, name)]
    return choices


def agency_name(agency_id: str, registry: Registry, names: str) -> str:
    """The name of an agency; its id where the registry lacks it."""
    agency = registry.agency(agency_id)
    return getattr(agency.name, names) if agency else agency_id
