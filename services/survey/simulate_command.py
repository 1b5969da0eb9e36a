"""`sipas simulate`: made-up answers for a demo stack, through the HTTP API like every other answer.

Agencies and their counters are read from the registry's topic, not from the survey: a list of all counter codes is
nothing that a public service should give away, and whoever may simulate runs the stack. Whether it is a demo is asked
of the survey itself, because that is what the answers go to, whichever Kafka the settings name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click

from services.survey.client import SendFailed, SurveyClient, Taken
from services.survey.client_options import client_options, client_settings, progress_bar
from services.survey.simulation import (
    Desk,
    Drop,
    Scenario,
    SimulatedAgency,
    SimulatedSheet,
    open_days,
    sheets_of_day,
)
from sipas.broker import Topics
from sipas.follower import read_whole
from sipas.methods import load_methods
from sipas.registry import Counter, Registry
from sipas.settings import ClientSettings, KafkaSettings


@dataclass(frozen=True, kw_only=True)
class SimulateSettings(ClientSettings, KafkaSettings):
    """A survey to send to, and the Kafka that holds its registry."""


@click.command()
@click.option("--agencies", metavar="IDS|NUMBER", help="agency ids with commas, or how many [default: all]")
@click.option("--days", default=60, show_default=True, type=click.IntRange(1, 3650), help="calendar days up to today")
@click.option(
    "--rate", default=20.0, show_default=True, type=click.FloatRange(0, 2000), help="mean sheets per agency and day"
)
@click.option(
    "--satisfied",
    default=0.85,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="mean share of satisfied answers; agencies lie up to 0.05 around it",
)
@click.option("--drop-agency", metavar="ID", help="the agency whose satisfaction falls [default: none]")
@click.option(
    "--drop-start", default=14, show_default=True, type=click.IntRange(0), metavar="DAYS_AGO", help="when it falls"
)
@click.option(
    "--drop-end", type=click.IntRange(0), metavar="DAYS_AGO", help="the last day of the fall [default: it lasts]"
)
@click.option(
    "--drop-size", default=20.0, show_default=True, type=click.FloatRange(0, 100), metavar="POINTS", help="by how much"
)
@click.option("--seed", default=1, show_default=True, help="other numbers give other answers")
@client_options
def simulate(
    agencies: str | None,
    days: int,
    rate: float,
    satisfied: float,
    drop_agency: str | None,
    drop_start: int,
    drop_end: int | None,
    drop_size: float,
    seed: int,
    url: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Fill a demo stack with made-up answers, day by day up to today. Refused by every other stack.

    Offices are open Monday to Friday. Answers of one day resemble each other, as those of real days do.

    The same command again counts nothing twice, and tomorrow it adds one day: an answer is known by seed, agency,
    day and number. To change days that are there already, take another --seed: its answers come on top.

    Without --key and SIPAS_IMPORT_KEY the key is taken from .local/keys.json, where `make up` keeps it.
    """
    settings = client_settings(SimulateSettings, url, key)
    with SurveyClient(settings.survey_url, settings.import_key) as survey:
        try:
            about = survey.about()
        except SendFailed as reason:
            raise click.ClickException(str(reason)) from reason
        if not about.demo:
            raise click.ClickException(
                f"namespace {about.namespace} is not a demo, and an answer can never be removed; nothing was sent"
            )
        if about.namespace != settings.namespace:
            raise click.ClickException(
                f"the survey at {settings.survey_url} serves namespace {about.namespace}, "
                f"but SIPAS_NAMESPACE is {settings.namespace}"
            )
        today = datetime.now(UTC).astimezone(settings.zone).date()
        topic = Topics(settings.namespace).registry
        recorded = read_whole(settings.bootstrap, topic, Registry.fold(())).as_of(today)
        chosen = _chosen(_simulated_agencies(recorded), agencies)
        if drop_end is not None and drop_end > drop_start:
            raise click.BadParameter("the fall would end before it begins", param_hint="--drop-end")
        last_day = date.max if drop_end is None else today - timedelta(days=drop_end)
        drop = _drop(drop_agency, today - timedelta(days=drop_start), drop_size / 100, last_day, chosen)
        scenario = Scenario(seed=seed, rate=rate, satisfied=satisfied, drop=drop)
        calendar = open_days(today, days)
        if not calendar:
            raise click.ClickException("no office was open on these days: they are a weekend")
        try:
            taken = _send(survey, scenario, chosen, calendar, quiet=as_json)
        except SendFailed as reason:
            raise click.ClickException(str(reason)) from reason
    summary = {
        "sheets": taken.sheets,
        "accepted": taken.accepted,
        "spooled": taken.spooled,
        "agencies": len(chosen),
        "days": len(calendar),
        "first_day": calendar[0].isoformat(),
        "last_day": calendar[-1].isoformat(),
    }
    if as_json:
        click.echo(json.dumps(summary))
        return
    click.echo(
        f"{taken.sheets:,} made-up sheets of {len(chosen)} agencies sent, {len(calendar)} days from {calendar[0]} "
        f"to {calendar[-1]}: {taken.accepted:,} accepted, {taken.spooled:,} spooled"
    )


