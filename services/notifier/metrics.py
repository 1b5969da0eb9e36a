"""What the notifier tells Prometheus. Label values come from fixed sets only."""

from prometheus_client import Counter, Gauge

TOTALS = Counter(
    "sipas_notifier_totals_read_total", "Records of the tallies topic by kind: total, marker, other.", ["kind"]
)
ALERTS = Counter(
    "sipas_notifier_alerts_raised_total",
    "Changes of state sent to the alerts topic, by rule and kind; historical ones are never mailed.",
    ["rule", "kind", "historical"],
)
REFUSED_COMMITS = Counter(
    "sipas_notifier_refused_commits_total",
    "Batches dropped because the stored position was not the expected one; they are read again.",
    ["ledger"],
)
STARTED_OVER = Counter(
    "sipas_notifier_started_over_total", "Times the judge began its ledger again because the tallies topic was another."
)
PARTITIONS = Gauge("sipas_notifier_partitions", "Partitions of tallies that this process judges.")
FOLDING = Gauge(
    "sipas_notifier_folding_partitions", "Judged partitions whose numbers may be partial: nothing is raised."
)
LAG = Gauge("sipas_notifier_lag_records", "Records of tallies that are not yet judged, own partitions.")
QUEUE = Gauge("sipas_notifier_queue_messages", "Messages that no channel has accepted yet.")
OLDEST = Gauge(
    "sipas_notifier_queue_oldest_seconds", "How long the oldest queued message has waited, 0 where none waits."
)
DELIVERED = Counter("sipas_notifier_messages_delivered_total", "Messages that a channel accepted.", ["channel"])
DELIVERY_FAILURES = Counter(
    "sipas_notifier_delivery_failures_total", "Attempts that failed: server (away), message (refused).", ["reason"]
)
UNROUTED = Counter("sipas_notifier_alerts_without_leader_total", "Alerts that nobody could be told of.")
