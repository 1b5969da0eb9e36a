"""The registry as the tables that people keep it in: every newest version; loaded again, it changes nothing.

Pure. What a file may leave out is left out where it is the default, so that a row says only what is particular.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from services.board.list_files import table_columns
from services.board.registry_file import KIND_OF_LIST, PARTS, POINTS, lists
from sipas.registry import KINDS, Dated, Registry

Rows = list[list[Any]]
"""The header, then a row an entry; a cell is a text, a number, a date or None."""


def registry_rows(registry: Registry) -> dict[str, Rows]:
    """Every table of a registry by its name; one without entries has its header alone."""
    columns = table_columns(lists(()), PARTS)
    found: dict[str, list[Mapping[str, Any]]] = {name: [] for name in columns}
    for name, kind in KIND_OF_LIST.items():
        for entry_id, versions in sorted(registry.histories[kind].items()):
            fields = _fields(kind, entry_id, versions[-1])
            sectors = fields.pop("sectors", ())
            found["sectors"] += [{"counter": entry_id, **_flat(sector)} for sector in sectors]
            found[name].append(_flat(fields))
    return {
        name: [list(of), *([row.get(column) for column in of] for row in found[name])] for name, of in columns.items()
    }


def _fields(kind: str, entry_id: str, newest: Dated[Any]) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(newest.value)
    if fields.get("status") == "active":
        del fields["status"]
    for name, value in fields.pop("overrides", {}).items():
        # 0.07 * 100 is not 7 in binary fractions
        share = name == "smallest_drop"
        fields["smallest_drop_points" if share else name] = round(value * POINTS, 9) if share else value
    named = {KINDS[kind][1]: entry_id} if KINDS[kind][1] else {}
    return named | fields | {"valid_from": newest.valid_from, "valid_to": newest.valid_to}


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            row |= {f"{name}_{part}": text for part, text in value.items()}
        else:
            row[name] = "; ".join(value) if isinstance(value, list | tuple) else value
    return row
