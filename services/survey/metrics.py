"""Every metric of the survey service. Label values come from fixed sets only: never from what a client sent.

Several workers serve one port, so the values lie in files that every worker can add up (prometheus-client's
multi-process mode); `python -m services.survey` makes their directory before this module is imported.
"""

from __future__ import annotations

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

RESPONSES = Counter(
    "sipas_survey_responses_total",
    "Answers promised to the citizen: accepted = acknowledged by Kafka, spooled = on this machine's disk",
    ["status", "via"],
)
COMMENTS = Counter(
    "sipas_survey_comments_total",
    "Comments promised to the citizen together with an answer, by where they are",
    ["status"],
)
REFUSED = Counter("sipas_survey_refused_total", "Requests answered with an error, by the problem's code", ["code"])
FLAGGED = Counter("sipas_survey_flagged_total", "Answers stored but kept out of the index, by reason", ["flag"])
IN_FLIGHT = Gauge(
    "sipas_survey_requests_in_flight",
    "Requests that are being answered now; more replicas are needed where it stays high",
    multiprocess_mode="livesum",
)
UNLIMITED = Counter(
    "sipas_survey_unlimited_total", "Answers that the limiter was not asked about, because it is away or slow"
)
SECONDS = Histogram(
    "sipas_survey_request_seconds",
    "Time from the request's headers to its answer, Kafka's acknowledgement included",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
PUBLISH_FAILURES = Counter(
    "sipas_survey_publish_failures_total", "Times that Kafka did not acknowledge in time and the spool took over"
)
KAFKA_AWAY = Gauge(
    "sipas_survey_workers_without_kafka",
    "Workers whose answers go to the disk because Kafka does not acknowledge",
    multiprocess_mode="livesum",
)
SPOOL_BYTES = Gauge(
    "sipas_survey_spool_bytes",
    "Bytes of answers and comments on this machine's disk that Kafka does not have",
    multiprocess_mode="livesum",
)
SPOOL_RECORDS = Gauge(
    "sipas_survey_spool_records",
    "Answers and comments on this machine's disk that Kafka does not have",
    multiprocess_mode="livesum",
)
SPOOL_LIMIT_BYTES = Gauge(
    "sipas_survey_spool_limit_bytes",
    "Bytes at which the spools are full and answers are refused while Kafka is away",
    multiprocess_mode="livesum",
)
SPOOL_OLDEST = Gauge(
    "sipas_survey_spool_oldest_seconds",
    "How long the oldest answer has waited on this machine's disk for Kafka, 0 where none waits",
    multiprocess_mode="livemax",
)
DRAINED = Counter("sipas_survey_drained_total", "Answers and comments that went from the disk to Kafka")
TORN_BYTES = Counter(
    "sipas_survey_spool_torn_bytes_total", "Bytes of unfinished answers and comments cut from spool files"
)

# there from the first scrape on: of a series that was not there, a rule does not see that it grew by one
for _status in ("accepted", "spooled"):
    COMMENTS.labels(_status)
    for _via in ("form", "submit", "import"):
        RESPONSES.labels(_status, _via)
for _code in ("unavailable", "internal"):
    REFUSED.labels(_code)


def registry() -> CollectorRegistry:
    """What `/metrics` shows: all workers' values added up, or this process's where there are no workers."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together
