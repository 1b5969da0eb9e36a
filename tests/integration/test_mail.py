"""A message on its way: a real mail server takes it, with and without encryption."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from deploy.local.programs import HOST
from services.notifier.channels.outcome import ChannelAway
from services.notifier.mailer import Mailer
from services.notifier.message import Message
from tests.message_samples import head, life, write
from tests.servers import free_port

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
LONG = "Sở Nông nghiệp và Môi trường tỉnh Mẫu " * 4


class Server:
    """Keeps what it accepted, and whether it came encrypted."""

    def __init__(self) -> None:
        self.port = free_port()
        self.mails: list[EmailMessage] = []
        self.encrypted: list[bool] = []

    async def handle_DATA(self, server, _session, envelope) -> str:
        self.mails.append(message_from_bytes(envelope.content, EmailMessage, policy=default))
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return "250 OK"

    @contextmanager
    def running(self, *, at_once: ssl.SSLContext | None = None, **kwargs) -> Iterator["Server"]:
        """`at_once`: encrypted from the first byte on; `tls_context`: by STARTTLS."""
        controller = Controller(self, hostname=HOST, port=self.port, ssl_context=at_once, **kwargs)
        controller.start()
        try:
            yield self
        finally:
            controller.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of a server at this address, signed by itself."""
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file, "-out", file]
    name = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=IP:{HOST}", "-days", "2"]
    # written to one file, the second would replace the first
    subprocess.run(["openssl", "req", "-x509", *key[:-1], f"{file}.crt", *name], capture_output=True, check=True)
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file


@pytest.fixture
def context(certificate: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(certificate)
    return made


@pytest.fixture
def proved(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system trusts the server's certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")


def message() -> Message:
    return write("alert", life()["confirmed"], demo=True)


def send(url: str, mail: Message | None = None, message_id: str = "a/leader/email") -> None:
    Mailer(url, "sipas@tinhmau.example").send(message_id, head(), mail or message(), (), NOW)


def test_a_mail_is_text_beside_a_page_that_shows_its_picture() -> None:
    with Server().running() as server:
        send(f"smtp://{HOST}:{server.port}")
    [mail] = server.mails
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    [picture] = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert text.get_content().replace("\r\n", "\n") == message().text
    assert f"cid:{picture['Content-ID'].strip('<>')}" in page.get_content()
    assert picture.get_content() == message().pictures[0].png
    assert picture.get_content_disposition() == "inline"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "multipart/related"]


def test_a_mail_says_that_a_machine_wrote_it_and_to_whom() -> None:
    with Server().running() as server:
        send(f"smtp://{HOST}:{server.port}")
    [mail] = server.mails
    assert (mail["Auto-Submitted"], mail["To"], mail["From"]) == (
        "auto-generated",
        "gd@tinhmau.example",
        "sipas@tinhmau.example",
    )


def test_a_mail_sent_again_has_the_same_id_and_another_mail_another() -> None:
    with Server().running() as server:
        for message_id in ("a/leader/email", "a/leader/email", "a/other/email"):
            send(f"smtp://{HOST}:{server.port}", message_id=message_id)
    first, again, other = (mail["Message-ID"] for mail in server.mails)
    assert first == again != other
    assert first.endswith("@tinhmau.example>")


@pytest.mark.parametrize("subject", ["Sự hài lòng giảm rõ: Sở Nội vụ", f"Sự hài lòng giảm rõ: {LONG.strip()}"])
def test_a_subject_comes_whole(subject: str) -> None:
    with Server().running() as server:
        send(f"smtp://{HOST}:{server.port}", Message(subject, "x", "x"))
    assert [str(mail["Subject"]) for mail in server.mails] == [subject]


def test_a_mail_is_encrypted_where_the_server_offers_it(context: ssl.SSLContext) -> None:
    """The certificate proves nothing here, and the mail still cannot be read on its way."""
    with Server().running(tls_context=context) as server:
        send(f"smtp://{HOST}:{server.port}")
    assert server.encrypted == [True]


def test_a_server_that_is_encrypted_from_the_start_is_believed_if_its_certificate_is(
    context: ssl.SSLContext, proved: None
) -> None:
    with Server().running(at_once=context) as server:
        send(f"smtps://{HOST}:{server.port}")
    assert server.encrypted == [True]


def test_a_server_that_is_encrypted_from_the_start_and_proves_nothing_gets_no_mail(context: ssl.SSLContext) -> None:
    with Server().running(at_once=context) as server, pytest.raises(ChannelAway):
        send(f"smtps://{HOST}:{server.port}")
    assert server.mails == []


def test_a_server_that_never_greets_is_given_up_and_has_taken_nothing() -> None:
    with socket.create_server((HOST, 0)) as silent:
        mailer = Mailer(f"smtp://{HOST}:{silent.getsockname()[1]}", "sipas@tinhmau.example", timeout_s=0.1)
        with pytest.raises(ChannelAway) as caught:
            mailer.send("a/leader/email", head(), message(), (), NOW)
    assert not caught.value.perhaps_taken


class TestAPassword:
    """What the server heard of it."""

    @pytest.fixture
    def heard(self) -> list[bytes]:
        return []

    def asking(self, heard: list[bytes]) -> dict:
        def authenticate(_server, _session, _envelope, _mechanism, said) -> AuthResult:
            heard.append(said.password)
            return AuthResult(success=said.password == b"mat khau")

        return {"authenticator": authenticate}

    def url(self, server: Server) -> str:
        return f"smtp://sipas:mat%20khau@{HOST}:{server.port}"

    def test_goes_to_a_server_that_proves_who_it_is(self, context, proved, heard) -> None:
        with Server().running(tls_context=context, **self.asking(heard)) as server:
            send(self.url(server))
        assert heard == [b"mat khau"]
        assert server.encrypted == [True]

    def test_does_not_go_to_one_that_does_not(self, context, heard) -> None:
        with Server().running(tls_context=context, **self.asking(heard)) as server, pytest.raises(ChannelAway):
            send(self.url(server))
        assert heard == []

    def test_does_not_go_in_the_clear(self, heard) -> None:
        with (
            Server().running(auth_require_tls=False, **self.asking(heard)) as server,
            pytest.raises(ChannelAway),
        ):
            send(self.url(server))
        assert heard == []
