"""Freeze a period's result as the ledger has it, and recompute a frozen one from the log.

Each partition is read in one moment together with its position, so what is frozen is a cut through the log: the
sheets below these offsets and no others. Whoever folds the log up to them comes to the same bytes, whatever came
later and however often the ledger was built since. So it lives with the fold, and not with the board.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from importlib.resources import files
from typing import Any

from services.aggregator.counting import load_criteria
from services.aggregator.fold import FOLD_VERSION
from services.aggregator.frozen import (
    FIGURE,
    Cut,
    Frozen,
    Series,
    canonical,
    numbers,
    parts_of,
    registry_snapshot,
    results_in,
    sha256,
)
from services.aggregator.generations import read_switches
from services.aggregator.verify import batches, fold_log
from sipas.broker import Log, Topics, WholeTopicReader, Written, publish_together
from sipas.events import TYPES, ResultFrozen, decode_frozen, encode, headers, type_of
from sipas.follower import read_whole
from sipas.ledger import Ledgers, Place
from sipas.methods import load_methods
from sipas.packed import layouts
from sipas.periods import Period
from sipas.registry import Registry
from sipas.tally_keys import Published, TallyKeys, is_rebuilding


class NotNow(Exception):
    """The ledger does not hold the whole log; the message says why."""


class Behind(NotNow):
    """A running aggregator will hold it in a moment."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Which log."""

    bootstrap: tuple[str, ...]
    namespace: str

    @property
    def responses(self) -> str:
        return str(Topics(self.namespace).responses)


def read_ledger(stack: Stack, ledgers: Ledgers, period: Period) -> tuple[Published, str, dict[int, Cut]]:
    """(what is published, topic id, each partition's cut). Raises `NotNow` while the ledger lacks what the log had."""
    published = read_switches(stack.bootstrap, stack.namespace, ledgers).published
    with closing(Log(stack.bootstrap)) as kafka:
        topic_id, ends = kafka.topic_id(stack.responses), kafka.bounds(stack.responses)
    cuts = {}
    for number, (_, end) in ends.items():
        keys = TallyKeys.of(ledgers, number, published.generation)
        position = keys.slot.position()
        if position is None or is_rebuilding(position):
            raise NotNow(f"partition {number} is being rebuilt: a partial number is never frozen")
        if position["topic_id"] != topic_id:
            raise NotNow(f"partition {number}: the ledger was made from another topic of this name")
        cuts[number] = cut_of(keys, period)
        if cuts[number].next_offset < end:
            raise Behind(
                f"partition {number}: {end - cuts[number].next_offset} records are not counted yet; is the aggregator"
                " running, and is it not paused (sipas dlq list)?"
            )
    return published, topic_id, cuts


def cut_of(keys: TallyKeys, period: Period) -> Cut:
    """A partition in one moment; asked again where a day came in between."""
    first, last = period.first.isoformat(), period.last.isoformat()

    def days_there() -> list[tuple[str, str, str]]:
        return sorted(
            (agency, method, day)
            for agency in keys.slot.members(keys.agencies)
            for method, _, day in (found.partition("/") for found in keys.slot.members(keys.days(agency)))
            if first <= day <= last
        )

    while True:
        asked = days_there()
        agencies = sorted({agency for agency, _, _ in asked})
        position, found = keys.slot.values(
            [*(Place(keys.as_of(), agency) for agency in agencies), *(keys.total(*day) for day in asked)]
        )
        if position is not None and days_there() == asked:
            break
    as_of, totals = found[: len(agencies)], found[len(agencies) :]
    days: dict[Series, dict[str, dict[str, int]]] = {}
    for (agency, method, day), stored in zip(asked, totals, strict=True):
        if stored is not None:
            layout = layouts()[method]
            days.setdefault(Series(agency, method), {})[day] = layout.named(layout.unpack(stored))
    return Cut(
        int(position["next_offset"]),
        days,
        {
            agency: datetime.fromisoformat(told.decode())
            for agency, told in zip(agencies, as_of, strict=True)
            if told is not None
        },
    )


def read_log(
    stack: Stack, period: Period, next_offsets: Mapping[int, int], progress: Callable[[int, int], None]
) -> dict[int, Cut]:
    """The same cuts, recomputed from the log; `progress` is told records read and records in all."""
    first, last = period.first.isoformat(), period.last.isoformat()
    criteria = load_criteria()
    whole, read = sum(next_offsets.values()), 0
    cuts = {}
    for number, until in next_offsets.items():
        sums: dict[Series, dict[str, Counter[str]]] = {}
        newest: dict[str, int] = {}
        with closing(WholeTopicReader(stack.bootstrap, stack.responses, [number])) as reader:
            for records, folded in fold_log(batches(reader, number, [until]), criteria):
                for (agency, method, day), fields in folded.totals.items():
                    if first <= day <= last:
                        sums.setdefault(Series(agency, method), {}).setdefault(day, Counter()).update(fields)
                for agency, minute in folded.as_of.items():
                    newest[agency] = max(minute, newest.get(agency, minute))
                read += len(records)
                progress(read, whole)
        as_of = {agency: datetime.fromtimestamp(minute * 60, UTC) for agency, minute in newest.items()}
        cuts[number] = Cut(until, sums, as_of)
    return cuts


