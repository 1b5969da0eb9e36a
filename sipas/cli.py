"""The command `sipas`: it only collects. Each command lives with its service and is found by its entry point.

Exit code 0, 1 for what failed, 2 for wrong use or settings.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import click

from sipas import settings
from sipas.broker import KafkaAway, PublishFailed, WrongTopics
from sipas.registry import WrongNamespace

EXPECTED = (KafkaAway, PublishFailed, WrongTopics, WrongNamespace)
"""Failures whose message says all that an administrator needs; anything else is ours and shows its traceback."""


class Commands(click.Group):
    """Says an expected failure in one line and exits with 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EXPECTED as failure:
            raise click.ClickException(str(failure)) from failure


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure every day whether citizens are satisfied with their public offices."""


@main.command("settings")
def show_settings() -> None:
    """List every setting: name, meaning, default, who uses it."""
    for setting in settings.describe():
        default = "required" if setting.default is None else f"default {setting.default}"
        click.echo(f"{setting.name}  ({default}{', secret' if setting.secret else ''})")
        click.echo(f"    {setting.help}")


for _point in sorted(entry_points(group="sipas.commands"), key=lambda point: point.name):
    main.add_command(_point.load(), _point.name)
