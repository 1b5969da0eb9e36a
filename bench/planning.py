"""How long the courier takes to plan a country's queue: a confirmed fall at each of 3,500 agencies, each to be told to
its head, its department and the chairman, which is 10,500 queued changes.

    python -m bench.planning

It is planned once a second, so this is also the share of a processor that a queue costs that waits for the morning.
Processor seconds of one plan, the quickest of five.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from bench.machine import machine
from services.notifier.outgoing import Item, View, plan
from services.notifier.routing import routes
from services.notifier.told import Told
from sipas.alert_book import AlertBook
from sipas.people import scopes_of
from tests.unit.notifier_records import MANNER, agency, change, local, people_of, person, silence

AGENCIES, BLOCKS, SILENCES = 3500, 60, 50
EVENING = local("2026-11-26T22:00")
MOMENTS = {
    "at night, when all waits": local("2026-11-26T23:00"),
    "in the morning, when heads and departments are told": local("2026-11-27T07:00"),
    "in the afternoon, when the chairman is too": local("2026-11-27T16:30"),
}


def queue() -> tuple[list[Item], View]:
    agencies = {f"so-{number}": agency(f"so-{number}", block=f"b{number % BLOCKS}") for number in range(AGENCIES)}
    people = people_of(
        *(person(f"head-{id_}", id_) for id_ in agencies),
        *(person(f"department-{number}", f"block/b{number}", role="department") for number in range(BLOCKS)),
        person("chairman", "province", role="chairman"),
    )
    changes = [change("confirmed", id_) for id_ in agencies]
    over = [
        silence(f"agency/so-{number}", EVENING - timedelta(days=9), EVENING - timedelta(days=8), id_=str(number))
        for number in range(SILENCES)
    ]
    book = AlertBook().updated([*changes, *over])
    items = [
        Item(one.id, route.person.id, route.lane, (EVENING + timedelta(milliseconds=17 * number)).isoformat())
        for number, one in enumerate(changes)
        for route in routes(one, book.alerts[book.key_by_change[one.id]], scopes_of(one.agency, agencies), people)
    ]
    return items, View(book, Told(), people, agencies)


def seconds(items: list[Item], view: View, at: datetime) -> Iterator[float]:
    for number in range(5):
        began = time.process_time()
        plan(items, view, MANNER, at + timedelta(seconds=number))
        yield time.process_time() - began


def main() -> None:
    items, view = queue()
    for name, at in MOMENTS.items():
        messages = len(plan(items, view, MANNER, at).due)
        print(f"{len(items):,} queued changes {name}: {messages:,} messages, {min(seconds(items, view, at)):.2f} s")
    print(machine())


if __name__ == "__main__":
    main()
