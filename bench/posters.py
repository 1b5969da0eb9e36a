"""How long `sipas poster --all` takes for a province of 2,000 counters, reading the registry from Kafka included.

    python -m bench.posters [--counters 2000] [--size a4] [--formats pdf,svg,png]

Starts a broker of its own, writes the registry, and runs the command as an administrator does, once a format.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.machine import machine
from tests.posters import URL, province
from tests.servers import KafkaServer
from tests.survey_stack import set_up_namespace

NAMESPACE = "bench"


def processor_seconds() -> float:
    """Of the commands that have ended, which other programs on the machine change little."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--counters", type=int, default=2_000)
    options.add_argument("--size", default="a4")
    options.add_argument("--formats", default="pdf,svg,png")
    given = options.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as name, KafkaServer(Path(name)) as kafka:
        entries = [one for one in province(given.counters) if one.kind != "namespace"]
        set_up_namespace(kafka.bootstrap, NAMESPACE, entries)
        environment = {
            **os.environ,
            "SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "SIPAS_NAMESPACE": NAMESPACE,
            "SIPAS_PUBLIC_URL": URL,
        }
        for file_format in given.formats.split(","):
            out = Path(name) / file_format
            command = [Path(sys.executable).with_name("sipas"), "poster", "--all", "--size", given.size]
            begun, worked = time.monotonic(), processor_seconds()
            subprocess.run(
                [*command, "--format", file_format, "--output", f"{out}/"],
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            took, worked = time.monotonic() - begun, processor_seconds() - worked
            files = list(out.iterdir())
            size_mb = sum(file.stat().st_size for file in files) / 1e6
            print(
                f"{given.counters} posters {given.size} as {file_format}: {took:.1f} s, {worked:.1f} s of processor,"
                f" {len(files)} files, {size_mb:.1f} MB; load {os.getloadavg()[0]:.1f}"
            )


if __name__ == "__main__":
    main()
