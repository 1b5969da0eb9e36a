"""Tell the totals to the world: Kafka `tallies` for the notifier, the `shown` copies for the public.

Only what is committed is told. Dirty agency-days and the position are read in one moment, sent, acknowledged, shown,
and a mark is cleared only if it has not changed since: a crash anywhere tells a total twice, never not at all, and
readers keep the highest version. Below `rebuild_until` nothing is told, because a partial number looks like a true one.

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
from sipas.tally_keys import TallyKeys, is_rebuilding, split_parts

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
    show(keys, telling.epoch, [Mark.parse(mark) for mark in marks], switched=whole)
    # last: whoever is killed before this tells and shows all of it once more
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
    hashes = [key(*day) for day in days for key in (keys.total, keys.parts)]
    position, (dirty, as_of, *found) = keys.slot.snapshot([keys.dirty, keys.as_of(), *hashes])
    if position is None or is_rebuilding(position):
        return {}
    version = (telling.epoch, int(position["offset"]))
    sent = []
    for index, (mark, day) in enumerate(zip(marks, days, strict=True)):
        if mark not in dirty and not whole:
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
    return {mark: dirty[mark] for mark in marks if mark in dirty}


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


def show(keys: TallyKeys, epoch: int, changed: Sequence[Mark], *, switched: bool = False) -> None:
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
            (keys.shown_epoch, epoch),
            keys.moves,
            SHOW_STEP,
            [(_show_keys(keys, day), (str(day), day.agency, day.day)) for day in days[start : start + AT_ONCE]],
            switched=switched,
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
