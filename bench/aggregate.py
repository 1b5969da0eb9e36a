"""How many answers a second one aggregator process counts, exactly once.

    python -m bench.aggregate [--sheets 300000] [--agencies 170] [--counters 4]

Fills a topic with five-question sheets over one local day, then runs one real aggregator process on it, with
Kafka and Redis on the same machine, and takes the time from its first to its last commit. Counted: agency and
counter and channel totals by day and month, repeats looked up, totals published. The counts are checked.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

from bench.machine import machine
from sipas.broker import Log, Publisher, Topics
from sipas.events import Response, encode, headers
from sipas.ledger import Ledgers
from sipas.packed import layouts
from sipas.tally_keys import TallyKeys
from tests.servers import KafkaServer, RedisServer
from tests.survey_stack import set_up_namespace

CRITERIA = ("ACCESS", "PROC", "STAFF", "RESULT", "FEEDBACK")
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PARTITIONS = 12


def sheet(dice: random.Random, agencies: int, counters: int) -> Response:
    agency = dice.randrange(agencies)
    return Response(
        response_id=UUID(int=dice.getrandbits(128), version=4),
        agency=f"agency-{agency}",
        place="place",
        counter=f"{agency:04d}{dice.randrange(counters):04d}XX",
        sector=None,
        method="quick-5@1",
        answers={code: dice.choices((1, 2, 3, 4, 5, None), (2, 4, 10, 44, 35, 5))[0] for code in CRITERIA}
        | {"STAFF": dice.choice((3, 4, 5))},
        answered_on=date(2026, 11, 22),
        received_at=datetime(2026, 11, 22, 3, dice.randrange(60), tzinfo=UTC),
        channel="qr",
        via="form",
        language="vi",
        assisted=False,
    )


def positions(ledgers: Ledgers) -> list[dict[str, str] | None]:
    return [TallyKeys.of(ledgers, number).slot.position() for number in range(PARTITIONS)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheets", type=int, default=300_000)
    parser.add_argument("--agencies", type=int, default=170)
    parser.add_argument("--counters", type=int, default=4)
    options = parser.parse_args()
    dice = random.Random(20261122)
    with (
        tempfile.TemporaryDirectory() as directory,
        KafkaServer(Path(directory)) as kafka,
        RedisServer(Path(directory)) as redis,
    ):
        bootstrap = [kafka.bootstrap]
        log = Log(bootstrap)
        set_up_namespace(kafka.bootstrap, "bench", (), PARTITIONS)
        topic = str(Topics("bench").responses)
        publisher = Publisher(bootstrap, linger_ms=50, delivery_timeout_s=60)
        for start in range(0, options.sheets, 20_000):
            sent = []
            for _ in range(start, min(start + 20_000, options.sheets)):
                one = sheet(dice, options.agencies, options.counters)
                sent.append(
                    publisher.send(
                        topic,
                        encode(one),
                        key=one.agency,
                        headers=headers(
                            one, event_id=str(one.response_id), source="/bench", at=one.received_at, trace=True
                        ),
                    )
                )
            publisher.wait(sent)
        publisher.close()
        ends = {number: end for number, (_, end) in log.bounds(topic).items()}
        ledgers = Ledgers(redis.url, "bench")
        environment = os.environ | {
            "SIPAS_NAMESPACE": "bench",
            "SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "SIPAS_REDIS_URL": redis.url,
            "SIPAS_AGGREGATOR_ADMIN": "127.0.0.1:19482",
        }
        aggregator = subprocess.Popen([sys.executable, "-m", "services.aggregator"], env=environment)
        try:
            done, first, begun_at = 0, 0.0, 0
            while done < options.sheets:
                done = sum(int(p["next_offset"]) for p in positions(ledgers) if p)
                if done and not first:
                    first, begun_at = time.monotonic(), done
                if aggregator.poll() is not None:
                    raise SystemExit("the aggregator ended")
                time.sleep(0.01)  # the measured process must not be disturbed by its observer
            seconds = time.monotonic() - first
            times = Path(f"/proc/{aggregator.pid}/stat").read_text().rpartition(")")[2].split()
            cpu = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
            memory = Path(f"/proc/{aggregator.pid}/status").read_text().split("VmHWM:")[1].split()[0]
        finally:
            aggregator.terminate()
            aggregator.wait(30)
        counted = 0
        for number in range(PARTITIONS):
            keys = TallyKeys.of(ledgers, number)
            for agency in range(options.agencies):
                [total] = ledgers.values([keys.total(f"agency-{agency}", "quick-5@1", "2026-11")])
                counted += layouts()["quick-5@1"].unpack(total)[0]
        if counted != options.sheets or sum(ends.values()) != options.sheets:
            raise SystemExit(f"counted {counted} of {options.sheets}: a wrong count is no measurement")
        print(machine())
        print(
            f"{(done - begun_at) / seconds:,.0f} answers/s exactly once, one process"
            f" ({done - begun_at:,} in {seconds:.1f} s)"
        )
        print(f"{cpu / done * 1e6:.0f} µs of processor time an answer, start of the process included")
        print(
            f"{int(memory) / 1024:.0f} MB peak resident, {options.agencies} agencies, {options.counters} counters each"
        )


if __name__ == "__main__":
    main()
