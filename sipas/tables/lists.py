"""Lists of things that administrators write, checked field by field, whatever the format of the file. Pure.

A file of any format becomes YAML nodes first, so that one set of checks serves all. Every fault is found in one
reading and says where it stands, because a file of a province has thousands of lines and is mended by hand. A text
is what stands in the file: `01`, `no` and `2026-01-01` are texts where a text is asked for, whatever YAML would make
of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import yaml

TAG = "tag:yaml.org,2002:"
NULL, TEXT, WHOLE, DECIMAL = f"{TAG}null", f"{TAG}str", f"{TAG}int", f"{TAG}float"
SEQUENCE, MAP = f"{TAG}seq", f"{TAG}map"
REFUSED = "!refused"
"""The tag of a cell that no check can take; its value says why."""


class Spot(NamedTuple):
    """Where something stands. `line` counts from 1, 0 is the file as a whole; a table's lines are its rows.

    A cell of a table has its column's name too, a workbook the sheet and the cell as its program calls them.
    """

    file: str
    line: int = 0
    column: str = ""
    sheet: str = ""
    cell: str = ""

    def __str__(self) -> str:
        if not self.sheet:
            where = f"{self.file}:{self.line}" if self.line else self.file
            return f"{where}: column {self.column}" if self.column else where
        where = f"{self.file}: sheet {self.sheet}"
        if self.cell:
            return f"{where}, cell {self.cell}" + (f" ({self.column})" if self.column else "")
        return f"{where}, row {self.line}" if self.line else where

    def seen_from(self, other: Spot) -> str:
        """The same for somebody who stands in another place."""
        return f"line {self.line}" if not self.sheet and self.file == other.file else str(self)


class Fault(NamedTuple):
    """One thing that is wrong, and where."""

    spot: Spot
    field: str
    why: str

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.spot), self.field, self.why) if part)

    def as_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**self.spot._asdict(), "field": self.field, "why": self.why}


class CellMark(yaml.Mark):
    """The mark of a node that was made of a cell or a row of a table."""

    def __init__(self, spot: Spot) -> None:
        super().__init__(spot.file, 0, spot.line - 1, 0, None, 0)
        self.spot = spot


def spot_of(node: yaml.Node) -> Spot:
    """Where a node stands."""
    mark = node.start_mark
    return mark.spot if isinstance(mark, CellMark) else Spot(mark.name, mark.line + 1)


class Element(NamedTuple):
    """One element of a list before it is checked; `at` is its number in its file, from 0."""

    list: str
    at: int
    node: yaml.Node


@dataclass(frozen=True, slots=True)
class Thing:
    """One element of a list: its fields as read, and the spot of each path in it ("" is the element itself)."""

    list: str
    fields: Mapping[str, Any]
    spots: Mapping[str, Spot]

    def spot_of(self, path: str) -> Spot:
        """The spot of a path, else of the nearest that holds it."""
        while path not in self.spots:
            path = re.sub(r"(\[\d+\]|\.?[^.\[]+)$", "", path)
        return self.spots[path]

    def fault(self, name: str, path: str, why: str) -> Fault:
        """What is wrong at a path of the thing that is called `name`."""
        spot = self.spot_of(path)
        # a column says already which field it is
        return Fault(spot, name if spot.column else f"{name} {path}".strip(), why)


@dataclass
class Reading:
    """What was found so far; `spots` belongs to the element that is being read."""

    faults: list[Fault] = field(default_factory=list)
    spots: dict[str, Spot] = field(default_factory=dict)
    within: str = ""

    def fault(self, node: yaml.Node, path: str, why: str) -> None:
        """Note what is wrong at a node."""
        spot = spot_of(node)
        where = "" if spot.column else ".".join(part for part in (self.within, path) if part)
        self.faults.append(Fault(spot, where, why))


Parse = Callable[[Reading, yaml.Node, str], Any]
"""Gives the value of a node; on a fault notes it and gives None, because then nothing of the file is used."""


@dataclass(frozen=True, slots=True)
class Field:
    """How one field is read."""

    parse: Parse
    required: bool = True


def text(pattern: str = r"[^\x00-\x1f]*", why: str = "must stand on one line", longest: int = 200) -> Parse:
    """A text, in Unicode NFC; `why` says what a text must be that does not match `pattern`."""

    def parse(reading: Reading, node: yaml.Node, path: str) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            reading.fault(node, path, "must be a text")
        elif not (value := unicodedata.normalize("NFC", node.value.strip())) or is_null(node):
            reading.fault(node, path, "is empty")
        elif len(value) > longest:
            reading.fault(node, path, f"is longer than {longest} characters")
        elif not re.fullmatch(pattern, value):
            reading.fault(node, path, f"{value!r} {why}")
        else:
            return value
        return None

    return parse


def one_of(*choices: str) -> Parse:
    """One of some words."""

    def parse(reading: Reading, node: yaml.Node, path: str) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.value in choices:
            return str(node.value)
        said = f"{node.value!r} " if isinstance(node, yaml.ScalarNode) else ""
        reading.fault(node, path, "is empty" if is_null(node) else f"{said}must be {' or '.join(choices)}")
        return None

    return parse


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds, both allowed."""

    low: float
    high: float
    whole: bool = False

    def __call__(self, reading: Reading, node: yaml.Node, path: str) -> float | None:
        if node.tag in ({WHOLE} if self.whole else {WHOLE, DECIMAL}) and re.fullmatch(r"-?\d+(\.\d+)?", node.value):
            value = int(node.value) if node.tag == WHOLE else float(node.value)
            if self.low <= value <= self.high:
                return value
        kind = "whole number" if self.whole else "number"
        reading.fault(node, path, f"must be a {kind} from {self.low:g} to {self.high:g}")
        return None


