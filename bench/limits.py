"""Whether a full waiting room is left alone and a flood is flagged, in real time.

    python -m bench.limits [--room-s 600] [--flood-s 40]

400 citizens with one and the same phone come to one counter within ten minutes, at random times; then 400 answers come
from one device within 40 seconds, to another counter. Starts Kafka, the limiter's Redis and two workers here.
"""

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.machine import machine
from tests.servers import KafkaServer, RedisServer
from tests.survey_stack import Survey, set_up_namespace, sheets, wide_counters, wide_registry

ANSWERS = 400
PHONE = {"User-Agent": "Mozilla/5.0 (Linux; Android 10; K)", "Accept-Language": "vi-VN,vi;q=0.9"}


def send(survey: Survey, counter: str, at: float) -> tuple[int, float]:
    time.sleep(max(0.0, at - time.monotonic()))
    began = time.perf_counter()
    status = survey.submit({"counter": counter, "answers": {"ACCESS": 4}}, headers=PHONE).status
    return status, time.perf_counter() - began


def crowd(survey: Survey, counter: str, seconds: float) -> dict[str, Any]:
    began = time.monotonic()
    times = sorted(began + random.uniform(0, seconds) for _ in range(ANSWERS))
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda at: send(survey, counter, at), times))
    taken = sorted(one for _, one in answers)
    return {
        "seconds": round(time.monotonic() - began, 1),
        "statuses": Counter(status for status, _ in answers),
        "p50_ms": round(taken[len(taken) // 2] * 1000, 1),
        "p99_ms": round(taken[int(len(taken) * 0.99)] * 1000, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--room-s", type=float, default=600)
    parser.add_argument("--flood-s", type=float, default=40)
    options = parser.parse_args()
    room, flood = wide_counters(2)
    with (
        tempfile.TemporaryDirectory() as place,
        KafkaServer(Path(place) / "kafka") as kafka,
        RedisServer(Path(place) / "limiter", durable=False) as limiter,
    ):
        set_up_namespace(kafka.bootstrap, "bench", wide_registry(2))
        with Survey(kafka.bootstrap, "bench", Path(place) / "survey", SIPAS_LIMITER_URL=limiter.url) as survey:
            result: dict[str, Any] = {
                "waiting room": crowd(survey, room, options.room_s),
                "flood": crowd(survey, flood, options.flood_s),
            }
            unlimited = survey.metric("sipas_survey_unlimited_total")
        in_log = sheets(kafka.bootstrap, "bench")
    for name, counter in (("waiting room", room), ("flood", flood)):
        flags = ["burst" in sheet.flags for sheet in in_log if sheet.counter == counter]
        result[name] |= {"in the log": len(flags), "flagged burst": sum(flags)}
    print(json.dumps(result | {"unlimited": unlimited, "machine": machine()}, indent=1))


if __name__ == "__main__":
    main()
