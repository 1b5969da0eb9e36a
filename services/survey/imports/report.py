"""What a file would become, before anything is sent: for a person who knows it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from services.survey.imports.mapping import FileMapping
from services.survey.imports.rows import Rows, listed, shortened
from services.survey.imports.texts import folded


def as_plain(mapping: FileMapping, rows: Rows) -> dict[str, Any]:
    """For JSON."""
    return {
        "source": mapping.source,
        "method": mapping.method,
        "rows": rows.read,
        "empty_rows": rows.empty,
        "refused_rows": rows.refused,
        "sheets": rows.total,
        "sheets_without_answer": rows.silent,
        "repeated_rows": list(rows.repeated),
        "first_day": min((f"{alike.first}" for alike in rows.sheets), default=None),
        "last_day": max((f"{alike.first}" for alike in rows.sheets), default=None),
        "months": [{"agency": agency, "month": month, "sheets": sheets} for agency, month, sheets in _months(rows)],
        "answers": [
            {"criterion": criterion, "word": word, "level": level, "sheets": sheets}
            for criterion, word, level, sheets in _answers(rows)
        ],
        "faults": [fault.as_plain() for fault in rows.faults],
    }


def lines(mapping: FileMapping, rows: Rows) -> Iterator[str]:
    """For a terminal."""
    yield f"source {mapping.source}, method {mapping.method}"
    yield f"  {rows.read:>9,}  rows read"
    if rows.empty:
        yield f"  {rows.empty:>9,}  with nothing in the mapped columns: left out"
    if rows.refused:
        yield f"  {rows.refused:>9,}  refused"
    if rows.silent:
        yield f"  {rows.silent:>9,}  sheets without any answer: left out"
    yield f"  {rows.total:>9,}  sheets to send"
    if not rows.sheets:
        return
    if rows.repeated:
        yield f"  {len(rows.repeated):>9,}  the same as another to the second ({listed(rows.repeated)}): sent too"
    days = sorted(alike.first for alike in rows.sheets)
    pattern = "%m/%Y" if mapping.answered_on.is_month else "%d/%m/%Y"
    yield f"from {days[0].strftime(pattern)} to {days[-1].strftime(pattern)} (day/month/year)"
    yield "sheets by agency and month"
    for agency, month, sheets in _months(rows):
        yield f"  {sheets:>9,}  {agency}  {month}"
    columns = {asked.criterion: f": {shortened(asked.column)}" for asked in mapping.answers}
    last = None
    for criterion, word, level, sheets in _answers(rows):
        if criterion != last:
            yield f"answers to {criterion}{columns.get(criterion, '')}"
            last = criterion
        yield f"  {sheets:>9,}  {word or '(empty)'} → {level or 'no opinion'}"


def _months(rows: Rows) -> list[tuple[str, str, int]]:
    found: Counter[tuple[str, str]] = Counter()
    for alike, sheets in rows.sheets.items():
        found[alike.agency, f"{alike.first:%Y-%m}"] += sheets
    return [(*key, sheets) for key, sheets in sorted(found.items())]


def _answers(rows: Rows) -> list[tuple[str, str, int | None, int]]:
    """By criterion, the best level first; words that are the same to a reader are one."""
    shown: dict[tuple[str, str], str] = {}
    found: Counter[tuple[str, str]] = Counter()
    for (criterion, word), sheets in rows.words.items():
        shown.setdefault((criterion, folded(word)), word)
        found[criterion, folded(word)] += sheets
    order = {criterion: at for at, criterion in enumerate(dict.fromkeys(criterion for criterion, _ in found))}
    answers = [(key[0], shown[key], rows.levels[key], sheets) for key, sheets in found.items()]
    return sorted(answers, key=lambda answer: (order[answer[0]], -(answer[2] or 0), answer[1] == "", answer[1]))
