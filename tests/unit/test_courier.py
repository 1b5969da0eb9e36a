"""When a failed message is tried again."""

from datetime import UTC, datetime, timedelta

from services.notifier.courier import Pause, Queued

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


class TestQueueing:
    def test_gives_a_message_the_same_id_however_often(self):
        ids = {Queued("alert", "leader", "email", at).id for at in ("2026-11-22", "2026-11-23")}
        assert ids == {"alert/leader/email"}

    def test_waits_twice_as_long_after_each_failure_up_to_a_limit(self):
        pause, waits = Pause(timedelta(seconds=60)), []
        for _ in range(9):
            pause.fail(NOW)
            waits.append((pause.until - NOW).total_seconds())
        assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
