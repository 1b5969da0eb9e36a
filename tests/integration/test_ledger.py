"""The guarded write on a real Redis, alone and as a one-node cluster: all of it or nothing."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import ResponseError

from deploy.local.programs import ask_redis
from sipas.ledger import Ledgers, Moved, Place, Slot, Writes
from tests.servers import RedisServer, wait_until


@pytest.fixture(params=[False, True], ids=["one server", "one-node cluster"], scope="module")
def ledgers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledgers]:
    with RedisServer(Path(tmp_path_factory.mktemp("redis")), cluster=request.param) as server:
        made = Ledgers(server.url, "t")
        made.wait_until_ready(10)
        yield made
        made.close()


@pytest.fixture
def slot(ledgers: Ledgers, namespace: str) -> Slot:
    made = ledgers.slot(namespace, 3)
    made.create(0, {"topic_id": "x"})
    return made


def test_a_ledger_that_is_closed_leaves_no_connection(ledgers: Ledgers) -> None:
    port = urlsplit(ledgers._url).port

    def connected() -> int:
        return ask_redis(port, "CLIENT", "LIST").count(b"id=")

    before = connected()
    other = Ledgers(ledgers._url, "other")
    assert other.slot("g1", 0).position() is None
    assert connected() > before
    other.close()
    wait_until(lambda: connected() == before, what="its connections to end")


def test_a_position_is_created_once_and_the_second_caller_gets_the_first_s(slot: Slot) -> None:
    assert slot.create(7, {"topic_id": "y"}) == {"next_offset": "0", "topic_id": "x"}


def test_a_commit_sets_and_removes_and_moves_the_position(ledgers: Ledgers, slot: Slot) -> None:
    key, text, gone = slot.key("day"), slot.key("text"), slot.key("gone")
    slot.commit(0, {"next_offset": 5}, Writes(fields={key: {"a": "3"}, text: {"k": "v"}, gone: {"x": "1"}}))
    slot.commit(
        5, {"next_offset": 6}, Writes(fields={key: {"a": "7", "b": "1"}}, unlinked=[gone], removed_fields={text: ["k"]})
    )
    assert ledgers.hashes([key, text, gone]) == [{"a": "7", "b": "1"}, {}, {}]
    assert slot.position() == {"next_offset": "6", "topic_id": "x"}


@pytest.mark.parametrize("expected", [1, -1, 10**15])
def test_another_position_than_the_stored_one_changes_nothing(ledgers: Ledgers, slot: Slot, expected: int) -> None:
    key = slot.key("day")
    with pytest.raises(Moved) as refused:
        slot.commit(expected, {"next_offset": 9}, Writes(fields={key: {"a": "3"}}, members={slot.key("s"): [b"i"]}))
    assert refused.value.stored == 0
    assert ledgers.hashes([key]) == [{}]


def test_without_a_ledger_a_commit_is_refused(ledgers: Ledgers, namespace: str) -> None:
    with pytest.raises(Moved) as refused:
        ledgers.slot(namespace, 4).commit(0, {"next_offset": 9}, Writes())
    assert refused.value.stored is None


def test_a_note_on_a_ledger_that_was_flushed_makes_no_position(ledgers: Ledgers, slot: Slot, namespace: str) -> None:
    slot.note({"rebuilt": 1})
    assert slot.position() == {"next_offset": "0", "topic_id": "x", "rebuilt": "1"}
    gone = ledgers.slot(namespace, 5)
    gone.note({"rebuilt": 1})
    assert gone.position() is None


def test_fifty_thousand_ids_and_fields_are_one_commit(slot: Slot) -> None:
    """Lua's stack ends at some thousand arguments: they are unpacked in pieces."""
    ids = [os.urandom(16) for _ in range(50_000)]
    fields = {f"f{number}": str(number) for number in range(50_000)}
    slot.commit(0, {"next_offset": 1}, Writes(members={slot.key("ids"): ids}, fields={slot.key("many"): fields}))
    assert slot.lookup(1, [slot.key("ids"), slot.key("none")], [*ids, b"0" * 16]) == [set(range(50_000)), set()]


@pytest.mark.parametrize("wrong", ["set", "hash"])
def test_a_key_of_the_wrong_kind_fails_before_anything_is_written(ledgers: Ledgers, slot: Slot, wrong: str) -> None:
    day, bad = slot.key("day"), slot.key("bad")
    as_hash, as_set = {bad: {"f": "1"}}, {bad: [b"x"]}
    slot.commit(0, {"next_offset": 1}, Writes(fields=as_hash) if wrong == "hash" else Writes(members=as_set))
    again = {"members": as_set} if wrong == "hash" else {"fields": {day: {"a": "1"}} | as_hash}
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        slot.commit(1, {"next_offset": 2}, Writes(**{"fields": {day: {"a": "1"}}} | again))
    assert ledgers.hashes([day]) == [{}]
    assert slot.position() == {"next_offset": "1", "topic_id": "x"}


def test_bytes_of_any_kind_are_kept(ledgers: Ledgers, slot: Slot) -> None:
    place = Place(slot.key("day"), "07")
    every = bytes(range(256))
    slot.commit(0, {"next_offset": 1}, Writes(fields={place.key: {place.field: every}}))
    assert ledgers.values([place, Place(slot.key("day"), "08"), place]) == [every, None, every]


def test_values_are_read_together_with_the_position(slot: Slot, ledgers: Ledgers, namespace: str) -> None:
    day, month = Place(slot.key("days"), "07"), Place(slot.key("months"), "2026-11")
    slot.commit(0, {"next_offset": 4}, Writes(fields={day.key: {day.field: b"\x01"}}))
    position, found = slot.values([month, day])
    assert position == {"next_offset": "4", "topic_id": "x"}
    assert found == [None, b"\x01"]
    assert ledgers.slot(f"{namespace}-none", 3).values([day]) == (None, [b"\x01"])


def test_a_lookup_at_another_position_is_refused(slot: Slot) -> None:
    with pytest.raises(Moved):
        slot.lookup(4, [slot.key("ids")], [b"x"])


def test_a_mark_that_changed_since_it_was_read_stays(ledgers: Ledgers, slot: Slot) -> None:
    dirty = slot.key("dirty")
    slot.commit(0, {"next_offset": 1}, Writes(fields={dirty: {"read": "1", "changed": "1"}}))
    _, [marks] = slot.snapshot([dirty])
    slot.commit(1, {"next_offset": 2}, Writes(fields={dirty: {"changed": "2"}}))
    assert slot.settle(dirty, marks) == 1
    assert ledgers.hashes([dirty]) == [{"changed": "2"}]


def test_the_pointer_goes_forward_only(ledgers: Ledgers) -> None:
    assert ledgers.point("g2", 7)
    assert not ledgers.point("g1", 3)
    assert not ledgers.point("g2", 7)
    assert ledgers.hashes([ledgers.pointer_key]) == [{"generation": "g2", "epoch": "7"}]
