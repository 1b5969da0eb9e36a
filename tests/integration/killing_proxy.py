"""TCP proxies that kill the process which speaks through them, at a step of its work that is chosen by number.

A step is what changes something outside of the process: a record for Kafka, a script in Redis, and of a mail the word
that announces it, the mail itself, and the goodbye. What only asks is no step: it may be asked as often as one likes.
"""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol

from sipas import ledger
from tests.integration.faulty_proxy import _chunks, _close

PRODUCE = 0
"""Kafka's number of the request that writes records."""
SCRIPTS = {hashlib.sha1(ledger._script(name).encode()).hexdigest().encode(): name for name in ("commit", "settle")}


class Step(NamedTuple):
    """`reply`: where answers to other requests may come before, what the answer has after its first four bytes."""

    name: str
    reply: bytes = b""


class Watch(Protocol):
    """Of one connection: the steps that end in a chunk of what the client says."""

    def __call__(self, chunk: bytes, /) -> list[Step]: ...


class Killer:
    """Counts the steps of all proxies together; kills at the one that it is armed for."""

    def __init__(self, kill: Callable[[], None]) -> None:
        self._kill = kill
        self._lock = threading.Lock()
        self._at, self._before = 0, False
        self.steps: list[str] = []
        self.killed = threading.Event()

    def arm(self, at: int, *, before: bool) -> None:
        """At the step of that number from now on, the first is 1: `before` the server hears of it, or once it has
        answered and before the client hears that."""
        with self._lock:
            self._at, self._before = at, before
            self.steps = []
            self.killed.clear()

    def passes(self, step: Step) -> tuple[bool, bool]:
        """(whether the server hears of it, whether the client hears the answer)."""
        with self._lock:
            self.steps.append(step.name)
            if len(self.steps) != self._at:
                return True, True
        if self._before:
            self.strike()
        return not self._before, False

    def strike(self) -> None:
        self._kill()
        self.killed.set()


class KillingProxy:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target`; `watch` makes a watch for each connection."""

    def __init__(self, target: int, port: int, watch: Callable[[], Watch], killer: Killer) -> None:
        self.port = port
        self._target = target
        self._watch = watch
        self._killer = killer
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            last: list[bytes] = []
            threading.Thread(target=self._requests, args=(client, server, last), daemon=True).start()
            threading.Thread(target=self._replies, args=(client, server, last), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket, last: list[bytes]) -> None:
        watch = self._watch()
        for chunk in _chunks(client):
            for step in watch(chunk):
                goes, returns = self._killer.passes(step)
                if not goes:
                    _close(client, server)
                    return
                if not returns:
                    last.append(step.reply)
            try:
                server.sendall(chunk)
            except OSError:
                break
        _close(client, server)

    def _replies(self, client: socket.socket, server: socket.socket, last: list[bytes]) -> None:
        for chunk in _chunks(server):
            if last and chunk[4:].startswith(last[0]):
                self._killer.strike()
                break
            try:
                client.sendall(chunk)
            except OSError:
                break
        _close(client, server)


class KafkaWatch:
    """Records that are written, by what they are."""

    def __init__(self) -> None:
        self._rest = b""

    def __call__(self, chunk: bytes) -> list[Step]:
        self._rest += chunk
        found = []
        while len(self._rest) >= 4 and len(self._rest) >= (end := 4 + int.from_bytes(self._rest[:4], "big")):
            frame, self._rest = self._rest[4:end], self._rest[end:]
            if int.from_bytes(frame[:2], "big") == PRODUCE:
                kind = re.search(rb"sipas\.([a-z-]+)\.v1", frame)
                found.append(Step(f"kafka {kind[1].decode() if kind else '?'}", reply=frame[4:8]))
        return found


def watch_redis(chunk: bytes) -> list[Step]:
    """Scripts that write, by ledger. A long one comes in several chunks; its name is in the first."""
    ledger_of = re.search(rb":(judge|courier):", chunk)
    owner = ledger_of[1].decode() if ledger_of else "?"
    return [Step(f"redis {owner} {name}") for sha, name in SCRIPTS.items() if sha in chunk]


def watch_smtp(chunk: bytes) -> list[Step]:
    """The steps of one mail that matter."""
    if chunk.endswith(b"\r\n.\r\n"):
        return [Step("smtp mail")]
    word = chunk[:4].upper()
    return [Step(f"smtp {word.decode().lower()}")] if word in {b"DATA", b"QUIT"} else []
