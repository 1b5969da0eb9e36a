"""`sipas alerts`: what leaders were told, and its subcommands, each in a file of its own and added here."""

from __future__ import annotations

import click

from services.notifier.alerts_listing import list_, list_alerts
from services.notifier.decision_commands import COMMANDS
from services.notifier.expected_command import expected
from services.notifier.silence_commands import silence


@click.group("alerts", invoke_without_command=True)
@click.option("--agency", metavar="ID", help="only this agency")
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line")
@click.pass_context
def alerts(context: click.Context, agency: str | None, as_json: bool) -> None:
    """List every change of state, each delivery and what was decided. People stand here only by id."""
    if context.invoked_subcommand is None:
        list_alerts(agency, as_json=as_json)
    elif agency is not None or as_json:
        raise click.UsageError(f"options of {context.invoked_subcommand} stand after its name")


for command in (list_, *COMMANDS, silence, expected):
    alerts.add_command(command)
