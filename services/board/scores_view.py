"""What the API and the page say of an official table: its lines, and beside an agency our own figure of that year.

Our figure comes from `figures` under the public's rules and is an object of its own: nothing is computed from both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.board.figures import Figure, methods_in_use
from services.board.parts import Parts
from services.board.reading import Question
from services.board.scores import PACKAGED, Place, ScoreBook, met
from services.board.scores_file import unit_name
from sipas.official import BLOCKS, LABEL, SCHEME
from sipas.problems import Problem
from sipas.ranking import name_key
from sipas.registry import Names
from sipas.scoreboard import Line


@dataclass(frozen=True, slots=True)
class Row:
    """A unit's line. `name` is there for an agency of the registry, `local` where it had sheets in the year.

    `target` is as it was written; `met` is None where it cannot be told.
    """

    place: Place
    line: Line
    breaks: bool
    name: Names | None
    target: str | None
    met: bool | None
    local: Figure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which table is asked for; None leaves it open."""

    scheme: str | None = None
    year: int | None = None
    block: str | None = None

    def allows(self, place: Place) -> bool:
        return all(wish in {None, is_} for wish, is_ in zip((self.scheme, self.year, self.block), place, strict=True))


def chosen(book: ScoreBook, wish: Wish) -> Place:
    """The newest table of the kind, loaded ones first. Raises `Problem` unknown-scoreboard."""
    found = [place for place in book.versions if wish.allows(place)]
    if not found:
        raise Problem("unknown-scoreboard")
    loaded = [place for place in found if book.versions[place][-1].version > PACKAGED] or found
    newest = max(place.year for place in loaded)
    return min((place for place in loaded if place.year == newest), key=lambda place: tuple(map(name_key, place[::2])))


def nearest(book: ScoreBook, wish: Wish) -> Place:
    """The same for a form, whose three fields may not go together: the scheme counts most, then the block."""
    for easier in (
        wish,
        Wish(scheme=wish.scheme, block=wish.block),
        Wish(scheme=wish.scheme, year=wish.year),
        Wish(scheme=wish.scheme),
    ):
        if any(map(easier.allows, book.versions)):
            return chosen(book, easier)
    raise Problem("unknown-scoreboard")


def rows(parts: Parts, book: ScoreBook, place: Place) -> list[Row]:
    """The lines of a table, best first. `book` is read once for a whole answer: a load may come in between."""
    return _rows(parts, book, [(place, line, line.breaks) for line in book.lines(place)])


def series_rows(parts: Parts, book: ScoreBook, scheme: str, unit: str) -> list[Row]:
    """A unit's lines of all years, oldest first. Raises `Problem` unknown-scoreboard."""
    found = book.series(scheme, unit_name(unit))
    if not found:
        raise Problem("unknown-scoreboard")
    return _rows(parts, book, found)


def scheme_name(scheme: str) -> Names:
    """What a reader calls a scheme; the Ministry's survey never by its bare name, which would be taken for ours."""
    return Names(LABEL.vi, LABEL.en) if scheme == SCHEME else Names(scheme, scheme)


def block_name(parts: Parts, block: str) -> Names:
    """A block of the registry, one of the packaged series, or as it was written."""
    if known := parts.registry().blocks.get(block):
        return known.name
    packaged = BLOCKS.get(block)
    return Names(packaged.vi, packaged.en) if packaged else Names(block, block)


def _rows(parts: Parts, book: ScoreBook, lines: Iterable[tuple[Place, Line, bool]]) -> list[Row]:
    lines = list(lines)
    registry = parts.registry()
    targets = {
        (place, line.unit): line.target
        for place in {place for place, _, _ in lines}
        for line in book.versions[place][-1].lines
    }
    ours = _local(parts, {(line.score.unit, place.year) for place, line, _ in lines})
    made = []
    for place, line, breaks in lines:
        unit, agency = line.score.unit, registry.agencies.get(line.score.unit)
        target = targets[place, unit]
        figure = ours.get((unit, place.year))
        made.append(Row(place, line, breaks, agency.name if agency else None, target, met(target, line), figure))
    return made


def _local(parts: Parts, asked: set[tuple[str, int]]) -> Mapping[tuple[str, int], Figure]:
    registry = parts.registry()
    in_use = methods_in_use(registry)
    keys = sorted(one for one in asked if one[0] in registry.agencies)
    if not keys:
        return {}  # tables of free names need no ledger
    questions = [Question(unit, parts.method(None, in_use.get(unit)), parts.period(str(year))) for unit, year in keys]
    figures = dict(zip(keys, parts.figures.of(questions, live=False), strict=True))
    return {key: figure for key, figure in figures.items() if figure.index.responses or figure.index.rebuilding}
