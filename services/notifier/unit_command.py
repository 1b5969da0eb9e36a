"""`sipas unit`: the drop rule's `unit`, estimated from real days, as a registry entry to propose."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

import click
import yaml

from services.notifier.unit_estimate import AgencyDayCells, TooLittle, UnitEstimate, estimate
from sipas.broker import Record, Topics, WholeTopicReader
from sipas.events import TYPES, AgencyDay, MalformedEvent, decode_agency_day, type_of
from sipas.follower import read_whole
from sipas.methods import load_methods
from sipas.registry import Registry, RuleSettings
from sipas.settings import KafkaSettings, load_or_exit
from sipas.tally import Cell, Tally


@click.command("unit")
@click.option("--method", required=True, metavar="ID", help="the method, such as quick-5@1")
@click.option("--json", "as_json", is_flag=True, help="the estimate as one JSON object")
def unit(method: str, as_json: bool) -> None:
    """Say how many coin tosses one sheet of a method is worth to the drop rule.

    It is estimated from the totals of all agencies and days that `tallies` holds, and printed as a rule entry of the
    registry that holds from tomorrow. Nothing is changed: `sipas registry load` does that.

    Exit code 1: there are too few sheets yet; until then 1.0 is right, which raises fewer alerts.
    """
    if method not in load_methods():
        raise click.BadParameter(f"{method} is not one of {', '.join(sorted(load_methods()))}", param_hint="--method")
    settings = load_or_exit(KafkaSettings)
    registry = read_whole(settings.bootstrap, Topics(settings.namespace).registry, Registry.fold(()))
    reader = WholeTopicReader(settings.bootstrap, Topics(settings.namespace).tallies)
    try:
        cells = newest_cells(reader.to_end(), method)
    finally:
        reader.close()
    try:
        found = estimate(AgencyDayCells(agency, of_day) for (agency, _), of_day in sorted(cells.items()))
    except TooLittle as reason:
        raise click.ClickException(f"{method}: {reason}") from reason
    tomorrow = datetime.now(UTC).astimezone(settings.zone).date() + timedelta(days=1)
    before = registry.rule_on(method, tomorrow)
    is_demo = bool(registry.facts and registry.facts.demo)
    if as_json:
        low, high = found.interval
        said = {
            "method": method,
            "unit": found.unit,
            "error": found.error,
            "interval": [low, high],
            "before": before.unit,
        }
        counted = {"sheets": found.sheets, "days": found.days, "agencies": found.agencies}
        click.echo(json.dumps({**said, **counted, "demo": is_demo}))
        return
    click.echo("\n".join(f"# {line}" for line in _explained(found, before, is_demo=is_demo)))
    click.echo(proposed(before, found.unit, tomorrow), nl=False)


def newest_cells(records: Iterable[Record], method: str) -> Mapping[tuple[str, date], Mapping[Cell, int]]:
    """Each agency-day's cells in its newest version; what is no total of the method is passed over."""
    versions: dict[tuple[str, date], tuple[int, int]] = {}
    newest: dict[tuple[str, date], Mapping[Cell, int]] = {}
    for record in records:
        if type_of(record.headers) != TYPES[AgencyDay]:
            continue
        try:
            event = decode_agency_day(record.value)
            key = event.agency, event.day
            if event.method == method and event.version > versions.get(key, (-1, -1)):
                newest[key] = Tally.from_fields(event.fields).cells
                versions[key] = event.version
        except (MalformedEvent, ValueError):
            # the judge says so in its log; a later total of that day says it all again
            continue
    return newest


def proposed(before: RuleSettings, unit: float, first: date) -> str:
    """The entry for `sipas registry load`: a load replaces an entry, so the settings in force stand in it too."""
    kept = {name: _plain(value) for name, value in before.overrides.items() if name != "smallest_drop"}
    if "smallest_drop" in before.overrides:
        kept["smallest_drop_points"] = _plain(100 * before.overrides["smallest_drop"])
    entry = {"method": before.method, "unit": _plain(round(unit, 2)), **kept, "valid_from": first}
    return yaml.safe_dump({"rules": [entry]}, sort_keys=False)


def _plain(value: float) -> float:
    """Without a fraction where there is none, as whole numbers must be written, and without dust."""
    value = round(value, 9)
    return int(value) if value == int(value) else value


def _explained(found: UnitEstimate, before: RuleSettings, *, is_demo: bool) -> list[str]:
    low, high = found.interval
    worth = f"one sheet is worth {found.unit:.2f} tosses, 95 % {low:.2f} to {high:.2f}"
    lines = [
        f"{before.method}: {worth} (standard error {found.error:.2f} over {found.clusters})",
        f"from {found.sheets:,} sheets on {found.days:,} days of {found.agencies:,} agencies; now {before.unit:g}",
        "Estimated within each agency's day: how days differ is not part of it.",
    ]
    if low <= before.unit <= high:
        lines.append("The value in force lies within the interval: nothing needs to be changed.")
    if is_demo:
        lines.append("This namespace is a demo: what was simulated says nothing about real sheets.")
    return lines
