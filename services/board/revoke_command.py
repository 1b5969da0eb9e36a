"""`sipas registry revoke`: a counter's code is worthless from today on, and its page says where to go instead."""

from __future__ import annotations

import json
import secrets
from datetime import datetime
from zoneinfo import ZoneInfo

import click

from services.board.entries import write_entries
from services.board.revocation import CannotRevoke, revocation, same_under
from sipas.broker import Topics
from sipas.codes import new_code, normalise, printed
from sipas.follower import read_whole
from sipas.registry import Registry, known_facts
from sipas.settings import KafkaSettings, load_or_exit


class CodeArgument(click.ParamType[str]):
    """A counter's code in any of its written forms."""

    name = "code"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return normalise(value) or self.fail(f"{value!r} is no counter code", param, ctx)


@click.command()
@click.argument("code", type=CodeArgument())
@click.option(
    "--replaced-by", "successor", type=CodeArgument(), metavar="CODE", help="the counter that takes its place"
)
@click.option("--new", is_flag=True, help="make a fresh code for the same counter, which takes its place")
@click.option("--reason", help="why, for those who ask later; never a person's name")
@click.option("--json", "as_json", is_flag=True, help="print both codes as JSON")
def revoke(code: str, successor: str | None, new: bool, reason: str | None, as_json: bool) -> None:
    """Make the CODE of a counter worthless from today on, for instance because its poster was lost or pasted over.

    Whoever scans it is told so, and where to go if another code takes its place. Answers given before stay counted.
    """
    if new and successor:
        raise click.UsageError("--new and --replaced-by exclude each other")
    settings = load_or_exit(KafkaSettings)
    recorded = read_whole(settings.bootstrap, Topics(settings.namespace).registry, Registry.fold(()))
    facts = known_facts(recorded.facts, settings.namespace)
    today = datetime.now(ZoneInfo(facts.timezone)).date()
    entries = []
    try:
        if new:
            successor = new_code(secrets.randbelow)
            entries.append(same_under(recorded, code, successor, today))
        revoked = revocation(recorded, code, today, successor, reason)
    except CannotRevoke as why:
        raise click.ClickException(str(why)) from why
    if revoked is not None:
        entries.append(revoked)
    future = recorded.updated(entries)
    wrong = [str(problem) for problem in future.problems if problem.entry == f"counter/{code}"]
    if successor and (taking := future.counter(successor)) and taking.status == "revoked":
        wrong.append(f"{successor} is revoked itself")
    if wrong:
        raise click.ClickException("; ".join(wrong))
    write_entries(settings, "registry", entries)
    if as_json:
        click.echo(json.dumps({"revoked": code, "replaced_by": successor, "from": today.isoformat()}))
        return
    if not entries:
        click.echo(f"{printed(code)} is revoked already; nothing to record")
        return
    click.echo(f"{printed(code)} is revoked from {today} on: take its poster down")
    if successor:
        click.echo(f"{printed(successor)} takes its place; its poster: sipas poster --counter {successor}")
    also = f", replaced_by {successor}" if successor else ""
    click.echo(f"in your own file, counter {code} gets: status revoked{also}")
