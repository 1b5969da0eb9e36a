"""How long a notifier takes after a restart, when its ledger holds the days of a nation, and how much memory.

    python -m bench.restart [--agencies 3500]

A real notifier between Kafka and Redis on the same machine; Redis is running. The ledger is filled with the days and
detectors of `VARIANTS` agencies, each under many names, as the judge writes them. One process judges all partitions.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random

from bench.fleet import drawn_total
from bench.machine import machine
from services.notifier.drop_rule import Rule
from services.notifier.judge import WINDOW_DAYS, Rules, Scope, Series
from services.notifier.judge_loop import pack_watchers
from services.notifier.passage import Course, Told, take
from sipas.ledger import Writes
from tests.integration.test_notifier import PARTITIONS, Notifier, Stack, today
from tests.servers import KafkaServer, RedisServer, wait_until

VARIANTS = 20
METHOD = "quick-5@1"
WARMED_DAYS = 560
READY_S = 5


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--agencies", type=int, default=3500)
    agencies = parser.parse_args().agencies
    with (
        tempfile.TemporaryDirectory() as directory,
        KafkaServer(Path(directory)) as kafka,
        RedisServer(Path(directory)) as redis,
    ):
        stack = Stack(kafka.bootstrap, redis, "bench", Path(directory))
        with stack.notifier() as notifier:
            wait_until(partial(judges, notifier), 60, "every partition to be judged")
            notifier.kill()
            days, stored = fill(stack, agencies)
            began = time.perf_counter()
            notifier.start()  # returns when it says that it is ready
            ready = time.perf_counter() - began
            wait_until(partial(judges, notifier), 60, "every partition to be judged")
            judging = time.perf_counter() - began
            memory = resident(notifier)
            stack.tell(today(), [0.9])
            wait_until(partial(has_judged, stack), 60, "a total to be judged")
        stack.close()
    print(f"{agencies:,} agencies, {days:,} days, {stored / 1e6:.0f} MB in the judge's ledger, {PARTITIONS} partitions")
    print(f"ready {ready:.1f} s after the start, all partitions judged after {judging:.1f} s; {memory:.0f} MB resident")
    print(machine())
    print("missed: " + (f"judging after {judging:.1f} s" if judging > READY_S else "nothing"))


def fill(stack: Stack, agencies: int) -> tuple[int, int]:
    """Days, and bytes of values, that the ledger holds now."""
    variants = list(histories())
    days = stored = 0
    for partition in range(PARTITIONS):
        blocks: dict[str, bytes] = {}
        watchers: dict[str, bytes] = {}
        for number in range(partition, agencies, PARTITIONS):
            series = variants[number % VARIANTS]
            days += len(series.days)
            blocks |= {f"agency-{number}/{METHOD}/{at}": block.packed for at, block in series.days.blocks.items()}
            watchers[f"agency-{number}/{METHOD}"] = pack_watchers(series)
        slot = stack.ledgers.slot("judge", partition)
        position = slot.position()
        assert position is not None
        fields = {slot.key("days"): blocks, slot.key("watchers"): watchers}
        slot.commit(int(position["next_offset"]), position, Writes(fields=fields))
        stored += sum(map(len, blocks.values())) + sum(map(len, watchers.values()))
    return days, stored


def histories() -> Iterator[Series]:
    """Agencies with 20 answers on each day from Monday to Friday, judged by both rules."""
    drop, target = Rule(), Rule(target=0.8)
    rules: Rules = {"drop": lambda _: drop, "target": lambda _: target}
    last = (today() - timedelta(days=1)).toordinal()
    for variant in range(VARIANTS):
        random = Random(variant)
        scope = Scope(f"variant-{variant}", METHOD)
        reported = [day for day in range(last - WARMED_DAYS, last + 1) if day % 7 in range(1, 6)]
        told = [(at, Told(scope, day, drawn_total(random, 20, at))) for at, day in enumerate(reported)]
        taken = take(Course(0, 0, 0, 0), {}, told, known=lambda _: [], rules=lambda _: rules, today=last)
        series = taken.series[scope]
        assert len(series.days) > WINDOW_DAYS * 5 // 7 - 5
        yield series


def judges(notifier: Notifier) -> bool:
    return notifier.metric("sipas_notifier_partitions") == PARTITIONS


def has_judged(stack: Stack) -> bool:
    return stack.watched() is not None


def resident(notifier: Notifier) -> float:
    """Megabytes."""
    status = Path(f"/proc/{notifier.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
