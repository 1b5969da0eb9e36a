"""The command `sipas`: it only collects. Each command lives with its service and is found by its entry point."""

from __future__ import annotations

from importlib.metadata import entry_points

import click

from sipas import settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
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
