"""Recompute every tally from the log and compare it with the ledger, integer by integer.

Each agency is read from Redis in one moment together with the position, and only what the log holds below that
position is counted for it: verifying a running system gives the same answer as verifying a stopped one.
The fold is the aggregator's own (`fold.py`); reading, dedupe and the sums are not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from services.aggregator.fold import Folded, Sheet, Shelves, Tallied, UnknownMethod, fold, sheet_of
from services.aggregator.steps import Waiting
from sipas.broker import Log, Record, Topics, WholeTopicReader
from sipas.events import MalformedEvent, decode_response
from sipas.ledger import Ledgers, Place
from sipas.packed import layouts
from sipas.tally_keys import TallyKeys

BATCH = 2000

Kind = Literal["total", "shown", "parts"]

KINDS: tuple[Kind, ...] = get_args(Kind)

Tally = tuple[Kind, str, str, str]
"""(kind, agency, method, day or month or year); a year has no parts."""

PART_SEPARATOR = "|"
"""Between a part and a field of it, where both are one name."""


@dataclass
class Verdict:
    """`differences`: one line each; `records` and `sheets` that were read and counted from the log."""

    differences: list[str] = field(default_factory=list)
    records: int = 0
    sheets: int = 0
    agencies: int = 0


@dataclass(frozen=True)
class _Agency:
    """An agency as the ledger has it. `until`: the position that was read with it."""

    until: int
    tallies: Mapping[Tally, Mapping[str, int]]


def verify(
    bootstrap: Sequence[str],
    namespace: str,
    ledgers: Ledgers,
    generation: str,
    criteria: Mapping[str, frozenset[str]],
    progress: Callable[[int, int], None],
) -> Verdict:
    """Compare all of a generation; `progress` is told records read and records in all."""
    topic = str(Topics(namespace).responses)
    kafka = Log(bootstrap)
    bounds = kafka.bounds(topic)
    verdict = Verdict()
    whole = sum(end - first for first, end in bounds.values())
    for number in bounds:
        keys = TallyKeys.of(ledgers, number, generation)
        position = keys.slot.position()
        if position is None:
            verdict.differences.append(f"partition {number}: the ledger has no position; is the aggregator running?")
            continue
        if position["topic_id"] != kafka.topic_id(topic):
            verdict.differences.append(f"partition {number}: the ledger was made from another topic of this name")
            continue
        agencies = {name: _read_agency(keys, name) for name in keys.slot.members(keys.agencies)}
        # an agency that the ledger does not know must not stand in the log below the position read first
        unknown_until = int(position["next_offset"])
        cuts = sorted({unknown_until, *(agency.until for agency in agencies.values())})
        expected: dict[str, dict[Tally, Counter[str]]] = {}
        reader = WholeTopicReader(bootstrap, topic, [number])
        for records, folded in fold_log(batches(reader, number, cuts), criteria):
            verdict.records += len(records)
            verdict.sheets += folded.counted + folded.excluded
            for agency in {agency for agency, _, _ in folded.totals}:
                if records[0].offset < (agencies[agency].until if agency in agencies else unknown_until):
                    _add(expected.setdefault(agency, {}), folded, agency)
            progress(verdict.records, whole)
        reader.close()
        verdict.agencies += len(agencies)
        for name in sorted(agencies.keys() | expected.keys()):
            verdict.differences += _differences(agencies.get(name), expected.get(name, {}), name)
    kafka.close()
    return verdict


def _read_agency(keys: TallyKeys, agency: str) -> _Agency:
    """Everything the ledger has of an agency, in one moment; asked again if a day came in between."""
    while True:
        days = sorted(keys.slot.members(keys.days(agency)))
        names = names_of(agency, days)
        position, found = keys.slot.values(places_of(keys, names))
        if position is not None and sorted(keys.slot.members(keys.days(agency))) == days:
            break
    return _Agency(int(position["next_offset"]), fields_of(names, found))


def names_of(agency: str, days: Iterable[str]) -> list[Tally]:
    """Every tally that an agency with these `method/day` may have."""
    times: dict[tuple[str, str], None] = {}
    for day in days:
        method, date = day.split("/")
        times |= dict.fromkeys((method, time) for time in (date, date[:7], date[:4]))
    return [
        (kind, agency, method, time)
        for method, time in sorted(times)
        for kind in KINDS
        if kind != "parts" or len(time) > len("YYYY")
    ]


def places_of(keys: TallyKeys, names: Iterable[Tally]) -> list[Place]:
    """Where the ledger keeps them."""
    return [
        keys.parts(*tallied) if kind == "parts" else keys.total(*tallied, shown=kind == "shown")
        for kind, *tallied in names
    ]


def fields_of(names: Sequence[Tally], found: Sequence[bytes | None]) -> dict[Tally, dict[str, int]]:
    """Those that the ledger has, as the integers that stand in them; a part's prefixed by its name."""
    stored = dict(zip(names, found, strict=True))
    fields = {}
    for name, value in stored.items():
        kind, agency, method, time = name
        if value is None:
            continue
        layout = layouts()[method]
        if kind == "parts":
            total = layout.unpack(stored["total", agency, method, time])
            fields[name] = prefixed(
                {part: layout.named(vector) for part, vector in layout.unpack_parts(value, total).items()}
            )
        else:
            fields[name] = layout.named(layout.unpack(value))
    return fields


