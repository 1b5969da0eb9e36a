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
QUEUE = Gauge(
    "sipas_notifier_queue_messages",
    "Changes that a person is still to be told of: held back, or accepted by no channel yet.",
)
OLDEST = Gauge(
    "sipas_notifier_queue_oldest_seconds", "How long the oldest message that may go has waited, 0 where none waits."
)
UNDELIVERABLE = Gauge(
    "sipas_notifier_undeliverable_messages",
    "Messages that might have gone an hour ago and that no channel of their person has accepted.",
)
CHANNEL_AWAY = Gauge("sipas_notifier_channel_away", "1 while a channel of the settings does not answer.", ["channel"])
OWNER = Gauge("sipas_notifier_courier_owner", "1 where this process tells leaders; the sum over replicas is 1.")
WATCHDOG = Gauge("sipas_notifier_watchdog", "Always 1: alert when it is absent, for then nobody is told of anything.")
TURNED = Gauge("sipas_notifier_courier_turned_timestamp_seconds", "When the courier's loop last turned, in Unix time.")
WITHHELD = Counter(
    "sipas_notifier_changes_withheld_total",
    "Alerts that a person is not told of, for good: over (during a silence), closed (by decision).",
    ["reason"],
)
WATCHDOG.set(1)
DELIVERED = Counter("sipas_notifier_messages_delivered_total", "Messages that a channel accepted.", ["channel"])
DELIVERY_FAILURES = Counter(
    "sipas_notifier_delivery_failures_total", "Attempts that failed: server (away), message (refused).", ["reason"]
)
UNROUTED = Counter("sipas_notifier_alerts_without_leader_total", "Alerts that nobody could be told of.")

# there from the first scrape on: of a series that was not there, a rule does not see that it grew by one
for _kind in ("total", "marker", "other"):
    TOTALS.labels(_kind)
for _reason in ("server", "message"):
    DELIVERY_FAILURES.labels(_reason)
