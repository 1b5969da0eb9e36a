"""Tables that administrators write, as elements of lists: one table a list, one row an element. Pure.

The columns follow from the checks: `name` with `vi` and `en` is the columns name_vi and name_en, a list of words is
one cell with separators. A list of shapes within an element (the sectors of a counter) is a table of its own, whose
rows name the element they belong to. A cell is never guessed at: a number where a text is meant may have lost its
leading zero, so it is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from sipas.tables.lists import (
    DECIMAL,
    MAP,
    NULL,
    REFUSED,
    SEQUENCE,
    TEXT,
    WHOLE,
    CellMark,
    Element,
    Fault,
    Many,
    Number,
    Parse,
    Shape,
    day,
    is_null,
    spot_of,
    text,
)
from sipas.tables.table import MORE_CELLS, Refused, Table, if_unicode

SEPARATORS = re.compile(r"[;,|\n\r]")


@dataclass(frozen=True, slots=True)
class Part:
    """A table whose rows belong to elements of another: to which list, into which field, and named by which field.

    `column` names the element in each row; `fold` gives one form to all ways of writing it.
    """

    list: str
    field: str
    column: str
    key: str
    fold: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Words:
    """What lists and columns may be called, folded -> their names."""

    lists: Mapping[str, str]
    columns: Mapping[str, frozenset[str]]

    def list_called(self, word: str) -> str | None:
        """The list that a sheet or a file of this name holds."""
        return self.lists.get(_folded(word))

    def column_called(self, word: str, columns: Mapping[str, Any]) -> str | None:
        """The one of `columns` that a header means."""
        return next((name for name in self.columns.get(_folded(word), ()) if name in columns), None)


def load_words(lists: Sequence[str], columns: Sequence[str]) -> Words:
    """The names themselves and those of `table_words.yaml`."""
    said = yaml.safe_load((files(__package__) / "table_words.yaml").read_text(encoding="utf-8"))
    named_columns: dict[str, frozenset[str]] = {}
    for name in columns:
        for word in (name, *said["columns"].get(name, ())):
            named_columns[_folded(word)] = named_columns.get(_folded(word), frozenset()) | {name}
    named_lists = {_folded(word): name for name in lists for word in (name, *said["lists"].get(name, ()))}
    return Words(named_lists, named_columns)


class Column(NamedTuple):
    """Where the cells of a column go in an element, and how they are checked."""

    path: tuple[str, ...]
    parse: Parse
    required: bool


def columns_of(shape: Shape) -> dict[str, Column]:
    """The columns of the table of a shape."""
    columns = {}
    for name, of in shape.fields.items():
        match of.parse:
            case Shape(fields=parts):
                for part, within in parts.items():
                    columns[f"{name}_{part}"] = Column((name, part), within.parse, of.required and within.required)
            case Many(parse_one=Shape()):
                pass  # a table of its own
            case _:
                columns[name] = Column((name,), of.parse, of.required)
    return columns


def part_columns(part: Part, lists: Mapping[str, Shape]) -> dict[str, Column]:
    """The columns of a part's table: first the one that names the element."""
    within = lists[part.list].fields[part.field].parse
    assert isinstance(within, Many)  # noqa: S101 - what a `Part` is declared for
    assert isinstance(within.parse_one, Shape)  # noqa: S101
    return {part.column: Column((part.column,), text(), required=True)} | columns_of(within.parse_one)


def table_elements(
    table: Table, name: str, columns: Mapping[str, Column], words: Words
) -> tuple[list[Element], list[Fault]]:
    """The rows of a table as elements of the list `name`; none where its header is wrong."""
    if not table.rows:
        return [], []
    header_line, header = table.rows[0]
    named, faults = _header(table, header_line, header, columns, words)
    elements: list[Element] = []
    if faults:
        return [], faults
    for at, (line, cells) in enumerate(table.rows[1:]):
        beyond = [place for place, value in enumerate(cells) if value is not None and place not in named]
        if beyond:
            spot = table.spot(line, beyond[0])
            faults.append(Fault(spot, "", "stands in a column without a header" if table.sheet else MORE_CELLS))
            continue
        elements.append(Element(name, at, _row_node(table, line, cells, named, columns)))
    return elements, faults


def attach(elements: Sequence[Element], parts: Mapping[str, Part]) -> tuple[list[Element], list[Fault]]:
    """The elements with the rows of `parts` put where they belong."""
    owners: dict[tuple[str, str], yaml.MappingNode] = {}
    faults: list[Fault] = []
    keys = {part.list: (part.key, part.fold) for part in parts.values()}
    for element in elements:
        if element.list in keys and isinstance(element.node, yaml.MappingNode):
            key, fold = keys[element.list]
            for name, value in element.node.value:
                if name.value == key and isinstance(value, yaml.ScalarNode) and (folded := fold(value.value)):
                    owners.setdefault((element.list, folded), element.node)
    kept = []
    for element in elements:
        part = parts.get(element.list)
        if part is None:
            kept.append(element)
        elif (fault := _attached(element, part, owners)) is not None:
            faults.append(fault)
    return kept, faults


