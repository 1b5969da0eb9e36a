"""False alarms to expect: the promise added up over a registry's agencies, days and dated settings."""

from datetime import date

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.alerts_command import alerts
from services.notifier.expectation import expectations
from services.notifier.expected_command import as_text
from services.notifier.false_alarms import MEASURED, expected_false_alarms, working_days
from sipas.events import Entry
from sipas.registry import Registry

MONDAY = date(2026, 11, 23)


def entry(kind: str, entry_id: str, *versions: dict) -> Entry:
    return Entry(kind=kind, id=entry_id, history=versions or ({},))


def registry(*more: Entry) -> Registry:
    """Two agencies, both at a counter of quick-5@1, one at a revoked counter of another method too."""
    name = {"vi": "A", "en": "A"}
    counter = {"label": name, "place": "p"}
    return Registry.fold(
        [
            entry("block", "so", {"name": name, "order": 1}),
            entry("place", "p", {"name": name}),
            *(entry("agency", agency, {"name": name, "block": "so", "kind": "SO"}) for agency in ("a", "b", "unasked")),
            entry("counter", "AAAAAAAAAA", {**counter, "agencies": ["a", "b"], "method": "quick-5@1"}),
            entry("counter", "BBBBBBBBBB", {**counter, "agencies": ["a"], "method": "quick-5@1"}),
            entry(
                "counter",
                "CCCCCCCCCC",
                {**counter, "agencies": ["b"], "method": "overall-1@1", "status": "revoked"},
            ),
            *more,
        ]
    )


@given(st.floats(0, 1e6), st.floats(2, 1e5))
def test_what_was_measured_lies_below_what_is_promised(days: float, false_alarm_days: float) -> None:
    found = expected_false_alarms(days, false_alarm_days)
    assert found.most == days / false_alarm_days
    assert (found.low, found.high) == (MEASURED[0] * found.most, MEASURED[1] * found.most)
    assert found.low <= found.high <= found.most


def test_working_days_leave_out_weekends_and_holidays() -> None:
    days = working_days(date(2026, 2, 13), date(2026, 2, 24), {date(2026, 2, day) for day in range(16, 21)})
    assert days == [date(2026, 2, 13), date(2026, 2, 23), date(2026, 2, 24)]


class TestARegistry:
    def test_expects_of_each_agency_that_can_be_answered_about_its_days_over_a(self) -> None:
        [found] = expectations(registry(), [MONDAY] * 260)
        assert (found.method, found.agencies, found.with_target) == ("quick-5@1", 2, 0)
        assert found.drop.most == pytest.approx(2 * 260 / 520)
        assert found.target.most == 0

    def test_takes_each_day_by_the_settings_dated_for_it(self) -> None:
        tuesday = date(2026, 11, 24)
        rule = entry(
            "rule",
            "quick-5@1",
            {"method": "quick-5@1", "valid_to": MONDAY.isoformat()},
            {"method": "quick-5@1", "overrides": {"false_alarm_days": 2600}, "valid_from": tuesday.isoformat()},
        )
        [found] = expectations(registry(rule), [MONDAY, tuesday])
        assert found.false_alarm_days == 520
        assert found.drop.most == pytest.approx(2 / 520 + 2 / 2600)

    def test_tells_targets_apart_from_the_agencys_own_normal_level(self) -> None:
        target = entry("target", "a/quick-5@1", {"scope": "a", "method": "quick-5@1", "percent": 85})
        [found] = expectations(registry(target), [MONDAY] * 52)
        assert (found.with_target, found.target.most) == (1, pytest.approx(0.1))

    def test_without_active_counters_expects_nothing(self) -> None:
        assert expectations(Registry.fold(()), [MONDAY]) == []

    def test_expects_half_as_many_on_half_the_days(self) -> None:
        [found] = expectations(registry(), [MONDAY] * 260)
        assert found.times(0.5).drop.most == pytest.approx(found.drop.most / 2)


class TestTheCommand:
    def test_says_for_each_method_what_to_expect_and_what_another_setting_would_bring(self) -> None:
        found = [one.times(1 / 12) for one in expectations(registry(), [MONDAY] * 250)]
        said = list(as_text(found, 250 / 12))
        assert said[0].endswith("at 20.8 days with answers a month:")
        assert said[1] == "  quick-5@1: 2 agencies, false_alarm_days 520 today"
        low, high = (share * 2 * 250 / 12 / 520 for share in MEASURED)
        assert said[2].endswith(f"{low:.2f} to {high:.2f}, at most 0.08")
        assert any(line.startswith("  2,600  ") for line in said)

    def test_of_a_registry_without_counters_says_that_nothing_is_judged(self) -> None:
        assert list(as_text([], 21.0)) == ["no agency has an active counter, so nothing is judged"]

    def test_refuses_options_of_the_list_before_a_subcommand(self) -> None:
        done = CliRunner().invoke(alerts, ["--json", "expected"])
        assert done.exit_code == 2
        assert "stand after its name" in done.stderr
