"""`sipas registry`: check, load, diff, export, code, revoke, provinces."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec

from services.board import registry_file
from services.board.changes import Change, plan
from services.board.entries import write_entries
from services.board.list_files import Source, in_order
from services.board.registry_file import Wanted
from services.board.registry_rows import registry_rows
from services.board.revoke_command import revoke
from services.board.source_argument import SourceArgument, stop_at
from sipas.broker import Topics
from sipas.codes import new_code, printed
from sipas.follower import read_whole
from sipas.methods import load_methods
from sipas.provinces import load_provinces
from sipas.registry import Registry, known_facts
from sipas.settings import KafkaSettings, load_or_exit
from sipas.tables.lists import Fault

FILES = click.argument("files", type=SourceArgument("registry.yaml"), nargs=-1, required=True, metavar="FILE...")
LIST = click.option(
    "--list",
    "table",
    type=click.Choice([*registry_file.KIND_OF_LIST, *registry_file.PARTS]),
    help="the list that every CSV file holds [default: what the file is named after]",
)


@click.group()
def registry() -> None:
    """Agencies, blocks, places, counters, targets and rule settings.

    FILE is YAML, an Excel workbook (.xlsx, one sheet a list) or CSV (agencies.csv, counters.csv, …), or `sample`.
    Several files are one load. docs/registry.md says how to keep them.
    """


registry.add_command(revoke)


@registry.command()
@FILES
@LIST
@click.option("--json", "as_json", is_flag=True, help="print the faults as JSON")
def check(files: tuple[Source, ...], table: str | None, as_json: bool) -> None:
    """List all that is wrong in the files, by themselves and without a server."""
    wanted, faults = registry_file.read(files, load_methods(), load_provinces(), table)
    if not faults:
        # from nothing, so that the day plays no part
        _, faults = _against(Registry.fold(()), wanted, files, datetime.now(UTC))
    if as_json:
        click.echo(json.dumps([fault.as_plain() for fault in faults], ensure_ascii=False, indent=1))
        raise SystemExit(1 if faults else 0)
    stop_at(faults)
    counts = ", ".join(
        f"{sum(1 for one in wanted if one.kind == kind)} {name}" for name, kind in registry_file.KIND_OF_LIST.items()
    )
    names = ", ".join(file.name for file in files)
    click.echo(f"{names} {'is' if len(files) == 1 else 'are'} right: {counts}")


@registry.command()
@FILES
@LIST
def load(files: tuple[Source, ...], table: str | None) -> None:
    """Check the files and record what differs, all of it or nothing."""
    settings = load_or_exit(KafkaSettings)
    changes = _changes(settings, files, table)
    write_entries(settings, "registry", [change.entry for change in changes])
    _print(changes)
    click.echo(f"{len(changes)} entries recorded" if changes else "nothing to record: the registry is as the file says")


@registry.command()
@FILES
@LIST
@click.option("--json", "as_json", is_flag=True, help="print the changes as JSON")
def diff(files: tuple[Source, ...], table: str | None, as_json: bool) -> None:
    """Show what `load` would record."""
    changes = _changes(load_or_exit(KafkaSettings), files, table)
    if as_json:
        shown = [{"kind": c.kind, "id": c.id, "from": c.begins, "before": c.before, "after": c.after} for c in changes]
        click.echo(msgspec.json.format(msgspec.json.encode(shown), indent=1))
        return
    _print(changes)
    click.echo(f"{len(changes)} entries differ" if changes else "the registry is as the file says")


@registry.command()
@click.option(
    "--xlsx",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="write the tables to keep it in instead: the newest version of everything; loading them changes nothing",
)
def export(xlsx: Path | None) -> None:
    """Print the registry of today as JSON: agencies, blocks, places, counters, targets, rules; never a key."""
    settings = load_or_exit(KafkaSettings)
    now = _recorded(settings)
    if xlsx is not None:
        # as in list_files: openpyxl is for those who need it
        from services.board.xlsx_export import write_workbook  # noqa: PLC0415

        try:
            write_workbook(registry_rows(now), xlsx)
        except OSError as reason:
            raise click.ClickException(f"{xlsx} cannot be written: {reason.strerror}") from reason
        click.echo(f"{xlsx} holds the registry; next: sipas registry diff {xlsx}")
        return
    if now.facts is not None:
        now = now.as_of(datetime.now(ZoneInfo(now.facts.timezone)).date())
    parts: dict[str, Any] = {
        "agencies": sorted(now.agencies.values(), key=lambda agency: agency.id),
        "blocks": sorted(now.blocks.values(), key=lambda block: block.order),
        "places": sorted(now.places.values(), key=lambda place: place.id),
        "counters": sorted(now.counters.values(), key=lambda counter: (counter.place, counter.label.vi, counter.code)),
        "targets": sorted(now.targets.values(), key=lambda target: (target.scope, target.method)),
        "rules": sorted(now.rules.values(), key=lambda rule: rule.method),
        "namespace": now.facts,
        "problems": [str(problem) for problem in now.problems],
    }
    click.echo(msgspec.json.format(msgspec.json.encode(parts), indent=1))


@registry.command()
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 10_000), help="how many")
def code(count: int) -> None:
    """Print fresh counter codes for a registry file."""
    for _ in range(count):
        click.echo(printed(new_code(secrets.randbelow)))


@registry.command()
@click.option("--json", "as_json", is_flag=True, help="print as JSON")
def provinces(as_json: bool) -> None:
    """List the 34 provinces: official code, name, kind, and the provinces of before 7/2025 that went into each."""
    rows = load_provinces().values()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=1))
        return
    for row in rows:
        kind = "thành phố" if row.kind == "thanh_pho" else "tỉnh"
        click.echo(f"{row.code}  {row.name:<12} {kind:<10} {', '.join(row.merged_from)}")


def _recorded(settings: KafkaSettings) -> Registry:
    return read_whole(settings.bootstrap, Topics(settings.namespace).registry, Registry.fold(()))


def _changes(settings: KafkaSettings, files: Sequence[Source], table: str | None) -> list[Change]:
    """What has to be written; exits with every fault of the files if they have any."""
    wanted, faults = registry_file.read(files, load_methods(), load_provinces(), table)
    stop_at(faults)
    recorded = _recorded(settings)
    facts = known_facts(recorded.facts, settings.namespace)
    if any(file.is_sample for file in files) and not facts.demo:
        raise click.ClickException(
            f"namespace {settings.namespace} is not a demo, and what is loaded can never be removed; "
            "for made-up data take a namespace of its own, made with SIPAS_DEMO=true"
        )
    changes, faults = _against(recorded, wanted, files, datetime.now(ZoneInfo(facts.timezone)))
    stop_at(faults)
    return changes


def _against(
    recorded: Registry, wanted: Sequence[Wanted], files: Sequence[Source], now: datetime
) -> tuple[list[Change], list[Fault]]:
    changes, problems = plan(recorded, wanted, now.date())
    future = recorded.updated(change.entry for change in changes)
    faults = registry_file.references(wanted, [*problems, *future.problems])
    return changes, in_order(faults, [file.name for file in files])


def _print(changes: Sequence[Change]) -> None:
    for change in changes:
        click.echo(str(change))
