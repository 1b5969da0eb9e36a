"""What a printed code stands for, for who doubts a poster. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sipas.codes import normalise
from sipas.registry import Counter, Dated, Registry


@dataclass(frozen=True, slots=True)
class Poster:
    """A code that was printed. `since`: from when it holds, or was withdrawn; None where the registry does not say."""

    counter: Counter
    since: date | None
    replaced_by: Counter | None

    @property
    def revoked(self) -> bool:
        """Whether the code was withdrawn."""
        return self.counter.status == "revoked"


def find_poster(text: str, registry: Registry) -> Poster | None:
    """The poster of a code as somebody wrote it; None where no poster of ours has it."""
    code = normalise(text)
    counter = registry.counter(code) if code else None
    if counter is None:
        return None
    new = registry.counter(counter.replaced_by) if counter.replaced_by else None
    return Poster(counter, _since(registry.histories["counter"][counter.code]), new)


def _since(versions: tuple[Dated[Counter], ...]) -> date | None:
    status = versions[-1].value.status
    # the last unbroken run of the status it has now
    first = len(versions)
    while first > 0 and versions[first - 1].value.status == status:
        first -= 1
    return versions[first].valid_from
