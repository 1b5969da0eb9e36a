"""The QR symbol of an address: error correction Q, so that a quarter of it may be scratched or dirty."""

from __future__ import annotations

import segno


def modules(address: str) -> tuple[bytes, ...]:
    """Rows of modules, 1 is dark, without a quiet zone."""
    return tuple(bytes(row) for row in segno.make_qr(address, error="q", boost_error=False).matrix)
