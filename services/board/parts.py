"""What the routes work with: made by the composition root, handed to the API and to the pages."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from services.board.alert_forms import FormNonces
from services.board.comments import ReadComments
from services.board.figures import FALLBACK_METHOD, Figures
from services.board.scores import ScoreBook
from services.board.wording import wrong
from sipas.alert_book import AlertBook
from sipas.alert_links import AlertLinks
from sipas.events import AlertDecided
from sipas.methods import Method
from sipas.people import People
from sipas.periods import ImpossiblePeriod, Period, UnknownPeriod
from sipas.problems import Problem
from sipas.registry import Agency, Registry


class Now(Protocol):
    def __call__(self) -> datetime: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Leading:
    """What the page behind a leader's link needs.

    `decide` returns once the decision is acknowledged and raises `PublishFailed`; `heard` waits a moment for `alerts`
    to have the decision of an id, which another worker may have taken.
    """

    people: Callable[[], People]
    links: AlertLinks
    nonces: FormNonces
    decide: Callable[[AlertDecided], None]
    heard: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """`registry`, `alerts` and `scores` give the newest snapshot; `now` has a time zone; on `holidays` nobody works."""

    registry: Callable[[], Registry]
    alerts: Callable[[], AlertBook]
    scores: Callable[[], ScoreBook]
    leading: Leading
    comments: ReadComments
    figures: Figures
    methods: Mapping[str, Method]
    zone: ZoneInfo
    holidays: Container[date]
    now: Now
    publication_minimum: int
    ranking_minimum: int
    demo: bool

    def today(self) -> date:
        """The local day."""
        return self.now().astimezone(self.zone).date()

    def period(self, text: str, field: str = "period") -> Period:
        """Read a period; raises `Problem` invalid that names the field."""
        try:
            return Period.parse(text, self.today())
        except UnknownPeriod:
            raise Problem("invalid", errors=[wrong(field, "unknown-period")]) from None
        except ImpossiblePeriod:
            raise Problem("invalid", errors=[wrong(field, "impossible-period")]) from None

    def method(self, asked: str | None, otherwise: str | None) -> str:
        """The method asked for, else `otherwise`; raises `Problem` invalid for one that does not exist."""
        if asked is None:
            return otherwise if otherwise is not None and otherwise in self.methods else FALLBACK_METHOD
        if asked not in self.methods:
            raise Problem("invalid", errors=[wrong("method", "unknown-method")])
        return asked


def is_current(agency: Agency) -> bool:
    """Whether the agency still exists; others stand on a board only for a period in which they had sheets."""
    return agency.status == "active"
