"""Tell the totals to the world: Kafka `tallies` for the notifier, the `shown` copies for the public.

Only what is committed is told. Dirty agency-days and the position are read in one moment, sent, acknowledged, and a
mark is cleared only if it has not changed since: a crash anywhere tells a total twice, never not at all, and readers
keep the highest version. Below `rebuild_until` nothing is told, because a partial number looks like a true one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from services.aggregator import metrics
from sipas.broker import Publisher, Topics
from sipas.events import AgencyDay, Rebuilt, encode, headers
from sipas.tally_keys import EPOCH, TallyKeys, is_rebuilding, split_parts

AT_ONCE = 100
SHOW_STEP = 5
"""Fewest new sheets after which a public number moves."""


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


def publish_partition(
    keys: TallyKeys, number: int, publisher: Publisher, namespace: str, now: datetime
) -> Mapping[str, str] | None:
    """Tell everything dirty of one partition; returns its position, None where the ledger has none."""
    position, [dirty] = keys.slot.snapshot([keys.dirty])
    if position is None or is_rebuilding(position):
        return position
    marks = list(dirty)
    for start in range(0, len(marks), AT_ONCE):
        _publish_days(keys, number, marks[start : start + AT_ONCE], publisher, namespace, now)
    if position["rebuilt"] == "0":
        _publish_marker(keys, number, position, publisher, namespace, now)
    _show(keys, [Mark.parse(mark) for mark in marks])
    return position


def _publish_days(
    keys: TallyKeys, number: int, marks: Sequence[str], publisher: Publisher, namespace: str, now: datetime
) -> None:
    days = [Mark.parse(mark) for mark in marks]
    hashes = [key(*day) for day in days for key in (keys.total, keys.parts)]
    position, (dirty, as_of, *found) = keys.slot.snapshot([keys.dirty, keys.as_of(), *hashes])
    if position is None or is_rebuilding(position):
        return
    version = (EPOCH, int(position["offset"]))
    sent = []
    for index, (mark, day) in enumerate(zip(marks, days, strict=True)):
        if mark not in dirty:
            continue
        event = AgencyDay(
            agency=day.agency,
            method=day.method,
            day=date.fromisoformat(day.day),
            version=version,
            as_of=datetime.fromisoformat(as_of[day.agency]) if day.agency in as_of else None,
            fields={name: int(value) for name, value in found[2 * index].items()},
            parts=split_parts(found[2 * index + 1]),
        )
        sent.append(
            publisher.send(
                str(Topics(namespace).tallies),
                encode(event),
                key=mark,
                headers=headers(
                    event,
                    event_id=f"{mark}/{version[0]}.{version[1]}",
                    source=f"/{namespace}/aggregator",
                    at=now,
                ),
                partition=number,
            )
        )
    publisher.wait(sent)
    keys.slot.settle(keys.dirty, {mark: dirty[mark] for mark in marks if mark in dirty})
    metrics.PUBLISHED.inc(len(sent))


def _publish_marker(
    keys: TallyKeys, number: int, position: Mapping[str, str], publisher: Publisher, namespace: str, now: datetime
) -> None:
    marker = Rebuilt(partition=number, version=(EPOCH, int(position["offset"])))
    publisher.publish(
        str(Topics(namespace).tallies),
        encode(marker),
        key=f"rebuilt/{number}",
        headers=headers(
            marker,
            event_id=f"rebuilt/{number}/{marker.version[0]}.{marker.version[1]}",
            source=f"/{namespace}/aggregator",
            at=now,
        ),
        partition=number,
    )
    keys.slot.note({"rebuilt": 1})


def _show(keys: TallyKeys, changed: Sequence[Mark]) -> None:
    """Let the public see what changed, and the tails of agencies whose data moved on to a later day."""
    _, [tails] = keys.slot.snapshot([keys.tails])
    newest: dict[str, str] = {}
    for mark in changed:
        newest[mark.agency] = max(newest.get(mark.agency, ""), mark.day)
    due = [mark for mark in map(Mark.parse, tails) if newest.get(mark.agency, "") > tails[str(mark)]]
    # the changed days come first: they tell the script each agency's newest day
    days = list(dict.fromkeys([*changed, *due]))
    for start in range(0, len(days), AT_ONCE):
        keys.slot.show(
            SHOW_STEP,
            [(_show_keys(keys, day), (str(day), day.agency, day.day)) for day in days[start : start + AT_ONCE]],
        )


def _show_keys(keys: TallyKeys, mark: Mark) -> tuple[str, ...]:
    day = (mark.agency, mark.method, mark.day)
    month = (mark.agency, mark.method, mark.day[:7])
    return (
        keys.total(*day),
        keys.parts(*day),
        keys.total(*day, shown=True),
        keys.parts(*day, shown=True),
        keys.total(*month, shown=True),
        keys.parts(*month, shown=True),
        keys.tails,
        keys.newest_days,
        keys.as_of(),
        keys.as_of(shown=True),
    )
