"""Where the Kafka brokers are, and how to log in there: what a service's settings say and its clients take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


@dataclass(frozen=True, kw_only=True)
class Access:
    """How a client proves who it is, and knows the brokers. `ca_file`: None for the machine's authorities."""

    protocol: str = "PLAINTEXT"
    mechanism: str = MECHANISMS[0]
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None

    @property
    def logs_in(self) -> bool:
        return self.protocol.startswith("SASL_")

    @property
    def encrypts(self) -> bool:
        return self.protocol.endswith("SSL")


class Bootstrap(tuple[str, ...]):  # noqa: SLOT001 - Python allows a tuple none
    """Addresses, host:port, with the `access` to them. A plain sequence of addresses is one without a log-in."""

    access: Access

    def __new__(cls, addresses: Iterable[str], access: Access) -> Self:
        made = super().__new__(cls, addresses)
        made.access = access
        return made

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[str, ...], Access]]:
        # a replay gives it to processes of its own
        return type(self), (tuple(self), self.access)
