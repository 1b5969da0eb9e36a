"""The guarded write on a real Redis, alone and as a one-node cluster: all of it or nothing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import ResponseError

from sipas.ledger import Ledgers, Moved, Slot, Writes
from tests.servers import RedisServer


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


def test_a_position_is_created_once_and_the_second_caller_gets_the_first_s(slot: Slot) -> None:
    assert slot.create(7, {"topic_id": "y"}) == {"next_offset": "0", "topic_id": "x"}


def test_a_commit_adds_integers_sets_fields_and_moves_the_position(ledgers: Ledgers, slot: Slot) -> None:
    key, text, gone = slot.key("day"), slot.key("text"), slot.key("gone")
    slot.commit(0, {"next_offset": 5}, Writes(increments={key: {"a": 3}}, fields={text: {"k": "v"}, gone: {"x": "1"}}))
    slot.commit(
        5, {"next_offset": 6}, Writes(increments={key: {"a": 4, "b": 1}}, unlinked=[gone], removed_fields={text: ["k"]})
    )
    assert ledgers.hashes([key, text, gone]) == [{"a": "7", "b": "1"}, {}, {}]
    assert slot.position() == {"next_offset": "6", "topic_id": "x"}


@pytest.mark.parametrize("expected", [1, -1, 10**15])
def test_another_position_than_the_stored_one_changes_nothing(ledgers: Ledgers, slot: Slot, expected: int) -> None:
    key = slot.key("day")
    with pytest.raises(Moved) as refused:
        slot.commit(expected, {"next_offset": 9}, Writes(increments={key: {"a": 3}}, members={slot.key("s"): [b"i"]}))
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
    fields = {f"f{number}": number for number in range(50_000)}
    slot.commit(0, {"next_offset": 1}, Writes(members={slot.key("ids"): ids}, increments={slot.key("many"): fields}))
    assert slot.lookup(1, [slot.key("ids"), slot.key("none")], [*ids, b"0" * 16]) == [set(range(50_000)), set()]


@pytest.mark.parametrize("wrong", ["set", "hash", "text"])
def test_a_key_of_the_wrong_kind_fails_before_anything_is_written(ledgers: Ledgers, slot: Slot, wrong: str) -> None:
    day, bad = slot.key("day"), slot.key("bad")
    if wrong == "hash":
        slot.commit(0, {"next_offset": 1}, Writes(fields={bad: {"f": "1"}}))
        writes = Writes(increments={day: {"a": 1}}, members={bad: [b"x"]})
    elif wrong == "set":
        slot.commit(0, {"next_offset": 1}, Writes(members={bad: [b"x"]}))
        writes = Writes(increments={day: {"a": 1}}, fields={bad: {"f": "1"}})
    else:
        slot.commit(0, {"next_offset": 1}, Writes(fields={bad: {"f": "many"}}))
        writes = Writes(increments={day: {"a": 1}, bad: {"f": 1}})
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        slot.commit(1, {"next_offset": 2}, writes)
    assert ledgers.hashes([day]) == [{}]
    assert slot.position() == {"next_offset": "1", "topic_id": "x"}


def test_a_lookup_at_another_position_is_refused(slot: Slot) -> None:
    with pytest.raises(Moved):
        slot.lookup(4, [slot.key("ids")], [b"x"])


def test_a_mark_that_changed_since_it_was_read_stays(ledgers: Ledgers, slot: Slot) -> None:
    dirty = slot.key("dirty")
    slot.commit(0, {"next_offset": 1}, Writes(increments={dirty: {"read": 1, "changed": 1}}))
    _, [marks] = slot.snapshot([dirty])
    slot.commit(1, {"next_offset": 2}, Writes(increments={dirty: {"changed": 1}}))
    assert slot.settle(dirty, marks) == 1
    assert ledgers.hashes([dirty]) == [{"changed": "2"}]


class Shown:
    """One agency's public numbers."""

    def __init__(self, ledgers: Ledgers, slot: Slot) -> None:
        self.ledgers, self.slot, self.next_offset, self.epoch = ledgers, slot, 0, 0

    def add(self, day: str, sheets: int, level: int = 5) -> None:
        fields = {"responses": sheets, f"A:{level}": sheets}
        writes = Writes(increments={self.slot.key(f"live{self.epoch}", day): fields})
        self.slot.commit(self.next_offset, {"next_offset": self.next_offset + 1}, writes)
        self.next_offset += 1

    def show(self, *days: str, switched: bool = False) -> None:
        rows = [(self._keys(day), (f"a/m/{day}", "a", day)) for day in days]
        self.slot.show((self.slot.key("epoch"), self.epoch), self.slot.key("moves"), 5, rows, switched=switched)

    def _keys(self, day: str) -> list[str]:
        key = self.slot.key
        month = day[:7]
        return [
            key(f"live{self.epoch}", day),
            key(f"live{self.epoch}-parts", day),
            key("shown", day),
            key("shown-parts", day),
            key("shown", month),
            key("shown-parts", month),
            key("tails"),
            key("newest"),
            key("as-of"),
            key("shown-as-of"),
        ]

    def responses(self, time: str) -> int:
        return int(self.ledgers.hashes([self.slot.key("shown", time)])[0].get("responses", 0))


