"""Webhooks and chats, against real servers on this machine; the signature is verified by another program's library."""

import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from services.notifier.channels.chat import Chat
from services.notifier.channels.outcome import ChannelAway, MessageRefused
from services.notifier.channels.webhook import Webhook
from services.notifier.message import Message
from sipas.people import Person
from tests.unit.notifier_records import person

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WORDS = Message(subject="Sự hài lòng giảm rõ", text="Thưa Ông/Bà", html="<p>", short="Mức hài lòng đã giảm.")
LEADER = person("head-a", "so-a", phone="+84 912 345 678")


class Receiver:
    """A server that keeps what was posted and answers with `status`."""

    def __init__(self) -> None:
        self.status = 204
        self.posted: list[tuple[str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.posted.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                if not outer.status:
                    self.close_connection = True
                    return
                self.send_response(outer.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def fact(id_: str) -> dict:
    return {"type": "alert.confirmed", "timestamp": "2026-11-26T10:00:00+07:00", "data": {"id": id_, "name": "Sở"}}


def post(receiver: Receiver, *ids: str, who: Person = LEADER) -> None:
    channel = Webhook(f"http://{receiver.address}/hook?of=sipas#{SECRET}")
    channel.send("a/head-a/webhook:ioc", who, WORDS, [fact(one) for one in ids], datetime.now(UTC))


def test_a_webhook_is_signed_as_the_standards_own_library_verifies(receiver: Receiver) -> None:
    post(receiver, "a")
    [(path, headers, body)] = receiver.posted
    assert path == "/hook?of=sipas"
    assert Verifier(SECRET).verify(body, headers) == fact("a")
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(body.replace(b"confirmed", b"recovered"), headers)
    with pytest.raises(WebhookVerificationError):
        Verifier("whsec_" + "N" * 32).verify(body, headers)


def test_each_change_has_the_same_id_alone_and_with_others_and_for_each_person_another(receiver: Receiver) -> None:
    post(receiver, "a", "b")
    post(receiver, "b")
    post(receiver, "b", who=person("other", "so-a"))
    a, b, again, other = (headers["webhook-id"] for _, headers, _ in receiver.posted)
    assert b == again
    assert len({a, b, other}) == 3
    assert "." not in a


@pytest.mark.parametrize(
    ("status", "raised"),
    [(500, ChannelAway), (503, ChannelAway), (429, ChannelAway), (400, MessageRefused), (302, MessageRefused)],
)
def test_what_is_not_accepted_is_said(receiver: Receiver, status: int, raised: type[Exception]) -> None:
    receiver.status = status
    with pytest.raises(raised):
        post(receiver, "a", "b")
    assert len(receiver.posted) == 1


def test_a_receiver_that_hangs_up_without_an_answer_may_have_taken_it(receiver: Receiver) -> None:
    receiver.status = 0
    with pytest.raises(ChannelAway) as caught:
        post(receiver, "a")
    assert caught.value.perhaps_taken


def test_a_receiver_that_is_not_there_has_not_taken_it(receiver: Receiver) -> None:
    address = receiver.address.replace("127.0.0.1", "127.0.0.2")
    with pytest.raises(ChannelAway) as caught:
        Webhook(f"http://{address}/#{SECRET}").send("a", LEADER, WORDS, [fact("a")], datetime.now(UTC))
    assert not caught.value.perhaps_taken


def test_a_receiver_that_never_answers_is_given_up_and_may_have_taken_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        channel = Webhook(f"http://127.0.0.1:{silent.getsockname()[1]}/#{SECRET}", timeout_s=0.1)
        with pytest.raises(ChannelAway) as caught:
            channel.send("a", LEADER, WORDS, [fact("a")], datetime.now(UTC))
    assert caught.value.perhaps_taken


def test_a_chat_gets_the_short_text(receiver: Receiver) -> None:
    receiver.status = 200
    Chat(f"json://{receiver.address}/chat").send("a", LEADER, WORDS, [], datetime.now(UTC))
    [(path, _, body)] = receiver.posted
    assert (path, json.loads(body)["message"]) == ("/chat", "Mức hài lòng đã giảm.")


def test_an_sms_goes_to_the_persons_number(receiver: Receiver) -> None:
    receiver.status = 200
    Chat(f"json://{receiver.address}/to/{{phone}}").send("a", LEADER, WORDS, [fact("a")], datetime.now(UTC))
    assert receiver.posted[0][0] == "/to/84912345678"


def test_without_a_number_an_sms_is_refused() -> None:
    with pytest.raises(MessageRefused):
        Chat("json://127.0.0.1/{phone}").send("a", person("x", "so-a"), WORDS, [fact("a")], datetime.now(UTC))


def test_a_chat_that_does_not_take_it_is_away(receiver: Receiver) -> None:
    receiver.status = 500
    with pytest.raises(ChannelAway):
        Chat(f"json://{receiver.address}/").send("a", LEADER, WORDS, [fact("a")], datetime.now(UTC))
