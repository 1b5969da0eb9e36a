"""`sipas import`: answers that were collected elsewhere, through the HTTP API like every other answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from services.survey.client import SendFailed, SurveyClient, Taken
from services.survey.client_options import client_options, client_settings, progress_bar
from services.survey.imports.mapping import FileMapping, read_mapping
from services.survey.imports.report import as_plain, lines
from services.survey.imports.rows import Rows, read_rows, read_table
from services.survey.imports.sheets import documents, probes
from services.survey.monthly_counts import MonthlyCounts, read_counts, sheets_of
from sipas.methods import load_methods
from sipas.settings import ClientSettings, Common, load_or_exit
from sipas.tables.csv_tables import decoded

METHOD, CRITERION = "overall-1@1", "OVERALL"
MOST_FAULTS = 100


@click.group("import")
def import_() -> None:
    """Send answers that were collected elsewhere."""


@import_.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--agency", required=True, metavar="ID", help="the agency that the answers are about")
@client_options
def counts(file: Path, agency: str, url: str | None, key: str | None, as_json: bool) -> None:
    """Send the answers of FILE, counted by month and level, for one agency.

    FILE is CSV with the columns month (2026-10) and n1 to n5, the numbers of answers from "very dissatisfied" to
    "very satisfied"; other columns are ignored. They become sheets of the one-question method overall-1@1, spread
    evenly over the days of their month. A month that is not over is refused.

    The same file again, or a longer one next month, counts each answer once: a sheet is known by agency, method,
    month, level and running number. So two sources of the same agency and month must be added up in one file.

    Without --key and SIPAS_IMPORT_KEY the key is taken from .local/keys.json, where `make up` keeps it.

    Exit code 1: something in FILE is wrong (then nothing was sent), or the survey refused or could not be reached
    (then what was taken is counted; the same command sends the rest).
    """
    settings = client_settings(ClientSettings, url, key)
    months = _months(file, settings)
    total = sum(month.total for month in months)
    with SurveyClient(settings.survey_url, settings.import_key) as survey:
        taken = _sent(survey, _documents(agency, months), total, f"sending to {agency}", as_json=as_json)
    if as_json:
        summary = {"sheets": taken.sheets, "accepted": taken.accepted, "spooled": taken.spooled, "months": len(months)}
        click.echo(json.dumps(summary))
        return
    click.echo(
        f"{taken.sheets:,} sheets of {len(months)} months sent for {agency}: "
        f"{taken.accepted:,} accepted, {taken.spooled:,} spooled"
    )


@import_.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--mapping",
    "mapping_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="YAML",
    help="which column is which, and which word is which level",
)
@click.option("--yes", is_flag=True, help="send; without it nothing is sent")
@client_options
def responses(file: Path, mapping_file: Path, yes: bool, url: str | None, key: str | None, as_json: bool) -> None:
    """Say what the rows of FILE would become, and with --yes send them.

    FILE is CSV or an Excel workbook (.xlsx), such as an export of Google Forms or a tally of paper sheets. Only the
    columns that the mapping names are read. docs/import.md says how to write it, with two examples.

    The same file again, or a longer one next month, counts each sheet once: a sheet is known by the mapping's source,
    the method, agency, counter, sector, day, the words of its answers, and its number among those alike in all these.

    Exit code 1: something is wrong (then nothing was sent), or the survey could not be reached on the way (then what
    was taken is counted; the same command sends the rest).
    """
    mapping, found = _read(file, mapping_file)
    report = as_plain(mapping, found)
    if not as_json:
        for line in lines(mapping, found):
            click.echo(line)
    for fault in found.faults[:MOST_FAULTS]:
        click.echo(str(fault), err=True)
    if len(found.faults) > MOST_FAULTS:
        click.echo(f"and {len(found.faults) - MOST_FAULTS:,} more", err=True)
    taken = None
    stopped = bool(found.faults) and not mapping.skip_invalid_rows
    if yes and not stopped:
        settings = client_settings(ClientSettings, url, key)
        with SurveyClient(settings.survey_url, settings.import_key) as survey:
            _ask_first(survey, mapping, found)
            label = f"sending {mapping.source}"
            taken = _sent(survey, documents(mapping, found), found.total, label, as_json=as_json)
    if as_json:
        sent = taken and {"sheets": taken.sheets, "accepted": taken.accepted, "spooled": taken.spooled}
        click.echo(json.dumps(report | {"sent": sent}, ensure_ascii=False))
    elif taken:
        click.echo(f"{taken.sheets:,} sheets sent: {taken.accepted:,} accepted, {taken.spooled:,} spooled")
    if stopped:
        raise click.ClickException(f"{found.refused:,} rows refused; nothing was sent")
    if not taken and not as_json:
        click.echo("a dry run: nothing was sent. If this is right: the same command with --yes")


def _read(file: Path, mapping_file: Path) -> tuple[FileMapping, Rows]:
    mapping, faults = read_mapping(mapping_file.read_bytes(), str(mapping_file), load_methods())
    if mapping is not None:
        table, faults = read_table(file.read_bytes(), str(file), mapping)
        if table is not None:
            today = datetime.now(UTC).astimezone(load_or_exit(Common).zone).date()
            return mapping, read_rows(table, mapping, today)
    for fault in faults:
        click.echo(str(fault), err=True)
    raise click.ClickException(f"{len(faults)} wrong; nothing was sent")


def _ask_first(survey: SurveyClient, mapping: FileMapping, rows: Rows) -> None:
    """So that an agency or a counter that the survey does not know stops everything, and not the half of it."""
    refused = 0
    for probe in probes(mapping, rows):
        try:
            why = survey.refusal(probe)
        except SendFailed as reason:
            raise click.ClickException(str(reason)) from reason
        if why is not None:
            what = " ".join(f"{name} {probe[name]}" for name in ("agency", "counter", "sector") if name in probe)
            click.echo(f"{what}: the survey says: {why}", err=True)
            refused += 1
    if refused:
        raise click.ClickException(f"{refused} refused; nothing was sent")


def _sent(survey: SurveyClient, sheets: Iterator[dict[str, Any]], total: int, label: str, *, as_json: bool) -> Taken:
    with progress_bar(label, total, hidden=as_json) as bar:
        try:
            survey.about()  # a wrong address is told at once, not after the patience of `send`
            return survey.send(sheets, bar)
        except SendFailed as reason:
            raise click.ClickException(str(reason)) from reason


def _months(file: Path, settings: ClientSettings) -> list[MonthlyCounts]:
    text, wrong_file = decoded(file.read_bytes(), str(file))
    for wrong in wrong_file:
        raise click.ClickException(str(wrong))
    months, faults = read_counts(text, datetime.now(UTC).astimezone(settings.zone).date())
    for fault in faults:
        click.echo(f"{file}: {fault}", err=True)
    if faults:
        raise click.ClickException(f"{len(faults)} wrong; nothing was sent")
    return months


def _documents(agency: str, months: list[MonthlyCounts]) -> Iterator[dict[str, Any]]:
    for month in months:
        for sheet in sheets_of(agency, METHOD, month):
            yield {
                "response_id": sheet.response_id,
                "agency": agency,
                "method": METHOD,
                "answers": {CRITERION: sheet.level},
                "answered_on": sheet.answered_on,
            }
