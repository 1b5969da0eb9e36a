"""`sipas alerts silence`: for a time nobody is told of an agency, a block or the province, as while an office moves."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, date, datetime, timedelta

import click
import msgspec
from msgspec.structs import replace

from services.notifier.alert_life import read_book
from services.notifier.decision_commands import by_option, check_person, write
from sipas.broker import Topics
from sipas.events import SILENCE_SCOPE, SilenceSet
from sipas.follower import read_whole
from sipas.hours import MIDNIGHT, instant
from sipas.registry import PROVINCE, Registry
from sipas.settings import KafkaSettings, load_or_exit


@click.group()
def silence() -> None:
    """Tell nobody of an agency, a block or the province for a time; what lasts beyond it is told then."""


@silence.command("set")
@click.argument("scope")
@click.option("--from", "start", metavar="DAY", help="first day, 2026-12-01; else from now on")
@click.option("--to", "end", metavar="DAY", required=True, help="last day, 2026-12-03")
@click.option("--reason", required=True, help="why, in a person's words")
@by_option
def set_(scope: str, start: str | None, end: str, reason: str, by: str) -> None:
    """Silence SCOPE: agency/<id>, block/<id> or province. Days are local and whole."""
    settings = load_or_exit(KafkaSettings)
    if not re.search(SILENCE_SCOPE, scope):
        raise click.UsageError(f"{scope} is not agency/<id>, block/<id> or province")
    if not reason.strip():
        raise click.UsageError("--reason is empty")
    now = datetime.now(UTC)
    begins = now if start is None else _midnight(settings, _day(start))
    ends = _midnight(settings, _day(end) + timedelta(days=1))
    if ends <= max(begins, now):
        raise click.UsageError("it would end before it begins, or before now")
    check_person(settings, by)
    _check_scope(settings, scope)
    made = SilenceSet(id=str(uuid.uuid4()), scope=scope, start=begins, end=ends, by=by, reason=reason.strip(), at=now)
    write(settings, made)
    click.echo(_as_text(made))


@silence.command("list")
@click.option("--all", "past_too", is_flag=True, help="those that are over, too")
@click.option("--json", "as_json", is_flag=True, help="one JSON object a silence")
def list_(past_too: bool, as_json: bool) -> None:
    """List the silences that hold or will."""
    settings = load_or_exit(KafkaSettings)
    now = datetime.now(UTC)
    found = [
        one for one in read_book(settings.bootstrap, settings.namespace).silences.values() if past_too or one.end > now
    ]
    for one in found:
        click.echo(json.dumps(msgspec.to_builtins(one), ensure_ascii=False) if as_json else _as_text(one))
    if not found and not as_json:
        click.echo("no silences")


@silence.command("end")
@click.argument("id_", metavar="ID")
@by_option
def end_(id_: str, by: str) -> None:
    """End a silence now."""
    settings = load_or_exit(KafkaSettings)
    check_person(settings, by)
    now = datetime.now(UTC)
    held = read_book(settings.bootstrap, settings.namespace).silences.get(id_)
    if held is None:
        raise click.ClickException(f"there is no silence {id_}; see: sipas alerts silence list")
    if held.end <= now:
        raise click.ClickException("it is over")
    made = replace(held, end=now, by=by, at=now)
    write(settings, made)
    click.echo(_as_text(made))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text} is not a day such as 2026-12-01") from None


def _midnight(settings: KafkaSettings, day: date) -> datetime:
    return instant(day, MIDNIGHT, settings.zone)


def _check_scope(settings: KafkaSettings, scope: str) -> None:
    if scope == PROVINCE:
        return
    registry = read_whole(settings.bootstrap, Topics(settings.namespace).registry, Registry.fold(()))
    kind, _, id_ = scope.partition("/")
    if id_ not in (registry.agencies if kind == "agency" else registry.blocks):
        raise click.ClickException(f"the registry has no {scope}")


def _as_text(one: SilenceSet) -> str:
    return f"{one.id}  {one.scope}  {one.start:%Y-%m-%d %H:%M}Z to {one.end:%Y-%m-%d %H:%M}Z  by {one.by}: {one.reason}"
