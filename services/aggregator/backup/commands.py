"""`sipas backup` and `sipas restore`."""

from __future__ import annotations

import errno
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import click
from prometheus_client import REGISTRY
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from services.aggregator.backup.aftermath import next_step
from services.aggregator.backup.checking import check as check_files
from services.aggregator.backup.manifest import Busy, Manifest, NoBackup, folder_of, read_manifest, totals
from services.aggregator.backup.regular import RegularBackup
from services.aggregator.backup.restoring import Disturbed, NotEmpty
from services.aggregator.backup.restoring import restore as restore_files
from services.aggregator.backup.saving import NotContinued, save
from services.aggregator.backup.segments import Damaged
from sipas import cli
from sipas.broker import require_fast_checksums
from sipas.settings import BackupSettings, Common, RestoreSettings, load_or_exit
from sipas.telemetry import configure_logging, logger, serve_admin

FAILURES = (Busy, Damaged, Disturbed, NoBackup, NotContinued, NotEmpty)

directory_argument = click.argument(
    "directory", type=click.Path(file_okay=False, exists=True, path_type=Path, resolve_path=True)
)
json_option = click.option("--json", "as_json", is_flag=True, help="print the outcome as JSON")


@click.command()
@directory_argument
@click.option("--check", is_flag=True, help="save nothing: read the backup and say whether it is what was written")
@click.option(
    "--every",
    metavar="MINUTES",
    type=click.IntRange(1, 1440),
    help="stay, and save every so many minutes; Prometheus is told at SIPAS_BACKUP_ADMIN how old the backup is",
)
@json_option
def backup(directory: Path, check: bool, every: int | None, as_json: bool) -> None:
    """Save what cannot be made again to DIRECTORY, in a folder of the namespace's name: what came since the last run.

    Names of leaders and comments of citizens lie in it: docs/backup.md says how to protect it.

    Exit code 0: saved, or all as it was written. 1: not; the backup of before stands.
    """
    if check:
        if every:
            raise click.UsageError("--check and --every do not go together")
        _check(load_or_exit(Common), directory, as_json=as_json)
        return
    settings = load_or_exit(BackupSettings)
    require_fast_checksums()
    if every:
        _stay(settings, directory, timedelta(minutes=every))
    with _failures(directory), _bar(quiet=as_json) as tell:
        outcome = save(settings.bootstrap, settings.namespace, directory, _now, tell)
    manifest = outcome.manifest
    if as_json:
        click.echo(json.dumps(_told(manifest) | {"new": outcome.new}, ensure_ascii=False))
        return
    click.echo(
        f"{folder_of(directory, settings.namespace)}: {outcome.new:+,} records, {manifest.records:,} in all,"
        f" {manifest.bytes / 1e6:,.1f} MB; all that was acknowledged before {_minute(manifest.begun)}"
    )


def _stay(settings: BackupSettings, directory: Path, every: timedelta) -> NoReturn:
    """Until SIGTERM. A run that it ends leaves the backup of before."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    configure_logging(settings.log_format)
    log = logger("backup")
    try:
        newest = read_manifest(directory, settings.namespace)
    except (NoBackup, Damaged):  # the first run says what is wrong with it
        newest = None
    regular = RegularBackup(newest, every, _now)
    REGISTRY.register(regular)
    serve_admin(settings.admin, regular.not_ready)
    while True:
        time.sleep(regular.wait_s())  # until the next run is due; SIGTERM ends it at once
        try:
            with _failures(directory):
                outcome = save(settings.bootstrap, settings.namespace, directory, _now, lambda *_: None)
        except (click.ClickException, *cli.EXPECTED) as why:
            regular.failed()
            log.error("not saved", reason=str(why))  # noqa: TRY400 - for an administrator
        else:
            regular.saved(outcome.manifest)
            log.info("saved", new=outcome.new, **_told(outcome.manifest))


def _check(settings: Common, directory: Path, *, as_json: bool) -> None:
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with _failures(directory), Progress(*columns, console=Console(stderr=True), disable=as_json) as bar:
        task = bar.add_task("", total=None)
        verdict = check_files(
            directory, settings.namespace, lambda done, whole: bar.update(task, completed=done, total=whole)
        )
    manifest = verdict.manifest
    if as_json:
        click.echo(json.dumps(_told(manifest) | {"faults": verdict.faults}, ensure_ascii=False))
    elif verdict.faults:
        for fault in verdict.faults:
            click.echo(fault, err=True)
        click.echo(f"{len(verdict.faults)} faults: this backup is not what was written", err=True)
    else:
        click.echo(
            f"{folder_of(directory, settings.namespace)} is what was written: {manifest.records:,} records,"
            f" {manifest.bytes / 1e6:,.1f} MB; all that was acknowledged before {_minute(manifest.begun)}"
        )
        if verdict.unnamed:
            click.echo(f"{verdict.unnamed} files of a killed run do not belong to it; the next run deletes them")
    raise SystemExit(int(bool(verdict.faults)))


@click.command()
@directory_argument
@json_option
def restore(directory: Path, as_json: bool) -> None:
    """Write the backup in DIRECTORY to a Kafka that holds nothing of the namespace. Stop every service before.

    All files are checked before anything is written. What was interrupted goes on where it stopped: give the same
    command again. At its end it says what is to be done next.

    Exit code 0: all is there. 1: it is not, and why.
    """
    settings = load_or_exit(RestoreSettings)
    require_fast_checksums()
    with _failures(directory), _bar(quiet=as_json) as tell:
        restored = restore_files(
            settings.bootstrap, settings.namespace, directory, replication=settings.replication, progress=tell
        )
    manifest = restored.manifest
    step = next_step(settings.bootstrap, settings.namespace, settings.redis_url, partitions=manifest.partitions)
    if as_json:
        told = {"written": restored.written, "ledger": step.state, "next": step.command}
        click.echo(json.dumps(_told(manifest) | told, ensure_ascii=False))
        return
    click.echo(
        f"namespace {settings.namespace}: {restored.written:,} records written, {manifest.records:,} in all\n"
        f"What was acknowledged after {_minute(manifest.begun)} is not in this backup; what a survey has in its spool"
        " comes by itself when it starts."
    )
    click.echo(f"Next: {step.text}")
    if step.command:
        click.echo(f"  {step.command}")
    click.echo("Then compare: sipas verify")


def _told(manifest: Manifest) -> dict[str, object]:
    return {
        "namespace": manifest.namespace,
        "begun": _minute(manifest.begun),
        "records": manifest.records,
        "bytes": manifest.bytes,
        "topics": totals(manifest.topics),
    }


def _now() -> datetime:
    return datetime.now(UTC)


def _minute(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def _failures(directory: Path) -> Iterator[None]:
    """What a person must know, in one line."""
    try:
        yield
    except FAILURES as why:
        raise click.ClickException(str(why)) from None
    except OSError as why:
        if why.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise click.ClickException(f"no space left in {directory}; the backup of before stands") from None
        if isinstance(why, ConnectionError | TimeoutError):
            raise
        raise click.ClickException(
            f"{why.filename or directory}: {why.strerror}; the backup of before stands"
        ) from None


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A line of progress; what it is told: the topic, records done, records in all."""
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task("", total=0)

        def tell(kind: str, done: int, whole: int) -> None:
            bar.update(task, description=kind, completed=done, total=whole)

        yield tell
