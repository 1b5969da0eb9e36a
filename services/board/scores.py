"""Official tables as they were loaded: one for each scheme, year and block, in versions; and what a scoreboard says.

Of a version the first in the log stands; the highest holds. The Ministry's own yearly series comes with the program as
version 0, until somebody loads a better table of the same place. What another program cannot use is left out, never
half used. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from sipas.bands import BandScheme, load_bands
from sipas.broker import Record
from sipas.comparison import unbroken
from sipas.events import TYPES, MalformedEvent, ScoreLine, ScoresLoaded, decode_scores, type_of
from sipas.official import COUNTRY, COUNTRY_BLOCK, PROVINCES_BLOCK, published_sipas
from sipas.ranking import name_key
from sipas.scoreboard import Line, Score, parse_goal, scoreboard
from sipas.telemetry import logger

PACKAGED = 0
"""The version of a table that comes with the program."""

_log = logger("board")


class Place(NamedTuple):
    """Where a table stands."""

    scheme: str
    year: int
    block: str

    def __str__(self) -> str:
        return f"{self.scheme} {self.year}, {self.block}"


def place_of(table: ScoresLoaded) -> Place:
    return Place(table.scheme, table.year, table.block)


def table_hash(place: Place, bands: str | None, lines: Iterable[ScoreLine]) -> str:
    """SHA-256 of the table's canonical JSON (RFC 8785: it holds texts and whole numbers only)."""
    document = {**place._asdict(), "bands": bands, "lines": [msgspec.to_builtins(line) for line in lines]}
    written = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


def table(
    place: Place,
    bands: str | None,
    lines: Iterable[ScoreLine],
    before: ScoresLoaded | None = None,
    *,
    version: int | None = None,
    reason: str | None = None,
) -> ScoresLoaded:
    """The next version after `before`. The order of a file's rows means nothing, so lines stand by unit."""
    ordered = tuple(sorted(lines, key=lambda line: name_key(line.unit)))
    return ScoresLoaded(
        **place._asdict(),
        version=version if version is not None else before.version + 1 if before else 1,
        sha256=table_hash(place, bands, ordered),
        previous=before.sha256 if before else None,
        reason=reason,
        bands=bands,
        lines=ordered,
    )


def scores_of(loaded: ScoresLoaded) -> tuple[Score, ...]:
    """The table as `sipas.scoreboard` knows it. Raises ValueError for one that cannot be."""
    return tuple(
        Score(
            scheme=loaded.scheme,
            year=loaded.year,
            unit=line.unit,
            points=None if line.points is None else Decimal(line.points),
            maximum=Decimal(line.maximum),
            source=line.source,
            method=line.method,
            rank=line.rank,
            of=line.of,
        )
        for line in loaded.lines
    )


@cache
def packaged() -> Mapping[Place, tuple[ScoresLoaded, ...]]:
    """The Ministry's yearly series, the country's and the provinces'."""
    found: dict[Place, list[ScoreLine]] = {}
    for score in published_sipas().scores:
        block = COUNTRY_BLOCK if score.unit == COUNTRY else PROVINCES_BLOCK
        line = ScoreLine(
            unit=score.unit,
            points=None if score.points is None else exact_text(score.points),
            maximum=exact_text(score.maximum),
            rank=score.rank,
            of=score.of,
            method=score.method,
            source=score.source,
            target=None,
        )
        found.setdefault(Place(score.scheme, score.year, block), []).append(line)
    return MappingProxyType({place: (table(place, None, lines, version=PACKAGED),) for place, lines in found.items()})


def exact_text(value: Decimal) -> str:
    """74.20 and 74.2 are one number, so they are one text."""
    return f"{value.normalize():f}"


@dataclass(frozen=True, slots=True)
class ScoreBook:
    """A snapshot of all tables; of each place its versions, oldest first."""

    versions: Mapping[Place, tuple[ScoresLoaded, ...]] = field(default_factory=packaged)

    def newest(self, place: Place) -> ScoresLoaded | None:
        """The version that holds."""
        return self.versions[place][-1] if place in self.versions else None

    def version(self, place: Place, number: int) -> ScoresLoaded | None:
        """One version of a place's table."""
        return next((one for one in self.versions.get(place, ()) if one.version == number), None)

    def updated(self, tables: Iterable[ScoresLoaded]) -> ScoreBook:
        """The snapshot after further tables, in the order of the log."""
        versions = dict(self.versions)
        for loaded in tables:
            known = versions.get(place_of(loaded), ())
            if all(loaded.version != one.version for one in known):
                versions[place_of(loaded)] = tuple(sorted((*known, loaded), key=lambda one: one.version))
        return ScoreBook(versions)

    def lines(self, place: Place) -> tuple[Line, ...]:
        """The scoreboard of a place, best first, beside the year before of the same scheme and block."""
        loaded, before = self.newest(place), self.newest(place._replace(year=place.year - 1))
        if loaded is None:
            return ()
        return scoreboard(
            scores_of(loaded), scores_of(before) if before else (), bands=band_schemes().get(loaded.bands or "")
        )

    def bands(self, place: Place) -> BandScheme | None:
        """The bands of a place's table."""
        loaded = self.newest(place)
        return band_schemes().get(loaded.bands or "") if loaded else None

    def series(self, scheme: str, unit: str) -> list[tuple[Place, Line, bool]]:
        """A unit's results of a scheme, oldest first, each with whether the series breaks before it."""
        found = [
            (place, line)
            for place in sorted(place for place in self.versions if place.scheme == scheme)
            if any(line.unit == unit for line in self.versions[place][-1].lines)
            for line in self.lines(place)
            if line.score.unit == unit
        ]
        parts = unbroken(found, lambda one: one[1].score.method)
        return [
            (place, line, number > 0 and at == 0)
            for number, part in enumerate(parts)
            for at, (place, line) in enumerate(part)
        ]


def met(target: str | None, line: Line) -> bool | None:
    """Whether a target is reached; None without one, and where it cannot be told."""
    try:
        return parse_goal(target).met_by(line) if target else None
    except ValueError:
        return None  # another program may know more forms


def tables_in(records: Iterable[Record]) -> Iterable[ScoresLoaded]:
    """The tables among the records of `results`; what cannot be read or used is logged and left out."""
    for record in records:
        if type_of(record.headers) != TYPES[ScoresLoaded]:
            continue
        try:
            loaded = decode_scores(record.value)
            scoreboard(scores_of(loaded))
        except (MalformedEvent, ValueError) as reason:
            _log.warning("an official table cannot be used", offset=record.offset, reason=str(reason))
        else:
            yield loaded


def with_tables(book: ScoreBook, records: Iterable[Record]) -> ScoreBook:
    """The snapshot after further records."""
    return book.updated(tables_in(records))


@cache
def band_schemes() -> Mapping[str, BandScheme]:
    """The schemes of bands by id."""
    return load_bands()
