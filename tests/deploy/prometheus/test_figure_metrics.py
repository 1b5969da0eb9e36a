"""The board's figures as metrics, from a real Redis: what the public may see, and nothing else."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.board.figure_metrics import EVERY_S, KNOWN_FOR_S, REST_AT_MOST_S, FigureMetrics
from sipas.events import Entry
from sipas.ledger import LedgerAway
from tests.integration.board_stack import NOW, PROVINCE, BoardStack
from tests.servers import RedisServer

TODAY = NOW.date()
SATISFIED, NOT = {"ACCESS": 5, "STAFF": 4}, {"ACCESS": 5, "STAFF": 2}
COUNTER = Entry(
    kind="counter",
    id="7K3M9QX2TB",
    history=(
        {
            "code": "7K3M9QX2TB",
            "label": {"vi": "Quầy 1", "en": "Counter 1"},
            "place": "p",
            "agencies": ["so-noi-vu"],
            "method": "quick-5@1",
        },
    ),
)
TARGET = Entry(
    kind="target",
    id="block/so/quick-5@1",
    history=({"scope": "block/so", "method": "quick-5@1", "percent": 80.0},),
)

SCOPES = ("province", "block:so", "block:xa")


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0
        self.passes = 0.0
        """Seconds from each question for the time to the next."""

    def __call__(self) -> float:
        self.seconds += self.passes
        return self.seconds


class Shown:
    """A board's figures, as a scrape gives them."""

    def __init__(self, stack: BoardStack) -> None:
        self.stack, self.clock = stack, Clock()
        self.metrics = FigureMetrics(stack.parts, stack.reader, clock=self.clock, unix=self.clock)
        self.registry = CollectorRegistry()
        self.registry.register(self.metrics)

    def turn(self) -> None:
        self.metrics.turn()
        self.clock.seconds += EVERY_S

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def of(self, agency: str, name: str = "percent") -> float | None:
        block = "xa" if agency.startswith("xa") else "so"
        return self.value(f"sipas_index_{name}", agency=agency, block=block, method="quick-5@1")

    def names(self) -> set[str]:
        return {metric.name for metric in self.registry.collect() if metric.samples}


@pytest.fixture
def shown(redis_server: RedisServer, namespace: str) -> Iterator[Shown]:
    stack = BoardStack(redis_server.url, namespace, (*PROVINCE, COUNTER, TARGET))
    yield Shown(stack)
    stack.ledgers.close()


def test_a_figure_is_that_of_the_board(shown: Shown) -> None:
    shown.stack.count("so-noi-vu", TODAY, [SATISFIED] * 8 + [NOT] * 2)
    shown.turn()
    board: Any = shown.stack.index("so-noi-vu", period="last-30d")
    assert shown.of("so-noi-vu") == board["percent"] == 90.0
    assert [shown.of("so-noi-vu", f"interval_{end}_percent") for end in ("low", "high")] == board["interval"]
    assert shown.of("so-noi-vu", "responses") == 10
    assert shown.of("so-noi-vu", "target_percent") == 80
    assert shown.value("sipas_scope_index_percent", scope="province", method="quick-5@1") == 90
    assert shown.value("sipas_scope_index_responses", scope="block:so", method="quick-5@1") == 10


def test_without_answers_or_with_too_few_there_is_no_figure_and_no_zero(shown: Shown) -> None:
    shown.stack.count("so-y-te", TODAY, [SATISFIED] * 4)
    shown.turn()
    assert [shown.of(agency, name) for agency in ("so-y-te", "so-tu-phap") for name in ("percent", "responses")] == (
        [None] * 4
    )
    assert shown.of("so-tu-phap", "target_percent") == 80


def test_a_sum_is_not_told_where_that_of_a_withheld_agency_would_follow_from_it(
    redis_server: RedisServer, namespace: str
) -> None:
    stack = BoardStack(redis_server.url, namespace, publication_minimum=30)
    stack.count("so-noi-vu", TODAY, [SATISFIED] * 40)
    stack.count("so-y-te", TODAY, [NOT] * 10)
    stack.count("xa-mot", TODAY, [SATISFIED] * 40)
    shown = Shown(stack)
    shown.turn()
    assert (shown.of("so-noi-vu"), shown.of("so-y-te")) == (100, None)
    told = {name: shown.value("sipas_scope_index_percent", scope=name, method="quick-5@1") for name in SCOPES}
    assert told == {"province": None, "block:so": None, "block:xa": 100}
    stack.ledgers.close()


