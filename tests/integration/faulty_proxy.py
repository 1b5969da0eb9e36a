"""A TCP proxy in front of Redis that loses a commit on the way, in one direction or the other, or holds it back."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

COMMIT = b"unlink"
"""A word of `commit.lua`'s plan: no other command to Redis holds it."""


class FaultyProxy:
    """Forwards to 127.0.0.1:`target`; `arm` makes one coming commit go wrong.

    "reply": the server executes it, the reply is lost and the connection closed: the client sends it again.
    "request": the server never sees it; the connection is closed.
    "hold": the server sees it when `release` is called, however long after.
    """

    def __init__(self, target: int, port: int) -> None:
        self.port = port
        self._target = target
        self._armed = ""
        self._happened: Callable[[], None] = lambda: None
        self._released = threading.Event()
        self.faults = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, fault: str, happened: Callable[[], None] = lambda: None) -> None:
        with self._lock:
            self._released.clear()
            self._armed, self._happened = fault, happened

    def disarm(self) -> None:
        with self._lock:
            self._armed = ""
        self._released.set()

    release = disarm

    def close(self) -> None:
        self._open = False
        self.disarm()
        self._listener.close()

    def _accept(self) -> None:
        while self._open:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()  # the server is down: the client sees a connection that breaks
                continue
            lose_reply = threading.Event()
            threading.Thread(target=self._requests, args=(client, server, lose_reply), daemon=True).start()
            threading.Thread(target=self._replies, args=(client, server, lose_reply), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket, lose_reply: threading.Event) -> None:
        for chunk in _chunks(client):
            fault = ""
            if COMMIT in chunk:
                with self._lock:
                    fault, self._armed = self._armed, ""
                    happened = self._happened
            if fault:
                self.faults += 1
            if fault == "request":
                happened()
                break
            if fault == "reply":
                lose_reply.set()
                happened()
            if fault == "hold":
                happened()
                self._released.wait()
            try:
                server.sendall(chunk)
            except OSError:
                break
        _close(client, server)

    def _replies(self, client: socket.socket, server: socket.socket, lose_reply: threading.Event) -> None:
        for chunk in _chunks(server):
            if lose_reply.is_set():
                break
            try:
                client.sendall(chunk)
            except OSError:
                break
        _close(client, server)


def _chunks(source: socket.socket):
    while True:
        try:
            chunk = source.recv(1 << 20)
        except OSError:
            return
        if not chunk:
            return
        yield chunk


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):  # the other end may have been quicker
            one.shutdown(socket.SHUT_RDWR)
        one.close()
