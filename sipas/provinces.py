"""The 34 provinces and cities with their official codes: data beside this. Pure.

Codes of QĐ 19/2025/QĐ-TTg, kinds and commune counts as of 20 September 2026. `merged_from` are names among the 63
provinces of before 12 June 2025, under which older series stand.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal


@dataclass(frozen=True, slots=True)
class Province:
    """A province or a city under the central government; `code` keeps its leading zero."""

    code: str
    name: str
    kind: Literal["tinh", "thanh_pho"]
    merged_from: tuple[str, ...]

    def is_named_in(self, text: str) -> bool:
        """Whether a text has the province's name, wherever it puts the tone marks (Hòa, Hoà)."""
        return _plain(self.name) in _plain(text)


def load_provinces() -> Mapping[str, Province]:
    """Every province by its code, in the order of the codes."""
    rows = csv.DictReader((files("sipas") / "provinces.csv").read_text(encoding="utf-8").splitlines())
    return {
        row["code"]: Province(
            row["code"],
            row["name"],
            "thanh_pho" if row["type"] == "thanh_pho" else "tinh",
            tuple(row["merged_from"].split(" + ")),
        )
        for row in rows
    }


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
