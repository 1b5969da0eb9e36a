"""Events of an alert's life as records of `alerts` and `decisions`. What cannot be read is logged and passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from sipas.alert_book import Event
from sipas.broker import Publisher, Record, Topics
from sipas.events import (
    TYPES,
    AlertChanged,
    AlertDecided,
    Delivered,
    MalformedEvent,
    SilenceSet,
    Undelivered,
    Withheld,
    decode_alert,
    decode_alert_decided,
    decode_delivered,
    decode_silence_set,
    decode_undelivered,
    decode_withheld,
    encode,
    headers,
    type_of,
)
from sipas.telemetry import logger

log = logger("alerts")

_DECODERS: Mapping[str, Callable[[bytes | None], Event]] = {
    TYPES[AlertChanged]: decode_alert,
    TYPES[Delivered]: decode_delivered,
    TYPES[Undelivered]: decode_undelivered,
    TYPES[Withheld]: decode_withheld,
    TYPES[AlertDecided]: decode_alert_decided,
    TYPES[SilenceSet]: decode_silence_set,
}


def read_event(record: Record) -> Event | None:
    """One record; None for a type that only newer programs know, or that is no event at all."""
    decode = _DECODERS.get(type_of(record.headers))
    if decode is None:
        return None
    try:
        return decode(record.value)
    except MalformedEvent as reason:
        log.error(  # noqa: TRY400 - said once
            "a record cannot be read", topic=record.topic, offset=record.offset, reason=reason.code
        )
    return None


def events_in(records: Iterable[Record]) -> Iterator[Event]:
    """The events among records."""
    return (event for event in map(read_event, records) if event is not None)


def publish_decision(
    publisher: Publisher, namespace: str, event: AlertDecided | SilenceSet, *, service: str, at: datetime
) -> None:
    """Write what a person decided; returns once it is acknowledged, and from then on every reader finds it.

    Without a transaction: each decision stands alone, and what is acknowledged by all replicas can be read at once.
    Raises `PublishFailed`.
    """
    publisher.publish(
        Topics(namespace).decisions,
        encode(event),
        key=event.agency if isinstance(event, AlertDecided) else event.scope,
        headers=headers(event, event_id=event.id, source=f"/{namespace}/{service}", at=at),
        partition=0,
    )
