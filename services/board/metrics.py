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

# there from the first scrape on: of a series that was not there, a rule does not see that it grew by one
for _code in ("internal", "figures-away", "comments-away", "decisions-away"):
    REFUSED.labels(_code)

# What `figure_metrics` makes of the figures: name -> help. The period is that of the board's first page.
OF_AGENCY = {
    "sipas_index_percent": "Share of satisfied answers of the last 30 days; absent where the public may not see it",
    "sipas_index_interval_low_percent": "Lower end of its 95 % interval",
    "sipas_index_interval_high_percent": "Upper end of its 95 % interval",
    "sipas_index_responses": "Counted sheets that it rests on",
    "sipas_index_target_percent": "The agency's target, its block's or the province's",
}
OF_SCOPE = {
    "sipas_scope_index_percent": "The same of all agencies of `province` or `block:<id>`, their answers added up",
    "sipas_scope_index_interval_low_percent": "Lower end of its 95 % interval",
    "sipas_scope_index_interval_high_percent": "Upper end of its 95 % interval",
    "sipas_scope_index_responses": "Counted sheets that it rests on",
}
OTHERS = {
    "sipas_agency_info": "Always 1: an agency that exists, with its name and its block's",
    "sipas_silent_counters": "Counters that used to get sheets and got none for 5 working days, by first agency",
    "sipas_board_newest_counted_timestamp_seconds": "Minute of receipt of the newest counted sheet, in Unix time",
    "sipas_board_figures_read_timestamp_seconds": "When the ledger could last be read, in Unix time",
}


def registry() -> CollectorRegistry:
    """What `/metrics` shows: all workers' values added up, or this process's where there are no workers."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together
