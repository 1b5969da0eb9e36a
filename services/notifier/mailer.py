"""Hand a message to the mail server.

The Message-ID follows from the message's own id: what is sent again after a crash carries the same one, and a mail
server or program may drop it.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from email.header import Header
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from hashlib import blake2b
from typing import Any
from urllib.parse import unquote, urlsplit

from services.notifier.channels.outcome import ChannelAway, MessageRefused
from services.notifier.letter import Picture
from services.notifier.message import Message
from sipas.people import Person

TIMEOUT_S = 10.0


class Mailer:
    """Sends over a connection of its own for each message: a leader gets a few a year."""

    def __init__(self, smtp_url: str, sender: str, timeout_s: float = TIMEOUT_S) -> None:
        """`timeout_s`: how long the server may be silent."""
        self._timeout_s = timeout_s
        self._url = urlsplit(smtp_url)
        self._sender = sender

    def send(
        self, message_id: str, person: Person, message: Message, _payloads: Sequence[Mapping[str, Any]], at: datetime
    ) -> None:
        """Return once the server has accepted it. Raises `ChannelAway` or `MessageRefused`."""
        mail = self.mail(message_id, person.email, message, at)
        try:
            server = self._connect()
        except (OSError, smtplib.SMTPException) as reason:
            raise ChannelAway(str(reason)) from reason
        try:
            server.send_message(mail)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as reason:
            # the reason holds the address: it stays out of logs
            raise MessageRefused(type(reason).__name__) from None
        except (OSError, smtplib.SMTPException) as reason:
            raise ChannelAway(str(reason), perhaps_taken=True) from reason
        else:
            # accepted is accepted, however the goodbye goes
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
        finally:
            server.close()

    def _connect(self) -> smtplib.SMTP:
        host, port = self._url.hostname or "", self._url.port or 0
        if self._url.scheme == "smtps":
            proved = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=self._timeout_s, context=proved)
        else:
            server = smtplib.SMTP(host, port, timeout=self._timeout_s)
        try:
            if self._url.scheme == "smtp":
                self._encrypt(server)
            if self._url.username:
                server.login(unquote(self._url.username), unquote(self._url.password or ""))
        except BaseException:
            server.close()
            raise
        return server

    def _encrypt(self, server: smtplib.SMTP) -> None:
        """Where the server offers it; a password never crosses the network in the clear, nor to a server unproved.

        Without a password a certificate that nobody signed is still better than none: mail servers of an office have
        such, and refusing them would leave the mail readable, or unsent.
        """
        server.ehlo()
        if self._url.username:
            server.starttls(context=ssl.create_default_context())
        elif server.has_extn("starttls"):
            server.starttls(context=_unproved())

    def mail(self, message_id: str, to: str, message: Message, at: datetime) -> MIMEMultipart:
        """The mail as it is sent."""
        digest = blake2b(message_id.encode(), digest_size=16).hexdigest()
        mail = MIMEMultipart("alternative")
        mail["Message-ID"] = f"<{digest}@{self._sender.rpartition('@')[2]}>"
        mail["Date"] = format_datetime(at)
        mail["From"] = self._sender
        mail["To"] = to
        # EmailMessage would lose the space where it folds a long Vietnamese subject ("giảmrõ"; Python 3.11)
        mail["Subject"] = Header(message.subject, "utf-8")  # type: ignore[assignment]  # typeshed knows only str
        mail["Auto-Submitted"] = "auto-generated"
        mail.attach(MIMEText(message.text, "plain", "utf-8"))
        page = MIMEText(message.html, "html", "utf-8")
        mail.attach(_with_pictures(page, message.pictures) if message.pictures else page)
        return mail


def _with_pictures(page: MIMEText, pictures: Sequence[Picture]) -> MIMEMultipart:
    """The page and what it shows, as one part: a picture is no attachment of the mail."""
    related = MIMEMultipart("related", type="text/html")
    related.attach(page)
    for picture in pictures:
        part = MIMEImage(picture.png, "png")
        part["Content-ID"] = f"<{picture.cid}>"
        part["Content-Disposition"] = "inline"
        related.attach(part)
    return related


def _unproved() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
