"""How much of Redis an agency-day takes, keys included.

    python -m bench.memory [--agencies 20] [--days 92] [--sheets 20] [--counters 4]

Folds and commits sheets of every day as the aggregator does, with what the public may see, with five questions and with
22, into a Redis of its own, and divides what its memory grew by. Printed for each kind of key, by MEMORY USAGE, and
without the ids of counted sheets, which belong to the sheets of two months and not to an agency-day.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import redis

from bench.machine import machine
from services.aggregator.commit import commit
from services.aggregator.counting import load_criteria
from services.aggregator.fold import Shelves, fold, sheet_of
from services.aggregator.steps import Waiting
from sipas.events import Response
from sipas.ledger import Ledgers
from sipas.methods import load_methods
from sipas.tally_keys import TallyKeys
from tests.servers import RedisServer

FIRST_DAY = date(2026, 7, 1)


def sheets_of(
    dice: random.Random, method: str, codes: tuple[str, ...], options: argparse.Namespace
) -> Iterator[tuple[date, list[Response]]]:
    """Each day's sheets of all agencies."""
    for number in range(options.days):
        day = FIRST_DAY + timedelta(days=number)
        yield (
            day,
            [
                Response(
                    response_id=UUID(int=dice.getrandbits(128), version=4),
                    agency=f"so-nong-nghiep-{agency}",
                    place="tt-pvhcc",
                    counter=f"{agency:04d}{dice.randrange(options.counters):04d}XX",
                    sector=None,
                    method=method,
                    answers={code: dice.choices((1, 2, 3, 4, 5, None), (2, 4, 10, 44, 35, 5))[0] for code in codes}
                    | {codes[0]: dice.choice((3, 4, 5))},
                    answered_on=day,
                    received_at=datetime(day.year, day.month, day.day, 3, 15, tzinfo=UTC),
                    channel="qr",
                    via="form",
                    language="vi",
                    assisted=False,
                )
                for agency in range(options.agencies)
                for _ in range(options.sheets)
            ],
        )


def measure(method: str, options: argparse.Namespace) -> None:
    """Fill a Redis and print what it holds."""
    codes = tuple(load_methods()[method].codes)
    with tempfile.TemporaryDirectory() as directory, RedisServer(Path(directory)) as server:
        client = redis.Redis.from_url(server.url)
        ledgers = Ledgers(server.url, "sipas")
        keys = TallyKeys.of(ledgers, 0)
        keys.slot.create(0, {"offset": -1})
        empty = client.info("memory")["used_memory"]
        dice, criteria, waiting = random.Random(1), load_criteria(), dict[str, Waiting]()
        for offset, (_, responses) in enumerate(sheets_of(dice, method, codes, options)):
            folded = fold([sheet_of(one, criteria) for one in responses], {}, Shelves(), waiting)
            waiting.update(folded.waiting)
            commit(folded, keys, offset, {"next_offset": offset + 1})
            keys.slot.settle(keys.dirty, keys.slot.snapshot([keys.dirty])[1][0])
        grown = client.info("memory")["used_memory"] - empty
        sizes: Counter[str] = Counter()
        for key in client.scan_iter(count=1000):
            name = key.decode().split(":")
            kind = name[3] + (" by day" if len(name) > 6 else "")
            sizes[kind] += client.memory_usage(key, samples=0)
        agency_days = options.agencies * options.days
        ids = sum(size for kind, size in sizes.items() if kind == "seen")
        print(f"{method}, {len(codes)} questions: {(grown - ids) / agency_days:,.0f} bytes an agency-day, all of it")
        for kind, size in sizes.most_common():
            print(f"    {size / agency_days:8,.0f}  {kind}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agencies", type=int, default=20)
    parser.add_argument("--days", type=int, default=92)
    parser.add_argument("--sheets", type=int, default=20)
    parser.add_argument("--counters", type=int, default=4)
    options = parser.parse_args()
    print(machine())
    print(f"{options.sheets} sheets a day and agency, {options.counters} counters, {options.days} days")
    for method in ("quick-5@1", "qd2640@1"):
        measure(method, options)


if __name__ == "__main__":
    main()
