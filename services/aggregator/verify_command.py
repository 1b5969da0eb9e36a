"""`sipas verify`: is the ledger, or a frozen result, what the log says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.progress import Progress

from services.aggregator.counting import load_criteria
from services.aggregator.freezing import Stack, is_of_this_topic, read_results, recompute
from services.aggregator.frozen import Frozen, same_or_differences, versions_of
from services.aggregator.generations import LostDecisions, read_switches
from services.aggregator.verify import verify as verify_all
from sipas.broker import KafkaAway, WrongTopics
from sipas.ledger import LedgerAway, Ledgers
from sipas.settings import LedgerSettings, load_or_exit

MOST_LINES = 40


@click.command()
@click.argument("period", required=False)
@click.option("--version", type=click.IntRange(1), help="of a frozen result; by default the newest")
@click.option(
    "--file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="a file that must be the frozen result, byte for byte",
)
@click.option("--json", "as_json", is_flag=True, help="print the verdict as JSON")
def verify(period: str | None, version: int | None, file: Path | None, as_json: bool) -> None:
    """Recompute all tallies from the log and compare them with the published ledger, integer by integer.

    With a PERIOD, for example 2026-Q4: recompute its frozen result from the log up to where it was frozen, and compare
    byte for byte; --file compares a copy too.

    Exit code 0: all agree. 1: they do not, and the differences are printed.
    """
    if period is None and (version is not None or file is not None):
        raise click.UsageError("--version and --file belong to a frozen result: name its PERIOD")
    settings = load_or_exit(LedgerSettings)
    try:
        if period is None:
            _verify_ledger(settings, as_json=as_json)
        else:
            _verify_frozen(settings, period, version, file, as_json=as_json)
    except (KafkaAway, WrongTopics, LedgerAway, LostDecisions) as why:
        raise click.ClickException(str(why)) from None


def _verify_ledger(settings: LedgerSettings, *, as_json: bool) -> None:
    ledgers = Ledgers(settings.redis_url, settings.namespace)
    published = read_switches(settings.bootstrap, settings.namespace, ledgers).published
    with Progress(disable=as_json, transient=True) as bar:
        task = bar.add_task("reading the log", total=None)
        verdict = verify_all(
            settings.bootstrap,
            settings.namespace,
            ledgers,
            published.generation,
            load_criteria(),
            lambda done, whole: bar.update(task, completed=done, total=whole),
        )
    if as_json:
        click.echo(json.dumps(asdict(verdict), ensure_ascii=False))
    elif verdict.differences:
        _list(verdict.differences)
        click.echo(f"{len(verdict.differences)} differences between ledger and log", err=True)
    else:
        click.echo(
            f"the ledger agrees with the log: {verdict.records} records, {verdict.sheets} sheets,"
            f" {verdict.agencies} agencies"
        )
    raise SystemExit(1 if verdict.differences else 0)


def _verify_frozen(
    settings: LedgerSettings, period: str, version: int | None, file: Path | None, *, as_json: bool
) -> None:
    stack = Stack(settings.bootstrap, settings.namespace)
    versions = versions_of(period, read_results(stack))
    chosen = [one for one in versions if version in {None, one.version}]
    if not chosen:
        raise click.ClickException(f"{period}{f' version {version}' if version else ''} was never frozen")
    frozen = chosen[-1]
    with Progress(disable=as_json, transient=True) as bar:
        task = bar.add_task("reading the log", total=None)
        again = recompute(stack, frozen, lambda done, whole: bar.update(task, completed=done, total=whole))
    wrong = [*_faults(frozen, file), *same_or_differences(frozen, again)]
    same_topic = is_of_this_topic(stack, frozen)
    if as_json:
        told = {
            "period": period,
            "version": frozen.version,
            "sha256": frozen.sha256,
            "differences": wrong,
            "same_topic": same_topic,
        }
        click.echo(json.dumps(told, ensure_ascii=False))
    elif wrong:
        _list(wrong)
        click.echo(f"{period} version {frozen.version} is not what the log gives: {len(wrong)} differences", err=True)
    else:
        click.echo(f"{period} version {frozen.version} is what the log gives, byte for byte: sha256 {frozen.sha256}")
        if not same_topic:
            click.echo("the topic of the answers was made anew since, as by a restore; the answers are the same")
    raise SystemExit(1 if wrong else 0)


def _faults(frozen: Frozen, file: Path | None) -> list[str]:
    faults = [] if frozen.intact else ["the frozen content has not the hash that was told with it"]
    if file is not None and file.read_bytes() != frozen.content:
        faults.append(f"{file} is not the frozen result")
    return faults


def _list(lines: Sequence[str]) -> None:
    for line in lines[:MOST_LINES]:
        click.echo(line, err=True)
    if len(lines) > MOST_LINES:
        click.echo(f"… and {len(lines) - MOST_LINES} more (all of them: --json)", err=True)
