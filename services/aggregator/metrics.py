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
DELAY_SECONDS = Histogram(
    "sipas_aggregator_delay_seconds",
    "From the minute of receipt to the commit, of answers that came after the ledger was begun; imports are left out.",
    # of the time of receipt only the minute is kept, so nothing is to be told below one
    buckets=(60, 120, 180, 300, 600, 1800, 3600, 6 * 3600, 24 * 3600),
)
PUBLISHED = Counter("sipas_aggregator_totals_published_total", "Agency-day totals sent to the tallies topic.")
PARTITIONS = Gauge("sipas_aggregator_partitions", "Partitions that this process owns.")
REBUILDING = Gauge("sipas_aggregator_rebuilding_partitions", "Owned partitions whose numbers are still partial.")
FUSED = Gauge("sipas_aggregator_fused_partitions", "Owned partitions that wait for `sipas dlq accept`.")
LAG = Gauge("sipas_aggregator_lag_records", "Records that are in the log and not yet counted, owned partitions.")

OUTCOMES = ("counted", "excluded", "repeated", "dead-letter")
REASONS = ("empty", "not-json", "wrong-shape", "no-answer", "unknown-criterion", "too-old")

# there from the first scrape on: of a series that was not there, a rule does not see that it grew by one
for _outcome in OUTCOMES:
    RECORDS.labels(_outcome)
for _reason in REASONS:
    DEAD_LETTERS.labels(_reason)
