"""Open data: what the public may see of every agency in a period, as a table, with what each column means. Pure.

CSV is RFC 4180 in UTF-8 with a byte order mark, without which spreadsheets take Vietnamese for something else. A text
that a spreadsheet would run as a formula gets an apostrophe before it: names come from lists that people load.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import yaml

from services.board.figures import Figure
from sipas.registry import Agency

_COLUMNS: Sequence[Mapping[str, Any]] = yaml.safe_load(
    (files("services.board") / "open_data.yaml").read_text(encoding="utf-8")
)
FIELDS = tuple(column["field"] for column in _COLUMNS)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def row_of(agency: Agency, figure: Figure) -> dict[str, object]:
    """One line, by the names of its columns."""
    shown = figure.as_json()
    interval = shown["interval"]
    low, high = interval if isinstance(interval, list) else (None, None)
    return {
        "agency": agency.id,
        "name": agency.name.vi,
        "block": agency.block,
        "interval_low": low,
        "interval_high": high,
    } | {name: shown[name] for name in ("method", "aggregation", "period", "responses", "percent", "suppressed")}


def dictionary() -> Sequence[Mapping[str, Any]]:
    """The columns: field, type, unit, meaning in both languages."""
    return _COLUMNS


def index_csv(rows: Iterable[Mapping[str, object]]) -> bytes:
    """The table as a file."""
    return _csv(FIELDS, ([row[name] for name in FIELDS] for row in rows))


def dictionary_csv() -> bytes:
    """The dictionary as a file."""
    return _csv(
        ("field", "type", "unit", "meaning_vi", "meaning_en"),
        (
            [column["field"], column["type"], column["unit"], column["meaning"]["vi"], column["meaning"]["en"]]
            for column in _COLUMNS
        ),
    )


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.2f}"
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
