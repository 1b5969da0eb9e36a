"""`sipas people load`: leaders and how to reach them. No history is kept of people: the newest entry replaces."""

from __future__ import annotations

from collections.abc import Sequence

import click
import yaml

from services.board.entries import write_entries
from services.board.list_files import Source, read_files
from services.board.registry_file import word
from services.board.source_argument import SourceArgument, stop_at
from sipas.broker import Topics
from sipas.events import CHANNEL_NAME, Entry
from sipas.follower import read_whole
from sipas.hours import Hours
from sipas.people import PERSON, People
from sipas.registry import PROVINCE, Registry
from sipas.settings import KafkaSettings, load_or_exit
from sipas.tables.lists import Fault, Field, Many, Reading, Shape, Thing, one_of, text


def quiet_hours(reading: Reading, node: yaml.Node, path: str) -> str | None:
    """Hours such as 21:00-06:30, or none."""
    written = text()(reading, node, path)
    if written is None:
        return None
    try:
        Hours.parse(written)
    except ValueError as reason:
        reading.fault(node, path, f"{written!r} {reason}")
    return str(written)


LISTS = {
    "people": Shape(
        {
            "id": Field(word),
            "name": Field(text()),
            "email": Field(text(r"[^@\s]+@[^@\s]+\.[^@\s]+", "is not an e-mail address")),
            "language": Field(one_of("vi", "en"), required=False),
            "leads": Field(Many(text(), least=1)),
            "role": Field(one_of("head", "department", "chairman", "observer"), required=False),
            "channels": Field(
                Many(text(CHANNEL_NAME, "is not email, sms, webhook:<name> or chat:<name>"), least=1), required=False
            ),
            "phone": Field(text(r"\+?[0-9][0-9 .]{6,18}[0-9]", "is not a phone number"), required=False),
            "quiet_hours": Field(quiet_hours, required=False),
            "digest": Field(one_of("none", "daily", "weekly"), required=False),
        }
    )
}


@click.group()
def people() -> None:
    """Leaders: whom to tell when satisfaction falls."""


@people.command()
@click.argument("file", type=SourceArgument("people.yaml"))
def load(file: Source) -> None:
    """Check FILE (or `sample`) and record what differs, all of it or nothing."""
    settings = load_or_exit(KafkaSettings)
    topics = Topics(settings.namespace)
    things, faults = read_files([file], LISTS)
    if not faults:
        faults = _contradictions(things, read_whole(settings.bootstrap, topics.registry, Registry.fold(())))
    stop_at(faults, "nobody was recorded")
    recorded = read_whole(settings.bootstrap, topics.people, People.fold(())).entries
    changed = [entry for entry in map(_entry, things) if recorded.get(entry.id) != entry]
    write_entries(settings, "people", changed)
    for entry in changed:
        click.echo(f"{'changed' if entry.id in recorded else 'new':<8} {PERSON}/{entry.id}")
    click.echo(f"{len(changed)} people recorded" if changed else "nothing to record: the people are as the file says")


def _entry(thing: Thing) -> Entry:
    fields = {name: value for name, value in thing.fields.items() if name != "id"}
    return Entry(
        kind=PERSON,
        id=thing.fields["id"],
        history=({"valid_from": None, "valid_to": None, "language": "vi", **fields},),
    )


def _contradictions(things: Sequence[Thing], registry: Registry) -> list[Fault]:
    known = {PROVINCE, *registry.agencies, *(f"block/{block}" for block in registry.blocks)}
    seen: set[str] = set()
    faults = []
    for thing in things:
        who = thing.fields["id"]
        if who in seen:
            faults.append(thing.fault(f"{PERSON}/{who}", "", "stands twice"))
        seen.add(who)
        faults += [
            thing.fault(f"{PERSON}/{who}", f"leads[{at}]", f"there is no {scope}")
            for at, scope in enumerate(thing.fields["leads"])
            if scope not in known
        ]
        if "sms" in thing.fields.get("channels", ()) and not thing.fields.get("phone"):
            faults.append(thing.fault(f"{PERSON}/{who}", "channels", "sms needs a phone"))
    return faults
