"""How many sheets a minute `sipas replay` counts into a second generation, exactly once.

    python -m bench.replay [--sheets 400000] [--agencies 170] [--counters 4] [--days 30] [--profile]

Fills a topic with five-question sheets in the order of their days, then runs the command as an administrator does, with
as many processes as there are processors, with Kafka and Redis on the same machine. The time is the command's own, its
start included. The counts are checked. `--profile` runs one worker in this process and prints where its time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from bench.aggregate import PARTITIONS, sheet
from bench.machine import machine
from services.aggregator.replay import Plan, run
from sipas.broker import Publisher, Topics
from sipas.events import Response, encode, headers
from sipas.ledger import Ledgers
from sipas.packed import layouts
from sipas.tally_keys import TallyKeys
from tests.servers import KafkaServer, RedisServer
from tests.survey_stack import set_up_namespace

FIRST_DAY = date(2026, 8, 1)


def sheets_in_order(options: argparse.Namespace) -> Iterator[Response]:
    """Sheets, day after day."""
    dice = random.Random(20261122)
    for number in range(options.sheets):
        day = FIRST_DAY + timedelta(days=number * options.days // options.sheets)
        at = datetime(day.year, day.month, day.day, 3, dice.randrange(60), tzinfo=UTC)
        yield msgspec.structs.replace(sheet(dice, options.agencies, options.counters), answered_on=day, received_at=at)


def write_log(bootstrap: str, namespace: str, options: argparse.Namespace) -> None:
    """The topic, filled."""
    set_up_namespace(bootstrap, namespace, (), PARTITIONS)
    publisher = Publisher([bootstrap], linger_ms=50, delivery_timeout_s=60)
    topic = str(Topics(namespace).responses)
    sent = []
    for one in sheets_in_order(options):
        made = headers(one, event_id=str(one.response_id), source="/bench", at=one.received_at, trace=True)
        sent.append(publisher.send(topic, encode(one), key=one.agency, headers=made))
        if len(sent) == 20_000:
            publisher.wait(sent)
            sent.clear()
    publisher.wait(sent)
    publisher.close()


def counted(ledgers: Ledgers, generation: str, options: argparse.Namespace) -> int:
    """Sheets that the generation's months add up to."""
    months = sorted({f"{FIRST_DAY + timedelta(days=day):%Y-%m}" for day in range(options.days)})
    places = [
        TallyKeys.of(ledgers, number, generation).total(f"agency-{agency}", "quick-5@1", month)
        for number in range(PARTITIONS)
        for agency in range(options.agencies)
        for month in months
    ]
    return sum(layouts()["quick-5@1"].unpack(total)[0] for total in ledgers.values(places))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheets", type=int, default=400_000)
    parser.add_argument("--agencies", type=int, default=170)
    parser.add_argument("--counters", type=int, default=4)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        KafkaServer(Path(directory)) as kafka,
        RedisServer(Path(directory)) as redis,
    ):
        write_log(kafka.bootstrap, "bench", options)
        ledgers = Ledgers(redis.url, "bench")
        if options.profile:
            profile(Plan((kafka.bootstrap,), redis.url, "bench", "g1", "g9", compare=False))
        environment = os.environ | {
            "SIPAS_NAMESPACE": "bench",
            "SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "SIPAS_REDIS_URL": redis.url,
        }
        servers_before = [processor_seconds(server.pid) for server in (kafka, redis)]
        before = children_seconds()
        begun = time.monotonic()
        subprocess.run([Path(sys.executable).with_name("sipas"), "replay", "--json"], env=environment, check=True)
        seconds = time.monotonic() - begun
        if (found := counted(ledgers, "g2", options)) != options.sheets:
            raise SystemExit(f"counted {found} of {options.sheets}: a wrong count is no measurement")
        used = children_seconds() - before
        spent = [
            processor_seconds(server.pid) - had for server, had in zip((kafka, redis), servers_before, strict=True)
        ]
        print(machine())
        busy = os.getloadavg()[0]
        print(
            f"{60 * options.sheets / seconds:,.0f} sheets/min replayed exactly once"
            f" ({options.sheets:,} in {seconds:.1f} s, load average {busy:.1f})"
        )
        micros = [1e6 * part / options.sheets for part in (used, *spent)]
        print(
            "µs of processor time a sheet: {:.0f} the replay, {:.0f} Kafka, {:.0f} Redis;".format(*micros)
            + f" two processors that do nothing else: at most {120e6 / sum(micros):,.0f} sheets/min"
        )


def children_seconds() -> float:
    """What programs that have ended have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def processor_seconds(pid: int) -> float:
    """What a running program has used."""
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def profile(plan: Plan) -> None:
    """One worker, in this process."""
    profiler = cProfile.Profile()
    profiler.enable()
    run(plan, range(PARTITIONS))
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
