"""`sipas backup --every`: one run after another, where nothing else starts them, and what Prometheus is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Literal

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.aggregator.backup.manifest import Manifest
from sipas.telemetry import Reasons

AGAIN_AFTER = timedelta(minutes=1)
"""A run that failed is tried again then: Kafka may just have been started."""
MISSED = 3
"""So many intervals after the last good run began a backup is old, here and for the alert SipasBackupOld."""


class RegularBackup(Collector):
    """`newest`: what was saved last, by whomever; None where nothing was yet."""

    def __init__(self, newest: Manifest | None, every: timedelta, now: Callable[[], datetime]) -> None:
        self._newest = newest
        self._every = every
        self._now = now
        self._tried: datetime | None = None
        self._runs: dict[Literal["saved", "failed"], int] = {"saved": 0, "failed": 0}

    def wait_s(self) -> float:
        """Seconds until the next run is due; 0 where it is."""
        due = [self._now()]
        if self._newest is not None:
            due.append(self._newest.begun + self._every)
        if self._tried is not None:
            due.append(self._tried + AGAIN_AFTER)
        return (max(due) - due[0]).total_seconds()

    def saved(self, manifest: Manifest) -> None:
        self._runs["saved"] += 1
        self._tried, self._newest = None, manifest

    def failed(self) -> None:
        self._runs["failed"] += 1
        self._tried = self._now()

    def not_ready(self) -> Reasons:
        """Ready is a backup that is not old."""
        if self._newest is None:
            return ["nothing was saved yet"]
        if self._now() - self._newest.begun > MISSED * self._every:
            return [f"the last good run began at {self._newest.begun.isoformat(timespec='seconds')}"]
        return []

    def collect(self) -> Iterator[Metric]:
        """What is not known is absent."""
        yield GaugeMetricFamily(
            "sipas_backup_interval_seconds", "How often a backup is made.", self._every.total_seconds()
        )
        runs = CounterMetricFamily("sipas_backup_runs", "Runs by outcome: saved, failed.", labels=["outcome"])
        for outcome, number in self._runs.items():
            runs.add_metric([outcome], number)
        yield runs
        newest = self._newest
        if newest is None:
            return
        yield GaugeMetricFamily(
            "sipas_backup_begun_timestamp_seconds",
            "When the last good run began: nothing that was acknowledged before it is missing.",
            newest.begun.timestamp(),
        )
        yield GaugeMetricFamily(
            "sipas_backup_run_seconds", "How long it took.", (newest.finished - newest.begun).total_seconds()
        )
        yield GaugeMetricFamily("sipas_backup_records", "Records in the backup.", newest.records)
        yield GaugeMetricFamily("sipas_backup_bytes", "Size of its files.", newest.bytes)
