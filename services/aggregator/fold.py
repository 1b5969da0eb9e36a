"""The pure middle of the aggregator: sheets and what is already counted in, integers and ids out.

The outcome for a record depends only on the records before it in its partition, never on how they were cut into
batches: a replay, a restart in the middle and `sipas verify` come to the same integers.

Ids of counted sheets lie on shelves, one for each month of receipt and one for imports. A month's shelf is thrown
away when 100 sheets have been received more than 62 days past its end: event time, so a stopped service forgets
nothing, and a hundred of them, so one wrong clock forgets nothing either. A sheet that belongs on a shelf thrown
away can no longer be told from a repeat: it is `too-old`, a dead letter that can be sent again as an import.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from services.aggregator.steps import Waiting
from sipas.events import MalformedEvent, Response
from sipas.tally import EXCLUDED_FIELDS, sheet_fields

FOLD_VERSION = 2
"""Raised with every change by which the same log gives other integers: then a ledger must be counted anew."""

IMPORTS = "import"
KEEP_DAYS = 62
SHEETS_PAST = 100
DAY_MINUTES = 24 * 60


class Sheet(NamedTuple):
    """What the fold needs of one answer sheet. `received` in minutes since 1970 UTC; `fields` each count one."""

    id: bytes
    agency: str
    method: str
    day: str
    parts: tuple[str, ...]
    fields: tuple[str, ...]
    received: int
    shelf: str


class BadRecord(NamedTuple):
    """A record that cannot be a sheet."""

    code: str
    detail: str


class UnknownMethod(Exception):
    """The log holds a method that this software does not know: it was written by a newer one."""


def sheet_of(response: Response, criteria: Mapping[str, frozenset[str]]) -> Sheet:
    """Read a decoded response; `criteria` are the codes of each known method.

    Raises `UnknownMethod`, or `MalformedEvent` where an answer is to a criterion that the method does not have.
    """
    known = criteria.get(response.method)
    if known is None:
        raise UnknownMethod(response.method)
    if not response.answers.keys() <= known:
        raise MalformedEvent("unknown-criterion", ", ".join(sorted(response.answers.keys() - known)))
    received = int(response.received_at.timestamp()) // 60
    parts = [f"channel={response.channel}"]
    if response.counter:
        parts.append(f"counter={response.counter}")
    if response.sector:
        parts.append(f"sector={response.sector}")
    return Sheet(
        id=sheet_id(response),
        agency=response.agency,
        method=response.method,
        day=response.answered_on.isoformat(),
        parts=tuple(parts),
        fields=EXCLUDED_FIELDS if response.flags else sheet_fields(response.answers),
        received=received,
        shelf=IMPORTS if response.via == "import" else month_of(received),
    )


def sheet_id(response: Response) -> bytes:
    """(agency, response_id) in 16 bytes."""
    return blake2b(response.response_id.bytes + response.agency.encode(), digest_size=16).digest()


@lru_cache(maxsize=4096)
def _month_of_day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MINUTES * 60, UTC).strftime("%Y-%m")


def month_of(minute: int) -> str:
    """The UTC month YYYY-MM of a minute since 1970."""
    return _month_of_day(minute // DAY_MINUTES)


@lru_cache(maxsize=1024)
def limit_of(month: str) -> int:
    """The minute after which a sheet counts towards throwing the month's shelf away."""
    year, number = int(month[:4]), int(month[5:])
    end = datetime(year, number, monthrange(year, number)[1], tzinfo=UTC).timestamp() // 60 + DAY_MINUTES
    return int(end) + KEEP_DAYS * DAY_MINUTES


@dataclass(frozen=True)
class Shelves:
    """Months whose ids are kept -> sheets received past the month's limit so far, and the newest thrown away."""

    living: Mapping[str, int] = field(default_factory=dict)
    gone_through: str = ""

    def names(self) -> list[str]:
        return [*self.living, IMPORTS]


Tallied = tuple[str, str, str]
"""(agency, method, time): whose tally it is."""


