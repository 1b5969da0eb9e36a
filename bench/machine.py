"""The machine that a figure was measured on, for the line above it."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def machine() -> str:
    """One line: date, processor, cores, memory, Python."""
    told = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":", 1)[1].strip() for line in told if "model name" in line), platform.machine())
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2
    cores = len(os.sched_getaffinity(0))
    today = datetime.now(UTC).date()
    return f"{today}, {cpu}, {cores} cores, {memory:.0f} GiB, Python {platform.python_version()}"
