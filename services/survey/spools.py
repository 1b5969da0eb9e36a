"""The two spools of a process: sheets and comments lie apart, so that no place on the disk joins them.

The files of sheets are named by the time they were begun, those of comments at random: a first comment must not have
the time of a first sheet. The order of comments therefore may change while they wait; it means nothing to their
readers. Their directory begins with a dot, which the spool of sheets, that of an older version too, leaves alone.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from services.survey.outbox import Letter, Outbox
from services.survey.spool import Spool
from sipas.events import Response, decode_comment, decode_response, encode

COMMENTS = ".comments"
BATCH = 500


class Counted(NamedTuple):
    """How many of each."""

    sheets: int
    comments: int

    def __str__(self) -> str:
        return f"{self.sheets} answers" + (f" and {self.comments} comments" if self.comments else "")


@dataclass(frozen=True, slots=True)
class Spools:
    """What of both kinds Kafka does not have."""

    sheets: Spool
    comments: Spool

    @classmethod
    def open(cls, directory: Path, *, max_bytes: int, sync: Callable[[int], object] = os.fsync) -> Spools:
        """Spools of this process below `directory`, each full at `max_bytes`."""
        return cls(
            Spool(directory, max_bytes=max_bytes, sync=sync),
            Spool(directory / COMMENTS, max_bytes=max_bytes, sync=sync, new_name=lambda: secrets.token_hex(10)),
        )

    @property
    def size(self) -> int:
        """Bytes that Kafka does not have yet."""
        return self.sheets.size + self.comments.size

    @property
    def limit(self) -> int:
        """Bytes at which either is full."""
        return self.sheets.max_bytes

    @property
    def waiting_since(self) -> float | None:
        """About when the oldest sheet that Kafka does not have came, in Unix time. Of comments nobody is to know."""
        name = self.sheets.oldest_name
        return None if name is None else int(name) / 1e9

    @property
    def records(self) -> Counted:
        """How many Kafka does not have yet."""
        return Counted(self.sheets.records, self.comments.records)

    @property
    def has_room(self) -> bool:
        """Whether another sheet with a comment would be taken."""
        return self.sheets.has_room and self.comments.has_room

    @property
    def cut_bytes(self) -> int:
        """Bytes of unfinished frames that `adopt` has cut."""
        return self.sheets.cut_bytes + self.comments.cut_bytes

    def append(self, letter: Letter) -> None:
        """Return when it is on the disk; raises `SpoolFull`."""
        (self.sheets if isinstance(letter, Response) else self.comments).append(encode(letter))

    def adopt(self) -> Counted:
        """Take over what dead processes left; returns how many. Call it before the first `append`."""
        return Counted(self.sheets.adopt(), self.comments.adopt())

    def drain(self, outbox: Outbox) -> Counted:
        """Send the oldest batch of each, then forget it; returns how many. Raises `PublishFailed`."""
        return Counted(
            _drain(self.sheets, decode_response, outbox),
            _drain(self.comments, decode_comment, outbox),
        )

    def close(self) -> None:
        """Let go of both; what is left in them is adopted by the next process."""
        self.sheets.close()
        self.comments.close()


def _drain(spool: Spool, decode: Callable[[bytes], Letter], outbox: Outbox) -> int:
    batch = spool.oldest(BATCH)
    if batch is None:
        return 0
    outbox.send_all([decode(payload) for payload in batch.payloads])
    spool.remove(batch)
    return len(batch.payloads)