@dataclass
class Folded:
    """What a batch changes."""

    totals: dict[Tallied, dict[str, int]]  # by day: field -> count
    parts: dict[Tallied, dict[str, dict[str, int]]]  # by day: part -> field -> count
    shown: dict[Tallied, dict[str, int]]  # groups that the public may see, by the day, month or year that is theirs
    waiting: dict[str, Waiting]  # of every agency that had a sheet
    ids: dict[str, list[bytes]]  # shelf -> ids
    as_of: dict[str, int]  # agency -> newest minute counted
    shown_as_of: dict[str, int]  # the same, when the public number last moved
    shelves: Shelves
    thrown_away: list[str]
    too_old: list[int]  # indexes into the batch
    counted: int
    excluded: int
    repeated: int


def fold(
    sheets: Sequence[Sheet | None],
    held: Mapping[str, set[int]],
    shelves: Shelves,
    waiting: Mapping[str, Waiting],
) -> Folded:
    """Fold a batch in order. `held`: shelf -> indexes of the sheets whose ids it holds; None: not a sheet.

    `waiting`: of every agency that had a sheet before.
    """
    living = dict(shelves.living)
    gone_through = shelves.gone_through
    next_limit = min(map(limit_of, living), default=None)
    patterns: dict[tuple[str, str, str, tuple[str, ...], tuple[str, ...]], int] = {}
    fresh: dict[bytes, str] = {}
    shown: dict[Tallied, dict[str, int]] = {}
    shown_as_of: dict[str, int] = {}
    touched: dict[str, Waiting] = {}
    thrown_away: list[str] = []
    too_old: list[int] = []
    counted = excluded = repeated = 0
    counted_before: dict[int, list[str]] = {}
    for name, indexes in held.items():
        for index in indexes:
            counted_before.setdefault(index, []).append(name)
    for index, sheet in enumerate(sheets):
        if sheet is None:
            continue
        received, shelf = sheet.received, sheet.shelf
        if next_limit is not None and received > next_limit:
            for month in [month for month in living if received > limit_of(month)]:
                living[month] += 1
                if living[month] >= SHEETS_PAST:
                    del living[month]
                    thrown_away.append(month)
                    gone_through = max(gone_through, month)
            next_limit = min(map(limit_of, living), default=None)
        if shelf != IMPORTS:
            if shelf <= gone_through and shelf not in living:
                too_old.append(index)
                continue
            if shelf not in living:
                living[shelf] = 0
                next_limit = min(map(limit_of, living))
        found = counted_before.get(index, [])
        if sheet.id in fresh:
            found = [*found, fresh[sheet.id]]
        if any(name in living or name == IMPORTS for name in found):
            repeated += 1
            continue
        fresh[sheet.id] = shelf
        if sheet.fields is EXCLUDED_FIELDS:
            excluded += 1
        else:
            counted += 1
        agency = sheet.agency
        steps = touched.get(agency)
        if steps is None:
            steps = touched[agency] = waiting[agency].copy() if agency in waiting else Waiting()
        steps.minute = max(steps.minute, received)
        for scope, fields in steps.take(sheet.method, sheet.day, sheet.fields):
            shown_as_of[agency] = steps.minute
            sums = shown.setdefault((agency, *scope), {})
            for name, number in fields.items():
                sums[name] = sums.get(name, 0) + number
        pattern = (sheet.agency, sheet.method, sheet.day, sheet.parts, sheet.fields)
        patterns[pattern] = patterns.get(pattern, 0) + 1
    totals: dict[Tallied, dict[str, int]] = {}
    parts: dict[Tallied, dict[str, dict[str, int]]] = {}
    for (agency, method, day, sheet_parts, raised), sheets_alike in patterns.items():
        by_part = parts.setdefault((agency, method, day), {})
        for sums in (
            totals.setdefault((agency, method, day), {}),
            *(by_part.setdefault(part, {}) for part in sheet_parts),
        ):
            for name in raised:
                sums[name] = sums.get(name, 0) + sheets_alike
    ids: dict[str, list[bytes]] = {}
    for identity, shelf in fresh.items():
        if shelf in living or shelf == IMPORTS:
            ids.setdefault(shelf, []).append(identity)
    return Folded(
        totals=totals,
        parts=parts,
        shown=shown,
        waiting=touched,
        ids=ids,
        as_of={agency: steps.minute for agency, steps in touched.items()},
        shown_as_of=shown_as_of,
        shelves=Shelves(living, gone_through),
        thrown_away=thrown_away,
        too_old=too_old,
        counted=counted,
        excluded=excluded,
        repeated=repeated,
    )
