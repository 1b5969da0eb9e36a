"""How long after its thanks an answer is seen in the read API, at 200 answers a second.

    python -m bench.visible [--rate 200] [--seconds 30]

Starts the whole local stack on ports of its own, sends answers at a constant rate to all agencies, and asks the
index of one of them again and again. An answer is seen when the index first counts as many as were thanked for.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.machine import machine
from tests.system.running_stack import BOARD, SURVEY, RunningStack, free_ports

CRITERIA = ("ACCESS", "PROC", "STAFF", "RESULT", "FEEDBACK")
SENDERS = 16


class Answers:
    """Sends answers; notes when those of the watched agency were thanked for."""

    def __init__(self, stack: RunningStack, watched: str) -> None:
        exported = json.loads(stack.sipas("registry", "export").stdout)
        self._counters = [(c["code"], c["agencies"][0]) for c in exported["counters"]]
        self._port = stack.first_port + SURVEY
        self._key = stack.key("submit")
        self._watched = watched
        self._lock = threading.Lock()
        self._local = threading.local()
        self.thanked_at: list[float] = []

    def send(self, number: int, due: float) -> None:
        time.sleep(max(0.0, due - time.monotonic()))  # the arrival plan of an open load
        code, agency = self._counters[number % len(self._counters)]
        body = json.dumps({"counter": code, "agency": agency, "answers": dict.fromkeys(CRITERIA, 4)})
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self._port)
        connection = self._local.connection
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        connection.request("POST", "/v1/responses", body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 202:
            raise SystemExit(f"the survey answered {answer.status}: no measurement")
        if agency == self._watched:
            with self._lock:
                self.thanked_at.append(time.monotonic())


def watch(stack: RunningStack, agency: str, until: threading.Event, seen: list[tuple[float, int]]) -> None:
    """Note (time, answers counted) of every reading."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.first_port + BOARD)
    path = f"/v1/agencies/{agency}/index?period=last-30d"
    while not until.is_set():
        connection.request("GET", path, headers={"Authorization": f"Bearer {stack.key('read')}"})
        answer = json.load(connection.getresponse())
        seen.append((time.monotonic(), answer["responses"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        stack = RunningStack(Path(directory) / "home", free_ports())
        try:
            stack.wait_until_ready()
            answers = Answers(stack, "so-noi-vu")
            seen: list[tuple[float, int]] = []
            done = threading.Event()
            watcher = threading.Thread(target=watch, args=(stack, "so-noi-vu", done, seen))
            watcher.start()
            begin = time.monotonic() + 0.5
            with ThreadPoolExecutor(SENDERS) as pool:
                plan = range(options.rate * options.seconds)
                list(pool.map(lambda n: answers.send(n, begin + n / options.rate), plan))
            sent_in = time.monotonic() - begin
            while not seen or seen[-1][1] < len(answers.thanked_at):
                if time.monotonic() - begin > sent_in + 30:
                    raise SystemExit(f"only {seen[-1][1]} of {len(answers.thanked_at)} were seen")
                time.sleep(0.05)  # the watcher does the asking
            done.set()
            watcher.join()
        finally:
            stack.discard()
    waits, reading = [], 0
    for number, thanked in enumerate(sorted(answers.thanked_at), start=1):
        while seen[reading][1] < number:
            reading += 1
        waits.append(max(0.0, seen[reading][0] - thanked))
    waits.sort()
    print(machine())
    print(
        f"{len(plan) / sent_in:.0f} answers/s sent; of {len(waits)} watched ones seen after"
        f" p50 {waits[len(waits) // 2] * 1000:.0f} ms, p99 {waits[len(waits) * 99 // 100] * 1000:.0f} ms,"
        f" longest {waits[-1] * 1000:.0f} ms"
    )


if __name__ == "__main__":
    main()