def test_the_public_sees_steps_of_five_and_a_tail_when_the_day_is_over(ledgers: Ledgers, slot: Slot) -> None:
    shown = Shown(ledgers, slot)
    shown.add("2026-11-20", 4)
    shown.show("2026-11-20")
    assert shown.responses("2026-11-20") == 0
    shown.add("2026-11-20", 3)
    shown.show("2026-11-20")
    assert shown.responses("2026-11-20") == 7
    shown.add("2026-11-20", 2)
    shown.show("2026-11-20")
    assert shown.responses("2026-11-20") == 7
    shown.add("2026-11-21", 1)
    shown.show("2026-11-21", "2026-11-20")
    assert shown.responses("2026-11-20") == 9
    assert shown.responses("2026-11-21") == 0
    assert shown.responses("2026-11") == 9


def test_a_late_sheet_of_an_old_day_waits_for_a_later_day_too(ledgers: Ledgers, slot: Slot) -> None:
    """Nobody at the counter may see whose answer just came, whatever day it is booked on."""
    shown = Shown(ledgers, slot)
    shown.add("2026-11-20", 6)
    shown.add("2026-11-21", 6)
    shown.show("2026-11-20", "2026-11-21")
    shown.add("2026-11-20", 1)
    shown.show("2026-11-20")
    shown.show("2026-11-20", "2026-11-21")
    assert shown.responses("2026-11-20") == 6
    shown.add("2026-11-22", 1)
    shown.show("2026-11-22", "2026-11-20")
    assert shown.responses("2026-11-20") == 7
    assert shown.responses("2026-11") == 13


def test_after_a_switch_the_public_sees_the_other_generation_and_what_it_lacks_is_gone(
    ledgers: Ledgers, slot: Slot
) -> None:
    """Also by less than a step, and on days that nothing comes after any more."""
    shown = Shown(ledgers, slot)
    shown.add("2026-11-20", 6)
    shown.add("2026-11-20", 2, level=1)
    shown.add("2026-11-21", 7)
    shown.show("2026-11-20", "2026-11-21")
    shown.epoch = 4
    shown.add("2026-11-20", 6)
    shown.show("2026-11-20", "2026-11-21", switched=True)
    day, gone, month = ledgers.hashes([slot.key("shown", time) for time in ("2026-11-20", "2026-11-21", "2026-11")])
    assert day == {"responses": "6", "A:5": "6"}
    assert gone == {}
    assert month == {"responses": "6", "A:5": "6", "A:1": "0"}


def test_a_switch_shows_no_tail(ledgers: Ledgers, slot: Slot) -> None:
    """Two sheets that came yesterday, and could be told from the number of before."""
    shown = Shown(ledgers, slot)
    shown.add("2026-11-20", 6)
    shown.show("2026-11-20")
    shown.add("2026-11-20", 2)
    shown.show("2026-11-20")
    shown.epoch = 4
    shown.add("2026-11-20", 8)
    shown.show("2026-11-20", switched=True)
    assert shown.responses("2026-11-20") == 6


def test_an_owner_of_an_older_epoch_shows_nothing_any_more(ledgers: Ledgers, slot: Slot) -> None:
    late, owner = Shown(ledgers, slot), Shown(ledgers, slot)
    owner.epoch = 4
    late.add("2026-11-20", 6)
    owner.next_offset = late.next_offset
    owner.add("2026-11-20", 9)
    owner.show("2026-11-20")
    late.show("2026-11-20")
    assert owner.responses("2026-11-20") == 9


def test_the_pointer_goes_forward_only(ledgers: Ledgers) -> None:
    assert ledgers.point("g2", 7)
    assert not ledgers.point("g1", 3)
    assert not ledgers.point("g2", 7)
    assert ledgers.hashes([ledgers.pointer_key]) == [{"generation": "g2", "epoch": "7"}]