def read_registry(stack: Stack) -> Registry:
    return read_whole(stack.bootstrap, Topics(stack.namespace).registry, Registry.fold(()))


def freeze(
    stack: Stack,
    ledgers: Ledgers,
    period: Period,
    previous: Frozen | None,
    *,
    reason: str | None,
    forced: str | None,
    at: datetime,
) -> Frozen:
    """The result of now, not told yet. `forced`: why it is frozen before its time. Raises `NotNow`."""
    registry = read_registry(stack)
    published, topic_id, cuts = read_ledger(stack, ledgers, period)
    version = previous.version + 1 if previous else 1
    document = {
        "figure": FIGURE,
        "namespace": stack.namespace,
        "demo": bool(registry.facts and registry.facts.demo),
        "timezone": registry.facts.timezone if registry.facts else None,
        "period": period.text,
        "first": period.first.isoformat(),
        "last": period.last.isoformat(),
        "version": version,
        "previous": previous.sha256 if previous else None,
        "reason": reason,
        "forced": forced,
        "frozen_at": at.strftime("%Y-%m-%dT%H:%M:00Z"),
        "code": {"sipas": installed_version("sipas"), "fold": FOLD_VERSION},
        "log": {
            "topic": stack.responses,
            "topic_id": topic_id,
            "generation": published.generation,
            "epoch": published.epoch,
            "next_offsets": {str(number): cut.next_offset for number, cut in cuts.items()},
        },
        "registry": registry_snapshot(registry.entries.values()),
        **_computed(cuts, period),
    }
    content = canonical(document)
    return Frozen(period.text, version, sha256(content), document["previous"], reason, content)


def _computed(cuts: Mapping[int, Cut], period: Period) -> dict[str, Any]:
    methods = load_methods()
    found = numbers(cuts.values(), period, methods)
    used = sorted({number["method"] for number in found})
    return {
        "methods": {id_: sha256(files("sipas.methods").joinpath(f"{id_}.yaml").read_bytes()) for id_ in used},
        "numbers": found,
    }


def recompute(stack: Stack, frozen: Frozen, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """The document of a frozen result as the log and this software give it: all that is no given fact is made anew.

    Which topic it was is a given fact: one that was restored has another id and the same answers at the same offsets.
    """
    document = frozen.document
    period = Period.parse(document["period"], datetime.now(UTC).date())
    with closing(Log(stack.bootstrap)) as kafka:
        bounds = kafka.bounds(stack.responses)
    # a log that lost its end gives less, and says so
    next_offsets = {
        int(number): min(offset, bounds.get(int(number), (0, 0))[1])
        for number, offset in document["log"]["next_offsets"].items()
    }
    entries = document["registry"]["entries"]
    return {
        **document,
        "log": document["log"] | {"next_offsets": {str(number): offset for number, offset in next_offsets.items()}},
        "registry": {"sha256": sha256(canonical(entries)), "entries": entries},
        **_computed(read_log(stack, period, next_offsets, progress), period),
    }


def is_of_this_topic(stack: Stack, frozen: Frozen) -> bool:
    """Whether the log is the topic that the result was frozen from, and not one made anew, as by a restore."""
    with closing(Log(stack.bootstrap)) as kafka:
        return bool(kafka.topic_id(stack.responses) == frozen.document["log"]["topic_id"])


def read_results(stack: Stack) -> dict[tuple[str, int], Frozen]:
    """Every frozen result."""
    with closing(WholeTopicReader(stack.bootstrap, Topics(stack.namespace).results)) as reader:
        records = list(reader.to_end())
    return results_in(
        decode_frozen(record.value) for record in records if type_of(record.headers) == TYPES[ResultFrozen]
    )


def tell(stack: Stack, frozen: Frozen, at: datetime) -> Frozen:
    """Write the result, whole or not at all; returns what stands then. Raises `KafkaAway` or `PublishFailed`."""
    topic = str(Topics(stack.namespace).results)
    events: Sequence[ResultFrozen] = parts_of(frozen)
    written = [
        Written(
            topic,
            event.period,
            encode(event),
            headers(event, event_id=f"{event.sha256}/{event.part}", source=f"/{stack.namespace}/aggregator", at=at),
        )
        for event in events
    ]
    publish_together(stack.bootstrap, f"{topic}.writer", written)
    return read_results(stack)[frozen.period, frozen.version]
