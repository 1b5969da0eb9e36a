"""A limiter that does not answer is left alone for a while."""

import socket

from services.survey.limiter import QUIET_S, Limiter
from sipas.settings import Rate

HEADERS = [("USER-AGENT", "Mozilla/5.0")]


def test_a_silent_limiter_is_asked_once_in_a_while_and_by_one_answer() -> None:
    now = 1000.0
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        limiter = Limiter(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", "n", Rate(1, 60), 0, clock=lambda: now)

        def connections_of(answers: int) -> int:
            assert not any(limiter.question(("192.0.2.1", 1), HEADERS)("7K3M9QX2TB") for _ in range(answers))
            return connections_to(silent)

        assert connections_of(20) == 1
        now += QUIET_S - 0.1
        assert connections_of(20) == 0
        now += 0.1
        assert connections_of(20) == 1


def connections_to(server: socket.socket) -> int:
    number = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return number
        number += 1
