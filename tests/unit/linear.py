"""The reader who solves linear equations: what follows exactly from a set of published sums."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations


def kernel(vectors: Sequence[Sequence[int]], width: int) -> list[list[Fraction]]:
    """Rational Gaussian elimination: a basis of all that is orthogonal to every vector."""
    rows: list[list[Fraction]] = []
    pivots: list[int] = []
    for vector in vectors:
        row = [Fraction(x) for x in vector]
        for other, pivot in zip(rows, pivots, strict=True):
            row = [a - row[pivot] * b for a, b in zip(row, other, strict=True)]
        pivot = next((column for column, x in enumerate(row) if x), None)
        if pivot is None:
            continue
        row = [x / row[pivot] for x in row]
        rows = [[a - other[pivot] * b for a, b in zip(other, row, strict=True)] for other in rows]
        rows.append(row)
        pivots.append(pivot)
    free = [column for column in range(width) if column not in pivots]
    basis = []
    for column in free:
        vector = [Fraction(0)] * width
        vector[column] = Fraction(1)
        for row, pivot in zip(rows, pivots, strict=True):
            vector[pivot] = -row[column]
        basis.append(vector)
    return basis


def isolated(published: Sequence[Sequence[int]], sizes: Sequence[int], minimum: int) -> list[tuple[int, ...]]:
    """Give every group of atoms of fewer than `minimum` sheets, but not none, that a reader can count exactly.

    A group can be counted if its indicator is a combination of the published sums, that is orthogonal to their kernel.
    """
    unknown = kernel(published, len(sizes))
    return [
        group
        for many in range(1, len(sizes) + 1)
        for group in combinations(range(len(sizes)), many)
        if 0 < sum(sizes[atom] for atom in group) < minimum
        and all(sum(vector[atom] for atom in group) == 0 for vector in unknown)
    ]
