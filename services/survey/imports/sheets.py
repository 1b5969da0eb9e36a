"""What goes to the survey. Pure.

A sheet is known by the mapping's source, the method, agency, counter, sector, the day (or the month, where only that is
known), the word of each answer as it stands in the file, and its number among the sheets of the file that are alike in
all of these. Nothing else: not the time of day, which would lead to a face at the counter, not the row's number, no
column that is not mapped, and not the level that a word was mapped to. So the same file, sorted otherwise or grown by
a month, or resent after a break, counts each sheet once; and a scale corrected later changes nothing that was counted.

The price: sheets that are alike in two files of one source are taken for the same. So a file holds its days whole, and
two forms that are collected apart have two sources.
"""

from __future__ import annotations

import json
from calendar import monthrange
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any
from uuid import UUID, uuid5

from services.survey.imports.mapping import FileMapping
from services.survey.imports.rows import Alike, Rows
from services.survey.monthly_counts import spread

NEVER = "9999-12-31"
"""A day after today, whenever that is: no survey takes a sheet of it."""
_IDS = UUID("6f2f5f0e-3c0b-4b0e-9a57-0b7c4d1f8e21")

Document = dict[str, Any]


def documents(mapping: FileMapping, rows: Rows) -> Iterator[Document]:
    """Every sheet, by day; those of a month are spread evenly over it."""
    for _, group in groupby(
        sorted(rows.sheets), key=lambda alike: (alike.first, alike.agency, alike.counter, alike.sector)
    ):
        kinds = list(group)
        document_of = [_document(mapping, rows, alike) for alike in kinds]
        for day, kind, number in _days(mapping, rows, kinds):
            alike = kinds[kind]
            yield {
                "response_id": sheet_id(mapping, alike, number),
                "answered_on": alike.first.replace(day=day),
                **document_of[kind],
            }


def probes(mapping: FileMapping, rows: Rows) -> Iterator[Document]:
    """One sheet for each agency, counter and sector, of a day on which none is taken: to ask what would be refused."""
    seen = set()
    for alike in sorted(rows.sheets):
        if (asked := (alike.agency, alike.counter, alike.sector)) not in seen:
            seen.add(asked)
            yield {"answered_on": NEVER, **_document(mapping, rows, alike)}


def sheet_id(mapping: FileMapping, alike: Alike, number: int) -> UUID:
    """The id of the `number`-th sheet, from 1, of those alike. It must never come out otherwise."""
    when = f"{alike.first:%Y-%m}" if mapping.answered_on.is_month else f"{alike.first:%Y-%m-%d}"
    known_by = [mapping.source, mapping.method, alike.agency, alike.counter, alike.sector, when, alike.words, number]
    return uuid5(_IDS, json.dumps(known_by, ensure_ascii=False, separators=(",", ":")))


def _days(mapping: FileMapping, rows: Rows, kinds: Sequence[Alike]) -> Iterator[tuple[int, int, int]]:
    counts = [rows.sheets[alike] for alike in kinds]
    first = kinds[0].first
    if mapping.answered_on.is_month:
        return spread(counts, monthrange(first.year, first.month)[1])
    return ((first.day, kind, number) for kind, count in enumerate(counts) for number in range(1, count + 1))


def _document(mapping: FileMapping, rows: Rows, alike: Alike) -> Document:
    named = {"counter": alike.counter, "sector": alike.sector, "language": mapping.language, "channel": mapping.channel}
    return {
        "agency": alike.agency,
        "method": mapping.method,
        "answers": {criterion: rows.levels[criterion, word] for criterion, word in alike.words},
        **{name: value for name, value in named.items() if value},
    }
