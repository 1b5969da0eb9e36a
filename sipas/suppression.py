"""Which numbers must be withheld so that no group of fewer than the minimum can be got back by subtraction.

A number below the minimum is withheld, but a reader who knows the total and the other parts has it again. So further
numbers are withheld, until what remains unexplained in every published total is nothing or at least the minimum.

Why that is enough: the published numbers of a tree (province, agencies, counters) are sums of its *regions*, a region
being a published number less the largest published ones inside it. Regions share no sheet, so whatever group of sheets
a reader can count exactly by adding and subtracting is a union of regions, each of them empty or large enough. Several
divisions of one total (by counter, by channel, by criterion) may each be treated alone: a group that can be counted
from two divisions together can be counted from one. It does not hold against a reader who knows single answers from
elsewhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

MINIMUM = 5


@dataclass(frozen=True, slots=True)
class Node:
    """A number that may be published, and its parts. `count` may be above their sum: sheets without a counter."""

    name: str
    count: int
    parts: tuple["Node", ...] = ()

    def __post_init__(self) -> None:
        if self.unnamed < 0:
            raise ValueError(f"the parts of {self.name} hold more than its {self.count}")

    @property
    def unnamed(self) -> int:
        """What stands in none of the parts."""
        return self.count - sum(part.count for part in self.parts)


def withhold(total: Node, minimum: int = MINIMUM) -> frozenset[str]:
    """Give the names of the numbers to withhold, of a total and everything below it; names are unique.

    Zeroes are published: nobody is behind them.
    """
    settling = _Settling(minimum)
    settling.settle(total)
    return frozenset(settling.withheld)


@dataclass(slots=True)
class _Settling:
    """From the leaves up: `regions` holds what each number leaves unexplained."""

    minimum: int
    withheld: set[str] = field(default_factory=set)
    regions: dict[str, int] = field(default_factory=dict)

    def settle(self, node: Node) -> None:
        for part in node.parts:
            self.settle(part)
        region = node.unnamed if node.parts else node.count
        region += sum(self.regions[part.name] for part in node.parts if part.name in self.withheld)
        if 0 < node.count < self.minimum:
            self.withheld.add(node.name)
        elif 0 < region < self.minimum:
            region += self._merge_smallest(node)
        self.regions[node.name] = region

    def _merge_smallest(self, node: Node) -> int:
        """Withhold the smallest published part, and parts of it, until it brings a region along; give that."""
        # there is one: the node has the minimum, and the parts withheld so far have less
        smallest = min(
            (part for part in node.parts if part.count and part.name not in self.withheld),
            key=lambda part: (part.count, part.name),
        )
        self.withheld.add(smallest.name)
        return self.regions[smallest.name] or self._merge_smallest(smallest)


@dataclass(frozen=True, slots=True)
class State:
    """A total and its parts at one time."""

    total: int
    parts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the public sees of a total and its parts, and what it remembers of earlier.

    A part that stands at 0 is withheld: nobody knows if it is 0. `moves` are the earlier states, oldest first, each
    with those parts only that moved then.
    """

    now: State = State(0, {})
    moves: tuple[State, ...] = ()


def advance(shown: Shown, live: State, minimum: int = MINIMUM) -> Shown:
    """Give what the public sees next, so that the states ever shown, taken together, isolate no few sheets.

    The total and every part move by nothing or by at least the minimum. With the totals of any two states a reader can
    subtract, from what came between, all that is known of the parts within that time; what remains must be nothing or
    the minimum. Where it is not, the part with the smallest move waits, and then the next; where none moves all is
    well, because the total's own move is large enough.
    The names of the parts are the same, or more, at each call. It does not hold against a reader who knows from
    elsewhere in which step a sheet came.
    """
    if live.total - shown.now.total < minimum:
        return shown
    before = {name: shown.now.parts.get(name, 0) for name in live.parts}
    moving = [name for name, count in live.parts.items() if count - before[name] >= minimum]
    moving.sort(key=lambda name: (before[name] - live.parts[name], name))  # the largest move first
    while True:
        moved = {name: live.parts[name] for name in moving}
        now = State(live.total, before | moved)
        if not moving or all(rest == 0 or rest >= minimum for rest in _unexplained(shown.moves, now)):
            return Shown(now, (*shown.moves, State(live.total, moved)))
        moving.pop()


def _unexplained(moves: Sequence[State], now: State) -> Iterator[int]:
    """Give, from each earlier state on and from the beginning, what the total got beyond what is known of the parts."""
    first_known = dict(now.parts)
    for earlier in reversed(moves):
        first_known |= earlier.parts
        yield now.total - earlier.total - sum(now.parts[name] - known for name, known in first_known.items())
    yield now.total - sum(now.parts.values())
