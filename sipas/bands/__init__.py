"""Bands (xếp loại): which label a score earns. They are data, beside this, for there is no single official definition.

They differ by owner, block and year, some on points and some on the ratio to the unit's own maximum. Bonus points may
lift a score above 100 and above its maximum; nothing is clamped. All files are checked when they are read.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any, Literal

import msgspec
import yaml

from sipas.methods import StrictLoader, Text

Basis = Literal["points", "ratio"]
"""What is banded and ranked: the points as they are, or 100 · points / the unit's own maximum."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A band and the value from which on it is earned, that value included."""

    label: Text
    min_inclusive: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class BandScheme:
    """The bands of one owner; `block` and `year` are None where it holds for all. `cuts` stand best first."""

    id: str
    owner: str
    block: str | None
    year: int | None
    basis: Basis
    max_points: Fraction
    source: str
    cuts: tuple[Cut, ...]

    def value(self, points: Fraction, maximum: Fraction | None = None) -> Fraction:
        """Give what is banded; `maximum` is the unit's own, else the scheme's."""
        return points if self.basis == "points" else 100 * points / (maximum or self.max_points)

    def band(self, points: Fraction, maximum: Fraction | None = None) -> Cut | None:
        """Give the band of a score; None below the lowest cut."""
        value = self.value(points, maximum)
        return next((cut for cut in self.cuts if value >= cut.min_inclusive), None)


class BandError(ValueError):
    """Band files that cannot be used; `problems` holds what is wrong, each with its file."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("bands cannot be used:\n" + "\n".join(f"  {problem}" for problem in problems))
        self.problems = tuple(problems)


def load_bands(directory: Traversable | None = None) -> Mapping[str, BandScheme]:
    """Read the schemes of the package (or of `directory`) by id; raises BandError with the faults of all files."""
    schemes: dict[str, BandScheme] = {}
    problems: list[str] = []
    for file in sorted((directory or files(__name__)).iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".yaml"):
            continue
        try:
            scheme = parse_bands(file.read_text(encoding="utf-8"), file.name)
        except BandError as error:
            problems += error.problems
        else:
            schemes[scheme.id] = scheme
    if problems:
        raise BandError(problems)
    return MappingProxyType(schemes)


class _Label(msgspec.Struct, forbid_unknown_fields=True):
    vi: str
    en: str


class _Cut(msgspec.Struct, forbid_unknown_fields=True):
    label: _Label
    min_inclusive: int | float


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    owner: str
    block: str | None
    year: int | None
    basis: Basis
    max_points: int | float
    source: str
    cuts: list[_Cut]


def parse_bands(content: str, file_name: str) -> BandScheme:
    """Read one scheme; raises BandError."""
    try:
        written = msgspec.convert(yaml.load(content, Loader=StrictLoader), _Document)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise BandError([f"{file_name}: {' '.join(str(error).split())}"]) from error
    scheme = BandScheme(
        id=written.id,
        owner=_nfc(written.owner),
        block=written.block,
        year=written.year,
        basis=written.basis,
        max_points=_exact(written.max_points),
        source=_nfc(written.source),
        cuts=tuple(
            Cut(Text(_nfc(cut.label.vi), _nfc(cut.label.en)), _exact(cut.min_inclusive)) for cut in written.cuts
        ),
    )
    if faults := list(_faults(scheme, file_name)):
        raise BandError([f"{file_name}: {fault}" for fault in faults])
    return scheme


def _faults(scheme: BandScheme, file_name: str) -> list[str]:
    faults = []
    if file_name != f"{scheme.id}.yaml":
        faults.append(f"the file of {scheme.id} is called {scheme.id}.yaml")
    if scheme.max_points <= 0:
        faults.append("max_points is above 0")
    if not scheme.cuts:
        faults.append("cuts has at least one entry")
    minimums = [cut.min_inclusive for cut in scheme.cuts]
    if minimums != sorted(set(minimums), reverse=True):
        faults.append("cuts stand best first, each lower than the one before")
    for language in ("vi", "en"):
        labels = [getattr(cut.label, language) for cut in scheme.cuts]
        if len(set(labels)) < len(labels) or not all(labels):
            faults.append(f"every cut has a label of its own in {language}")
    return faults


def _exact(number: Any) -> Fraction:
    """As it is written: 83.68 is 8368/100, not the nearest binary fraction."""
    return Fraction(str(number))


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))
