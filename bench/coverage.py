"""How often a 95 % interval contains the truth, and how often all rank intervals of a block do at once.

    python -m bench.coverage [--rounds 1000] [--processes 2]

Simulated periods (tests/simulated_periods.py), seeded: the same on every machine. Prints the tables of docs/method.md
and, at the end, which cells of the promise (93 to 97 % from 20 days on) lie outside by more than the simulation's own
error. Takes ten minutes of processor time.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import partial
from itertools import product
from multiprocessing import Pool
from random import Random

from bench.machine import machine
from sipas.precision import precision
from sipas.ranking import rank_intervals
from sipas.tally import Tally
from tests.simulated_periods import simulated_days

PROMISED = (0.93, 0.97)

Covered = tuple[float, float]
"""(share of the intervals that contain the truth, mean half-width in points)."""


def coverage(
    share: float, days: int, sheets: int, icc: float, criteria: int, rounds: int, *, by_day: bool = True
) -> Covered:
    random = Random(f"{share}/{days}/{sheets}/{icc}/{criteria}")
    inside, width = 0, 0.0
    for _ in range(rounds):
        drawn = simulated_days(random, share, days, sheets, icc, criteria)
        low, high = precision(sum(drawn.values(), Tally.EMPTY), drawn if by_day else None).bounds()
        inside += low <= share <= high
        width += high - low
    return inside / rounds, 50 * width / rounds


def ranks_coverage(shares: tuple[float, ...], days: int, sheets: int, icc: float, rounds: int) -> tuple[float, float]:
    """Give (how often all rank intervals of a block hold at once, their mean length in ranks)."""
    random = Random(f"{shares}/{days}/{sheets}/{icc}")
    best = [1 + sum(other > share for other in shares) for share in shares]
    worst = [sum(other >= share for other in shares) for share in shares]
    inside, length = 0, 0
    for _ in range(rounds):
        found = drawn_ranks(random, shares, days, sheets, icc)
        inside += all(low <= b and w <= high for (low, high), b, w in zip(found, best, worst, strict=True))
        length += sum(high - low + 1 for low, high in found)
    return inside / rounds, length / rounds / len(shares)


def drawn_ranks(random: Random, shares: tuple[float, ...], days: int, sheets: int, icc: float) -> list[tuple[int, int]]:
    bounds = []
    for share in shares:
        drawn = simulated_days(random, share, days, sheets, icc)
        known = precision(sum(drawn.values(), Tally.EMPTY), drawn)
        bounds.append(known.bounds(0.95 ** (1 / len(shares))))
    return rank_intervals(bounds)


def _call(task: Callable[[], Covered]) -> Covered:
    return task()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    print(machine(), f"{options.rounds} rounds", sep=", ", flush=True)
    with Pool(options.processes) as pool:
        run = partial(pool.imap, _call)
        promised(run, options.rounds)
        few_days(run, options.rounds)
        ranks(run, max(100, options.rounds // 5))


def promised(run: Callable[..., object], rounds: int) -> None:
    columns = list(product((50, 200, 1000, 5000), (0.01, 0.05)))
    rows = list(product((5, 22), (0.60, 0.80, 0.95), (20, 60)))
    print("\n| questions | satisfied | days | " + " | ".join(f"{n}, {icc}" for n, icc in columns) + " |")
    print("|---" * (3 + len(columns)) + "|")
    tasks = [
        partial(coverage, share, days, sheets, icc, criteria, rounds)
        for criteria, share, days in rows
        for sheets, icc in columns
    ]
    found = iter(run(tasks))
    error = 2 * math.sqrt(0.05 * 0.95 / rounds)
    outside = []
    every = []
    for criteria, share, days in rows:
        cells = [next(found) for _ in columns]
        print(f"| {criteria} | {100 * share:.0f} % | {days} | " + " | ".join(map(_shown, cells)) + " |", flush=True)
        for (sheets, icc), (covered, _) in zip(columns, cells, strict=True):
            every.append(covered)
            if not PROMISED[0] - error <= covered <= PROMISED[1] + error:
                outside.append(f"{criteria} questions, {share}, {days} days, {sheets} sheets, ICC {icc}: {covered:.3f}")
    inside = sum(PROMISED[0] <= covered <= PROMISED[1] for covered in every)
    print(
        f"\n{inside} of {len(every)} within 93-97 %; {100 * min(every):.1f} to {100 * max(every):.1f}, own error ±",
        end="",
    )
    print(f"{100 * error:.1f}; outside by more than that: {'; '.join(outside) or 'none'}")


def few_days(run: Callable[..., object], rounds: int) -> None:
    columns = [(0.0, True), (0.02, True), (0.05, True), (0.02, False)]
    rows = list(product((0.85, 0.95), (1, 5, 10), (50, 200, 1000)))
    print(
        "\n| satisfied | days | sheets | day ICC 0 | 0.02 | 0.05 | 0.02, days unknown |\n|---|---|---|---|---|---|---|"
    )
    tasks = [
        partial(coverage, share, days, sheets, icc, 5, rounds, by_day=by_day)
        for share, days, sheets in rows
        for icc, by_day in columns
    ]
    found = iter(run(tasks))
    for share, days, sheets in rows:
        cells = " | ".join(_shown(next(found)) for _ in columns)
        print(f"| {100 * share:.0f} % | {days} | {sheets} | {cells} |", flush=True)


def ranks(run: Callable[..., object], rounds: int) -> None:
    blocks = {
        "all equal": lambda n: (0.85,) * n,
        "pairs tied, a point apart": lambda n: tuple(0.70 + 0.01 * (agency // 2) for agency in range(n)),
        "half a point apart": lambda n: tuple(0.80 + 0.005 * agency for agency in range(n)),
    }
    rows = list(product(blocks, (10, 30), (100, 1000)))
    print("\n| block | agencies | sheets each | all hold at once | mean length |\n|---|---|---|---|---|")
    found = run([partial(ranks_coverage, blocks[b](n), 20, sheets, 0.02, rounds) for b, n, sheets in rows])
    for (block, number, sheets), (covered, length) in zip(rows, found, strict=True):
        print(f"| {block} | {number} | {sheets} | {100 * covered:.1f} % | {length:.1f} of {number} |", flush=True)


def _shown(cell: Covered) -> str:
    covered, width = cell
    return f"{100 * covered:.1f} (±{width:.1f})"


if __name__ == "__main__":
    main()
