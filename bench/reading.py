"""How long the read API takes: a ranking of a province and of the country, a factors table, and an ETag hit.

    python -m bench.reading [--agencies 170] [--communes 3321] [--times 40]

Fills a Redis of its own with a year of what the public may see, by day and month as it is stored, and asks the board's
application in this process: no network and no gunicorn, but routing, Redis, arithmetic and JSON. Each question is
asked when nothing is remembered of it, again while agencies get new sheets between the requests, and with its tag.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import redis
from holidays import country_holidays

from bench.machine import machine
from services.board.alert_forms import FormNonces
from services.board.app import make_app
from services.board.figure_metrics import FigureMetrics
from services.board.figures import Figures
from services.board.memory import collect_seldom
from services.board.parts import Leading, Parts
from services.board.reading import TallyReader
from services.board.scores import ScoreBook
from sipas.alert_book import AlertBook
from sipas.alert_links import AlertLinks
from sipas.broker import partition_of
from sipas.events import Entry
from sipas.ledger import Ledgers, Writes
from sipas.methods import load_methods
from sipas.packed import Vector, added, layouts
from sipas.people import People
from sipas.registry import Registry
from sipas.tally import sheet_fields
from sipas.tally_keys import ALL_AGENCIES, TallyKeys
from tests.servers import RedisServer

PARTITIONS = 12
NOW = datetime(2026, 12, 30, 3, 30, tzinfo=UTC)
CODES = ("ACCESS", "PROC", "STAFF", "RESULT", "FEEDBACK")
METHOD = "quick-5@1"
LAYOUT = layouts()[METHOD]
SHEETS = 12


def vector_of(dice: random.Random, share: float) -> Vector:
    """One agency-day of five questions."""
    fields: Counter[str] = Counter()
    for _ in range(SHEETS):
        answers = {code: dice.choice((4, 5)) if dice.random() < share else dice.choice((1, 2, 3)) for code in CODES}
        fields.update(sheet_fields(answers))
    return LAYOUT.vector(fields)


class Board:
    """A block of so many agencies with a year of working days."""

    def __init__(self, url: str, namespace: str, agencies: int) -> None:
        self.ledgers = Ledgers(url, namespace)
        self.client = redis.Redis.from_url(url)
        self.names = [f"agency-{number}" for number in range(agencies)]
        self.dice = random.Random(1)
        self.keys = [TallyKeys.of(self.ledgers, number) for number in range(PARTITIONS)]
        for keys in self.keys:
            keys.slot.create(0, {"offset": -1, "rebuild_until": 0})
        self.offsets = [0] * PARTITIONS
        self._fill()
        registry = Registry.fold(
            [
                Entry(kind="block", id="b", history=({"name": {"vi": "Khối", "en": "Block"}, "order": 1},)),
                *(
                    Entry(
                        kind="agency",
                        id=name,
                        history=({"name": {"vi": f"Cơ quan {name}", "en": name}, "block": "b", "kind": "SO"},),
                    )
                    for name in self.names
                ),
            ]
        )
        parts = Parts(
            registry=lambda: registry,
            alerts=AlertBook,
            scores=ScoreBook,
            leading=Leading(
                people=lambda: People.fold(()),
                links=AlertLinks("s" * 32),
                nonces=FormNonces("s" * 32),
                decide=lambda _decision: None,
                heard=lambda _id: None,
            ),
            comments=lambda _agency, _day: [],
            figures=Figures(reader := TallyReader(self.ledgers, PARTITIONS), load_methods(), 5),
            methods=load_methods(),
            zone=ZoneInfo("Asia/Ho_Chi_Minh"),
            holidays=country_holidays("VN"),
            now=lambda: NOW,
            publication_minimum=5,
            ranking_minimum=30,
            demo=False,
        )
        self.http = make_app(parts).test_client()
        self.metrics = FigureMetrics(parts, reader, clock=lambda: self.hours * 3600.0)
        self.hours = 0

    def turn(self) -> None:
        """Make the figures for Prometheus, an hour later: all of them are due."""
        self.hours += 1
        self.metrics.turn()

    def _fill(self) -> None:
        days = [NOW.date() - timedelta(days=number) for number in range(400)]
        days = [day.isoformat() for day in days if day.weekday() < 5]
        pool = [[vector_of(self.dice, share / 100) for _ in range(20)] for share in range(70, 96)]
        for name in self.names:
            keys = self.keys[partition_of(name, PARTITIONS)]
            own, wider = self.dice.choice(pool), dict[str, list[Vector]]()
            pipeline = self.client.pipeline(transaction=False)
            for day in days:
                vector = self.dice.choice(own)
                for time_ in (day[:7], day[:4]):
                    wider.setdefault(time_, []).append(vector)
                pipeline.hset(*keys.total(name, METHOD, day, shown=True), LAYOUT.pack(vector))
            for time_, vectors in wider.items():
                pipeline.hset(*keys.total(name, METHOD, time_, shown=True), LAYOUT.pack(added(vectors)))
            pipeline.hset(keys.as_of(shown=True), name, NOW.isoformat())
            pipeline.execute()

    def get(self, path: str, tag: str | None = None, status: int = 200) -> str:
        """Ask; gives the tag of the answer."""
        answer = self.http.get(path, headers={"If-None-Match": tag} if tag else {})
        if answer.status_code != status:
            raise SystemExit(f"{path}: {answer.status_code}, not {status}: {answer.get_data(as_text=True)[:300]}")
        return str(answer.headers["ETag"])

    def count(self, number: int) -> None:
        """Some agencies get five sheets each, and the public sees them."""
        today = NOW.date().isoformat()
        five = LAYOUT.vector({"responses": 5, "ACCESS:5": 5, "1/1": 5})
        for name in self.dice.sample(self.names, number):
            partition = partition_of(name, PARTITIONS)
            keys, offset = self.keys[partition], self.offsets[partition] + 5
            fields: dict[str, dict[str, bytes | str]] = {}
            for at in (today, today[:7], today[:4]):
                place = keys.total(name, METHOD, at, shown=True)
                [stored] = self.ledgers.values([place])
                fields.setdefault(place.key, {})[place.field] = LAYOUT.pack(added([LAYOUT.unpack(stored), five]))
            fields[keys.changed(shown=True)] = {name: str(offset), ALL_AGENCIES: str(offset)}
            keys.slot.commit(self.offsets[partition], {"next_offset": offset}, Writes(fields=dict(fields)))
            self.offsets[partition] = offset


def timed(what: str, times: int, ask: Callable[[], object], before: Callable[[], object] = lambda: None) -> None:
    """Print median and 95th percentile in milliseconds, and the median of this process's processor time."""
    took, worked = [], []
    for _ in range(times):
        before()
        began, busy = time.perf_counter(), time.process_time()
        ask()
        took.append(1000 * (time.perf_counter() - began))
        worked.append(1000 * (time.process_time() - busy))
    took.sort()
    p95 = took[int(0.95 * (len(took) - 1))]
    print(f"  {statistics.median(took):8.1f} {p95:8.1f} {statistics.median(worked):8.1f}   {what}", flush=True)


