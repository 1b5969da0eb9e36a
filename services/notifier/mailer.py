"""Hand a message to the mail server.

The Message-ID follows from the message's own id: what is sent again after a crash carries the same one, and a mail
server or program may drop it.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from hashlib import blake2b
from urllib.parse import unquote, urlsplit

from services.notifier.channels.outcome import ChannelAway, MessageRefused
from services.notifier.message import Message
from sipas.events import AlertChanged
from sipas.people import Person

TIMEOUT_S = 10.0


class Mailer:
    """Sends over a connection of its own for each message: a leader gets a few a year."""

    def __init__(self, smtp_url: str, sender: str) -> None:
        self._url = urlsplit(smtp_url)
        self._sender = sender

    def send(
        self, message_id: str, person: Person, message: Message, _changes: Sequence[AlertChanged], at: datetime
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
        server: smtplib.SMTP
        if self._url.scheme == "smtps":
            server = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        else:
            server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
        if self._url.username:
            try:
                if self._url.scheme == "smtp":
                    # a password never crosses the network in the clear
                    server.starttls(context=ssl.create_default_context())
                server.login(unquote(self._url.username), unquote(self._url.password or ""))
            except BaseException:
                server.close()
                raise
        return server

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
        mail.attach(MIMEText(message.html, "html", "utf-8"))
        return mail
