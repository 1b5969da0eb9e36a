"""A frozen result: what it holds, how its bytes and its hash are made, and how it is told on `results`. Pure.

The bytes are canonical JSON as in RFC 8785: keys sorted, no white space, UTF-8, whole numbers without a point. They
never change once told; what comes later is another version that names the hash of this one. Beside each number stand
the integers that it follows from, so that anybody can check it with a pencil.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sipas.events import Entry, ResultFrozen
from sipas.index import index_of
from sipas.methods import Method
from sipas.periods import Period
from sipas.tally import RESPONSES, Tally

FIGURE = "a local, continuous index modelled on (phỏng theo) QĐ 2640/QĐ-BNV; not the Ministry's yearly household survey"
MONTHS_READ_BY_DAY = 2
"""As on the board: a long period takes its day effect from its newest months (docs/adr/0009)."""
SECRET_KINDS = frozenset({"key"})
PART_CHARACTERS = 200_000
"""Kafka takes records up to a megabyte, and a character is up to four bytes of it."""

Days = Mapping[str, Mapping[str, int]]
"""Day -> the integers of `sipas.tally`."""


class Series(NamedTuple):
    """An agency by one method."""

    agency: str
    method: str


@dataclass(frozen=True, slots=True)
class Cut:
    """One partition as it was when `next_offset` was the next record to be counted."""

    next_offset: int
    days: Mapping[Series, Days]
    as_of: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Frozen:
    """A result as it stands on `results`."""

    period: str
    version: int
    sha256: str
    previous: str | None
    reason: str | None
    content: bytes

    @property
    def intact(self) -> bool:
        """Whether the content still has its hash."""
        return sha256(self.content) == self.sha256

    @property
    def document(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.content)
        return parsed


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def canonical(document: Any) -> bytes:
    """The bytes of a JSON value, always the same ones."""
    text = json.dumps(_plain(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def _plain(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {str(name): _plain(part) for name, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
    return value


def numbers(cuts: Iterable[Cut], period: Period, methods: Mapping[str, Method]) -> list[dict[str, Any]]:
    """The number of every agency that had a sheet in the period, with the totals that it follows from."""
    found = [
        _number(series, days, period, methods[series.method], cut.as_of.get(series.agency))
        for cut in cuts
        for series, days in cut.days.items()
    ]
    return sorted(found, key=lambda number: (number["agency"], number["method"]))


def _number(series: Series, days: Days, period: Period, method: Method, as_of: datetime | None) -> dict[str, Any]:
    whole: Counter[str] = Counter()
    for fields in days.values():
        whole.update(fields)
    index = index_of(
        Tally.from_fields(whole),
        agency=series.agency,
        method=method,
        period=period.text,
        as_of=as_of,
        days={date.fromisoformat(day): Tally.from_fields(days[day]) for day in _days_of_interval(days, period)},
    )
    document = index.as_json()
    del document["rebuilding"]  # a partial number is never frozen
    return document | {"tally": dict(whole)}


def _days_of_interval(days: Days, period: Period) -> list[str]:
    """Days outside of whole months, and those of the newest whole months that have sheets."""
    months, _ = period.months_and_days()
    with_sheets = sorted({day[:7] for day, fields in days.items() if fields.get(RESPONSES)} & set(months))
    read_by_day = set(with_sheets[-MONTHS_READ_BY_DAY:])
    return [day for day in days if day[:7] in read_by_day or day[:7] not in months]


def registry_snapshot(entries: Iterable[Entry]) -> dict[str, Any]:
    """The registry as it was, with the whole history of every entry and without keys; and the hash of all that."""
    rows = [
        {"kind": entry.kind, "id": entry.id, "history": list(entry.history)}
        for entry in sorted(entries, key=lambda entry: (entry.kind, entry.id))
        if entry.kind not in SECRET_KINDS
    ]
    return {"sha256": sha256(canonical(rows)), "entries": rows}


# --- on `results`


def parts_of(frozen: Frozen, characters: int = PART_CHARACTERS) -> list[ResultFrozen]:
    """The events of a result, each with at most so many characters of it."""
    text = frozen.content.decode()
    pieces = [text[start : start + characters] for start in range(0, len(text), characters)]
    return [
        ResultFrozen(
            period=frozen.period,
            version=frozen.version,
            sha256=frozen.sha256,
            previous=frozen.previous,
            reason=frozen.reason,
            part=number,
            parts=len(pieces),
            content=piece,
        )
        for number, piece in enumerate(pieces, 1)
    ]


def results_in(events: Iterable[ResultFrozen]) -> dict[tuple[str, int], Frozen]:
    """(period, version) -> the result that stands: the first of which all parts are there."""
    begun: dict[tuple[str, int, str], dict[int, ResultFrozen]] = {}
    standing: dict[tuple[str, int], Frozen] = {}
    for event in events:
        pieces = begun.setdefault((event.period, event.version, event.sha256), {})
        pieces.setdefault(event.part, event)
        if len(pieces) == event.parts:
            content = "".join(pieces[number].content for number in sorted(pieces)).encode()
            standing.setdefault(
                (event.period, event.version),
                Frozen(event.period, event.version, event.sha256, event.previous, event.reason, content),
            )
    return standing


def versions_of(period: str, results: Mapping[tuple[str, int], Frozen]) -> list[Frozen]:
    """All versions of a period, the newest last."""
    return [results[key] for key in sorted(results) if key[0] == period]


def differences(frozen: Any, now: Any, where: str = "") -> Iterator[str]:
    """Where two documents differ, one line each."""
    if isinstance(frozen, dict) and isinstance(now, dict):
        for name in sorted(frozen.keys() | now.keys()):
            yield from differences(frozen.get(name), now.get(name), f"{where}.{name}" if where else name)
    elif isinstance(frozen, list) and isinstance(now, list) and len(frozen) == len(now):
        for at, (before, after) in enumerate(zip(frozen, now, strict=True)):
            yield from differences(before, after, f"{where}[{_label(before, at)}]")
    elif frozen != now:
        yield f"{where}: frozen {_short(frozen)}, the log gives {_short(now)}"


def _label(row: Any, at: int) -> str:
    return f"{row['agency']} {row['method']}" if isinstance(row, dict) and "agency" in row else str(at)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


def same_or_differences(frozen: Frozen, again: Mapping[str, Any]) -> Sequence[str]:
    """Empty where `again` has the frozen bytes."""
    if canonical(again) == frozen.content:
        return ()
    return tuple(differences(frozen.document, json.loads(canonical(again)))) or ("the bytes differ",)
