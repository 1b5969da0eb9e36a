"""Made-up answers for a demo: days that resemble real ones, with a fall where one is asked for. Pure: no clock.

What `docs/drop-rule.md` assumes of an agency: a day has its own level, beta-distributed around the agency's (answers
of one day resemble each other, ICC 0.03), and Poisson many sheets. Within a sheet the criteria resemble each other
more (ICC 0.4). Offices are open Monday to Friday. An agency's own level lies up to five points around the mean asked
for, so that a ranking has something to show.

A day of an agency depends on seed, agency and date only, and its sheets' ids on the same and a running number. So
the same simulation again, or one that goes on a day later, adds each sheet once; other settings under the same seed
make other sheets of the same ids, of which those that came first count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from uuid import UUID, uuid5

DAY_ICC = 0.03
SHEET_ICC = 0.4
LEVEL_SPREAD = 0.05
NULL_SHARE = 0.04
LOWEST, HIGHEST = 0.02, 0.98
SATURDAY = 5
VERY_SATISFIED = 0.45
"""Of the satisfied answers, how many are a 5."""
UNSATISFIED = ((3, 60), (2, 25), (1, 15))
"""Of the other answers, level and weight."""

_IDS = UUID("0e0c3a0e-54f7-4b55-8f0e-9d1f9b6d2a40")


@dataclass(frozen=True, slots=True)
class Desk:
    """A counter where an agency is answered about, one sector of it or none, and the criteria that are asked."""

    counter: str
    sector: str | None
    criteria: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SimulatedAgency:
    """An agency and its desks, at least one; citizens choose among them evenly."""

    id: str
    desks: tuple[Desk, ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """From `first_day` to `last_day`, or for good, an agency's level is lower by `size`, a share (0.2 = 20 points)."""

    agency: str
    first_day: date
    size: float
    last_day: date = date.max


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is simulated. `rate`: mean sheets per agency and day; `satisfied`: mean level, a share."""

    seed: int
    rate: float = 20.0
    satisfied: float = 0.85
    drop: Drop | None = None


@dataclass(frozen=True, slots=True)
class SimulatedSheet:
    """One sheet at a desk."""

    response_id: UUID
    agency: str
    desk: Desk
    answered_on: date
    answers: Mapping[str, int | None]


def open_days(last: date, days: int) -> list[date]:
    """The days, oldest first, of the last `days` calendar days up to `last` on which offices are open."""
    past = (last - timedelta(days=ago) for ago in range(days - 1, -1, -1))
    return [day for day in past if day.weekday() < SATURDAY]


def sheets_of_day(scenario: Scenario, agencies: Sequence[SimulatedAgency], day: date) -> list[SimulatedSheet]:
    """The sheets of all agencies on one day, in the order in which they are handed in."""
    sheets = [sheet for agency in agencies for sheet in _sheets(scenario, agency, day)]
    Random(f"{scenario.seed}/{day}").shuffle(sheets)  # noqa: S311 - made-up data
    return sheets


def level_on(scenario: Scenario, agency: str, day: date) -> float:
    """The share of satisfied answers that an agency's days vary around."""
    own = scenario.satisfied + Random(f"{scenario.seed}/{agency}").uniform(-LEVEL_SPREAD, LEVEL_SPREAD)  # noqa: S311
    drop = scenario.drop
    if drop is not None and drop.agency == agency and drop.first_day <= day <= drop.last_day:
        own -= drop.size
    return min(max(own, LOWEST), HIGHEST)


def _sheets(scenario: Scenario, agency: SimulatedAgency, day: date) -> Iterator[SimulatedSheet]:
    chance = Random(f"{scenario.seed}/{agency.id}/{day}")  # noqa: S311
    of_day = _around(level_on(scenario, agency.id, day), DAY_ICC, chance)
    for number in range(1, _poisson(scenario.rate, chance) + 1):
        desk = chance.choice(agency.desks)
        of_sheet = _around(of_day, SHEET_ICC, chance)
        answers: dict[str, int | None] = {criterion: _answer(of_sheet, chance) for criterion in desk.criteria}
        # the first question is always answered: a sheet without any answer is none
        for criterion in desk.criteria[1:]:
            if chance.random() < NULL_SHARE:
                answers[criterion] = None
        response_id = uuid5(_IDS, f"{scenario.seed}/{agency.id}/{day}/{number}")
        yield SimulatedSheet(response_id, agency.id, desk, day, answers)


def _around(mean: float, icc: float, chance: Random) -> float:
    """A beta-distributed level, such that yes/no answers at it correlate by `icc`."""
    if not 0 < mean < 1:  # a day of which a float can tell no more
        return mean
    size = 1 / icc - 1
    return chance.betavariate(mean * size, (1 - mean) * size)


def _answer(level: float, chance: Random) -> int:
    if chance.random() < level:
        return 5 if chance.random() < VERY_SATISFIED else 4
    levels, weights = zip(*UNSATISFIED, strict=True)
    drawn: int = chance.choices(levels, weights)[0]
    return drawn


def _poisson(mean: float, chance: Random) -> int:
    """How many arrivals come within `mean` mean waiting times."""
    arrivals, waited = 0, chance.expovariate(1)
    while waited < mean:
        arrivals += 1
        waited += chance.expovariate(1)
    return arrivals
