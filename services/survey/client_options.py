"""What `sipas import` and `sipas simulate` have in common: which survey, which key, how progress is shown."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sipas.settings import ClientSettings, load_or_exit

KEYS_OF_LOCAL_STACK = Path(".local/keys.json")

S = TypeVar("S", bound=ClientSettings)
F = TypeVar("F", bound=Callable[..., Any])


def client_options(command: F) -> F:
    """The options --url, --key and --json, passed as `url`, `key` and `as_json`."""
    command = click.option("--json", "as_json", is_flag=True, help="print the summary as JSON, without progress")(
        command
    )
    command = click.option("--key", help="key of scope import [default: SIPAS_IMPORT_KEY]")(command)
    return click.option("--url", help="the survey's address [default: SIPAS_SURVEY_URL]")(command)


def client_settings(part: type[S], url: str | None, key: str | None) -> S:
    """The settings, where the options and then the environment win; exits with 2 and all that is wrong."""
    given = {"SIPAS_SURVEY_URL": url, "SIPAS_IMPORT_KEY": key or os.environ.get("SIPAS_IMPORT_KEY") or _local_key()}
    return load_or_exit(part, given)


def _local_key() -> str | None:
    """The import key that `make up` left in this directory, if it did."""
    try:
        keys = json.loads(KEYS_OF_LOCAL_STACK.read_text(encoding="utf-8"))
        return str(keys["import"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Bar(Protocol):
    """Shows how many are done, and what is being done where that changes."""

    def __call__(self, done: int, label: str | None = None, /) -> None: ...


@contextmanager
def progress_bar(label: str, total: int, *, hidden: bool) -> Iterator[Bar]:
    """A bar of `total` steps on the terminal, which goes away when it is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=hidden, transient=True) as bar:
        task = bar.add_task(label, total=total)

        def show(done: int, label: str | None = None, /) -> None:
            bar.update(task, completed=done, description=label)

        yield show
