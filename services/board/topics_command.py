"""`sipas topics create`: the topics of a namespace, and the facts that never change in it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from services.board.entries import write_entries
from sipas.broker import Log, Topics, WrongTopics
from sipas.events import Entry
from sipas.follower import read_whole
from sipas.registry import NamespaceFacts, Registry
from sipas.settings import TopicsSettings, load_or_exit


@click.group()
def topics() -> None:
    """The topics of a namespace."""


@topics.command()
def create() -> None:
    """Make the missing topics and record time zone and partition count; a second time changes nothing."""
    settings = load_or_exit(TopicsSettings)
    wanted = NamespaceFacts(timezone=settings.zone.key, partitions=settings.partitions, demo=settings.demo)
    registry = Topics(settings.namespace).registry
    log = Log(settings.bootstrap)
    try:
        recorded = _facts(settings, registry) if registry in log.existing() else None
        if recorded is not None and (differences := list(_differences(recorded, wanted))):
            raise WrongTopics(f"namespace {settings.namespace} {'; '.join(differences)}: this never changes")
        made = log.create(settings.namespace, partitions=settings.partitions, replication=settings.replication)
    finally:
        log.close()
    for name in made:
        click.echo(f"made     {name}")
    if recorded is None:
        facts = {"timezone": wanted.timezone, "partitions": wanted.partitions, "demo": wanted.demo}
        write_entries(
            settings,
            "registry",
            [
                Entry(
                    kind="namespace", id=settings.namespace, history=({"valid_from": None, "valid_to": None, **facts},)
                )
            ],
        )
        click.echo(f"recorded {', '.join(f'{name} {value}' for name, value in facts.items())}")
    elif not made:
        click.echo(f"namespace {settings.namespace} has all its topics")


def _facts(settings: TopicsSettings, registry: str) -> NamespaceFacts | None:
    return read_whole(settings.bootstrap, registry, Registry.fold(())).facts


def _differences(recorded: NamespaceFacts, wanted: NamespaceFacts) -> Iterator[str]:
    if recorded.partitions != wanted.partitions:
        yield f"has {recorded.partitions} partitions, not {wanted.partitions} (SIPAS_PARTITIONS)"
    if recorded.timezone != wanted.timezone:
        yield f"counts days in {recorded.timezone}, not {wanted.timezone} (SIPAS_TIMEZONE)"
    if recorded.demo != wanted.demo:
        yield "was made as a demo (SIPAS_DEMO)" if recorded.demo else "was not made as a demo (SIPAS_DEMO)"
