"""Files that administrators write, in any format: all of one command together, as checked things. Pure.

YAML holds lists; a CSV file is the table of the list that it is named after; a workbook has one sheet a list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

from services.board.tables import (
    Column,
    Part,
    Words,
    attach,
    columns_of,
    load_words,
    part_columns,
    table_elements,
)
from sipas.tables.csv_tables import decoded
from sipas.tables.files import is_workbook, text_table, unreadable, workbook_tables
from sipas.tables.lists import Element, Fault, Shape, Spot, Thing, read_elements
from sipas.tables.yaml_lists import yaml_elements

TEXT_TABLES = {".csv", ".tsv", ".txt"}


class Source(NamedTuple):
    """A file's name as messages show it, and what is in it."""

    name: str
    content: bytes
    is_sample: bool = False


class _Tables(NamedTuple):
    """What tables there may be, and which one a CSV file is whatever its name."""

    columns: Mapping[str, Mapping[str, Column]]
    words: Words
    named: str | None

    def list_called(self, word: str) -> str | None:
        return self.words.list_called(word)

    def knows(self, header: str, of: str) -> bool:
        return self.words.column_called(header, self.columns[of]) is not None


def read_files(
    sources: Sequence[Source],
    lists: Mapping[str, Shape],
    parts: Mapping[str, Part] | None = None,
    table: str | None = None,
) -> tuple[list[Thing], list[Fault]]:
    """The things of all files in their order, and all faults; where there are faults the things are incomplete.

    `parts`: tables whose rows belong to elements of a list. `table`: which one every CSV file is.
    """
    parts = parts or {}
    columns = table_columns(lists, parts)
    every_column = sorted({column for of in columns.values() for column in of})
    tables = _Tables(columns, load_words(list(columns), every_column), table)
    elements: list[Element] = []
    faults: list[Fault] = []
    for source in sources:
        found, wrong = _elements(source, lists, tables)
        elements += found
        faults += wrong
    elements, wrong = attach(elements, parts)
    faults += wrong
    things, wrong = read_elements(elements, lists)
    return things, in_order([*faults, *wrong], [source.name for source in sources])


def table_columns(lists: Mapping[str, Shape], parts: Mapping[str, Part]) -> dict[str, dict[str, Column]]:
    """The tables that there may be, and their columns."""
    columns = {name: columns_of(shape) for name, shape in lists.items()}
    return columns | {name: part_columns(part, lists) for name, part in parts.items()}


def in_order(faults: Sequence[Fault], names: Sequence[str]) -> list[Fault]:
    """Faults as somebody meets them who reads the files in this order."""
    order = {name: at for at, name in enumerate(names)}
    return sorted(faults, key=lambda fault: (order[fault.spot.file], fault.spot.sheet, fault.spot.line))


def _elements(source: Source, lists: Mapping[str, Shape], tables: _Tables) -> tuple[list[Element], list[Fault]]:
    name, content = source.name, source.content
    if faults := unreadable(content, name):
        return [], faults
    if is_workbook(content):
        found, faults = workbook_tables(content, name)
        elements = []
        for table in found:
            of = tables.list_called(table.sheet)
            if of is None:
                known = ", ".join(tables.columns)
                faults.append(Fault(Spot(name, sheet=table.sheet), "", f"the sheet's name is not one of {known}"))
                continue
            got, wrong = table_elements(table, of, tables.columns[of], tables.words)
            elements += got
            faults += wrong
        return elements, faults
    if PurePath(name).suffix.lower() in TEXT_TABLES:
        return _text_table(source, tables)
    text, faults = decoded(content, name)
    return ([], faults) if faults else yaml_elements(text, name, lists)


def _text_table(source: Source, tables: _Tables) -> tuple[list[Element], list[Fault]]:
    of = tables.named or tables.list_called(PurePath(source.name).stem)
    if of is None:
        why = f"a CSV file is named after its list ({', '.join(tables.columns)}), or say which one with --list"
        return [], [Fault(Spot(source.name), "", why)]
    table, faults = text_table(source.content, source.name, lambda word: tables.knows(word, of))
    return ([], faults) if faults else table_elements(table, of, tables.columns[of], tables.words)
