"""The ranking of a block: places, what chance allows of them, and how they moved.

A rank of an earlier period is taken among who belonged to the block then, by the same method. Nothing here may tell
more than the figures of the same reader: an agency that is not ranked has no rank interval, no band and no change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from services.board.dated import DatedRegistry
from services.board.figures import Figure, Share, method_of_block, methods_in_use
from services.board.parts import Parts, is_current
from services.board.reading import Question
from services.board.wording import wrong
from sipas.bands import BandScheme, Cut
from sipas.periods import Period
from sipas.problems import Problem
from sipas.ranking import Ranked, rank, rank_change, ranks_of
from sipas.registry import Agency, Registry

RETRY_AFTER = {"Retry-After": "5"}


@dataclass(frozen=True, slots=True)
class Line:
    """One agency; a change is old - new, None where either rank is missing."""

    agency: Agency
    figure: Figure
    place: Ranked
    change: int | None
    year_change: int | None
    band: Cut | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """A block's lines, best first; who has no rank stands last. `previous` and `year_before` are what was compared."""

    block: str
    method: str
    period: Period
    previous: Period | None
    year_before: Period | None
    minimum: int
    lines: tuple[Line, ...]


def ranking_of(
    parts: Parts,
    registries: DatedRegistry,
    block: str,
    period: Period,
    *,
    method: str | None = None,
    scheme: BandScheme | None = None,
    live: bool,
) -> Ranking:
    """Rank a block. Raises `Problem` invalid or rebuilding."""
    registry = registries.on(period)
    if block not in registry.blocks:
        raise Problem("invalid", errors=[wrong("block", "unknown-block")])
    members = _members(registry, block)
    method = parts.method(method, method_of_block(methods_in_use(registry), members))
    if parts.methods[method].aggregation != "pooled":
        raise Problem("invalid", errors=[wrong("method", "not-rankable")])
    earlier = (period.previous(), period.year_before())
    before = [
        Question(agency, method, then, days=False)
        for then in dict.fromkeys(earlier)
        if then
        for agency in _members(registries.on(then), block)
    ]
    figures = parts.figures.of([Question(agency, method, period) for agency in members], live=live)
    shares = parts.figures.shares(before, live=live)
    listed = {
        figure.index.agency: figure
        for figure in figures
        if is_current(members[figure.index.agency]) or figure.index.responses
    }
    if any(figure.index.rebuilding for figure in listed.values()):
        raise Problem("rebuilding", headers=RETRY_AFTER)
    # a rank tells nearly as much as the number that may not be told
    minimum = parts.ranking_minimum if live else max(parts.ranking_minimum, parts.publication_minimum)
    old: list[Mapping[str, int]] = [
        _ranks(
            {
                question.agency: share
                for question, share in zip(before, shares, strict=True)
                if then and question.period == then
            },
            minimum,
        )
        for then in earlier
    ]
    names = {id_: agency.name.vi for id_, agency in members.items()}
    return Ranking(
        block=block,
        method=method,
        period=period,
        previous=earlier[0],
        year_before=earlier[1],
        minimum=minimum,
        lines=tuple(
            Line(
                members[place.index.agency],
                listed[place.index.agency],
                place,
                rank_change(old[0].get(place.index.agency), place.rank),
                rank_change(old[1].get(place.index.agency), place.rank),
                _band(scheme, place),
            )
            for place in rank((figure.index for figure in listed.values()), minimum, names)
        ),
    )


def _members(registry: Registry, block: str) -> dict[str, Agency]:
    return {agency.id: agency for agency in registry.agencies.values() if agency.block == block}


def _ranks(shares: Mapping[str, Share], minimum: int) -> dict[str, int]:
    """The ranks alone, by the same rule as the ranking's own."""
    return ranks_of(
        {
            agency: share.value
            for agency, share in shares.items()
            if share.value is not None and share.responses >= minimum
        }
    )


def _band(scheme: BandScheme | None, place: Ranked) -> Cut | None:
    """By the published percentage, so that a reader finds the same; 100 is the maximum of a percentage."""
    if scheme is None or place.rank is None or place.index.percent is None:
        return None
    return scheme.band(Fraction(place.index.percent), Fraction(100))
