"""`sipas alerts expected`: what the rule settings cost in false alarms, so that they are chosen knowingly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import click
from holidays import country_holidays

from services.notifier.expectation import Expectation, expectations
from services.notifier.false_alarms import MEASURED, FalseAlarms, working_days
from sipas.broker import Topics
from sipas.follower import read_whole
from sipas.registry import Registry
from sipas.settings import KafkaSettings, load_or_exit

MONTHS = 12
CHOICES = (260, 520, 730, 1040, 2600)
"""Of `false_alarm_days`, to compare."""


@click.command("expected")
@click.option(
    "--days-a-month",
    type=click.FloatRange(0, 31),
    metavar="DAYS",
    help="days with answers in a month; default: Monday to Friday without public holidays",
)
@click.option("--json", "as_json", is_flag=True, help="one JSON object a method")
def expected(days_a_month: float | None, as_json: bool) -> None:
    """Say how many false alarms a month to expect of this registry with its rule settings, where nothing falls.

    Agencies that can be answered about now, over the twelve months from today, each day by the settings dated for it.
    """
    settings = load_or_exit(KafkaSettings)
    registry = read_whole(settings.bootstrap, Topics(settings.namespace).registry, Registry.fold(()))
    today = datetime.now(UTC).astimezone(settings.zone).date()
    last = today + timedelta(days=364)
    free = country_holidays("VN", years=range(today.year, today.year + 2))
    days = working_days(today, last, free)
    share = 1.0 if days_a_month is None else days_a_month * MONTHS / len(days)
    found = [one.times(share / MONTHS) for one in expectations(registry, days)]
    for line in _json_lines(found) if as_json else as_text(found, share * len(days) / MONTHS):
        click.echo(line)


def _json_lines(found: Sequence[Expectation]) -> Iterator[str]:
    for one in found:
        numbers = {
            name: {"low": alarms.low, "high": alarms.high, "most": alarms.most}
            for name, alarms in (("drop", one.drop), ("target", one.target))
        }
        plain = {"method": one.method, "agencies": one.agencies, "with_target": one.with_target}
        yield json.dumps(plain | {"false_alarm_days": one.false_alarm_days, "a_month": numbers})


def as_text(found: Sequence[Expectation], days_a_month: float) -> Iterator[str]:
    """The answer for a terminal; `found` is of one month."""
    if not found:
        yield "no agency has an active counter, so nothing is judged"
        return
    yield f"false alarms a month to expect where nothing falls, at {days_a_month:.1f} days with answers a month:"
    for one in found:
        yield f"  {one.method}: {one.agencies:,} agencies, false_alarm_days {one.false_alarm_days:g} today"
        yield f"    against their normal level  {_shown(one.drop)}"
        if one.with_target:
            yield f"    against a target, {one.with_target:,} of them, if they are just on it  {_shown(one.target)}"
    yield f"measured were {MEASURED[0]:.0%} to {MEASURED[1]:.0%} of what is promised (docs/drop-rule.md)"
    agency_days = sum(one.agencies for one in found) * days_a_month
    yield "with another false_alarm_days for all, against their normal level:"
    for choice in CHOICES:
        yield f"  {choice:>5,}  {_shown(FalseAlarms(agency_days / choice))}"
    yield "a larger one finds a fall later: docs/drop-rule.md says by how many days"


def _shown(alarms: FalseAlarms) -> str:
    low, high, most = (f"{one:.1f}" if one >= 1 else f"{one:.2f}" for one in (alarms.low, alarms.high, alarms.most))
    return f"{low} to {high}, at most {most}"
