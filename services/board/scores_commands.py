"""`sipas scores`: check, load, diff, export of official yearly results."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import click
import msgspec

from services.board import scores_file
from services.board.list_files import Source
from services.board.scores import PACKAGED, ScoreBook, place_of, with_tables
from services.board.scores_file import SAMPLE_MARK, Wanted
from services.board.source_argument import SourceArgument, stop_at
from sipas import events
from sipas.broker import Topics, WholeTopicReader, Written, publish_together
from sipas.events import ScoreLine, ScoresLoaded
from sipas.follower import read_whole
from sipas.registry import Registry, known_facts
from sipas.settings import KafkaSettings, load_or_exit

FILES = click.argument("files", type=SourceArgument(), nargs=-1, required=True, metavar="FILE...")


@dataclass(frozen=True, slots=True)
class Change:
    """A table that a load would record; `before` is what holds now."""

    before: ScoresLoaded | None
    after: ScoresLoaded

    def __str__(self) -> str:
        where, units = place_of(self.after), len(self.after.lines)
        if self.before is None:
            return f"new      {where}: {units} units"
        return "\n".join([f"changed  {where}: version {self.after.version}, {units} units", *self._lines()])

    def _lines(self) -> Iterator[str]:
        assert self.before is not None  # noqa: S101 - asked for a changed table only
        if self.before.bands != self.after.bands:
            yield f"           bands {self.before.bands or '-'} → {self.after.bands or '-'}"
        old = {line.unit: line for line in self.before.lines}
        new = {line.unit: line for line in self.after.lines}
        for unit in sorted(old.keys() | new.keys()):
            if unit not in new:
                yield f"           {unit}: gone"
            elif unit not in old:
                yield f"           {unit}: new"
            elif old[unit] != new[unit]:
                yield f"           {unit}: {', '.join(_differences(old[unit], new[unit]))}"


def _differences(old: ScoreLine, new: ScoreLine) -> Iterator[str]:
    for name, value in msgspec.structs.asdict(old).items():
        if (now := getattr(new, name)) != value:
            yield f"{name} {'-' if value is None else value} → {'-' if now is None else now}"


@click.group()
def scores() -> None:
    """Official yearly results (PAR INDEX, PAPI, DDCI …) for the scoreboard, beside our own figures.

    FILE is CSV, an Excel workbook (.xlsx, sheet `scores`) or YAML. docs/scores.md says how to write it.
    """


@scores.command()
@FILES
@click.option("--json", "as_json", is_flag=True, help="print the faults as JSON")
def check(files: tuple[Source, ...], as_json: bool) -> None:
    """List all that is wrong in the files, without a server."""
    wanted, faults = scores_file.read(files)
    if as_json:
        click.echo(json.dumps([fault.as_plain() for fault in faults], ensure_ascii=False, indent=1))
        raise SystemExit(1 if faults else 0)
    stop_at(faults)
    for table in wanted:
        click.echo(f"{table.place}: {len(table.lines)} units")
    click.echo(f"{', '.join(file.name for file in files)}: right, {len(wanted)} tables")


@scores.command()
@FILES
@click.option("--reason", metavar="TEXT", help="why a table that is recorded already is replaced; shown with it")
def load(files: tuple[Source, ...], reason: str | None) -> None:
    """Check the files and record the tables that differ, all of them or none.

    A table that is recorded is never overwritten: a further version is recorded beside it, with --reason.
    """
    settings = load_or_exit(KafkaSettings)
    wanted = _read(files)
    registry = read_whole(settings.bootstrap, Topics(settings.namespace).registry, Registry.fold(()))
    if not known_facts(registry.facts, settings.namespace).demo and any(table.is_sample for table in wanted):
        raise click.ClickException(
            f"some sources say {SAMPLE_MARK}, and namespace {settings.namespace} is not a demo; what is recorded can"
            " never be removed"
        )
    reason = unicodedata.normalize("NFC", reason or "").strip() or None
    changes = _changes(_recorded(settings), wanted, reason)
    replaced = [place_of(change.after) for change in changes if change.before]
    if replaced and reason is None:
        raise click.ClickException(
            f"recorded already and different: {'; '.join(map(str, replaced))}. Nothing was recorded. See: sipas scores"
            " diff; then say why it changes: --reason"
        )
    _write(settings, [change.after for change in changes])
    for change in changes:
        click.echo(str(change))
    units = {line.unit for change in changes for line in change.after.lines}
    if changes:
        known = len(units & registry.agencies.keys())
        click.echo(
            f"{len(changes)} tables recorded; {known} units are agencies of the registry, {len(units) - known} not"
        )
    else:
        click.echo("nothing to record: the scores are as the file says")


@scores.command()
@FILES
@click.option("--json", "as_json", is_flag=True, help="print the changes as JSON")
def diff(files: tuple[Source, ...], as_json: bool) -> None:
    """Show what `load` would record."""
    settings = load_or_exit(KafkaSettings)
    changes = _changes(_recorded(settings), _read(files), None)
    if as_json:
        shown = [{"before": change.before, "after": change.after} for change in changes]
        click.echo(msgspec.json.format(msgspec.json.encode(shown), indent=1))
        return
    for change in changes:
        click.echo(str(change))
    click.echo(f"{len(changes)} tables differ" if changes else "the scores are as the file says")


@scores.command()
@click.option(
    "--xlsx", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="write a workbook instead"
)
@click.option("--json", "as_json", is_flag=True, help="print every version of every table as JSON instead")
def export(xlsx: Path | None, as_json: bool) -> None:
    """Print what was loaded as CSV, the newest version of each table; loaded again it changes nothing."""
    book = _recorded(load_or_exit(KafkaSettings))
    loaded = [versions for _, versions in sorted(book.versions.items()) if versions[-1].version > PACKAGED]
    if as_json:
        every = [table for versions in loaded for table in versions if table.version > PACKAGED]
        click.echo(msgspec.json.format(msgspec.json.encode(every), indent=1))
        return
    rows = scores_file.rows_of(versions[-1] for versions in loaded)
    if xlsx is None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            [scores_file.written(cell) if isinstance(cell, Decimal) else cell for cell in row] for row in rows
        )
        click.echo(text.getvalue(), nl=False)
        return
    # as in list_files: openpyxl is for those who need it
    from services.board.xlsx_export import write_workbook  # noqa: PLC0415

    cells = [[float(cell) if isinstance(cell, Decimal) else cell for cell in row] for row in rows]
    try:
        write_workbook({scores_file.LIST: cells}, xlsx)
    except OSError as reason:
        raise click.ClickException(f"{xlsx} cannot be written: {reason.strerror}") from reason
    click.echo(f"{xlsx} holds the scores; next: sipas scores diff {xlsx}")


def _read(files: Sequence[Source]) -> list[Wanted]:
    wanted, faults = scores_file.read(files)
    stop_at(faults)
    return wanted


def _recorded(settings: KafkaSettings) -> ScoreBook:
    with closing(WholeTopicReader(settings.bootstrap, Topics(settings.namespace).results)) as reader:
        return with_tables(ScoreBook(), reader.to_end())


def _changes(book: ScoreBook, wanted: Sequence[Wanted], reason: str | None) -> list[Change]:
    changes = []
    for one in wanted:
        before = book.newest(one.place)
        after = one.as_version_after(before, reason if before else None)
        if before is None or before.sha256 != after.sha256:
            changes.append(Change(before, after))
    return changes


def _write(settings: KafkaSettings, tables: Sequence[ScoresLoaded]) -> None:
    """All or none; raises `ClickException` where somebody else was faster, `KafkaAway` or `PublishFailed`."""
    if not tables:
        return
    topic, now = Topics(settings.namespace).results, datetime.now(UTC)
    written = [
        Written(
            topic,
            "/".join(("scores", *map(str, place_of(table)))),
            events.encode(table),
            events.headers(
                table, event_id=f"{table.sha256}/{table.version}", source=f"/{settings.namespace}/board", at=now
            ),
        )
        for table in tables
    ]
    publish_together(settings.bootstrap, f"{topic}.scores-writer", written)
    book = _recorded(settings)
    for table in tables:
        stands = book.version(place_of(table), table.version)
        if stands is None or stands.sha256 != table.sha256:
            raise click.ClickException(f"somebody else loaded {place_of(table)} meanwhile: see sipas scores diff")
