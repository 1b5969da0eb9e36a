"""Writing entries of the registry and of people: all of one command in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from sipas import events
from sipas.broker import Topics, Written, publish_together
from sipas.events import Entry
from sipas.settings import KafkaSettings


def write_entries(settings: KafkaSettings, kind: str, entries: Sequence[Entry]) -> None:
    """Write to the namespace's topic `kind` (registry, people). Raises `KafkaAway` or `PublishFailed`."""
    topic = getattr(Topics(settings.namespace), kind)
    source = f"/{settings.namespace}/board"
    now = datetime.now(UTC)
    written = [
        Written(
            topic,
            f"{entry.kind}/{entry.id}",
            events.encode(entry),
            events.headers(entry, event_id=str(uuid4()), source=source, at=now),
        )
        for entry in entries
    ]
    if written:
        publish_together(settings.bootstrap, f"{topic}.writer", written)
