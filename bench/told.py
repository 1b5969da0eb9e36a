"""How long from the evidence to the mail: from the total of a day that makes a fall possible, or confirms it, until a
mail server has accepted the message.

    python -m bench.told

A real notifier between Kafka, Redis and a mail server on the same machine, outside of quiet hours, grouping wait 0.
Two falls at each of three agencies; the total is written to `tallies` as the aggregator does.
"""

from __future__ import annotations

import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median

from bench.machine import machine
from tests.integration.test_notifier import NAMES, Stack, today
from tests.servers import KafkaServer, RedisServer, wait_until

USUAL_DAYS = 60


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        KafkaServer(Path(directory)) as kafka,
        RedisServer(Path(directory)) as redis,
    ):
        stack = Stack(kafka.bootstrap, redis, "bench", Path(directory))
        stack.mailbox.start()
        with stack.notifier():
            waits = [wait for agency in NAMES for wait in waits_of(stack, agency)]
        stack.close()
    print(f"evidence to mail, {len(waits)} messages: median {median(waits):.2f} s, longest {max(waits):.2f} s")
    print(machine())


def waits_of(stack: Stack, agency: str) -> list[float]:
    """Seconds until the mail of the possible and of the confirmed fall."""
    day = stack.tell_usual(today() - timedelta(days=USUAL_DAYS + 3), USUAL_DAYS, agency)
    day = stack.tell_fall(day, 2, agency)
    stack.settle()
    waits = []
    for _ in ("possible", "confirmed"):
        before = len(stack.mailbox.mails)
        began = time.perf_counter()
        day = stack.tell_fall(day, 1, agency)
        wait_until(lambda before=before: len(stack.mailbox.mails) > before, 60, "a mail")
        waits.append(time.perf_counter() - began)
        stack.settle()
    return waits


if __name__ == "__main__":
    main()
