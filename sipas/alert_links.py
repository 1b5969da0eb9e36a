"""Links to an alert's page: a signed token that names one alert and one person, valid for 60 days. Pure.

Whoever has the link is taken for that person, as with every link in a letter: it opens one alert, and for so long. The
token stands in the address, so a browser must not keep the page or tell where it came from (no-store, no-referrer).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from itsdangerous import BadData

from sipas.alert_book import AlertKey
from sipas.signing import Secrets, signer

VALID = timedelta(days=60)
PATH = "/alerts/"


class LinkForged(Exception):
    """We did not make this token, or with another secret."""


class LinkExpired(Exception):
    """We made it, too long ago."""


class Opened(NamedTuple):
    """What a valid token says."""

    alert: AlertKey
    person: str


class AlertLinks:
    """Makes and reads tokens; notifier and board have the same `secrets`."""

    def __init__(self, secrets: Secrets) -> None:
        self._serializer = signer(secrets, "sipas.alert")

    def token(self, alert: AlertKey, person: str, *, at: datetime) -> str:
        """A token that is valid from `at` on. The same from the same, so a message made again has the same link."""
        agency, method, rule, opened_on = alert
        # one text and not a list: every character of it stands in a short message too
        minute = int(at.timestamp()) // 60
        signed = self._serializer.dumps(f"{agency}/{method}/{rule}/{opened_on.toordinal()}/{minute}/{person}")
        return signed if isinstance(signed, str) else signed.decode()

    def address(self, board_url: str, alert: AlertKey, person: str, *, at: datetime) -> str:
        """The page's address on the board's public host."""
        return f"{board_url}{PATH}{self.token(alert, person, at=at)}"

    def read(self, token: str, *, now: datetime) -> Opened:
        """What the token says. Raises `LinkForged` or `LinkExpired`."""
        try:
            agency, method, rule, opened, minute, person = self._serializer.loads(token).split("/", 5)
        except BadData:
            raise LinkForged from None
        if now >= datetime.fromtimestamp(int(minute) * 60, UTC) + VALID:
            raise LinkExpired
        return Opened((agency, method, rule, date.fromordinal(int(opened))), person)
