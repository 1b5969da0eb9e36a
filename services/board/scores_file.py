"""Official scores as an administrator keeps them: one row a unit and year. Pure.

A file holds whole tables: of each scheme, year and block that it names, all units. Every fault is found in one reading.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from services.board.list_files import Source, in_order, read_files
from services.board.scores import Place, band_schemes, exact_text, table
from sipas.events import ScoreLine, ScoresLoaded
from sipas.scoreboard import parse_goal
from sipas.tables.lists import Fault, Field, Number, Shape, Thing, one_of, text

LIST = "scores"
COLUMNS = (
    "scheme", "year", "unit", "block", "points", "maximum", "rank", "of", "method", "source", "bands", "target",
)  # fmt: skip
LARGEST = 900_000
"""Bytes of a table: it is one record, and Kafka takes them up to a megabyte."""
SAMPLE_MARK = "DỮ LIỆU MẪU"
"""In the source of made-up figures, which belong in a demo only."""


class Wanted(NamedTuple):
    """A table as the file has it."""

    place: Place
    bands: str | None
    lines: tuple[ScoreLine, ...]

    def as_version_after(self, before: ScoresLoaded | None, reason: str | None = None) -> ScoresLoaded:
        return table(self.place, self.bands, self.lines, before, reason=reason)

    @property
    def is_sample(self) -> bool:
        """Whether some of it says of itself that it is made up."""
        return any(SAMPLE_MARK in line.source for line in self.lines)


def lists() -> Mapping[str, Shape]:
    """The one list and its fields."""
    return {
        LIST: Shape(
            {
                "scheme": Field(text(longest=60)),
                "year": Field(Number(1990, 2999, whole=True)),
                "unit": Field(text()),
                "block": Field(text(longest=100)),
                "points": Field(Number(0, 1_000_000), required=False),
                "maximum": Field(Number(0.01, 1_000_000), required=False),
                "rank": Field(Number(1, 100_000, whole=True), required=False),
                "of": Field(Number(1, 100_000, whole=True), required=False),
                "method": Field(text(), required=False),
                "source": Field(text(longest=400)),
                "bands": Field(one_of(*band_schemes()), required=False),
                "target": Field(text(longest=40), required=False),
            }
        )
    }


def read(sources: Sequence[Source]) -> tuple[list[Wanted], list[Fault]]:
    """The tables of the files by place, and all that is wrong; no table where something is wrong."""
    things, faults = read_files(sources, lists(), table=LIST)
    if faults:
        return [], faults
    by_place: dict[Place, list[Thing]] = {}
    for thing in things:
        fields = thing.fields
        by_place.setdefault(Place(fields["scheme"], fields["year"], fields["block"]), []).append(thing)
    faults = [fault for place, rows in by_place.items() for fault in _contradictions(place, rows)]
    if faults:
        return [], in_order(faults, [source.name for source in sources])
    wanted = [
        Wanted(place, rows[0].fields.get("bands"), tuple(_line(row.fields) for row in rows))
        for place, rows in sorted(by_place.items())
    ]
    return wanted, []


def unit_name(name: str) -> str:
    """A name as it is kept: Khánh Hoà is Khánh Hòa, and blanks count once, so that a unit finds its year before."""
    plain = unicodedata.normalize("NFD", " ".join(name.split()))
    return unicodedata.normalize("NFC", _NEW_STYLE.sub(r"\1\3\2", plain))


# the tone of an open oa, oe, uy stands on the first letter in the older style, which official names keep; the u of qu
# belongs to the consonant
_NEW_STYLE = re.compile(
    r"(?<![qQ])([oO](?=[aAeE])|[uU](?=[yY]))([aAeEyY])([\u0300\u0301\u0303\u0309\u0323])(?![\w\u0300-\u036f])"
)


def rows_of(tables: Iterable[ScoresLoaded]) -> list[list[Any]]:
    """Header and rows; loaded again they change nothing. Numbers with a point are `Decimal`."""
    rows: list[list[Any]] = [list(COLUMNS)]
    for loaded in tables:
        rows += [
            [
                loaded.scheme,
                loaded.year,
                line.unit,
                loaded.block,
                None if line.points is None else Decimal(line.points),
                Decimal(line.maximum),
                line.rank,
                line.of,
                line.method or None,
                line.source,
                loaded.bands,
                line.target,
            ]
            for line in loaded.lines
        ]
    return rows


def written(number: Decimal) -> str:
    """As a cell of text: three decimals would be refused, since they may be thousands."""
    return f"{number:.4f}" if number.as_tuple().exponent == -3 else f"{number:f}"


def _line(fields: Mapping[str, Any]) -> ScoreLine:
    points = fields.get("points")
    return ScoreLine(
        unit=unit_name(fields["unit"]),
        points=None if points is None else _exact(points),
        maximum=_exact(fields.get("maximum", 100)),
        rank=fields.get("rank"),
        of=fields.get("of"),
        method=fields.get("method", ""),
        source=fields["source"],
        target=fields.get("target"),
    )


def _exact(number: float) -> str:
    return exact_text(Decimal(str(number)))  # the shortest text of a float is what was written


def _contradictions(place: Place, rows: Sequence[Thing]) -> Iterable[Fault]:
    first: dict[str, Thing] = {}
    bands = rows[0].fields.get("bands")
    units = [unit_name(row.fields["unit"]) for row in rows]
    size = len(set(units))
    for row, unit in zip(rows, units, strict=True):
        fields = row.fields
        name = f"{place}: {unit}"
        if (before := first.setdefault(unit, row)) is not row:
            where = before.spot_of("").seen_from(row.spot_of(""))
            yield row.fault(name, "unit", f"{unit} stands already at {where}, in the same scheme, year and block")
        if fields.get("points") is None and fields.get("rank") is None:
            yield row.fault(name, "", f"{unit} has neither points nor a rank")
        if fields.get("bands") != bands:
            yield row.fault(name, "bands", f"one table has one scheme of bands, here {bands} and {fields.get('bands')}")
        least = max(fields.get("rank", 1), size)
        if fields.get("of", least) < least:
            yield row.fault(name, "of", f"is {fields['of']}, but a rank or the number of units here is {least}")
        if (target := fields.get("target")) is not None:
            try:
                parse_goal(target)
            except ValueError as why:
                yield row.fault(name, "target", str(why))
    taken = len(msgspec.json.encode([_line(row.fields) for row in rows]))
    if taken > LARGEST:
        yield rows[0].fault(str(place), "", f"is a table of {taken:,} bytes; {LARGEST:,} fit, divide it by blocks")
