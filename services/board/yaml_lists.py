"""Files that administrators write: YAML lists of things, checked field by field. Pure.

Every fault is found in one reading and says file, line and field, because a file of a province has thousands of
lines and is mended by hand. A text is what stands in the file: `01`, `no` and `2026-01-01` are texts where a text
is asked for, whatever YAML would make of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import yaml

TAG = "tag:yaml.org,2002:"


class Fault(NamedTuple):
    """One thing that is wrong. `line` counts from 1."""

    file: str
    line: int
    field: str
    why: str

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}: {self.field}: {self.why}"
            if self.field
            else f"{self.file}:{self.line}: {self.why}"
        )


@dataclass(frozen=True, slots=True)
class Thing:
    """One element of a list: its fields as read, and the line of each path in it ("" is the element itself)."""

    list: str
    fields: Mapping[str, Any]
    lines: Mapping[str, int]

    def line_of(self, path: str) -> int:
        """The line of a path, else of the nearest that holds it."""
        while path not in self.lines:
            path = re.sub(r"(\[\d+\]|\.?[^.\[]+)$", "", path)
        return self.lines[path]


@dataclass
class Reading:
    """What was found so far in one file; `lines` belongs to the element that is being read."""

    file: str
    faults: list[Fault] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    within: str = ""

    def fault(self, node: yaml.Node, path: str, why: str) -> None:
        """Note what is wrong at a node."""
        where = ".".join(part for part in (self.within, path) if part)
        self.faults.append(Fault(self.file, node.start_mark.line + 1, where, why))


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
        elif not (value := unicodedata.normalize("NFC", node.value.strip())) or _is_null(node):
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
        reading.fault(node, path, f"{said}must be {' or '.join(choices)}")
        return None

    return parse


def number(low: float, high: float, *, whole: bool = False) -> Parse:
    """A number within bounds, both allowed."""
    tags = {f"{TAG}int"} if whole else {f"{TAG}int", f"{TAG}float"}

    def parse(reading: Reading, node: yaml.Node, path: str) -> float | None:
        if node.tag in tags and re.fullmatch(r"-?\d+(\.\d+)?", node.value):
            value = int(node.value) if node.tag == f"{TAG}int" else float(node.value)
            if low <= value <= high:
                return value
        reading.fault(node, path, f"must be a {'whole ' if whole else ''}number from {low:g} to {high:g}")
        return None

    return parse


def day(reading: Reading, node: yaml.Node, path: str) -> date | None:
    """A day: 2026-11-22."""
    try:
        if isinstance(node, yaml.ScalarNode) and re.fullmatch(r"\d{4}-\d\d-\d\d", node.value):
            return date.fromisoformat(node.value)
    except ValueError:
        pass
    reading.fault(node, path, "must be a day such as 2026-11-22")
    return None


def many(parse_one: Parse, *, least: int = 0) -> Parse:
    """A list of things that are all read alike."""

    def parse(reading: Reading, node: yaml.Node, path: str) -> list[Any] | None:
        if not isinstance(node, yaml.SequenceNode):
            reading.fault(node, path, "must be a list")
            return None
        if len(node.value) < least:
            reading.fault(node, path, f"must name at least {least}")
        values = []
        for at, element in enumerate(node.value):
            reading.lines[f"{path}[{at}]"] = element.start_mark.line + 1
            values.append(parse_one(reading, element, f"{path}[{at}]"))
        return values

    return parse


def shape(fields: Mapping[str, Field]) -> Parse:
    """A mapping with these fields and no other."""

    def parse(reading: Reading, node: yaml.Node, path: str) -> dict[str, Any] | None:
        if not isinstance(node, yaml.MappingNode):
            reading.fault(node, path, f"must have the fields {', '.join(fields)}")
            return None
        values: dict[str, Any] = {}
        named: set[str] = set()
        prefix = f"{path}." if path else ""
        for key, value in node.value:
            name = str(key.value)
            if name in named:
                reading.fault(key, prefix + name, "stands twice")
            elif name not in fields:
                reading.fault(key, prefix + name, f"is not one of {', '.join(fields)}")
            elif not (_is_null(value) and not fields[name].required):
                reading.lines[prefix + name] = value.start_mark.line + 1
                values[name] = fields[name].parse(reading, value, prefix + name)
            named.add(name)
        for name, of in fields.items():
            if of.required and name not in named:
                reading.fault(node, prefix + name, "is missing")
        return values

    return parse


def read_lists(content: str, file: str, lists: Mapping[str, Parse]) -> tuple[list[Thing], list[Fault]]:
    """The things of a file in its order, and all faults; where there are faults the things are incomplete."""
    reading = Reading(file)
    try:
        root = yaml.compose(content, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as reason:
        mark = reason.problem_mark or reason.context_mark
        why = " ".join(part for part in (reason.context, reason.problem) if part)
        return [], [Fault(file, mark.line + 1 if mark else 1, "", f"is not YAML: {why}")]
    except yaml.YAMLError as reason:
        return [], [Fault(file, 1, "", f"is not YAML: {reason}")]
    things: list[Thing] = []
    if not isinstance(root, yaml.MappingNode):
        return [], [Fault(file, 1, "", f"must have the lists {', '.join(lists)}")]
    seen: set[str] = set()
    for key, sequence in root.value:
        name = str(key.value)
        if name in seen:
            reading.fault(key, name, "stands twice")
        elif name not in lists:
            reading.fault(key, name, f"is not one of {', '.join(lists)}")
        elif not isinstance(sequence, yaml.SequenceNode):
            if not _is_null(sequence):
                reading.fault(sequence, name, "must be a list")
        else:
            things += _elements(reading, name, sequence.value, lists[name])
        seen.add(name)
    return things, reading.faults


def _elements(reading: Reading, name: str, nodes: Sequence[yaml.Node], parse: Parse) -> list[Thing]:
    things = []
    for at, node in enumerate(nodes):
        reading.within = f"{name}[{at}]"
        reading.lines = {"": node.start_mark.line + 1}
        fields = parse(reading, node, "")
        if fields is not None:
            things.append(Thing(name, fields, reading.lines))
    reading.within = ""
    return things


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == f"{TAG}null")