def _send(
    survey: SurveyClient, scenario: Scenario, agencies: list[SimulatedAgency], calendar: list[date], *, quiet: bool
) -> Taken:
    """A day is sent whole before the next begins, so that readers of the log see time pass as it would."""
    taken = Taken()
    with progress_bar("sending", len(calendar), hidden=quiet) as bar:
        for at, day in enumerate(calendar):
            bar(at, f"sending {day}")
            taken += survey.send(_document(sheet) for sheet in sheets_of_day(scenario, agencies, day))
    return taken


def _document(sheet: SimulatedSheet) -> dict[str, Any]:
    return {
        "response_id": sheet.response_id,
        "agency": sheet.agency,
        "counter": sheet.desk.counter,
        "sector": sheet.desk.sector,
        "answers": sheet.answers,
        "answered_on": sheet.answered_on,
        "channel": "qr",
    }


def _simulated_agencies(registry: Registry) -> dict[str, SimulatedAgency]:
    """Every agency that can be answered about, by id."""
    criteria = {id_: method.codes for id_, method in load_methods().items()}
    found = {
        agency.id: tuple(_desks(agency.id, registry.serving(agency.id), criteria))
        for agency in sorted(registry.agencies.values(), key=lambda agency: agency.id)
        if agency.status == "active"
    }
    return {id_: SimulatedAgency(id_, desks) for id_, desks in found.items() if desks}


def _desks(agency: str, counters: Iterable[Counter], criteria: dict[str, tuple[str, ...]]) -> Iterator[Desk]:
    for counter in sorted(counters, key=lambda counter: counter.code):
        sectors: list[str | None] = [sector.id for sector in counter.sectors if sector.agency == agency]
        for sector in sectors or [None]:
            yield Desk(counter.code, sector, criteria[counter.method])


def _chosen(known: dict[str, SimulatedAgency], wanted: str | None) -> list[SimulatedAgency]:
    if not known:
        raise click.ClickException("no agency has a counter; run: sipas registry load sample")
    if wanted is None:
        return list(known.values())
    if wanted.isdecimal():
        if not 1 <= int(wanted) <= len(known):
            raise click.BadParameter(f"a number from 1 to {len(known)}", param_hint="--agencies")
        return list(known.values())[: int(wanted)]
    ids = dict.fromkeys(part.strip() for part in wanted.split(","))
    if unknown := [id_ for id_ in ids if id_ not in known]:
        raise click.BadParameter(f"no agency with a counter is called {', '.join(unknown)}", param_hint="--agencies")
    return [known[id_] for id_ in ids]


def _drop(
    agency: str | None, first_day: date, size: float, last_day: date, chosen: list[SimulatedAgency]
) -> Drop | None:
    if agency is None:
        return None
    if agency not in {one.id for one in chosen}:
        raise click.BadParameter(f"{agency} is not among the simulated agencies", param_hint="--drop-agency")
    return Drop(agency, first_day, size, last_day)
