"""`sipas alerts ack`, `note`, `action`, `snooze`, `close`, `new-normal`: what the page behind a leader's link does.

Each writes one event to `decisions` and ends once it is acknowledged: from then on every reader finds it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import click

from services.notifier.alert_life import read_book
from services.notifier.alerts_listing import decision_as_text, key_by_name
from sipas.alert_decisions import NEED_A_NOTE, SNOOZE_DAYS, Act, Refused, decide
from sipas.alert_records import publish_decision
from sipas.broker import Publisher, Topics
from sipas.events import AlertDecided, SilenceSet
from sipas.follower import read_whole
from sipas.people import People
from sipas.settings import KafkaSettings, load_or_exit

COMMAND_LINE = "command-line"

by_option = click.option(
    "--by", metavar="PERSON", default=COMMAND_LINE, help="a person's id in whose name it is done; else command-line"
)


def check_person(settings: KafkaSettings, person: str) -> None:
    """Fail unless it is the command line itself or somebody listed."""
    if person == COMMAND_LINE:
        return
    people = read_whole(settings.bootstrap, Topics(settings.namespace).people, People.fold(()))
    if person not in people.by_id:
        raise click.ClickException(f"nobody listed has the id {person}")


def write(settings: KafkaSettings, event: AlertDecided | SilenceSet) -> None:
    """Returns once it is acknowledged."""
    with closing(Publisher(settings.bootstrap, client_id="sipas-alerts")) as publisher:
        publish_decision(publisher, settings.namespace, event, service="notifier", at=event.at)


def _decide(act: Act, alert: str, by: str, note: str, days: int | None = None) -> None:
    settings = load_or_exit(KafkaSettings)
    check_person(settings, by)
    book = read_book(settings.bootstrap, settings.namespace)
    # an alert's name, or the id of one of its changes
    key = key_by_name(book).get(alert) or book.key_by_change.get(alert)
    if key is None:
        raise click.ClickException(f"there is no alert {alert}; see: sipas alerts list")
    now = datetime.now(UTC)
    try:
        made = decide(
            book.alerts[key],
            act,
            id_=str(uuid.uuid4()),
            by=by,
            at=now,
            today=now.astimezone(settings.zone).date(),
            demo=settings.demo,
            note=note,
            days=days,
        )
    except Refused as refused:
        raise click.ClickException(str(refused)) from None
    write(settings, made)
    click.echo(decision_as_text(made))


def _command(name: str, act: Act, help_text: str) -> click.Command:
    def run(alert: str, by: str, note: str, **more: Any) -> None:
        _decide(act, alert, by, note, **more)

    wrapped: Callable[..., None] = run
    if act == "snoozed":
        wrapped = click.option(
            "--days", type=click.Choice([str(one) for one in SNOOZE_DAYS]), required=True, callback=_whole
        )(wrapped)
    note: dict[str, Any] = {"required": True} if act in NEED_A_NOTE else {"default": ""}
    wrapped = click.option("--note", help="in a person's words", **note)(wrapped)
    wrapped = by_option(wrapped)
    wrapped = click.argument("alert", metavar="ALERT")(wrapped)
    return click.command(name, help=help_text)(wrapped)


def _whole(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    return int(value)


COMMANDS = (
    _command("ack", "acknowledged", "Acknowledge ALERT: it is seen, and no longer escalated."),
    _command("note", "noted", "Add a note to ALERT."),
    _command("action", "acted", "Record what was done about ALERT."),
    _command("snooze", "snoozed", "No reminder of ALERT for some days, unless there is new evidence."),
    _command("close", "closed", "End ALERT; the usual level stays as it is, so that a lasting fall is told again."),
    _command("new-normal", "new-normal", "End ALERT and compare with the days since it from now on."),
)
