"""gzip for pages, at the price of a copy for the one page that is asked for most. Pure.

A form differs from one citizen to the next only in its token, so its two halves are compressed once, and each answer
puts the token between them as a stored block (RFC 1951, 3.2.4). Only the short half after the token is checksummed
for every answer: the checksum runs on from that of the first half.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
"""RFC 1952: deflate, no name, no time, best compression, unknown system."""
_RAW = -zlib.MAX_WBITS
_LONGEST_STORED = 0xFFFF


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: str) -> bool:
    """Whether the header of a request allows gzip; without one it does not."""
    for part in accept_encoding.lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        if coding in {"gzip", "x-gzip", "*"}:
            return not any(p.startswith("q=") and not p[2:].strip("0.") for p in parameters)
    return False


def gzipped(body: bytes) -> bytes:
    """The body compressed, the same bytes each time."""
    return gzip.compress(body, 9, mtime=0)


@dataclass(frozen=True, slots=True)
class Halves:
    """A rendered page without its token. Kept compressed only: a province has thousands."""

    _before: bytes
    _after: bytes
    _plain_after: bytes
    _length: int
    _checksum: int

    @classmethod
    def of(cls, page: str, mark: str) -> Halves:
        """`page` with `mark` where each answer has a token of its own."""
        before, found, after = (part.encode() for part in page.partition(mark))
        if not found:
            raise ValueError(f"the page has no {mark}")
        first, last = zlib.compressobj(9, zlib.DEFLATED, _RAW), zlib.compressobj(9, zlib.DEFLATED, _RAW)
        # a full flush ends on a byte and refers to nothing before it: the next block can be anybody's
        start = _HEAD + first.compress(before) + first.flush(zlib.Z_FULL_FLUSH)
        return cls(start, last.compress(after) + last.flush(), after, len(before), zlib.crc32(before))

    def with_token(self, token: str) -> bytes:
        """The page."""
        before = zlib.decompressobj(_RAW).decompress(self._before[len(_HEAD) :])
        return before + token.encode() + self._plain_after

    def gzipped_with_token(self, token: str) -> bytes:
        """The page in gzip; the token is at most 65,535 bytes."""
        stored = token.encode()
        size = len(stored)
        checksum = zlib.crc32(self._plain_after, zlib.crc32(stored, self._checksum))
        length = self._length + size + len(self._plain_after)
        block = struct.pack("<BHH", 0, size, size ^ _LONGEST_STORED)
        return b"".join((self._before, block, stored, self._after, struct.pack("<II", checksum, length & 0xFFFFFFFF)))
