"""`sipas dlq`: what could not be counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import click
import msgspec

from services.aggregator.dead_letters import DETAIL, OFFSET, PARTITION, REASON, TIME, own_headers
from services.aggregator.generations import read_switches
from sipas.broker import Log, Publisher, Topics, WholeTopicReader
from sipas.events import Headers, decode_response, minute_ms
from sipas.ledger import Ledgers
from sipas.settings import LedgerSettings, load_or_exit
from sipas.tally_keys import TallyKeys


@click.group()
def dlq() -> None:
    """Records that could not be counted (dead letters)."""


@dataclass(frozen=True)
class Letter:
    """A dead letter; `offset` and `partition` are those of the record in `responses`."""

    partition: int
    offset: int
    reason: str
    detail: str
    time: str
    key: bytes
    value: bytes | None
    headers: Headers
    """The record's own."""


def letters(settings: LedgerSettings) -> Iterator[Letter]:
    """Every dead letter once, in the order they were written."""
    reader = WholeTopicReader(settings.bootstrap, str(Topics(settings.namespace).dlq))
    seen: set[tuple[int, int]] = set()
    for record in reader.to_end():
        said = dict(record.headers)
        reason, detail, time = (said[name].decode() for name in (REASON, DETAIL, TIME))
        place = int(said[PARTITION]), int(said[OFFSET])
        if place not in seen:
            seen.add(place)
            yield Letter(*place, reason, detail, time, record.key or b"", record.value, own_headers(record.headers))
    reader.close()


@dlq.command("list")
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line")
def list_letters(as_json: bool) -> None:
    """List the dead letters: where they stood, when, why. Answers are not shown."""
    found = 0
    for letter in letters(load_or_exit(LedgerSettings)):
        found += 1
        row = {name: getattr(letter, name) for name in ("partition", "offset", "time", "reason", "detail")}
        click.echo(json.dumps(row, ensure_ascii=False) if as_json else "  ".join(str(value) for value in row.values()))
    if not as_json:
        click.echo(f"{found} dead letters")


@dlq.command()
@click.option("--reason", help="only letters of this reason, for example too-old")
def retry(reason: str | None) -> None:
    """Send dead letters again as they came: to be counted now that the software knows them, a sheet `too-old` as
    an import. A letter that is sent twice is counted once.
    """
    settings = load_or_exit(LedgerSettings)
    topic = str(Topics(settings.namespace).responses)
    sent = 0
    with closing(Publisher(settings.bootstrap)) as publisher:
        for letter in letters(settings):
            if reason is not None and letter.reason != reason:
                continue
            value, at = letter.value, datetime.now(UTC)
            if letter.reason == "too-old":
                # the document and not the sheet: it may have fields that only a newer program knows
                value = msgspec.json.encode(msgspec.json.decode(letter.value or b"") | {"via": "import"})
                at = decode_response(value).received_at
            publisher.publish(topic, value, key=letter.key, headers=letter.headers, timestamp_ms=minute_ms(at))
            sent += 1
    click.echo(f"{sent} dead letters sent again")


@dlq.command()
@click.argument("partition", type=int)
def accept(partition: int) -> None:
    """Let PARTITION go on after its fuse has blown: what is bad in the log until now goes to the dead letters."""
    settings = load_or_exit(LedgerSettings)
    ledgers = Ledgers(settings.redis_url, settings.namespace)
    switches = read_switches(settings.bootstrap, settings.namespace, ledgers)
    generations = (switches.published.generation, switches.building)
    slots = [TallyKeys.of(ledgers, partition, generation).slot for generation in generations]
    paused = [slot for slot in slots if "fused_at" in (slot.position() or {})]
    if not paused:
        raise click.ClickException(f"partition {partition} is not paused")
    log = Log(settings.bootstrap)
    [(_, end)] = log.bounds(str(Topics(settings.namespace).responses), [partition]).values()
    log.close()
    for slot in paused:
        slot.note({"accepted_until": end, "window": ""})
        slot.forget("fused_at")
    click.echo(f"partition {partition} goes on; bad records below offset {end} become dead letters")
