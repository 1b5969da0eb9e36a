"""Who sends, as coarsely as a limit needs it: a network, a browser and a language, never one person. Pure.

A whole waiting room behind one address is one coarse client, or a few. What leaves this module is a keyed hash: of
one counter, so that nobody's way from counter to counter can be followed, and of one day, as the key lives no longer.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

IPV4_PREFIX = 24
IPV6_PREFIX = 48
"""What a provider gives to a site at most. A device gets at least 64 bits to choose addresses from, a site often 72."""
BUCKET_BYTES = 12

Headers = Iterable[tuple[str, str]]
"""Names in capitals, as gunicorn has them."""


class CoarseClient(NamedTuple):
    """`network` is "" where there is no address, as behind a local socket."""

    network: str
    agent: str
    languages: str


def coarse_client(peer: object, headers: Headers, trusted_proxies: int) -> CoarseClient:
    """The client of a request. `peer`: (address, port, …), or anything else where the connection has no address."""
    found: dict[str, list[str]] = {"X-FORWARDED-FOR": [], "USER-AGENT": [], "ACCEPT-LANGUAGE": []}
    for name, value in headers:
        if name in found:
            found[name].append(value)
    address = peer[0] if isinstance(peer, tuple) else ""
    address = client_address(str(address), found["X-FORWARDED-FOR"], trusted_proxies)
    return CoarseClient(network_of(address), ",".join(found["USER-AGENT"]), ",".join(found["ACCEPT-LANGUAGE"]))


def client_address(peer: str, forwarded: Sequence[str], trusted_proxies: int) -> str:
    """The address that the outermost of our proxies saw, so many from the right of X-Forwarded-For.

    What stands further left the client wrote itself. Where no address stands there, it is the peer's.
    """
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    if not 0 < trusted_proxies <= len(hops):
        return peer
    hop = _without_port(hops[-trusted_proxies])
    return peer if _address(hop) is None else hop


def network_of(address: str) -> str:
    """The network of an address; "" where it is none."""
    found = _address(address)
    if found is None:
        return ""
    prefix = IPV4_PREFIX if isinstance(found, IPv4Address) else IPV6_PREFIX
    return str(ip_network((int(found).to_bytes(found.max_prefixlen // 8), prefix), strict=False))


def bucket(key: bytes, counter: str, client: CoarseClient) -> str:
    """The name under which a client's answers for a counter are counted."""
    # no header holds a line break, so no two clients are written alike
    written = "\n".join((counter, *client))
    return hmac.digest(key, written.encode(), "sha256")[:BUCKET_BYTES].hex()


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    # a listener for both kinds shows IPv4 clients so
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
