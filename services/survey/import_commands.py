"""`sipas import`: answers that were collected elsewhere, through the HTTP API like every other answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from services.survey.client import SendFailed, SurveyClient
from services.survey.client_options import client_options, client_settings, progress_bar
from services.survey.monthly_counts import MonthlyCounts, read_counts, sheets_of
from sipas.settings import ClientSettings

METHOD, CRITERION = "overall-1@1", "OVERALL"


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
    with (
        SurveyClient(settings.survey_url, settings.import_key) as survey,
        progress_bar(f"sending to {agency}", total, hidden=as_json) as bar,
    ):
        try:
            survey.about()  # a wrong address is told at once, not after the patience of `send`
            taken = survey.send(_documents(agency, months), bar)
        except SendFailed as reason:
            raise click.ClickException(str(reason)) from reason
    if as_json:
        summary = {"sheets": taken.sheets, "accepted": taken.accepted, "spooled": taken.spooled, "months": len(months)}
        click.echo(json.dumps(summary))
        return
    click.echo(
        f"{taken.sheets:,} sheets of {len(months)} months sent for {agency}: "
        f"{taken.accepted:,} accepted, {taken.spooled:,} spooled"
    )


def _months(file: Path, settings: ClientSettings) -> list[MonthlyCounts]:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise click.ClickException(f"{file} is not UTF-8 text") from None
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
