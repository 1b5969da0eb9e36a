"""The argument FILE, or `sample`, of the commands that load something, and how they refuse what is wrong in it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import click

from services.board.list_files import Source
from sipas.tables.lists import Fault

SAMPLE = "sample"


class SourceArgument(click.ParamType[Source]):
    """A path of a file, or `sample` for the file of that name that comes with the program, if there is one."""

    name = "file"

    def __init__(self, sample: str | None = None) -> None:
        self._sample = sample

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Source:
        if value == SAMPLE and self._sample:
            content = (files("services.board.sample") / self._sample).read_bytes()
            return Source(f"sample/{self._sample}", content, is_sample=True)
        try:
            return Source(value, Path(value).read_bytes())
        except OSError as reason:
            self.fail(f"{value} cannot be read: {reason.strerror}", param, ctx)


def stop_at(faults: Sequence[Fault], outcome: str = "nothing was recorded") -> None:
    """Print the faults of files and exit with 1, if there are any."""
    for fault in faults:
        click.echo(str(fault), err=True)
    if faults:
        raise click.ClickException(f"{len(faults)} wrong; {outcome}")