def prefixed(parts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """One mapping of what the parts hold."""
    return {f"{part}{PART_SEPARATOR}{name}": number for part, of in parts.items() for name, number in of.items()}


def batches(reader: WholeTopicReader, number: int, cuts: list[int]) -> Iterator[list[Record]]:
    """The partition up to the last cut, in batches that no cut divides: an agency wants all of a batch or none."""
    batch: list[Record] = []
    ahead = iter(cuts)
    cut = next(ahead)
    while reader.position(number) < cuts[-1]:
        for record in reader.poll(0.2):
            if len(batch) >= BATCH or record.offset >= cut:
                if batch:
                    yield batch
                batch = []
                while record.offset >= cut:
                    following = next(ahead, None)
                    if following is None:
                        return
                    cut = following
            batch.append(record)
    if batch:
        yield batch


def fold_log(
    log: Iterator[list[Record]], criteria: Mapping[str, frozenset[str]]
) -> Iterator[tuple[list[Record], Folded]]:
    """Fold the log with ids kept in this process."""
    seen: dict[str, set[bytes]] = {}
    shelves = Shelves()
    waiting: dict[str, Waiting] = {}
    for records in log:
        sheets = [_sheet(record, criteria) for record in records]
        held = {
            name: {index for index, sheet in enumerate(sheets) if sheet is not None and sheet.id in ids}
            for name, ids in seen.items()
        }
        folded = fold(sheets, held, shelves, waiting)
        shelves = folded.shelves
        waiting.update(folded.waiting)
        for name, ids in folded.ids.items():
            seen.setdefault(name, set()).update(ids)
        for name in folded.thrown_away:
            seen.pop(name, None)
        yield records, folded


def _sheet(record: Record, criteria: Mapping[str, frozenset[str]]) -> Sheet | None:
    try:
        return sheet_of(decode_response(record.value), criteria)
    except (MalformedEvent, UnknownMethod):
        return None  # a dead letter, or where the aggregator stopped


def _add(expected: dict[Tally, Counter[str]], folded: Folded, agency: str) -> None:
    parts = {tallied: prefixed(of) for tallied, of in folded.parts.items()}
    sums_of: Mapping[Kind, Mapping[Tallied, Mapping[str, int]]]
    sums_of = {"total": folded.totals, "shown": folded.shown, "parts": parts}
    for kind, sums in sums_of.items():
        for (name, method, time), fields in sums.items():
            if name != agency:
                continue
            for wider in dict.fromkeys((time, time[:7], time[:4])):
                if kind != "parts" or len(wider) > len("YYYY"):
                    expected.setdefault((kind, agency, method, wider), Counter()).update(fields)


def _differences(found: _Agency | None, expected: Mapping[Tally, Counter[str]], agency: str) -> list[str]:
    tallies: Mapping[Tally, Mapping[str, int]] = found.tallies if found else {}
    lines = []
    for name in sorted(tallies.keys() | expected.keys()):
        kind, _, method, time = name
        in_ledger, in_log = tallies.get(name, {}), expected.get(name, Counter())
        for field_ in sorted(in_ledger.keys() | in_log.keys()):
            ours, true = in_ledger.get(field_, 0), in_log.get(field_, 0)
            if ours != true:
                lines.append(f"{agency} {method} {time} {kind} {field_}: the ledger has {ours}, the log gives {true}")
    return lines
