"""What is remembered holds for one version of the state, and the longest unused is forgotten."""

from services.board.memory import Memory


def test_a_value_of_another_version_is_not_given() -> None:
    memory = Memory[str](2)
    memory.put("a", 1, "old")
    assert (memory.get("a", 1), memory.get("a", 2), memory.get("b", 1)) == ("old", None, None)
    memory.put("a", 2, "new")
    assert memory.get("a", 2) == "new"


def test_the_longest_unused_goes_first() -> None:
    memory = Memory[str](2)
    memory.put("a", 1, "a")
    memory.put("b", 1, "b")
    memory.get("a", 1)
    memory.put("c", 1, "c")
    assert [memory.get(key, 1) for key in "abc"] == ["a", None, "c"]
