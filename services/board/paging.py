"""Lists in pages: `limit` says how many, `cursor` is what the page before gave as `next`. Pure.

A cursor names the last entry that was read, not a number of entries, so nothing is read twice or passed over when a
list has grown meanwhile. Without `limit` a list is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from services.board.wording import wrong
from sipas.problems import Problem

E = TypeVar("E")


def page_of(
    entries: Sequence[E], name: Callable[[E], str], *, limit: int | None, cursor: str | None
) -> tuple[Sequence[E], str | None]:
    """The entries of a page and the cursor of the next; raises `Problem` invalid for a cursor that is none of ours."""
    first = 0
    if cursor is not None:
        places = [place for place, entry in enumerate(entries, start=1) if name(entry) == cursor]
        if not places:
            raise Problem("invalid", errors=[wrong("cursor", "unknown-cursor")])
        first = places[0]
    last = len(entries) if limit is None else first + limit
    page = entries[first:last]
    return page, name(page[-1]) if page and last < len(entries) else None