def day(reading: Reading, node: yaml.Node, path: str) -> date | None:
    """A day: 2026-11-22, or 22/11/2026 with the day first as it is written in Viet Nam."""
    written = node.value.strip() if isinstance(node, yaml.ScalarNode) else ""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", written):
            return date.fromisoformat(written)
        if found := re.fullmatch(r"(\d\d?)/(\d\d?)/(\d{4})", written):
            of_month, month, year = map(int, found.groups())
            return date(year, month, of_month)
    except ValueError:
        pass
    reading.fault(node, path, "must be a day such as 2026-11-22 or 22/11/2026 (the day first)")
    return None


@dataclass(frozen=True, slots=True)
class Many:
    """A list of things that are all read alike."""

    parse_one: Parse
    least: int = 0

    def __call__(self, reading: Reading, node: yaml.Node, path: str) -> list[Any] | None:
        if not isinstance(node, yaml.SequenceNode):
            reading.fault(node, path, "must be a list")
            return None
        if len(node.value) < self.least:
            reading.fault(node, path, f"must name at least {self.least}")
        values = []
        for at, element in enumerate(node.value):
            reading.spots[f"{path}[{at}]"] = spot_of(element)
            values.append(self.parse_one(reading, element, f"{path}[{at}]"))
        return values


@dataclass(frozen=True, slots=True)
class Shape:
    """A mapping with these fields and no other."""

    fields: Mapping[str, Field]

    def __call__(self, reading: Reading, node: yaml.Node, path: str) -> dict[str, Any] | None:
        if not isinstance(node, yaml.MappingNode):
            reading.fault(node, path, f"must have the fields {', '.join(self.fields)}")
            return None
        values: dict[str, Any] = {}
        named: set[str] = set()
        prefix = f"{path}." if path else ""
        for key, value in node.value:
            name = str(key.value)
            if name in named:
                reading.fault(key, prefix + name, "stands twice")
            elif name not in self.fields:
                reading.fault(key, prefix + name, f"is not one of {', '.join(self.fields)}")
            elif value.tag == REFUSED:
                reading.fault(value, prefix + name, value.value)
            elif not (is_null(value) and not self.fields[name].required):
                reading.spots[prefix + name] = spot_of(value)
                values[name] = self.fields[name].parse(reading, value, prefix + name)
            named.add(name)
        for name, of in self.fields.items():
            if of.required and name not in named:
                reading.fault(node, prefix + name, "is missing")
        return values


def read_elements(elements: Iterable[Element], lists: Mapping[str, Shape]) -> tuple[list[Thing], list[Fault]]:
    """The things in their order, and all faults; where there are faults the things are incomplete."""
    reading = Reading()
    things = []
    for element in elements:
        reading.within = f"{element.list}[{element.at}]"
        reading.spots = {"": spot_of(element.node)}
        fields = lists[element.list](reading, element.node, "")
        if fields is not None:
            things.append(Thing(element.list, fields, reading.spots))
    return things, reading.faults


def is_null(node: yaml.Node) -> bool:
    """Whether nothing stands there."""
    return bool(node.tag == NULL)
