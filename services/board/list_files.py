"""Files that administrators write, in any format: all of one command together, as checked things. Pure.

YAML holds lists; a CSV file is the table of the list that it is named after; a workbook has one sheet a list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

from services.board.csv_tables import csv_table, decoded
from services.board.lists import Element, Fault, Shape, Spot, Thing, read_elements
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
from services.board.yaml_lists import yaml_elements

MAX_BYTES = 32 * 1024 * 1024
EMPTY = "holds no table"
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


def _is_zip(content: bytes) -> bool:
    """Whether a file is a package such as a workbook is."""
    return content.startswith(b"PK\x03\x04")


def _is_old_workbook(content: bytes) -> bool:
    """Whether a file is a workbook of before 2007, or one with a password, which is wrapped alike."""
    return content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")


def _elements(source: Source, lists: Mapping[str, Shape], tables: _Tables) -> tuple[list[Element], list[Fault]]:
    name, content = source.name, source.content
    if len(content) > MAX_BYTES:
        return [], [Fault(Spot(name), "", f"is larger than {MAX_BYTES >> 20} MB")]
    if _is_old_workbook(content):
        why = "is a workbook of the old kind (.xls) or has a password; save it as Excel Workbook (.xlsx) without one"
        return [], [Fault(Spot(name), "", why)]
    if _is_zip(content):
        # openpyxl takes 0.15 s to import, for which no other command should wait
        from services.board.xlsx_tables import xlsx_tables  # noqa: PLC0415

        found, faults = xlsx_tables(content, name)
        if not found and not faults:
            return [], [Fault(Spot(name), "", EMPTY)]
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
    columns = tables.columns[of]
    table, faults = csv_table(source.content, source.name, lambda word: bool(tables.words.column_called(word, columns)))
    if not faults and not table.rows:
        faults = [Fault(Spot(source.name), "", EMPTY)]
    return ([], faults) if faults else table_elements(table, of, columns, tables.words)
