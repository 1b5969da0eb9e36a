"""How answers lie in a spool file: length, checksum, bytes; one after the other. Pure.

A crash may leave half a frame at the end of a file. It was never acknowledged, so reading stops before it.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

_HEADER = struct.Struct(">II")


class Frames(NamedTuple):
    """Whole frames in order, and the number of bytes they take."""

    payloads: list[bytes]
    size: int


def frame(payload: bytes) -> bytes:
    """One frame. An empty payload is refused: a tail of zeros, as a power cut leaves it, would look like many."""
    if not payload:
        raise ValueError("a frame holds at least one byte")
    return _HEADER.pack(len(payload), zlib.crc32(payload)) + payload


def read_frames(data: bytes, *, limit: int | None = None) -> Frames:
    """The whole frames at the beginning of `data`, at most `limit`."""
    payloads: list[bytes] = []
    position = 0
    while len(data) - position >= _HEADER.size and (limit is None or len(payloads) < limit):
        length, checksum = _HEADER.unpack_from(data, position)
        payload = data[position + _HEADER.size : position + _HEADER.size + length]
        if not length or len(payload) < length or zlib.crc32(payload) != checksum:
            break
        payloads.append(payload)
        position += _HEADER.size + length
    return Frames(payloads, position)
