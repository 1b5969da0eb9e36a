"""The argument FILE or `sample` of the commands that load something."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from services.board.list_files import Source

SAMPLE = "sample"


class SourceArgument(click.ParamType[Source]):
    """A path of a file, or `sample` for the file of that name that comes with the program."""

    name = "file"

    def __init__(self, sample: str) -> None:
        self._sample = sample

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Source:
        if value == SAMPLE:
            content = (files("services.board.sample") / self._sample).read_bytes()
            return Source(f"sample/{self._sample}", content, is_sample=True)
        try:
            return Source(value, Path(value).read_bytes())
        except OSError as reason:
            self.fail(f"{value} cannot be read: {reason.strerror}", param, ctx)
