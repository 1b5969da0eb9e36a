"""What the aggregator tells Prometheus. Label values come from fixed sets only."""

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter(
    "sipas_aggregator_records_total",
    "Records of the responses topic by outcome: counted, excluded, repeated, dead-letter.",
    ["outcome"],
)
DEAD_LETTERS = Counter("sipas_aggregator_dead_letters_total", "Dead letters by reason.", ["reason"])
REFUSED_COMMITS = Counter(
    "sipas_aggregator_refused_commits_total",
    "Batches dropped because the stored position was not the expected one; they are read again.",
)
COMMIT_SECONDS = Histogram(
    "sipas_aggregator_commit_seconds",
    "Time of one guarded commit to Redis.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
PUBLISHED = Counter("sipas_aggregator_totals_published_total", "Agency-day totals sent to the tallies topic.")
PARTITIONS = Gauge("sipas_aggregator_partitions", "Partitions that this process owns.")
REBUILDING = Gauge("sipas_aggregator_rebuilding_partitions", "Owned partitions whose numbers are still partial.")
FUSED = Gauge("sipas_aggregator_fused_partitions", "Owned partitions that wait for `sipas dlq accept`.")
LAG = Gauge("sipas_aggregator_lag_records", "Records that are in the log and not yet counted, owned partitions.")
