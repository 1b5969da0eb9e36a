"""Recompute every tally from the log and compare it with the ledger, integer by integer.

Each agency is read from Redis in one moment together with the position, and only what the log holds below that
position is counted for it: verifying a running system gives the same answer as verifying a stopped one.
The fold is the aggregator's own (`fold.py`); reading, dedupe and the sums are not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from services.aggregator.fold import Folded, Sheet, Shelves, UnknownMethod, fold, sheet_of
from sipas.broker import Log, Record, Topics, WholeTopicReader
from sipas.events import MalformedEvent, decode_response
from sipas.ledger import Ledgers
from sipas.tally_keys import TallyKeys

BATCH = 2000

Hash = tuple[str, str, str, str]
"""(kind: total or parts, agency, method, day or month)"""


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
    hashes: Mapping[Hash, Mapping[str, int]]


def verify(
    bootstrap: Iterable[str],
    namespace: str,
    ledgers: Ledgers,
    generation: str,
    criteria: Mapping[str, frozenset[str]],
    progress: Callable[[int, int], None],
) -> Verdict:
    """Compare all of a generation; `progress` is told records read and records in all."""
    brokers = list(bootstrap)
    topic = str(Topics(namespace).responses)
    kafka = Log(brokers)
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
        expected: dict[str, dict[Hash, Counter[str]]] = {}
        reader = WholeTopicReader(brokers, topic, [number])
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
        times = sorted({(method, time) for day in days for method, time in times_of(day)})
        names = [(kind, agency, method, time) for method, time in times for kind in ("total", "parts")]
        position, found = keys.slot.snapshot([key_of(keys, name) for name in names])
        if position is not None and sorted(keys.slot.members(keys.days(agency))) == days:
            break
    hashes = {
        name: {field_: int(value) for field_, value in fields.items()}
        for name, fields in zip(names, found, strict=True)
        if fields
    }
    return _Agency(int(position["next_offset"]), hashes)


def times_of(day: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """`method/day` -> (method, day) and (method, month)."""
    method, date = day.split("/")
    return (method, date), (method, date[:7])


def key_of(keys: TallyKeys, name: Hash) -> str:
    """Where the ledger keeps the hash."""
    kind, agency, method, time = name
    return keys.total(agency, method, time) if kind == "total" else keys.parts(agency, method, time)


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
    for records in log:
        sheets = [_sheet(record, criteria) for record in records]
        held = {
            name: {index for index, sheet in enumerate(sheets) if sheet is not None and sheet.id in ids}
            for name, ids in seen.items()
        }
        folded = fold(sheets, held, shelves)
        shelves = folded.shelves
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


def _add(expected: dict[Hash, Counter[str]], folded: Folded, agency: str) -> None:
    for kind, sums in (("total", folded.totals), ("parts", folded.parts)):
        for (name, method, day), fields in sums.items():
            if name == agency:
                for time in (day, day[:7]):
                    expected.setdefault((kind, agency, method, time), Counter()).update(fields)


def _differences(found: _Agency | None, expected: Mapping[Hash, Counter[str]], agency: str) -> list[str]:
    hashes: Mapping[Hash, Mapping[str, int]] = found.hashes if found else {}
    lines = []
    for name in sorted(hashes.keys() | expected.keys()):
        kind, _, method, time = name
        in_ledger, in_log = hashes.get(name, {}), expected.get(name, Counter())
        for field_ in sorted(in_ledger.keys() | in_log.keys()):
            ours, true = in_ledger.get(field_, 0), in_log.get(field_, 0)
            if ours != true:
                lines.append(f"{agency} {method} {time} {kind} {field_}: the ledger has {ours}, the log gives {true}")
    return lines
