"""`GET /{code}`: the form, which every scan asks for.

It stands beside Flask as `submission` does, and for the same reason. Only what is plainly a form is answered here;
a code that no active counter has, a kiosk, any other method or address is the site's to answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

from services.survey import metrics
from services.survey.compression import accepts_gzip
from services.survey.pages import HEADERS
from services.survey.parts import Parts
from sipas.codes import normalise

CACHE = "private, no-cache"
"""Going back to a form finds the same form, with the same token, and so the same sheet; opening it anew does not."""

_PLAIN = [
    *HEADERS.items(),
    ("Cache-Control", CACHE),
    ("Vary", "Accept-Encoding"),
    ("Content-Type", "text/html; charset=utf-8"),
]
_PACKED = [*_PLAIN, ("Content-Encoding", "gzip")]


class Opening:
    """Answers for the forms of active counters."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._seconds = metrics.SECONDS.labels("form")

    def answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes] | None:
        """The form; None where something else is asked for, and then nothing was begun."""
        began = time.perf_counter()
        code = normalise(environ["PATH_INFO"][1:])
        registry = self._parts.newest_registry()
        if code is None or registry is None or environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return None
        counter = registry.counter(code)
        asked = parse_qs(environ["QUERY_STRING"])
        if counter is None or counter.status != "active" or asked.get("kiosk") == ["1"]:
            return None
        pages = self._parts.pages
        form = pages.form(counter, registry, pages.language_of(asked.get("lang", [None])[0]))
        token = self._parts.tokens.make(code, now=self._parts.now())
        packed = accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        page = form.gzipped_with_token(token) if packed else form.with_token(token)
        start_response("200 OK", [*(_PACKED if packed else _PLAIN), ("Content-Length", str(len(page)))])
        self._seconds.observe(time.perf_counter() - began)
        return [page]
