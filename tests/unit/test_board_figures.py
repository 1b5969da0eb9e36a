"""Which method speaks for an agency, and for a block."""

from services.board.figures import FALLBACK_METHOD, method_of_block, methods_in_use
from sipas.events import Entry
from sipas.registry import Registry


def counter(code: str, method: str, *agencies: str, status: str = "active") -> Entry:
    value = {"label": {"vi": "Quầy", "en": "Counter"}, "place": "p", "agencies": agencies, "method": method}
    return Entry(kind="counter", id=code, history=({**value, "status": status},))


def test_an_agencys_method_is_the_one_of_most_of_its_active_counters() -> None:
    registry = Registry.fold(
        [
            counter("A", "quick-5@1", "x"),
            counter("B", "overall-1@1", "x", "y"),
            counter("C", "overall-1@1", "x"),
            counter("D", "quick-5@1", "y", status="revoked"),
        ]
    )
    assert methods_in_use(registry) == {"x": "overall-1@1", "y": "overall-1@1"}


def test_counters_in_equal_numbers_give_the_same_method_whatever_their_order() -> None:
    entries = [counter("A", "quick-5@1", "x"), counter("B", "overall-1@1", "x")]
    assert methods_in_use(Registry.fold(entries)) == methods_in_use(Registry.fold(entries[::-1]))


def test_a_block_is_compared_by_the_method_of_most_of_its_agencies() -> None:
    in_use = {"x": "quick-5@1", "y": "overall-1@1", "z": "overall-1@1", "elsewhere": "quick-5@1"}
    assert method_of_block(in_use, ["x", "y", "z", "without-counter"]) == "overall-1@1"


def test_a_block_without_counters_has_the_usual_method() -> None:
    assert method_of_block({}, ["x"]) == FALLBACK_METHOD
