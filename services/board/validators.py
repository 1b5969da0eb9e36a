"""ETag and If-None-Match: a reader who has the newest answer is told so without it being made again.

An answer about figures follows from the question, the ledger's state, the registry, the local day, the settings and
the program. Its tag is a hash of these, taken before the figures are read: what is read is never older than its tag
says, so "not modified" is never said of an old answer. The tag is weak, because it may be newer. Every other answer is
tagged by its body.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

from flask import Response, g, request

from services.board.auth import may_read_live
from services.board.parts import Parts
from sipas.events import encode
from sipas.registry import Registry

FROM_FIGURES = frozenset(
    f"board.{view}"
    for view in (
        "agencies",
        "index",
        "series",
        "comparison",
        "factors",
        "distribution",
        "scope",
        "rankings",
        "open_data",
        "open_data_csv",
    )
)
"""Views whose answers follow from these and nothing else. A view is named here or its body is hashed."""


class Validators:
    """Two hooks of the application, for addresses of the API."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # another program may answer otherwise
        self._program = _digest_of_files(files("services.board"), files("sipas"))
        self._registry: tuple[Registry, str] | None = None

    def before(self) -> Response | None:
        """304 where the reader has the newest answer. Raises `Problem` for a key that may not read."""
        if request.method != "GET" or request.endpoint not in FROM_FIGURES:
            return None
        registry = self._parts.registry()
        live = may_read_live(request.headers.get("Authorization"), registry)
        facts = (
            request.full_path,
            live,
            self._parts.figures.state(live=live),
            self._digest_of(registry),
            self._parts.today(),
            (self._parts.publication_minimum, self._parts.ranking_minimum),
            self._program,
        )
        g.tag = hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return Response(status=304) if request.if_none_match.contains_weak(g.tag) else None

    def after(self, answer: Response) -> Response:
        """Tag what was answered."""
        if answer.status_code == 304 or (answer.status_code == 200 and "tag" in g):
            answer.set_etag(g.tag, weak=True)
            return answer
        if answer.status_code == 200 and request.method == "GET":
            answer.add_etag(weak=True)
            answer.make_conditional(request)
        return answer

    def _digest_of(self, registry: Registry) -> str:
        known = self._registry
        if known is None or known[0] is not registry:
            whole = hashlib.sha256()
            for _, entry in sorted(registry.entries.items()):
                whole.update(encode(entry))
            known = self._registry = (registry, whole.hexdigest())
        return known[1]


def _digest_of_files(*directories: Traversable) -> str:
    whole = hashlib.sha256()
    waiting = [*directories]
    while waiting:
        inside = sorted(waiting.pop().iterdir(), key=lambda one: one.name)
        waiting += [one for one in inside if one.is_dir() and one.name != "__pycache__"]
        for file in inside:
            if file.name.endswith((".py", ".yaml", ".csv", ".html")):
                whole.update(file.read_bytes())
    return whole.hexdigest()
