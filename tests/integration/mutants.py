"""The aggregator with one thing taken away, to prove that the tests would notice: `python -m …mutants NAME`."""

import sys
from collections.abc import Mapping, Sequence

from services.aggregator.__main__ import main
from sipas import ledger
from sipas.ledger import Ledgers, Slot, Writes

GUARD = "if stored ~= ARGV[1] then return {0, stored} end\n"


class SlotWithoutDedupe(Slot):
    """Says of every id that it was never seen."""

    def lookup(self, expected: int, sets: Sequence[str], ids: Sequence[bytes]) -> list[set[int]]:
        return [set() for _ in super().lookup(expected, sets, ids)]


class SlotWithPositionOutside(Slot):
    """Stores the position by a command of its own, before the counts."""

    def commit(self, expected: int, position: Mapping[str, str | int], writes: Writes) -> None:
        self.note(position)
        super().commit(int(position["next_offset"]), position, writes)


class LedgersWithoutGuard(Ledgers):
    """Its commit does not compare the stored position with the expected one."""

    def __init__(self, url: str, namespace: str) -> None:
        super().__init__(url, namespace)
        script = ledger._script("commit")
        if GUARD not in script:
            raise SystemExit("the mutant no longer fits commit.lua")
        self.commit_script = self.client.register_script(script.replace(GUARD, ""))


def with_slots(kind: type[Slot]) -> type[Ledgers]:
    class Mutated(Ledgers):
        def slot(self, name: str, partition: int) -> Slot:
            return kind(self, f"{self.namespace}:{name}:{{p{partition}}}")

    return Mutated


MUTANTS = {
    "no-dedupe": with_slots(SlotWithoutDedupe),
    "position-outside-the-script": with_slots(SlotWithPositionOutside),
    "no-position-guard": LedgersWithoutGuard,
}

if __name__ == "__main__":
    sys.exit(main(MUTANTS[sys.argv[1]]))
