"""`GET /v1/about`: which namespace a survey serves and whether that is a demo. Nothing secret: the pages say it too.

Commands that send made-up answers ask it first. The registry answers and not a setting of this process: a namespace
is made as a demo, or is none for ever.
"""

from __future__ import annotations

from sipas.problems import Problem
from sipas.registry import Registry


def about(registry: Registry) -> dict[str, object]:
    """Namespace, time zone of the local day, demo or not. Raises `Problem` unavailable before there is a namespace."""
    if registry.facts is None:
        raise Problem("unavailable")
    namespace = next(iter(registry.histories["namespace"]))
    return {"namespace": namespace, "timezone": registry.facts.timezone, "demo": registry.facts.demo}
