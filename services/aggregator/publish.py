"""Tell the totals to the world: Kafka `tallies`, for the notifier.

Only what is committed is told. Dirty agency-days and the position are read in one moment, sent, acknowledged, and a
mark is cleared only if it has not changed since: a crash anywhere tells a total twice, never not at all, and readers
keep the highest version. Below `rebuild_until` nothing is told, because a partial number looks like a true one.

In a new epoch everything is told again, for readers hold what another generation said: first every day of this
generation and of the one before it, then a marker, then the position notes the epoch as `marked`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from services.aggregator import metrics
from sipas.broker import Publisher, Topics
from sipas.events import AgencyDay, Rebuilt, encode, headers
from sipas.ledger import Place
from sipas.packed import layouts
from sipas.tally_keys import TallyKeys, is_rebuilding

AT_ONCE = 100


class Mark(NamedTuple):
    """A dirty agency-day."""

    agency: str
    method: str
    day: str

    @classmethod
    def parse(cls, text: str) -> Mark:
        agency, method, day = text.split("/")
        return cls(agency, method, day)

    def __str__(self) -> str:
        return "/".join(self)


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told: one partition of the generation that is published since `epoch`."""

    keys: TallyKeys
    number: int
    epoch: int
    publisher: Publisher
    namespace: str

    @property
    def source(self) -> str:
        return f"/{self.namespace}/aggregator"

    @property
    def topic(self) -> str:
        return str(Topics(self.namespace).tallies)


def hold_back(keys: TallyKeys, before: TallyKeys, end: int) -> None:
    """Tell nothing of a generation until it has counted what the one before it had: no number may fall by a switch.

    `end`: of the log, which may have lost what the one before had counted last.
    """
    position, [last] = keys.slot.snapshot([before.slot.key("position")])
    if not position or not last or last["topic_id"] != position["topic_id"]:
        return
    until = min(int(last["next_offset"]), end)
    if until > max(int(position["next_offset"]), int(position["rebuild_until"])):
        keys.slot.note({"rebuild_until": until})


def publish_partition(telling: Telling, before: TallyKeys | None, now: datetime) -> bool:
    """Tell everything dirty of one partition, or everything; False while its numbers are partial.

    `before`: the generation that was published before this one.
    """
    keys = telling.keys
    position, [dirty] = keys.slot.snapshot([keys.dirty])
    if position is None or is_rebuilding(position):
        return False
    whole = int(position.get("marked", -1)) < telling.epoch
    marks = list(dirty)
    if whole:
        marks = sorted({*dirty, *_every_day(keys), *(_every_day(before) if before else ())})
    told: dict[str, str] = {}
    for start in range(0, len(marks), AT_ONCE):
        told |= _publish_days(telling, marks[start : start + AT_ONCE], now, whole=whole)
    if whole:
        _publish_marker(telling, int(position["offset"]), now)
    # last: whoever is killed before this tells all of it once more
    keys.slot.settle(keys.dirty, told)
    return True


def _every_day(keys: TallyKeys) -> Iterator[str]:
    for agency in keys.slot.members(keys.agencies):
        for day in keys.slot.members(keys.days(agency)):
            yield f"{agency}/{day}"


def _publish_days(telling: Telling, marks: Sequence[str], now: datetime, *, whole: bool) -> dict[str, str]:
    """Returns the marks of what was told, as they were when it was read."""
    keys = telling.keys
    days = [Mark.parse(mark) for mark in marks]
    places = [
        place
        for mark, day in zip(marks, days, strict=True)
        for place in (Place(keys.dirty, mark), Place(keys.as_of(), day.agency), keys.total(*day), keys.parts(*day))
    ]
    position, found = keys.slot.values(places)
    if position is None or is_rebuilding(position):
        return {}
    version = (telling.epoch, int(position["offset"]))
    sent = []
    told = {}
    for index, (mark, day) in enumerate(zip(marks, days, strict=True)):
        dirty, as_of, stored_total, stored_parts = found[4 * index : 4 * index + 4]
        if dirty is not None:
            told[mark] = dirty.decode()
        elif not whole:
            continue
        layout = layouts()[day.method]
        total = layout.unpack(stored_total)
        event = AgencyDay(
            agency=day.agency,
            method=day.method,
            day=date.fromisoformat(day.day),
            version=version,
            as_of=None if as_of is None else datetime.fromisoformat(as_of.decode()),
            fields=layout.named(total),
            parts={part: layout.named(vector) for part, vector in layout.unpack_parts(stored_parts, total).items()},
        )
        sent.append(
            telling.publisher.send(
                telling.topic,
                encode(event),
                key=mark,
                headers=headers(event, event_id=f"{mark}/{version[0]}.{version[1]}", source=telling.source, at=now),
                partition=telling.number,
            )
        )
    telling.publisher.wait(sent)
    metrics.PUBLISHED.inc(len(sent))
    return told


def _publish_marker(telling: Telling, offset: int, now: datetime) -> None:
    marker = Rebuilt(partition=telling.number, version=(telling.epoch, offset))
    telling.publisher.publish(
        telling.topic,
        encode(marker),
        key=f"rebuilt/{telling.number}",
        headers=headers(
            marker, event_id=f"rebuilt/{telling.number}/{telling.epoch}.{offset}", source=telling.source, at=now
        ),
        partition=telling.number,
    )
    telling.keys.slot.note({"marked": telling.epoch})
