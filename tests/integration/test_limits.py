"""Many answers from one client: none refused or lost, those beyond the limit flagged; a waiting room is no client."""

import itertools
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import pytest
from limits import RateLimitItem
from limits.strategies import SlidingWindowCounterRateLimiter

from deploy.local.programs import ask_redis
from services.survey.limiter import Limiter
from sipas.settings import Rate
from tests.servers import KafkaServer, RedisServer, wait_until
from tests.survey_stack import OPEN, SHARED, SUBMIT_KEY, Survey, set_up_namespace, sheets, small_registry

CITIZENS = 400
PHONE = {"User-Agent": "Mozilla/5.0 (Linux; Android 10; K)", "Accept-Language": "vi-VN,vi;q=0.9"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def limiter(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "limiter", durable=False) as server:
        yield server


@pytest.fixture
def set_up(kafka: KafkaServer, namespace: str) -> str:
    set_up_namespace(kafka.bootstrap, namespace, small_registry())
    return namespace


def send(
    survey: Survey, counter: str = OPEN, headers: Mapping[str, str] = MappingProxyType(PHONE), key: str | None = None
) -> tuple[str, int]:
    """The id of one more answer, and the status it got."""
    document = {"response_id": str(uuid.uuid4()), "counter": counter, "answers": {"ACCESS": 4}}
    if counter == SHARED:
        document["agency"] = "so-b"
    return document["response_id"], survey.submit(document, key, headers).status


def send_at_once(survey: Survey, number: int, **how: Any) -> dict[str, int]:
    with ThreadPoolExecutor(8) as pool:
        return dict(pool.map(lambda _: send(survey, **how), range(number)))


def bursts(kafka: KafkaServer, namespace: str) -> Counter[bool]:
    """How many sheets of the log are flagged `burst`, and how many are not."""
    return Counter("burst" in sheet.flags for sheet in sheets(kafka.bootstrap, namespace))


def test_a_full_waiting_room_behind_one_address_is_neither_refused_nor_flagged(
    kafka: KafkaServer, limiter: RedisServer, tmp_path: Path, set_up: str
) -> None:
    """400 citizens in 10 minutes, all with the same phone, twenty times as fast: 30 seconds, and windows of 3."""
    settings = {"SIPAS_LIMITER_URL": limiter.url, "SIPAS_LIMIT": "100/3"}
    with Survey(kafka.bootstrap, set_up, tmp_path / "survey", **settings) as survey:
        statuses = Counter()
        began = time.monotonic()
        for number in range(CITIZENS):
            # citizens come when they come: this is the time between them and no waiting for the survey
            time.sleep(max(0.0, began + number * 30 / CITIZENS - time.monotonic()))
            statuses[send(survey)[1]] += 1
        assert survey.metric("sipas_survey_unlimited_total") == 0
    assert statuses == {202: CITIZENS}
    assert bursts(kafka, set_up) == {False: CITIZENS}


def test_a_flood_from_one_device_is_accepted_and_most_of_it_flagged(
    kafka: KafkaServer, limiter: RedisServer, tmp_path: Path, set_up: str
) -> None:
    """At once is within 40 seconds. Both workers count together: 100 of the 400 are not flagged, and no more."""
    with Survey(kafka.bootstrap, set_up, tmp_path / "survey", SIPAS_LIMITER_URL=limiter.url) as survey:
        sent = send_at_once(survey, CITIZENS)
        assert survey.metric('sipas_survey_flagged_total{flag="burst"}') == CITIZENS - 100
        form = survey.ask(
            "POST", f"/{OPEN}", urlencode({"answers.ACCESS": "5", "language": "vi"}).encode(), FORM | PHONE
        )
    assert Counter(sent.values()) == {202: CITIZENS}
    assert form.status == 303
    in_log = sheets(kafka.bootstrap, set_up)
    assert set(sent) <= {str(sheet.response_id) for sheet in in_log}
    assert bursts(kafka, set_up) == {True: CITIZENS - 100 + 1, False: 100}
    # what was wrong with them before is still said
    assert all("no-form" in sheet.flags for sheet in in_log)


def test_two_surveys_count_together_and_each_counter_browser_and_key_apart(
    kafka: KafkaServer, limiter: RedisServer, tmp_path: Path, set_up: str
) -> None:
    settings = {"SIPAS_LIMITER_URL": limiter.url, "SIPAS_LIMIT": "20/600"}
    with (
        Survey(kafka.bootstrap, set_up, tmp_path / "one", **settings) as one,
        Survey(kafka.bootstrap, set_up, tmp_path / "two", **settings) as two,
    ):
        for survey in itertools.islice(itertools.cycle((one, two)), 20):
            send(survey)
        assert bursts(kafka, set_up) == {False: 20}
        for survey in (one, two):
            send(survey)
        assert bursts(kafka, set_up) == {False: 20, True: 2}
        for survey in (one, two):
            send(survey, counter=SHARED)
            send(survey, headers=PHONE | {"User-Agent": "Mozilla/5.0 (iPhone)"})
            send(survey, key=SUBMIT_KEY)
        assert bursts(kafka, set_up) == {False: 26, True: 2}


def test_behind_proxies_of_ours_the_client_is_whom_they_saw(
    kafka: KafkaServer, limiter: RedisServer, tmp_path: Path, set_up: str
) -> None:
    settings = {"SIPAS_LIMITER_URL": limiter.url, "SIPAS_LIMIT": "1/600", "SIPAS_TRUSTED_PROXIES": "1"}
    with Survey(kafka.bootstrap, set_up, tmp_path / "survey", **settings) as survey:
        for forwarded in ("198.51.100.7", "203.0.113.9"):
            send(survey, headers=PHONE | {"X-Forwarded-For": forwarded})
        assert bursts(kafka, set_up) == {False: 2}
        # the same network, and an address that the client made up
        send(survey, headers=PHONE | {"X-Forwarded-For": "192.0.2.1, 198.51.100.200"})
    assert bursts(kafka, set_up) == {False: 2, True: 1}


def test_when_the_limiter_goes_no_answer_is_refused_or_lost_and_limits_return_with_it(
    kafka: KafkaServer, limiter: RedisServer, tmp_path: Path, set_up: str
) -> None:
    settings = {"SIPAS_LIMITER_URL": limiter.url, "SIPAS_LIMIT": "50/600", "SIPAS_SURVEY_WORKERS": "1"}
    with Survey(kafka.bootstrap, set_up, tmp_path / "survey", **settings) as survey:
        sent: dict[str, int] = {}
        sending = threading.Thread(target=lambda: sent.update(send_at_once(survey, CITIZENS)))
        sending.start()
        wait_until(lambda: survey.metric("sipas_survey_flagged_total") > 60, what="answers that were limited")
        limiter.kill()
        sending.join()
        assert Counter(sent.values()) == {202: CITIZENS}
        assert set(sent) == {str(sheet.response_id) for sheet in sheets(kafka.bootstrap, set_up)}
        assert survey.metric("sipas_survey_unlimited_total") > 0
        assert goings_not_ended(survey) == 1
        limiter.start()
        wait_until(lambda: send(survey)[1] == 202 and not goings_not_ended(survey), what="the limiter to be asked")
        before = bursts(kafka, set_up)[True]
        assert set(send_at_once(survey, 100).values()) == {202}
        assert bursts(kafka, set_up)[True] - before >= 50


def goings_not_ended(survey: Survey) -> int:
    """Told once each: also a moment in which this machine was too slow for the limiter's time-out is a going."""
    return survey.log.count("the limiter does not answer") - survey.log.count("the limiter answers again")


def test_a_reply_read_after_the_limiter_went_does_not_say_that_it_is_back(
    limiter: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker's greenlets: the reply to one has come, another finds the connection broken, then the first reads."""
    over = Limiter(limiter.url, "n", Rate(100, 60), 0).question(("192.0.2.1", 1), [])
    hit = SlidingWindowCounterRateLimiter.hit

    def hit_and_read_late(window: SlidingWindowCounterRateLimiter, item: RateLimitItem, *of: str) -> bool:
        within = hit(window, item, *of)
        monkeypatch.undo()
        limiter.kill()
        assert not over(OPEN)
        return within

    monkeypatch.setattr(SlidingWindowCounterRateLimiter, "hit", hit_and_read_late)
    assert not over(OPEN)
    limiter.start()
    assert not over(OPEN)
    assert Redis(limiter).names() == []


@pytest.mark.parametrize("trouble", ["paused", "another program", "another kind of key"])
def test_while_the_limiter_cannot_be_used_every_answer_is_accepted_as_it_is(
    kafka: KafkaServer, limiter: RedisServer, tmp_path: Path, set_up: str, trouble: str
) -> None:
    url = limiter.url
    if trouble == "paused":
        limiter.pause()
    elif trouble == "another program":
        url = f"redis://{kafka.bootstrap}/0"
    else:
        ask_redis(limiter.port, "SET", f"{set_up}:burst-key", "nonsense")
    settings = {"SIPAS_LIMITER_URL": url, "SIPAS_LIMIT": "1/600", "SIPAS_SURVEY_WORKERS": "1"}
    with Survey(kafka.bootstrap, set_up, tmp_path / "survey", **settings) as survey:
        sent = dict(send(survey) for _ in range(30))
        assert survey.metric("sipas_survey_unlimited_total") == 30
        assert survey.log.count("the limiter does not answer") == 1
    assert Counter(sent.values()) == {202: 30}
    assert bursts(kafka, set_up) == {False: 30}


def test_the_limiter_holds_no_client_no_counter_no_time_and_nothing_on_its_disk(
    kafka: KafkaServer, limiter: RedisServer, tmp_path: Path, set_up: str
) -> None:
    marked = {"User-Agent": "MarkedAgent/7.7", "Accept-Language": "mark-VN", "X-Forwarded-For": "198.51.100.77"}
    settings = {"SIPAS_LIMITER_URL": limiter.url, "SIPAS_LIMIT": "5/60", "SIPAS_TRUSTED_PROXIES": "1"}
    with Survey(kafka.bootstrap, set_up, tmp_path / "survey", **settings) as survey:
        for _ in range(10):
            send(survey, headers=marked)
        log = survey.log
    names = Redis(limiter).names()
    held = {name: Redis(limiter).value(name) for name in names}
    assert len(held) == 2
    key = held.pop(f"{set_up}:burst-key".encode())
    assert len(key) == 32
    # one count, of those that were within the limit
    assert list(held.values()) == [b"5"]
    everything = b"\n".join([*names, *held.values(), key, log.encode()])
    for mark in (b"MarkedAgent", b"mark-VN", b"198.51.100", OPEN.encode()):
        assert mark not in everything
    for name, longest_s in ((f"{set_up}:burst-key".encode(), 24 * 3600), (next(iter(held)), 120)):
        assert 0 < Redis(limiter).seconds_left(name) <= longest_s
    assert list(limiter.data.iterdir()) == []


class Redis:
    """What an administrator would see."""

    def __init__(self, server: RedisServer) -> None:
        self._port = server.port

    def names(self) -> list[bytes]:
        return ask_redis(self._port, "KEYS", "*").split(b"\r\n")[2::2]

    def value(self, name: bytes) -> bytes:
        return ask_redis(self._port, "GET", name.decode()).partition(b"\r\n")[2][:-2]

    def seconds_left(self, name: bytes) -> int:
        return int(ask_redis(self._port, "TTL", name.decode())[1:])


def test_without_a_limiter_nothing_is_flagged_and_the_survey_says_so_once(
    kafka: KafkaServer, tmp_path: Path, set_up: str
) -> None:
    with Survey(kafka.bootstrap, set_up, tmp_path / "survey", SIPAS_LIMIT="1/600") as survey:
        assert set(send_at_once(survey, 10).values()) == {202}
        assert survey.log.count("SIPAS_LIMITER_URL is not set") == 1
    assert bursts(kafka, set_up) == {False: 10}