def _attached(element: Element, part: Part, owners: Mapping[tuple[str, str], yaml.MappingNode]) -> Fault | None:
    fields = {name.value: (name, value) for name, value in element.node.value}
    _, named = fields.pop(part.column)
    if named.tag == REFUSED or is_null(named):
        return Fault(spot_of(named), "", named.value or "is empty")
    folded = part.fold(named.value)
    owner = owners.get((part.list, folded)) if folded else None
    if owner is None:
        why = f"{named.value!r} is not among the {part.list} of this load; load both together"
        return Fault(spot_of(named), "", why)
    element.node.value = list(fields.values())
    mark = element.node.start_mark
    for at, (name, value) in enumerate(owner.value):
        if name.value == part.field and isinstance(value, yaml.SequenceNode):
            # another node, because a YAML anchor may share this one between counters
            owner.value[at] = (name, yaml.SequenceNode(SEQUENCE, [*value.value, element.node], value.start_mark))
            return None
    owner.value.append((yaml.ScalarNode(TEXT, part.field, mark), yaml.SequenceNode(SEQUENCE, [element.node], mark)))
    return None


def _header(
    table: Table, line: int, header: Sequence[Any], columns: Mapping[str, Column], words: Words
) -> tuple[dict[int, str], list[Fault]]:
    named: dict[int, str] = {}
    faults = []
    for at, cell in enumerate(header):
        if cell is None:
            continue
        said = cell if isinstance(cell, str) else ""
        column = words.column_called(said, columns)
        spot = table.spot(line, at, said)
        if column is None:
            what = "" if said else "the header must be a text; it "
            faults.append(Fault(spot, "", f"{what}is not one of {', '.join(columns)}{table.note}"))
        elif column in named.values():
            faults.append(Fault(spot, "", f"stands twice: {column}"))
        else:
            named[at] = column
    missing = [name for name, of in columns.items() if of.required and name not in named.values()]
    faults += [Fault(table.spot(line, None, name), "", f"the column {name} is missing{table.note}") for name in missing]
    return named, faults


def _row_node(
    table: Table, line: int, cells: Sequence[Any], named: Mapping[int, str], columns: Mapping[str, Column]
) -> yaml.MappingNode:
    fields: dict[str, yaml.Node] = {}
    for at, name in named.items():
        column = columns[name]
        mark = CellMark(table.spot(line, at, name))
        node = _cell_node(cells[at] if at < len(cells) else None, column.parse, mark)
        outer, *inner = column.path
        if not inner:
            fields[outer] = node
            continue
        group = fields.setdefault(outer, yaml.MappingNode(MAP, [], mark))
        group.value.append((yaml.ScalarNode(TEXT, inner[0], mark), node))
    needed = {column.path[0] for column in columns.values() if column.required}
    pairs = []
    for name, node in fields.items():
        nothing = isinstance(node, yaml.MappingNode) and all(is_null(value) for _, value in node.value)
        kept = yaml.ScalarNode(NULL, "", node.start_mark) if nothing and name not in needed else node
        pairs.append((yaml.ScalarNode(TEXT, name, node.start_mark), kept))
    return yaml.MappingNode(MAP, pairs, CellMark(table.spot(line)))


def _cell_node(value: Any, parse: Parse, mark: CellMark) -> yaml.Node:
    value = if_unicode(value)
    if isinstance(value, Refused):
        return yaml.ScalarNode(REFUSED, value.why, mark)
    if isinstance(parse, Many):
        return _many_node(value, mark)
    if value is None:
        return yaml.ScalarNode(NULL, "", mark)
    if isinstance(parse, Number):
        return _number_node(value, mark)
    if isinstance(value, str):
        return yaml.ScalarNode(TEXT, value.strip(), mark)
    if parse is day and isinstance(value, datetime | date):
        return _day_node(value, mark)
    wanted = "a date" if parse is day else "text"
    return yaml.ScalarNode(REFUSED, f"is {_kind(value)}; format the column as {wanted} and write it again", mark)


def _many_node(value: Any, mark: CellMark) -> yaml.Node:
    if value is not None and not isinstance(value, str):
        return yaml.ScalarNode(REFUSED, f"is {_kind(value)}; format the column as text and write it again", mark)
    words = [word.strip() for word in SEPARATORS.split(value or "")]
    nodes = [yaml.ScalarNode(TEXT, word, mark) for word in words if word]
    return yaml.SequenceNode(SEQUENCE, nodes, mark)


def _number_node(value: Any, mark: CellMark) -> yaml.Node:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return yaml.ScalarNode(REFUSED, f"is {_kind(value)}; it must be a number", mark)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    written = str(value).strip()
    if isinstance(value, str) and re.fullmatch(r"-?[1-9]\d{0,2}[.,]\d{3}", written):
        why = f"{written} may mean thousands or a fraction; write it without the separator"
        return yaml.ScalarNode(REFUSED, why, mark)
    written = written.replace(",", ".", 1)
    return yaml.ScalarNode(WHOLE if re.fullmatch(r"-?\d+", written) else DECIMAL, written, mark)


def _day_node(value: date, mark: CellMark) -> yaml.Node:
    if isinstance(value, datetime):
        if value.time() != datetime.min.time():
            return yaml.ScalarNode(REFUSED, "has a time of day; write the day alone", mark)
        value = value.date()
    return yaml.ScalarNode(TEXT, value.isoformat(), mark)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a truth value"
    return "a number" if isinstance(value, int | float) else "a date or a time"


def _folded(word: str) -> str:
    return re.sub(r"[\s_-]+", "_", unicodedata.normalize("NFC", word).casefold()).strip("_*: ")