def test_while_the_ledger_is_rebuilt_all_figures_are_gone(shown: Shown) -> None:
    shown.stack.count("so-noi-vu", TODAY, [SATISFIED] * 10)
    shown.turn()
    assert shown.of("so-noi-vu") == 100
    for keys in shown.stack.keys:
        keys.slot.note({"rebuild_until": 1_000_000})
    shown.turn()
    assert shown.of("so-noi-vu") is None
    assert shown.value("sipas_scope_index_percent", scope="province", method="quick-5@1") is None
    assert not any(name.startswith("sipas_silent") for name in shown.names())


def test_a_change_is_told_with_the_next_turn_and_what_is_the_same_is_not_read(shown: Shown) -> None:
    shown.stack.count("so-noi-vu", TODAY, [SATISFIED] * 10)
    shown.turn()
    made = [id(metric) for metric in shown.metrics.collect()][1:]
    shown.turn()
    assert [id(metric) for metric in shown.metrics.collect()][1:] == made
    shown.stack.count("so-noi-vu", TODAY, [NOT] * 10)
    shown.turn()
    assert shown.of("so-noi-vu") == 75


def test_after_a_ledger_that_hung_the_newest_minute_is_told_at_once_and_figures_within_five_minutes(
    shown: Shown,
) -> None:
    shown.stack.count("so-noi-vu", TODAY, [SATISFIED] * 10, received=NOW)
    shown.clock.passes = 20
    shown.turn()
    shown.clock.passes = 0
    newest = NOW.replace(second=0, microsecond=0) + timedelta(minutes=2)
    shown.stack.count("so-noi-vu", TODAY, [NOT] * 10, received=newest)
    shown.turn()
    assert shown.value("sipas_board_newest_counted_timestamp_seconds") == newest.timestamp()
    assert shown.of("so-noi-vu") == 100
    shown.clock.seconds += REST_AT_MOST_S
    shown.turn()
    assert shown.of("so-noi-vu") == 75


def test_figures_that_could_not_be_read_for_five_minutes_are_gone_and_their_age_stays(shown: Shown) -> None:
    shown.stack.count("so-noi-vu", TODAY, [SATISFIED] * 10)
    shown.turn()
    read_at = shown.value("sipas_board_figures_read_timestamp_seconds")
    shown.clock.seconds += KNOWN_FOR_S
    assert shown.names() == {"sipas_board_figures_read_timestamp_seconds"}
    assert shown.value("sipas_board_figures_read_timestamp_seconds") == read_at


def test_before_the_first_turn_nothing_is_told(shown: Shown) -> None:
    assert shown.names() == set()


def test_a_counter_that_fell_silent_is_told_and_one_answer_ends_it(shown: Shown) -> None:
    shown.stack.count("so-noi-vu", TODAY - timedelta(days=20), [SATISFIED] * 5, counter="7K3M9QX2TB")
    shown.turn()
    assert shown.value("sipas_silent_counters", agency="so-noi-vu", block="so") == 1
    shown.stack.count("so-noi-vu", TODAY, [SATISFIED], counter="7K3M9QX2TB", flags=("no-form",))
    shown.turn()
    assert shown.value("sipas_silent_counters", agency="so-noi-vu", block="so") == 0


def test_the_newest_minute_is_that_of_an_answer_that_nobody_is_shown_yet(shown: Shown) -> None:
    shown.stack.count("so-y-te", TODAY, [SATISFIED], received=NOW)
    shown.turn()
    assert (
        shown.value("sipas_board_newest_counted_timestamp_seconds") == NOW.replace(second=0, microsecond=0).timestamp()
    )


def test_a_redis_that_is_gone_is_said_so_by_name(tmp_path: Any, namespace: str) -> None:
    with RedisServer(tmp_path, durable=False) as redis:
        stack = BoardStack(redis.url, namespace)
    with pytest.raises(LedgerAway):
        Shown(stack).turn()
    stack.ledgers.close()
