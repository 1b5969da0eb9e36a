"""A phone's line to the survey: it weighs what comes back, and it can break at the worst moment."""

import socket
import threading
from contextlib import suppress

from deploy.local.programs import HOST


class Line:
    """Listens on a port of its own and passes everything on to `port`.

    `received`: bytes that the phone got, heads and bodies, whoever on the phone asked for them.
    """

    def __init__(self, port: int) -> None:
        self.received = 0
        self._port = port
        self._whole = threading.Event()
        self._whole.set()
        self._lost = b""
        self._lock = threading.Lock()
        self._listener = socket.create_server((HOST, 0))
        self.address = f"http://{HOST}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_answer_to(self, start: str) -> None:
        """The next request that begins so reaches the survey; its answer does not come back."""
        with self._lock:
            self._lost = start.encode()

    def cut(self) -> None:
        """Nothing reaches the survey any more; the phone's connections end when it uses them."""
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    @property
    def has_lost_it(self) -> bool:
        with self._lock:
            return not self._lost

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                phone, _ = self._listener.accept()
            except OSError:
                return
            try:
                survey = socket.create_connection((HOST, self._port))
            except OSError:
                phone.close()
                continue
            broken = threading.Event()
            threading.Thread(target=self._ask, args=(phone, survey, broken), daemon=True).start()
            threading.Thread(target=self._answer, args=(survey, phone, broken), daemon=True).start()

    def _ask(self, phone: socket.socket, survey: socket.socket, broken: threading.Event) -> None:
        with suppress(OSError):
            while (asked := phone.recv(65_536)) and self._whole.is_set():
                with self._lock:
                    if self._lost and asked.startswith(self._lost):
                        self._lost = b""
                        broken.set()
                survey.sendall(asked)
        _end(survey)

    def _answer(self, survey: socket.socket, phone: socket.socket, broken: threading.Event) -> None:
        with suppress(OSError):
            while answered := survey.recv(65_536):
                if broken.is_set():
                    break
                with self._lock:
                    self.received += len(answered)
                phone.sendall(answered)
        _end(phone, survey)


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):  # the other side may have been quicker
            one.shutdown(socket.SHUT_RDWR)
        one.close()
