"""Ranks inside one block (khối), by the exact fraction, never by the rounded percentage, each with what chance allows.

Ties share a rank and the next rank is skipped: 1, 2, 2, 4. An agency below the minimum of sheets is listed without a
rank, after the others, because a few sheets say more about chance than about the agency.
"""

import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from sipas.index import Index
from sipas.precision import CONFIDENCE, Bounds

MINIMUM_RESPONSES = 30

RankInterval = tuple[int, int]
"""The best and the worst rank that the answers allow."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One line of a ranking; `rank` is None for an agency below the minimum or without an answer.

    `interval` holds the true rank, all intervals of the block at once in 95 of 100 blocks. `groups` are the first and
    the last group that the agency belongs to: two agencies can be told apart if and only if they share no group.
    Groups are counted from the best, they overlap, and each is as large as can be. Both are None where `rank` is, or
    where an index of the block has no interval.
    """

    rank: int | None
    of: int
    index: Index
    interval: RankInterval | None = None
    groups: tuple[int, int] | None = None


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
    # a quotient of integers is rounded correctly, so fractions need comparing only where floats are equal
    best_first = sorted(
        (index for index in by_name if index.agency in shares),
        key=lambda index: (-index.satisfied / index.answers, -shares[index.agency]),
    )
    ranks = competition_ranks([shares[index.agency] for index in best_first])
    bounds = _simultaneous_bounds(best_first)
    if bounds is None:
        ranked = [Ranked(place, len(ranks), index) for place, index in zip(ranks, best_first, strict=True)]
    else:
        columns = zip(ranks, best_first, rank_intervals(bounds), indistinguishable_groups(bounds), strict=True)
        ranked = [Ranked(place, len(ranks), index, interval, groups) for place, index, interval, groups in columns]
    return (*ranked, *(Ranked(None, len(ranks), index) for index in by_name if index.agency not in shares))


def rank_change(before: int | None, now: int | None) -> int | None:
    """Give how many places an agency went up: from 12th to 4th is +8 ("tăng 8 bậc"); None where either is missing."""
    return None if before is None or now is None else before - now


def rank_intervals(bounds: Sequence[Bounds]) -> list[RankInterval]:
    """Give each agency's (best, worst) rank from bounds of the shares that hold for all agencies at once.

    Klein, Wright and Wieczorek, "A joint confidence region for an overall ranking of populations", J. Royal Statistical
    Society A 183 (2020): wherever all shares lie inside their bounds, an agency whose bounds lie wholly above is truly
    better, and one whose bounds lie wholly below truly worse, so

        best = 1 + the number wholly above,    worst = n - the number wholly below,

    hold for every agency with at least the probability that the bounds have together. Ties in truth do no harm: neither
    of the two is wholly above.
    """
    lows = sorted(low for low, _ in bounds)
    highs = sorted(high for _, high in bounds)
    number = len(bounds)
    return [(1 + number - bisect_right(lows, high), number - bisect_left(highs, low)) for low, high in bounds]


def indistinguishable_groups(bounds: Sequence[Bounds]) -> list[tuple[int, int]]:
    """Give each agency's (first, last) group, of the largest groups whose bounds all overlap each other.

    Bounds that overlap in pairs have a point in common, so going down from the best, a group is complete whenever one
    ends after one began; an agency is in all groups completed while its bounds last.
    """
    began = [0] * len(bounds)
    ended = [0] * len(bounds)
    edges = [(-high, False, agency) for agency, (_, high) in enumerate(bounds)]
    edges += [(-low, True, agency) for agency, (low, _) in enumerate(bounds)]
    complete, grown = 0, False
    for _, ends, agency in sorted(edges):  # where one begins as another ends they touch: beginnings stand first
        if not ends:
            began[agency] = complete + 1
        else:
            complete += grown
            ended[agency] = complete
        grown = not ends
    return list(zip(began, ended, strict=True))


def _simultaneous_bounds(indices: Sequence[Index]) -> list[Bounds] | None:
    """Give bounds that hold for all indices at once with 95 %; None where one of them has none.

    Agencies share no sheet, so each gets the confidence 0.95^(1/n). What they do share (a bad day of the network) makes
    it no worse: Šidák's inequality (J. American Statistical Association 62, 1967) needs no independence.
    """
    known = [index.precision for index in indices if index.precision is not None]
    if len(known) < len(indices):
        return None
    return [precision.bounds(CONFIDENCE ** (1 / len(known))) for precision in known]


def competition_ranks(best_first: Sequence[Fraction]) -> list[int]:
    """Give the rank of each value of a falling sequence: ties share one and the next is skipped, 1, 2, 2, 4."""
    ranks: list[int] = []
    for place, share in enumerate(best_first, start=1):
        tied = place > 1 and best_first[place - 2] == share
        ranks.append(ranks[-1] if tied else place)
    return ranks


def ranks_of(shares: Mapping[str, Fraction]) -> dict[str, int]:
    """Give each name's rank, the largest share first; ties share one."""
    # a fraction becomes the nearest float, so fractions need comparing only where floats are equal
    best_first = sorted(shares, key=lambda name: (-float(shares[name]), -shares[name]))
    return dict(zip(best_first, competition_ranks([shares[name] for name in best_first]), strict=True))


def _check_comparable(indices: Sequence[Index]) -> None:
    for what, values in {
        "methods": {index.method for index in indices},
        "periods": {index.period for index in indices},
    }.items():
        if len(values) > 1:
            raise ValueError(f"a ranking compares one of these {what}, not several: {', '.join(sorted(values))}")
    if any(index.aggregation != "pooled" for index in indices):
        raise ValueError("a ranking is by the pooled index; these indices are aggregated in another way")
    listed = Counter(index.agency for index in indices)
    if twice := sorted(agency for agency, times in listed.items() if times > 1):
        raise ValueError(f"an agency stands in its block once, not twice: {', '.join(twice)}")


# Vietnamese dictionary order: a letter with hat or horn, and đ, is a letter of its own after the plain one; tones only
# decide between words that are otherwise equal. Python compares code points, where Đ comes after Z.
_LETTERS = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_ORDER = {letter: chr(ord("a") + place) for place, letter in enumerate(_LETTERS)}
_TONES = "\u0300\u0309\u0303\u0301\u0323"  # huyền, hỏi, ngã, sắc, nặng


@lru_cache(maxsize=8192)  # every ranking sorts the same names
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
