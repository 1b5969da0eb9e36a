"""The Ministry's yearly SIPAS as published, for the scoreboard: its results, never ours. README.md has the sources."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files

from sipas.methods import Text
from sipas.scoreboard import AtLeast, Score

BEFORE_2022, SINCE_2022 = "QĐ 2640/QĐ-BNV", "SIPAS 2022"
"""2022 changed method and population (households, policy part added; later QĐ 1001/QĐ-BNV): the series breaks."""

COUNTRY = "Việt Nam"

SCHEME = "SIPAS"
LABEL = Text("SIPAS (Bộ Nội vụ công bố)", "SIPAS (published by the Ministry of Home Affairs)")
"""What a reader is told, so that nobody takes it for our figure."""

COUNTRY_BLOCK, PROVINCES_BLOCK = "ca-nuoc", "cac-tinh"
BLOCKS: Mapping[str, Text] = {
    COUNTRY_BLOCK: Text("Cả nước", "The country"),
    PROVINCES_BLOCK: Text("Các tỉnh, thành phố", "Provinces and cities"),
}


@dataclass(frozen=True, slots=True)
class Published:
    """What the package brings of the Ministry's yearly SIPAS: scores with their sources, and the national targets."""

    scores: tuple[Score, ...]
    goals: Mapping[int, AtLeast]


def published_sipas() -> Published:
    """Read the national and provincial series beside this: press figures, marked row by row, with gaps."""
    national: list[Score] = []
    goals: dict[int, AtLeast] = {}
    for row in _rows("sipas_national.csv"):
        if row["src"].startswith("TARGET"):
            goals[int(row["year"])] = AtLeast(Decimal(row["value"]))
        elif row["value"]:
            national.append(_sipas(row, COUNTRY))
    provincial = [_sipas(row, row["province"]) for row in _rows("sipas_province.csv")]
    return Published((*national, *provincial), goals)


def _sipas(row: Mapping[str, str], unit: str) -> Score:
    year = int(row["year"])
    return Score(
        scheme=SCHEME,
        year=year,
        unit=unit,
        points=Decimal(row["value"]) if row["value"] else None,
        source=row["src"],
        method=BEFORE_2022 if year < 2022 else SINCE_2022,
        rank=int(row["rank"]) if row.get("rank") else None,
        of=int(row["of"]) if row.get("of") else None,
    )


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((files(__name__) / name).read_text(encoding="utf-8").splitlines()))
