"""What an administrator says a file means, in YAML: which column is which, and which word is which level. Pure.

All faults are told at once, each with its line. Nothing is inferred: a word, a date or an agency that the mapping does
not name is a fault of the file and not a guess of ours. docs/import.md says how a mapping is written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from services.survey.fields import CHANNEL, LANGUAGE
from services.survey.imports.days import DayFormat, day_format
from services.survey.imports.texts import folded
from sipas.codes import normalise
from sipas.events import AGENCY_ID
from sipas.methods import Method
from sipas.tables.csv_tables import decoded
from sipas.tables.lists import Fault, Field, Reading, Shape, Spot, is_null, one_of, text
from sipas.tables.yaml_lists import yaml_root

Level = int | None
"""1 to 5; None is "no opinion"."""
_COLUMN = text(longest=1000)
"""A form's question, as the export heads its column."""
Check = Callable[[str], str | None]
"""The form in which a value goes to the survey, None where it cannot be one."""

NO_SHEETS = (
    "counts of levels do not say which answers stood on one sheet, so they cannot become sheets of {method}, which "
    "asks {criteria} questions; take overall-1@1 for one of them, or write one row for each kind of sheet, with times"
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is the same for every row (`fixed`), or stands in a column, as it is or by a table of its words, folded."""

    fixed: str | None = None
    column: str | None = None
    values: Mapping[str, str] | None = None
    check: Check = str


@dataclass(frozen=True, slots=True)
class Scale:
    """Which level each word means; the words are folded."""

    name: str
    levels: Mapping[str, Level]


@dataclass(frozen=True, slots=True)
class Asked:
    """The column of a criterion, and the scale of its answers."""

    criterion: str
    column: str
    scale: Scale


@dataclass(frozen=True, slots=True)
class DayColumn:
    """Where the day stands; without a format only what needs none is read."""

    column: str
    format: DayFormat | None

    @property
    def is_month(self) -> bool:
        """Whether only the month is known."""
        return self.format is not None and not self.format.has_day


@dataclass(frozen=True, slots=True)
class FileMapping:
    """How the rows of a file become sheets.

    Either a row has its `answers`, so many `times`; or it has a count for each level of the only criterion (`counted`:
    column and level).
    """

    source: str
    method: str
    sheet: str | None
    agency: Chosen
    counter: Chosen | None
    sector: Chosen | None
    language: str | None
    channel: str | None
    answered_on: DayColumn
    answers: tuple[Asked, ...]
    times: str | None
    counted: tuple[tuple[str, int], ...]
    criterion: str
    skip_invalid_rows: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, and no other is."""
        chosen = [one.column for one in (self.agency, self.counter, self.sector) if one and one.column]
        asked = [asked.column for asked in self.answers]
        counts = [column for column, _ in self.counted]
        return (*chosen, self.answered_on.column, *asked, *([self.times] if self.times else []), *counts)


def read_mapping(content: bytes, file: str, methods: Mapping[str, Method]) -> tuple[FileMapping | None, list[Fault]]:
    """The mapping, or all that is wrong with it."""
    written, faults = decoded(content, file)
    root, wrong = (None, faults) if faults else yaml_root(written, file)
    if wrong:
        return None, wrong
    if root is None:
        return None, [Fault(Spot(file), "", "is empty")]
    reading = Reading()
    found = _SHAPE(reading, root, "")
    if found is None:
        return None, reading.faults
    _check(found, lambda path, why: reading.fault(_node_at(root, path), path, why), methods)
    if reading.faults:
        return None, sorted(reading.faults, key=lambda fault: fault.spot.line)
    return _mapping(found, methods[found["method"]]), []


def _agency(word: str) -> str | None:
    return word if re.match(AGENCY_ID, word) else None


def _text_node(reading: Reading, node: yaml.Node, path: str) -> str | None:
    found: str | None = text()(reading, node, path)
    return found


@dataclass(frozen=True, slots=True)
class _Table:
    """A mapping of words to values; words that are the same to a reader stand once."""

    parse_value: Callable[[Reading, yaml.Node, str], Any]
    fold: Callable[[str], str] = folded

    def __call__(self, reading: Reading, node: yaml.Node, path: str) -> dict[str, Any] | None:
        if not isinstance(node, yaml.MappingNode) or not node.value:
            reading.fault(node, path, "must map words to values, at least one")
            return None
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not key.value.strip():
                reading.fault(key, path, "holds something that is no word")
            elif (word := self.fold(key.value)) in found:
                why = "stands twice (capitals, blanks and Hoà/Hòa make no difference)"
                reading.fault(key, f"{path}.{key.value}", why)
            else:
                found[word] = self.parse_value(reading, value, f"{path}.{key.value}")
        return found


def _level(reading: Reading, node: yaml.Node, path: str) -> Level:
    if is_null(node):
        return None
    if not isinstance(node, yaml.ScalarNode) or not re.fullmatch("[1-5]", node.value):
        reading.fault(node, path, "must be a level from 1 (worst) to 5 (best), or null for no opinion")
        return None
    return int(node.value)


def _scale(reading: Reading, node: yaml.Node, path: str) -> dict[str, Level] | None:
    levels = _Table(_level)(reading, node, path)
    if levels and isinstance(node, yaml.MappingNode) and all(is_null(value) for _, value in node.value):
        reading.fault(node, path, "has no level at all")
    return levels


def _counted_level(reading: Reading, node: yaml.Node, path: str) -> Level:
    if is_null(node):
        reading.fault(node, path, "is null; a column of people without an opinion is left out")
    return _level(reading, node, path)


def _yes_or_no(reading: Reading, node: yaml.Node, path: str) -> bool:
    return bool(one_of("true", "false")(reading, node, path) == "true")


def _format(reading: Reading, node: yaml.Node, path: str) -> DayFormat | None:
    written = _text_node(reading, node, path)
    if written is None:
        return None
    found = day_format(written)
    if isinstance(found, str):
        reading.fault(node, path, found)
        return None
    return found


@dataclass(frozen=True, slots=True)
class _Choice:
    """One value for all rows, or {column, values}."""

    check: Check
    what: str

    def __call__(self, reading: Reading, node: yaml.Node, path: str) -> Chosen | None:
        if not isinstance(node, yaml.MappingNode):
            fixed = self._value(reading, node, path)
            return Chosen(fixed=fixed, check=self.check)
        table = Field(_Table(self._value), required=False)
        found = Shape({"column": Field(_COLUMN), "values": table})(reading, node, path) or {}
        return Chosen(column=found.get("column"), values=found.get("values"), check=self.check)

    def _value(self, reading: Reading, node: yaml.Node, path: str) -> str | None:
        written = _text_node(reading, node, path)
        checked = None if written is None else self.check(written)
        if written is not None and checked is None:
            reading.fault(node, path, f"{written!r} is no {self.what}")
        return checked


_ASKED = Shape({"column": Field(_COLUMN), "scale": Field(text())})
_SHAPE = Shape(
    {
        "kind": Field(one_of("sheets", "tallies"), required=False),
        "source": Field(text(longest=80)),
        "method": Field(text()),
        "sheet": Field(text(), required=False),
        "agency": Field(_Choice(_agency, "agency's id, such as so-noi-vu")),
        "counter": Field(_Choice(normalise, "counter's code"), required=False),
        "sector": Field(_Choice(_agency, "sector's id, such as dat-dai"), required=False),
        "language": Field(text(LANGUAGE, "is no language, such as vi"), required=False),
        "channel": Field(text(CHANNEL, "must be at most 20 letters a-z and -, such as paper"), required=False),
        "answered_on": Field(Shape({"column": Field(_COLUMN), "format": Field(_format, required=False)})),
        "answers": Field(_Table(_ASKED, fold=str.strip), required=False),
        "scales": Field(_Table(_scale, fold=str.strip), required=False),
        "times": Field(Shape({"column": Field(_COLUMN)}), required=False),
        "levels": Field(_Table(_counted_level, fold=str.strip), required=False),
        "skip_invalid_rows": Field(_yes_or_no, required=False),
    }
)


def _check(found: Mapping[str, Any], fault: Callable[[str, str], None], methods: Mapping[str, Method]) -> None:
    """What holds between the fields, as far as they could be read."""
    kind = found.get("kind") or "sheets"
    named = found.get("method")
    method = methods.get(named or "")
    day = found.get("answered_on") or {}
    scales = found.get("scales") or {}
    answers = {criterion: asked or {} for criterion, asked in (found.get("answers") or {}).items()}
    if named and method is None:
        fault("method", f"{named!r} is not one of {', '.join(methods)}")
    for criterion, asked in answers.items():
        if method and criterion not in method.codes:
            fault(f"answers.{criterion}", f"is not one of {method.id}'s criteria: {', '.join(method.codes)}")
        if (scale := asked.get("scale")) and scale not in scales:
            fault(f"answers.{criterion}.scale", f"{scale!r} is not among the scales")
    for name in scales:
        if name not in {asked.get("scale") for asked in answers.values()}:
            fault(f"scales.{name}", "is used by no answer")
    if kind == "sheets":
        for name in ("times", "levels"):
            if name in found:
                fault(name, "belongs to a mapping of kind: tallies")
        if "answers" not in found:
            fault("answers", "is missing")
        if day.get("format") and not day["format"].has_day:
            fault("answered_on.format", "has no day; only kind: tallies knows months")
    elif ("levels" in found) == ("answers" in found):
        fault("levels", "tallies have either levels, or answers and times")
    elif method and "levels" in found and len(method.codes) > 1:
        fault("levels", NO_SHEETS.format(method=method.id, criteria=len(method.codes)))
    elif ("answers" in found) != ("times" in found):
        fault("times", "how many sheets a row stands for: tallies with answers need times, and only they")
    if "sector" in found and "counter" not in found:
        fault("sector", "needs a counter, whose sectors they are")
    columns = Counter(
        folded(column)
        for column in (
            *(part["column"] for part in (day, found.get("times") or {}, *answers.values()) if part.get("column")),
            *(one.column for one in map(found.get, ("agency", "counter", "sector")) if one and one.column),
            *(found.get("levels") or {}),
        )
    )
    for column in (column for column, uses in columns.items() if uses > 1):
        fault("", f"the column {column!r} is used twice")


def _mapping(found: Mapping[str, Any], method: Method) -> FileMapping:
    """Of fields that are right."""
    scales = {name: Scale(name, levels) for name, levels in found.get("scales", {}).items()}
    return FileMapping(
        source=found["source"],
        method=method.id,
        sheet=found.get("sheet"),
        agency=found["agency"],
        counter=found.get("counter"),
        sector=found.get("sector"),
        language=found.get("language"),
        channel=found.get("channel"),
        answered_on=DayColumn(found["answered_on"]["column"], found["answered_on"].get("format")),
        answers=tuple(
            Asked(criterion, asked["column"], scales[asked["scale"]])
            for criterion, asked in found.get("answers", {}).items()
        ),
        times=found.get("times", {}).get("column"),
        counted=tuple(found.get("levels", {}).items()),
        criterion=method.codes[0],
        skip_invalid_rows=found.get("skip_invalid_rows", False),
    )


def _node_at(node: yaml.Node, path: str) -> yaml.Node:
    """The node of a path, else the nearest that holds it."""
    while path and isinstance(node, yaml.MappingNode):
        inside = [(key.value, value) for key, value in node.value if f"{path}.".startswith(f"{key.value}.")]
        if not inside:
            break
        name, node = inside[0]
        path = path[len(name) + 1 :]
    return node
