"""How long from the evidence to the mail: from the total of a day that makes a fall possible, or confirms it, until a
mail server has accepted the message; and how fast a country is told when all of it falls.

    python -m bench.told

A real notifier between Kafka, Redis and a mail server on the same machine, outside of quiet hours, grouping wait 0.
Two falls at each of three agencies; the total is written to `tallies` as the aggregator does. Then a confirmed fall at
each of `MANY` agencies with a leader of its own stands in `alerts` when the notifier starts.
"""

from __future__ import annotations

import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median

from bench.machine import machine
from sipas.events import encode, headers
from tests.integration.test_notifier import NAMES, Stack, entry, now, today
from tests.servers import KafkaServer, RedisServer, wait_until
from tests.unit.notifier_records import change

USUAL_DAYS = 60
MANY = 1000


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
        many = seconds_for_many(stack)
        stack.close()
    print(f"evidence to mail, {len(waits)} messages: median {median(waits):.2f} s, longest {max(waits):.2f} s")
    print(f"{MANY:,} falls at once, each a mail: {many:.0f} s, {MANY / many:.0f} mails/s")
    print(machine())


def seconds_for_many(stack: Stack) -> float:
    """From the first of the mails until the last."""
    agencies = [f"xa-{number}" for number in range(MANY)]
    stack.record(
        "registry",
        *(entry("agency", one, name={"vi": one, "en": one}, block="so", kind="SO") for one in agencies),
    )
    stack.record(
        "people",
        *(entry("person", f"head-{one}", name=one, email=f"{one}@tinhmau.example", leads=[one]) for one in agencies),
    )
    opened = today().toordinal()
    fact = {"kind": "confirmed", "day": opened, "opened": opened, "drop_index": 0, "evidence": 8.8, "number": 1}
    rule = {"false_alarm_days": 520.0, "recover_days": 20.0}
    alerts = [change("confirmed", one, today(), state={"fact": fact, "rule": rule}) for one in agencies]
    stack.publisher.wait(
        [
            stack.publisher.send(
                stack.topics.alerts,
                encode(one),
                key=one.agency,
                headers=headers(one, event_id=one.id, source="/t", at=now()),
                partition=0,
            )
            for one in alerts
        ]
    )
    before = len(stack.mailbox.mails)
    with stack.notifier():
        wait_until(lambda: len(stack.mailbox.mails) > before, 60, "the first mail")
        began = time.perf_counter()
        wait_until(lambda: len(stack.mailbox.mails) >= before + MANY, 1200, "a mail to each")
        return time.perf_counter() - began


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
