"""The command `sipas`: it only collects. Each command lives with its service and is found by its entry point, and only
the one that is asked for is loaded: all of them take a second of processor time.

Exit code 0, 1 for what failed, 2 for wrong use or settings.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoints, entry_points
from typing import Any

import click

from sipas import settings
from sipas.broker import KafkaAway, PublishFailed, WrongTopics
from sipas.registry import WrongNamespace

EXPECTED = (KafkaAway, PublishFailed, WrongTopics, WrongNamespace)
"""Failures whose message says all that an administrator needs; anything else is ours and shows its traceback."""


class Commands(click.Group):
    """Those of all services. Says an expected failure in one line and exits with 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_found().names})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for point in _found().select(name=cmd_name):
            command: click.Command = point.load()
            return command
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EXPECTED as failure:
            raise click.ClickException(str(failure)) from failure


@cache
def _found() -> EntryPoints:
    return entry_points(group="sipas.commands")


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
