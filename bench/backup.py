"""How fast `sipas backup` and `sipas restore` are, and how large a million sheets are.

    python -m bench.backup [--sheets 400000]

Fills a topic as `bench.replay` does, saves it, saves it again with a hundredth more, reads the files, deletes Kafka's
data and restores, each by the command as an administrator gives it, with Kafka on the same machine. The records that
came back are counted. Times are the commands' own, their start included; on a busy machine the processor time tells
more.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.replay import children_seconds, processor_seconds, write_log
from sipas.broker import Log, Topics
from tests.servers import KafkaServer

NAMESPACE = "bench"


class Told:
    """Runs `sipas` and prints what it took."""

    def __init__(self, kafka: KafkaServer) -> None:
        self._kafka = kafka
        self._environment = os.environ | {
            "SIPAS_NAMESPACE": NAMESPACE,
            "SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "SIPAS_REDIS_URL": "redis://127.0.0.1:1",
        }

    def run(self, what: str, records: int, *words: str) -> dict[str, Any]:
        before = children_seconds(), processor_seconds(self._kafka.pid)
        begun = time.monotonic()
        done = subprocess.run(
            [Path(sys.executable).with_name("sipas"), *words, "--json"],
            env=self._environment,
            check=True,
            capture_output=True,
        )
        seconds = time.monotonic() - begun
        used = children_seconds() - before[0], processor_seconds(self._kafka.pid) - before[1]
        each = "" if records < 10_000 else f", {records / seconds:,.0f} records/s"
        print(
            f"{what}: {records:,} records in {seconds:.1f} s{each}; processor: {used[0]:.1f} s, Kafka {used[1]:.1f} s;"
            f" load average {os.getloadavg()[0]:.1f}"
        )
        told: dict[str, Any] = json.loads(done.stdout)
        return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheets", type=int, default=400_000)
    options = parser.parse_args()
    written = argparse.Namespace(sheets=options.sheets, agencies=170, counters=4, days=30)
    more = argparse.Namespace(sheets=options.sheets // 100, agencies=170, counters=4, days=30)
    print(machine())
    with tempfile.TemporaryDirectory() as directory, KafkaServer(Path(directory)) as kafka:
        files = Path(directory) / "backup"
        files.mkdir()
        told = Told(kafka)
        write_log(kafka.bootstrap, NAMESPACE, written)
        told.run("the first run", options.sheets, "backup", str(files))
        write_log(kafka.bootstrap, NAMESPACE, more)
        told.run("the next run", more.sheets, "backup", str(files))
        sheets = options.sheets + more.sheets
        saved = told.run("--check", sheets, "backup", str(files), "--check")
        size = saved["topics"]["responses"]["bytes"]
        print(f"{size / 1e6:.1f} MB, {size / sheets:.0f} bytes a sheet, {size / sheets:.0f} MB a million")
        kafka.wipe()
        kafka.start()
        told.run("restore", sheets, "restore", str(files))
        log = Log([kafka.bootstrap])
        found = sum(end for _, end in log.bounds(Topics(NAMESPACE).responses).values())
        log.close()
        if found != sheets:
            raise SystemExit(f"{found} of {sheets} came back: a wrong count is no measurement")


if __name__ == "__main__":
    main()
