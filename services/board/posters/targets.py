"""Which files posters go to. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from sipas.registry import Counter

Size = Literal["a4", "a5", "a6-tent"]
Format = Literal["pdf", "svg", "png"]
SIZES: tuple[Size, ...] = get_args(Size)
FORMATS: tuple[Format, ...] = get_args(Format)


class WrongTarget(Exception):
    """Why posters cannot go there."""


def targets(
    output: str | None, what: str, counters: Sequence[Counter], size: Size, file_format: Format, *, together: bool
) -> list[Path]:
    """One path if all go `together`, else one for each counter.

    An `output` that ends in the format's name is a file, any other a directory; None is the working directory.
    `what` says which counters these are. Raises `WrongTarget`.
    """
    suffix = f".{file_format}"
    given = Path(output or ".")
    if given.suffix.lower() == suffix and not given.is_dir():
        if not together and len(counters) > 1:
            raise WrongTarget(f"there are {len(counters)} posters, one file each: --output must be a directory")
        return [given]
    if given.suffix.lower().lstrip(".") in FORMATS and not given.is_dir():
        raise WrongTarget(f"--output ends in {given.suffix}, but --format is {file_format}")
    if together:
        return [given / f"posters-{_word(what)}-{size}{suffix}"]
    directory = given if output else given / f"posters-{_word(what)}-{size}"
    return [directory / f"{_word(counter.place)}-{counter.code}-{size}{suffix}" for counter in counters]


def _word(text: str) -> str:
    return re.sub(r"[^\w-]+", "-", text)
