"""What our pages load: two scripts and the service worker, from our own origin and nowhere else; and their styles.

A script's address holds the hash of its text, so that a browser need never ask again; the worker's address is fixed,
and it knows the scripts it belongs to by their hash. The files under `static` are served as they are written, joined,
without comments and indentation.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib.resources import files

from services.survey.compression import gzipped

_FOR_A_YEAR = "public, max-age=31536000, immutable"
_ASK_EACH_TIME = "no-cache"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that is the same for everybody."""

    path: str
    body: bytes
    cache: str
    gzip: bytes = field(repr=False)


def text_of(name: str) -> str:
    """A file of ours, in one piece without comment lines and indentation."""
    lines = (files("services.survey") / "static" / name).read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in map(str.strip, lines) if line and not line.startswith(("//", "/*"))) + "\n"


def hash_of(text: str) -> str:
    """Short, and another for another text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _script(name: str, *sources: str) -> Asset:
    text = "".join(map(text_of, sources))
    return _asset(f"/{name}.{hash_of(text)}.js", text, _FOR_A_YEAR)


def _asset(path: str, text: str, cache: str) -> Asset:
    return Asset(path, text.encode(), cache, gzipped(text.encode()))


FORM_SCRIPT = _script("form", "queue.js", "page.js", "form.js")
KIOSK_SCRIPT = _script("kiosk", "queue.js", "page.js", "kiosk.js")
WORKER = _asset(
    "/sw.js",
    "".join(
        (
            text_of("queue.js"),
            f'const VERSION = "{hash_of(FORM_SCRIPT.path + KIOSK_SCRIPT.path)}";\n',
            text_of("worker.js"),
        )
    ),
    _ASK_EACH_TIME,
)
ASSETS = {asset.path: asset for asset in (FORM_SCRIPT, KIOSK_SCRIPT, WORKER)}
