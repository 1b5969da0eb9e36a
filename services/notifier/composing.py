"""From what is planned to the words that a person reads, and the facts that a program is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.notifier.digests import Contents, Digest
from services.notifier.message import Links, Message, compose
from services.notifier.outgoing import Kind
from services.notifier.voice import Words
from services.notifier.webhook_payload import VERSION, payload
from sipas.alert_book import AlertBook, key_of
from sipas.alert_links import AlertLinks
from sipas.events import AlertChanged
from sipas.methods import Method
from sipas.people import Person, leads
from sipas.registry import Registry


@dataclass(frozen=True, slots=True)
class Said:
    """What a message is about. `came`: when a change came into the record, by its id."""

    kind: Kind
    contents: Contents
    digest: Digest | None
    book: AlertBook
    came: Mapping[str, datetime]


Payloads = Sequence[Mapping[str, Any]]


class Compose(Protocol):
    """Writes a message for people, and what it says for programs."""

    def __call__(self, said: Said, person: Person, now: datetime, /) -> tuple[Message, Payloads]: ...


class Composer:
    """`escalation_hours`: the working hours after which an unanswered alert goes further."""

    def __init__(
        self,
        *,
        registry: Callable[[], Registry],
        methods: Mapping[str, Method],
        words: Mapping[str, Words],
        links: AlertLinks,
        board_url: str,
        escalation_hours: int,
        demo: bool,
    ) -> None:
        self._registry = registry
        self._methods = methods
        self._words = words
        self._links = links
        self._board_url = board_url
        self._escalation_hours = escalation_hours
        self._demo = demo

    def __call__(self, said: Said, person: Person, now: datetime, /) -> tuple[Message, Payloads]:
        registry = self._registry()
        message = compose(
            said.kind,
            said.contents.news,
            person=person,
            registry=registry,
            methods=self._methods,
            words=self._words,
            links=lambda change: self._links_of(change, person, said),
            now=now,
            board_url=self._board_url,
            demo=self._demo,
            waiting=said.contents.waiting,
            # only a digest says it, and the whole registry is asked for it
            watched=sum(leads(person, id_, registry.agencies) for id_ in registry.agencies) if said.digest else 0,
            hours=self._escalation_hours,
        )
        if said.digest is not None:
            return message, [self._digest_payload(said.digest, message, now)]
        payloads = [
            payload(
                change,
                registry=registry,
                methods=self._methods,
                links=Links(self._days(change)),
                now=now,
                demo=self._demo,
            )
            for change in said.contents.news
        ]
        return message, payloads

    def _links_of(self, change: AlertChanged, person: Person, said: Said) -> Links:
        """From when the change came, so that a message made again is the same."""
        key = key_of(change)
        alert = said.book.alerts.get(key)
        if alert is None or not alert.open:
            return Links(self._days(change))
        address = self._links.address(self._board_url, key, person.id, at=said.came[change.id])
        if alert.acknowledged is not None:
            return Links(self._days(change), page=address)
        return Links(self._days(change), address)

    def _days(self, change: AlertChanged) -> str:
        return f"{self._board_url}/agencies/{change.agency}"

    def _digest_payload(self, digest: Digest, message: Message, now: datetime) -> Mapping[str, Any]:
        data = {"version": VERSION, "id": digest.name, "demo": self._demo, "subject": message.subject}
        return {
            "type": digest.kind.replace("-", "."),
            "timestamp": now.isoformat(timespec="seconds"),
            "data": {**data, "text": message.text},
        }
