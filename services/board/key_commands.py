"""`sipas key`: create, revoke, list. A token is shown once and kept nowhere; the registry holds its hash."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import click
import msgspec

from services.board.entries import write_entries
from sipas.broker import Topics
from sipas.events import Entry
from sipas.follower import read_whole
from sipas.registry import Key, KeyScope, Registry, token_hash
from sipas.settings import KafkaSettings, load_or_exit

SCOPES: tuple[KeyScope, ...] = get_args(KeyScope)


@click.group()
def key() -> None:
    """Keys of machine clients: kiosks (submit), imports (import), readers (read)."""


@key.command()
@click.option("--scope", type=click.Choice(SCOPES), required=True, help="what the key allows")
@click.option("--json", "as_json", is_flag=True, help="print id, scope and key as JSON")
def create(scope: KeyScope, as_json: bool) -> None:
    """Make a key and print its token, once."""
    settings = load_or_exit(KafkaSettings)
    _recorded(settings)  # says what is missing before a token is made that nobody could use
    token = f"sipas_{scope}_{secrets.token_urlsafe(32)}"
    made = Key(id=f"k-{secrets.token_hex(4)}", scope=scope, hash=token_hash(token))
    write_entries(settings, "registry", [_entry(made, datetime.now(UTC).date().isoformat())])
    if as_json:
        click.echo(json.dumps({"id": made.id, "scope": scope, "key": token}))
        return
    click.echo(f"{made.id}: this token is shown only now", err=True)
    click.echo(token)


@key.command()
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """Make a key worthless, at once and for good."""
    settings = load_or_exit(KafkaSettings)
    recorded = _recorded(settings)
    found = recorded.keys.get(key_id)
    if found is None:
        raise click.ClickException(f"there is no key {key_id}; see: sipas key list")
    if not found.revoked:
        write_entries(settings, "registry", [_entry(replace(found, revoked=True), _made_on(recorded, key_id))])
    click.echo(f"{key_id} is revoked")


@key.command("list")
@click.option("--json", "as_json", is_flag=True, help="print as JSON")
def list_keys(as_json: bool) -> None:
    """List the keys: id, scope, day, state; never a token, which nobody has."""
    recorded = _recorded(load_or_exit(KafkaSettings))
    rows = [
        {"id": k.id, "scope": k.scope, "made_on": _made_on(recorded, k.id), "revoked": k.revoked}
        for k in sorted(recorded.keys.values(), key=lambda k: (k.revoked, k.scope, k.id))
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        state = "revoked" if row["revoked"] else "valid"
        click.echo(f"{row['id']:<12} {row['scope']:<8} {row['made_on']:<12} {state}")


def _recorded(settings: KafkaSettings) -> Registry:
    return read_whole(settings.bootstrap, Topics(settings.namespace).registry, Registry.fold(()))


def _made_on(recorded: Registry, key_id: str) -> str:
    made_on: str = recorded.entries["key", key_id].history[0]["valid_from"]
    return made_on


def _entry(made: Key, made_on: str) -> Entry:
    fields = {name: value for name, value in msgspec.to_builtins(made).items() if name != "id"}
    return Entry(kind="key", id=made.id, history=({"valid_from": made_on, "valid_to": None, **fields},))
