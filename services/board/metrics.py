"""Every metric of the board. Label values come from fixed sets only: never from what a client sent.

Several workers may serve one port, so the values lie in files that every worker can add up (prometheus-client's
multi-process mode); `python -m services.board` makes their directory before this module is imported.
"""

from __future__ import annotations

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

SECONDS = Histogram(
    "sipas_board_request_seconds",
    "Time of a request, reading the ledger included, by route.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
REFUSED = Counter("sipas_board_refused_total", "Requests answered with an error, by the problem's code.", ["code"])


def registry() -> CollectorRegistry:
    """What `/metrics` shows: all workers' values added up, or this process's where there are no workers."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together
