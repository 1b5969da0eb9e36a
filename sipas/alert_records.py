"""Records of `alerts` and `decisions` as events of an alert's life; what cannot be read is logged and passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from sipas.alert_book import Event
from sipas.broker import Record
from sipas.events import (
    TYPES,
    AlertChanged,
    AlertDecided,
    Delivered,
    MalformedEvent,
    SilenceSet,
    decode_alert,
    decode_alert_decided,
    decode_delivered,
    decode_silence_set,
    type_of,
)
from sipas.telemetry import logger

log = logger("alerts")

_DECODERS: Mapping[str, Callable[[bytes | None], Event]] = {
    TYPES[AlertChanged]: decode_alert,
    TYPES[Delivered]: decode_delivered,
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
