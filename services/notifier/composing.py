"""From a planned message to the words that a person reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.notifier.message import Message, Words, compose
from services.notifier.outgoing import Kind
from sipas.events import AlertChanged
from sipas.methods import Method
from sipas.people import Person
from sipas.registry import Registry


class Compose(Protocol):
    """Writes a message; what it says depends on its arguments only."""

    def __call__(self, kind: Kind, changes: Sequence[AlertChanged], person: Person, now: datetime, /) -> Message: ...


class Composer:
    """The words as they are, one alert after the other."""

    def __init__(
        self,
        *,
        registry: Callable[[], Registry],
        methods: Mapping[str, Method],
        words: Mapping[str, Words],
        board_url: str,
        demo: bool,
    ) -> None:
        self._registry = registry
        self._methods = methods
        self._words = words
        self._board_url = board_url
        self._demo = demo

    def __call__(self, kind: Kind, changes: Sequence[AlertChanged], person: Person, _now: datetime) -> Message:
        single = [self._single(change, person.language) for change in changes]
        if not single:
            return Message(subject=kind, text=f"{kind}\n", html=f"<p>{kind}</p>\n")
        more = f" (+{len(single) - 1})" if len(single) > 1 else ""
        return Message(
            subject=single[0].subject + more,
            text="\n\n".join(one.text for one in single),
            html="\n".join(one.html for one in single),
        )

    def _single(self, change: AlertChanged, language: str) -> Message:
        return compose(
            change,
            self._words[language],
            language=language,
            agency=self._agency_name(change.agency, language),
            criterion=self._criterion_name(change, language),
            board_url=self._board_url,
            demo=self._demo,
        )

    def _agency_name(self, agency_id: str, language: str) -> str:
        agency = self._registry().agency(agency_id)
        if agency is None:
            return agency_id
        return agency.name.vi if language == "vi" else agency.name.en

    def _criterion_name(self, alert: AlertChanged, language: str) -> str | None:
        """A factor's name where the criterion is all of it, else the question."""
        method = self._methods.get(alert.method)
        criterion = next((one for one in method.criteria if one.code == alert.criterion), None) if method else None
        if method is None or criterion is None:
            return alert.criterion
        alone = list(method.factor_of.values()).count(criterion.factor) == 1
        factor = next(one for one in method.factors if one.code == criterion.factor)
        name = factor.name if alone else criterion.question
        return name.vi if language == "vi" else name.en
