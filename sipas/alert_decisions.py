"""What a person may decide about an alert, as an event. Pure: ids and times are passed in.

Shared by the page behind the link and by the command line, so that both refuse and write the same.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Literal

from sipas.alert_book import ENDINGS, Alert
from sipas.events import AlertDecided

Act = Literal["acknowledged", "noted", "acted", "snoozed", "closed", "new-normal"]
LONGEST_NOTE = 1000
SNOOZE_DAYS = (1, 3, 7)
NEED_A_NOTE: tuple[Act, ...] = ("noted", "acted", "closed", "new-normal")
"""What is only worth something, or only answerable for, with words."""

REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "note-missing": "a note is needed",
        "note-too-long": f"a note has at most {LONGEST_NOTE} characters",
        "ended": "the alert has recovered or was closed before",
        "of-a-target": "a target is no level that an agency has: change the target in the registry, or close the alert",
        "snooze-days": f"an alert can be snoozed for {', '.join(map(str, SNOOZE_DAYS))} days",
    }
)


class Refused(ValueError):
    """Not decided; `code` is one of `REFUSALS`."""

    def __init__(self, code: str) -> None:
        super().__init__(REFUSALS[code])
        self.code = code


def decide(
    alert: Alert,
    act: Act,
    *,
    id_: str,
    by: str,
    at: datetime,
    today: date,
    demo: bool,
    note: str = "",
    days: int | None = None,
) -> AlertDecided:
    """The decision as an event. `today`: the local day; `days`: of a snooze. Raises `Refused`.

    What ends an alert takes effect after `today`, or after the alert's newest day where the agency's data are ahead of
    the clock. A demo's data are of any time: there only the alert's own day counts.
    """
    written = cleaned(note)
    if not written and act in NEED_A_NOTE:
        raise Refused("note-missing")
    if len(written) > LONGEST_NOTE:
        raise Refused("note-too-long")
    if act in {"snoozed", *ENDINGS} and not alert.open:
        raise Refused("ended")
    newest = alert.newest
    if act == "new-normal" and newest.rule == "target":
        raise Refused("of-a-target")
    if act == "snoozed" and days not in SNOOZE_DAYS:
        raise Refused("snooze-days")
    return AlertDecided(
        id=id_,
        agency=newest.agency,
        method=newest.method,
        rule=newest.rule,
        opened_on=newest.opened_on,
        act=act,
        by=by,
        at=at,
        note=written,
        until=at + timedelta(days=days or 0) if act == "snoozed" else None,
        after=(newest.day if demo else max(newest.day, today)) if act in ENDINGS else None,
        seen=newest.id,
    )


def cleaned(note: str) -> str:
    """In NFC, with line feeds and no other control character, without space around it."""
    text = unicodedata.normalize("NFC", note).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(one for one in text if one == "\n" or unicodedata.category(one) not in {"Cc", "Cs"}).strip()