def measure(url: str, namespace: str, agencies: int, times: int) -> None:
    """One block."""
    board = Board(url, namespace, agencies)
    year, month = "/v1/rankings?block=b&period=2026", "/v1/rankings?block=b&period=2026-11"
    print(f"{agencies:,} agencies, {SHEETS} sheets a working day, {METHOD}; ms: median, p95, median of processor time")
    timed("ranking of the year, the first time", 1, lambda: board.get(year))
    for what, path in (("year", year), ("month", month)):
        some = max(1, agencies // 50)
        timed(
            f"ranking of the {what}, {some} agencies moved since",
            times,
            lambda p=path: board.get(p),
            lambda n=some: board.count(n),
        )
    timed(
        "factors and criteria of one agency, a year",
        times,
        lambda: board.get("/v1/agencies/agency-1/factors?period=2026"),
    )
    timed("index of one agency, a year", times, lambda: board.get("/v1/agencies/agency-1/index?period=2026"))
    timed("index of the province, a year", min(times, 10), lambda: board.get("/v1/scopes/province/index?period=2026"))
    timed("figures for Prometheus, the first time", 1, board.turn)
    timed(
        f"figures for Prometheus, {some} agencies moved since",
        min(times, 10),
        board.turn,
        lambda: board.count(some),
    )
    timed("figures for Prometheus, nothing moved since", min(times, 10), board.turn)
    tag = board.get(year)
    timed("ranking of the year, ETag hit", 5 * times, lambda: board.get(year, tag, 304))
    board.ledgers.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agencies", type=int, default=170)
    parser.add_argument("--communes", type=int, default=3321)
    parser.add_argument("--times", type=int, default=40)
    options = parser.parse_args()
    collect_seldom()  # as the server does
    print(f"{machine()}; {os.getloadavg()[0]:.1f} processes were waiting or running")
    with tempfile.TemporaryDirectory() as directory, RedisServer(Path(directory)) as server:
        measure(server.url, "province", options.agencies, options.times)
        measure(server.url, "country", options.communes, max(5, options.times // 8))


if __name__ == "__main__":
    main()
