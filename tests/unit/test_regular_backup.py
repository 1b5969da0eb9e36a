"""When the next backup is due, and what is said of the last."""

from datetime import UTC, datetime, timedelta

import pytest

from services.aggregator.backup.manifest import Chain, Manifest
from services.aggregator.backup.regular import RegularBackup
from services.aggregator.backup.segments import Segment

EIGHT = datetime(2026, 11, 26, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


class Clock:
    def __init__(self) -> None:
        self.now = EIGHT

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def saved_at(begun: datetime) -> Manifest:
    segment = Segment(file="a", sha256="", bytes=70, records=3, first=0, last=2)
    chain = Chain(next_offset=3, segments=(segment,))
    return Manifest(
        namespace="x", software="1", begun=begun, finished=begun + 2 * MINUTE, topics={"responses": (chain,)}
    )


def samples(regular: RegularBackup) -> dict[str, float]:
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for metric in regular.collect()
        for sample in metric.samples
    }


def test_the_first_is_due_at_once_and_the_next_an_interval_after_it_began(clock: Clock) -> None:
    regular = RegularBackup(None, HOUR, clock)
    assert regular.wait_s() == 0
    clock.now += 5 * MINUTE
    regular.saved(saved_at(EIGHT))
    assert regular.wait_s() == 55 * 60


def test_a_process_that_was_started_again_does_not_begin_before_it_is_due(clock: Clock) -> None:
    assert RegularBackup(saved_at(EIGHT - 50 * MINUTE), HOUR, clock).wait_s() == 10 * 60
    assert RegularBackup(saved_at(EIGHT - 90 * MINUTE), HOUR, clock).wait_s() == 0


def test_a_run_that_failed_is_tried_again_after_a_minute_until_one_is_good(clock: Clock) -> None:
    regular = RegularBackup(saved_at(EIGHT - HOUR), HOUR, clock)
    for _ in range(2):
        regular.failed()
        assert regular.wait_s() == 60
        clock.now += MINUTE
        assert regular.wait_s() == 0
    regular.saved(saved_at(clock.now))
    assert regular.wait_s() == 3600
    assert samples(regular)["sipas_backup_runs_totalfailed"] == 2
    assert samples(regular)["sipas_backup_runs_totalsaved"] == 1


def test_it_is_ready_with_a_backup_of_the_last_three_intervals(clock: Clock) -> None:
    regular = RegularBackup(None, HOUR, clock)
    assert regular.not_ready() == ["nothing was saved yet"]
    regular.saved(saved_at(EIGHT))
    clock.now += 3 * HOUR
    assert regular.not_ready() == []
    clock.now += MINUTE
    assert regular.not_ready() == ["the last good run began at 2026-11-26T08:00:00+00:00"]


def test_what_is_not_known_of_a_backup_is_absent(clock: Clock) -> None:
    regular = RegularBackup(None, HOUR, clock)
    known = {
        "sipas_backup_interval_seconds": 3600,
        "sipas_backup_runs_totalsaved": 0,
        "sipas_backup_runs_totalfailed": 0,
    }
    assert samples(regular) == known
    regular.saved(saved_at(EIGHT))
    assert samples(regular) == known | {
        "sipas_backup_runs_totalsaved": 1,
        "sipas_backup_begun_timestamp_seconds": EIGHT.timestamp(),
        "sipas_backup_run_seconds": 120,
        "sipas_backup_records": 3,
        "sipas_backup_bytes": 70,
    }
