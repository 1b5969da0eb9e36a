"""A tally in few bytes, as the ledger stores it: a vector of integers whose places a method fixes.

A method never changes, so neither do the places: `responses`, `excluded`, each criterion's null and levels 1 to 5 in
the order of the form, then the cells k/m, m from 1, k from 0. Field names, which would take more room than the numbers,
are written nowhere, and adding up a year of days is adding up arrays.

    byte 0      how many bytes a number has: 1, 2, 4 or 8; with 16 added, what follows is deflated (RFC 1951)
    then        the numbers, little-endian

Parts of a total (by counter, channel, sector) lie together in one value: a msgpack map from the part's name to its
vector, deflated. A part that is the whole, as where all came by one channel, is written as an empty string.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Mapping, Sequence
from functools import cache

import msgspec

from sipas.methods import load_methods
from sipas.tally import EXCLUDED, RESPONSES, SUFFIXES, Counts, Tally

if sys.byteorder != "little":
    raise ImportError("the ledger is stored little-endian, and this machine is not")

WIDTHS = {1: "B", 2: "H", 4: "I", 8: "Q"}
DEFLATED = 16
SHORT = 64
"""Longer values are deflated: Redis keeps a hash compact only as long as no value in it is longer than this."""

Vector = Sequence[int]


class Layout:
    """The places of one method's fields."""

    def __init__(self, codes: Sequence[str]) -> None:
        """`codes` of the criteria, in the order of the form."""
        self.codes = tuple(codes)
        self.cells = tuple((k, m) for m in range(1, len(codes) + 1) for k in range(m + 1))
        self.fields = (
            RESPONSES,
            EXCLUDED,
            *(f"{code}:{suffix}" for code in codes for suffix in SUFFIXES.values()),
            *(f"{k}/{m}" for k, m in self.cells),
        )
        self.places = {name: place for place, name in enumerate(self.fields)}
        self._first_cell = len(self.fields) - len(self.cells)

    def pack(self, vector: Vector) -> bytes:
        """Raises OverflowError for a negative number: no tally has one."""
        width, numbers = _bytes_of(vector)
        if len(numbers) > SHORT:
            deflated = _deflate(numbers)
            if len(deflated) < len(numbers):
                return bytes((width | DEFLATED,)) + deflated
        return bytes((width,)) + numbers

    def unpack(self, value: bytes | None) -> Vector:
        """Zeroes for what is not stored. Raises ValueError where the value is of another method."""
        if value is None:
            return [0] * len(self.fields)
        numbers = zlib.decompress(value[1:], wbits=-15) if value[0] & DEFLATED else value[1:]
        return self._numbers(value[0] & ~DEFLATED, numbers)

    def pack_parts(self, parts: Mapping[str, Vector], total: Vector) -> bytes:
        """The parts of this total."""
        whole = list(total)
        written = {}
        for name, vector in parts.items():
            width, numbers = _bytes_of(vector)
            written[name] = b"" if list(vector) == whole else bytes((width,)) + numbers
        return _deflate(msgspec.msgpack.encode(written))

    def unpack_parts(self, value: bytes | None, total: Vector) -> dict[str, Vector]:
        """The inverse; `total` is that of the same moment."""
        if value is None:
            return {}
        written = _parts.decode(zlib.decompress(value, wbits=-15))
        return {name: self._numbers(one[0], one[1:]) if one else list(total) for name, one in written.items()}

    def _numbers(self, width: int, numbers: bytes) -> Vector:
        vector = array(WIDTHS[width])
        vector.frombytes(numbers)
        if len(vector) != len(self.fields):
            raise ValueError(f"a tally of {len(vector)} numbers, where the method has {len(self.fields)}")
        return vector

    def vector(self, fields: Mapping[str, int]) -> list[int]:
        """Raises KeyError for a field that the method does not have."""
        vector = [0] * len(self.fields)
        self.add(vector, fields)
        return vector

    def add(self, vector: list[int], fields: Mapping[str, int]) -> None:
        """Raise the vector by the fields."""
        places = self.places
        for name, number in fields.items():
            vector[places[name]] += number

    def named(self, vector: Vector) -> dict[str, int]:
        """The fields that are not zero."""
        return {name: number for name, number in zip(self.fields, vector, strict=True) if number}

    def tally(self, vector: Vector) -> Tally:
        """The tally that `Tally.from_fields` gives for the same fields."""
        counts: dict[str, Counts] = {}
        for at, code in enumerate(self.codes):
            a, b, c, d, e, f = vector[2 + 6 * at : 8 + 6 * at]
            counts[code] = (a, b, c, d, e, f)
        return Tally(responses=vector[0], excluded=vector[1], counts=counts, cells=self._cells_of(vector))

    def cells_alone(self, vector: Vector) -> Tally:
        """Its cells and nothing else: all that an interval asks of a day."""
        return Tally(cells=self._cells_of(vector))

    def _cells_of(self, vector: Vector) -> dict[tuple[int, int], int]:
        return {cell: sheets for cell, sheets in zip(self.cells, vector[self._first_cell :], strict=True) if sheets}


@cache
def layouts() -> Mapping[str, Layout]:
    """Method -> layout, of every method that this software knows."""
    return {id_: Layout(method.codes) for id_, method in load_methods().items()}


def added(vectors: Sequence[Vector]) -> Vector:
    """The sum, place by place; of one or more."""
    return vectors[0] if len(vectors) == 1 else list(map(sum, zip(*vectors, strict=True)))


def _bytes_of(vector: Vector) -> tuple[int, bytes]:
    """(bytes a number, the numbers)."""
    most = max(vector)
    width = 1 if most < 1 << 8 else 2 if most < 1 << 16 else 4 if most < 1 << 32 else 8
    return width, array(WIDTHS[width], vector).tobytes()


def _deflate(data: bytes) -> bytes:
    # a window of 2 kB holds all that is packed: a larger one costs five times the time, to be cleared for each value
    squeezer = zlib.compressobj(3, zlib.DEFLATED, -11, 4)
    return squeezer.compress(data) + squeezer.flush()


_parts = msgspec.msgpack.Decoder(dict[str, bytes])
