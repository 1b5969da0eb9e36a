"""`sipas comments`: what citizens wrote, read through the board like everybody else reads it."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from sipas.settings import ReaderSettings, load_or_exit

KEYS_OF_LOCAL_STACK = Path(".local/keys.json")
BOARD_OF_LOCAL_STACK = "http://127.0.0.1:8081"
TIMEOUT_S = 60.0


@click.command()
@click.option("--agency", required=True, metavar="ID", help="whose counters the comments are about")
@click.option("--day", required=True, type=click.DateTime(["%Y-%m-%d"]), help="the day of the visit, as 2026-11-24")
@click.option("--url", help=f"the board's address [default: SIPAS_BOARD_URL, or {BOARD_OF_LOCAL_STACK}]")
@click.option("--key", help="key of scope read [default: SIPAS_READ_KEY]")
@click.option("--json", "as_json", is_flag=True, help="print the board's answer as it is")
def comments(agency: str, day: datetime, url: str | None, key: str | None, as_json: bool) -> None:
    """Print what citizens wrote about an agency on a day, redacted and in no order, from the next working day on.

    Without --key and SIPAS_READ_KEY the key is taken from .local/keys.json, where `make up` keeps it.
    """
    answer = _ask(_settings(url, key), agency, day.date().isoformat())
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    for comment in answer["comments"]:
        click.echo(f"{comment['counter'] or '-'}  " + comment["text"].replace("\n", "\n" + " " * 12))
    click.echo(f"{len(answer['comments'])} comments of {agency} on {day:%d/%m/%Y}", err=True)


def _settings(url: str | None, key: str | None) -> ReaderSettings:
    given = {
        "SIPAS_BOARD_URL": url or os.environ.get("SIPAS_BOARD_URL") or BOARD_OF_LOCAL_STACK,
        "SIPAS_READ_KEY": key or os.environ.get("SIPAS_READ_KEY") or _local_key(),
    }
    return load_or_exit(ReaderSettings, given)


def _local_key() -> str | None:
    try:
        return str(json.loads(KEYS_OF_LOCAL_STACK.read_text(encoding="utf-8"))["read"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _ask(settings: ReaderSettings, agency: str, day: str) -> Mapping[str, Any]:
    address = f"{settings.board_url}/v1/agencies/{urllib.parse.quote(agency, safe='')}/comments?day={day}"
    asked = urllib.request.Request(  # noqa: S310 - the settings allow http and https only
        address, headers={"Authorization": f"Bearer {settings.read_key}"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
            read: Mapping[str, Any] = json.load(answer)
            return read
    except urllib.error.HTTPError as refused:
        raise click.ClickException(f"the board at {settings.board_url} says: {_problem(refused)}") from refused
    except (OSError, ValueError) as reason:
        raise click.ClickException(f"no board answers at {settings.board_url}: {reason}") from reason


def _problem(refused: urllib.error.HTTPError) -> str:
    try:
        problem = json.loads(refused.read())
        return ": ".join(str(problem[name]) for name in ("title", "detail") if name in problem)
    except (OSError, ValueError, TypeError):
        return f"{refused.code} {refused.reason}"
