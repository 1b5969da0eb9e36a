"""How many answers a second the survey takes, each waiting for Kafka's acks=all.

    python -m bench.ingest [--seconds 10] [--connections 64] [--agencies 170] [--get]

Starts Kafka, two workers and the load on this machine, on empty data. `--get` asks for the form instead,
in gzip as every browser does.
"""

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any, cast

from bench.machine import machine
from tests.servers import KafkaServer
from tests.survey_stack import SUBMIT_KEY, Survey, set_up_namespace, wide_counters, wide_registry

LEVELS = (1, 2, 3, 4, 4, 4, 5, 5, 5, None)


class Client(asyncio.Protocol):
    """One keep-alive connection that asks again as soon as it is answered."""

    def __init__(self, requests: list[bytes], expected: bytes, until: float, taken: list[float]) -> None:
        self.requests, self.expected, self.until, self.taken = requests, expected, until, taken
        self.done = asyncio.get_running_loop().create_future()
        self.received = b""
        self.failures = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.ask()

    def ask(self) -> None:
        self.began = time.perf_counter()
        self.transport.write(random.choice(self.requests))

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        if len(body) < length:
            return
        now = time.perf_counter()
        self.received = b""
        self.taken.append(now - self.began)
        self.failures += not head.startswith(self.expected)
        if now < self.until:
            self.ask()
        else:
            self.transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self.done.set_result(None)


def submissions(counters: list[str]) -> list[bytes]:
    """Ready-made requests: the server makes an id for each."""
    made = []
    for counter in counters * 5:
        answers = {c: random.choice(LEVELS) for c in ("PROC", "STAFF", "RESULT", "FEEDBACK")} | {"ACCESS": 4}
        body = json.dumps({"counter": counter, "answers": answers}).encode()
        made.append(
            b"POST /v1/responses HTTP/1.1\r\nHost: survey\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b" % (SUBMIT_KEY.encode(), len(body), body)
        )
    return made


async def load(port: int, requests: list[bytes], expected: bytes, connections: int, seconds: float) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    taken: list[float] = []
    began = time.perf_counter()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: Client(requests, expected, began + seconds, taken), "127.0.0.1", port
        )
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    elapsed = time.perf_counter() - began
    taken.sort()
    return {
        "answers": len(taken),
        "per_second": round(len(taken) / elapsed, 1),
        "p50_ms": round(taken[len(taken) // 2] * 1000, 1),
        "p99_ms": round(taken[int(len(taken) * 0.99)] * 1000, 1),
        "failures": sum(client.failures for client in clients),
    }


def memory_mb(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1024, 1)


def cpu_s(pid: int) -> float:
    """Processor time of a process so far: what it costs also where other programs disturb the rate."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--agencies", type=int, default=170)
    parser.add_argument("--get", action="store_true")
    options = parser.parse_args()
    counters = wide_counters(options.agencies)
    gets = [
        b"GET /%b HTTP/1.1\r\nHost: survey\r\nAccept-Encoding: gzip\r\n\r\n" % counter.encode() for counter in counters
    ]
    requests, expected = (gets, b"HTTP/1.1 200") if options.get else (submissions(counters), b"HTTP/1.1 202")
    with tempfile.TemporaryDirectory() as place, KafkaServer(Path(place) / "kafka") as kafka:
        set_up_namespace(kafka.bootstrap, "bench", wide_registry(options.agencies), partitions=12)
        with Survey(kafka.bootstrap, "bench", Path(place) / "survey") as survey:
            asyncio.run(load(survey.port, requests, expected, options.connections, 3))  # warm up
            spenders = {"workers": survey.workers(), "kafka": [kafka.pid], "load": [os.getpid()]}
            before = {name: sum(map(cpu_s, pids)) for name, pids in spenders.items()}
            result = asyncio.run(load(survey.port, requests, expected, options.connections, options.seconds))
            spent = {name: sum(map(cpu_s, pids)) - before[name] for name, pids in spenders.items()}
            workers = [memory_mb(pid) for pid in survey.workers()]
    result |= {
        "what": "GET /{code}" if options.get else "POST /v1/responses",
        "connections": options.connections,
        "agencies": options.agencies,
        "cpu_us_per_answer": {name: round(seconds / result["answers"] * 1e6) for name, seconds in spent.items()},
        "worker_mb": workers,
        "load_average": os.getloadavg()[0],
        "machine": machine(),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
