"""Ranks inside one block (khối), by the exact fraction, never by the rounded percentage.

Ties share a rank and the next rank is skipped: 1, 2, 2, 4. An agency below the minimum of sheets is listed without a
rank, after the others, because a few sheets say more about chance than about the agency.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sipas.index import Index

MINIMUM_RESPONSES = 30


@dataclass(frozen=True, slots=True)
class Ranked:
    """One line of a ranking; `rank` is None for an agency below the minimum or without an answer."""

    rank: int | None
    of: int
    index: Index


def rank(
    indices: Iterable[Index], minimum: int = MINIMUM_RESPONSES, names: Mapping[str, str] | None = None
) -> tuple[Ranked, ...]:
    """Rank a block's agencies, best first; ties and unranked agencies stand in the order of their names.

    `names` maps agency id → name to sort by (without it the id). Raises ValueError where indices cannot be compared:
    other methods, other periods, or an aggregation that is not pooled.
    """
    indices = list(indices)
    _check_comparable(indices)
    names = names or {}
    by_name = sorted(indices, key=lambda index: name_key(names.get(index.agency, index.agency)))
    shares = {
        index.agency: Fraction(index.satisfied, index.answers)
        for index in by_name
        if index.answers and index.responses >= minimum
    }
    best_first = sorted((index for index in by_name if index.agency in shares), key=lambda i: -shares[i.agency])
    ranks: dict[str, int] = {}
    for place, index in enumerate(best_first, start=1):
        before = best_first[place - 2] if place > 1 else None
        tied = before is not None and shares[before.agency] == shares[index.agency]
        ranks[index.agency] = ranks[before.agency] if before is not None and tied else place
    unranked = (index for index in by_name if index.agency not in shares)
    return tuple(Ranked(ranks.get(index.agency), len(ranks), index) for index in (*best_first, *unranked))


def _check_comparable(indices: Sequence[Index]) -> None:
    for what, values in {
        "methods": {index.method for index in indices},
        "periods": {index.period for index in indices},
    }.items():
        if len(values) > 1:
            raise ValueError(f"a ranking compares one of these {what}, not several: {', '.join(sorted(values))}")
    if any(index.aggregation != "pooled" for index in indices):
        raise ValueError("a ranking is by the pooled index; these indices are aggregated in another way")
    agencies = [index.agency for index in indices]
    if twice := sorted({agency for agency in agencies if agencies.count(agency) > 1}):
        raise ValueError(f"an agency stands in its block once, not twice: {', '.join(twice)}")


# Vietnamese dictionary order: a letter with hat or horn, and đ, is a letter of its own after the plain one; tones only
# decide between words that are otherwise equal. Python compares code points, where Đ comes after Z.
_LETTERS = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_ORDER = {letter: chr(ord("a") + place) for place, letter in enumerate(_LETTERS)}
_TONES = "\u0300\u0309\u0303\u0301\u0323"  # huyền, hỏi, ngã, sắc, nặng


def name_key(name: str) -> tuple[str, str, str]:
    """Give the sort key of a name in Vietnamese dictionary order, case aside; any Unicode form gives the same key."""
    letters: list[str] = []
    tones: list[str] = []
    for character in unicodedata.normalize("NFC", name).casefold():
        parts = unicodedata.normalize("NFD", character)
        plain = unicodedata.normalize("NFC", "".join(part for part in parts if part not in _TONES))
        tone = next((part for part in parts if part in _TONES), "")
        letters.append("".join(_ORDER.get(letter, letter) for letter in plain))
        tones.append(str(_TONES.find(tone) + 1) if tone else "0")
    return "".join(letters), "".join(tones), unicodedata.normalize("NFC", name)
