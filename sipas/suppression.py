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
