"""What the routes work with, made once by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec

from services.survey import metrics
from services.survey.intake import Intake
from services.survey.limiter import OverLimit
from services.survey.pages import Pages
from services.survey.sheets import Sheets, Submitted
from services.survey.spool import SpoolFull
from services.survey.tokens import FormTokens
from sipas.problems import Problem
from sipas.registry import Registry

RETRY_AFTER = {"Retry-After": "10"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """`newest_registry` gives None until the registry was read for the first time."""

    newest_registry: Callable[[], Registry | None]
    sheets: Sheets
    intake: Intake
    pages: Pages
    tokens: FormTokens
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def registry(self) -> Registry:
        """The registry; raises `Problem` unavailable while there is none."""
        registry = self.newest_registry()
        if registry is None:
            raise Problem("unavailable", headers=RETRY_AFTER)
        return registry

    def accept(self, submitted: Submitted, over_limit: OverLimit) -> Literal["accepted", "spooled"]:
        """Put sheet and comment where they are safe; raises `Problem` unavailable when they cannot be.

        A sheet without a key that is one too many is flagged, not refused.
        """
        sheet = submitted.sheet
        if sheet.via == "form" and sheet.counter is not None and over_limit(sheet.counter):
            sheet = msgspec.structs.replace(sheet, flags=(*sheet.flags, "burst"))
            submitted = submitted._replace(sheet=sheet)
        try:
            status = self.intake.accept(submitted)
        except SpoolFull:
            raise Problem("unavailable", headers=RETRY_AFTER) from None
        metrics.RESPONSES.labels(status, sheet.via).inc()
        if submitted.comment is not None:
            metrics.COMMENTS.labels(status).inc()
        for flag in sheet.flags:
            metrics.FLAGGED.labels(flag).inc()
        return status
