"""`POST /v1/responses`: the machine clients' door, and the only busy one.

It stands beside Flask and speaks WSGI itself: Flask's URL map and contexts are an eighth of the work of an answer,
werkzeug's request and response another tenth. What is refused goes the common way.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import msgspec

from services.survey import metrics
from services.survey.exchange import body_of, document_of, problem_of
from services.survey.fields import read_json
from services.survey.limiter import OVER_LIMIT
from services.survey.parts import Parts
from services.survey.sheets import via_of
from sipas.problems import Problem
from sipas.registry import Key, Registry

PATH = "/v1/responses"

_encode = msgspec.json.Encoder().encode


class Submission:
    """A WSGI application of one address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._seconds = metrics.SECONDS.labels("responses")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        try:
            body = self._accepted(environ)
        except Exception as error:  # noqa: BLE001 - problem_of logs what is no problem of the client's
            return document_of(problem_of(error))(environ, start_response)
        else:
            start_response("202 Accepted", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
            return [body]
        finally:
            self._seconds.observe(time.perf_counter() - began)

    def _accepted(self, environ: WSGIEnvironment) -> bytes:
        if environ["REQUEST_METHOD"] != "POST":
            raise Problem("method-not-allowed", headers={"Allow": "POST"})
        registry = self._parts.registry()
        via = via_of(_key(environ, registry))
        document = read_json(body_of(environ, "application/json", "needs-json"))
        submitted = self._parts.sheets.make(document, via=via, registry=registry, now=self._parts.now())
        status = self._parts.accept(submitted, environ[OVER_LIMIT])
        return _encode({"response_id": submitted.sheet.response_id, "status": status})


def _key(environ: WSGIEnvironment, registry: Registry) -> Key | None:
    """The key a request carries; None without one. Raises `Problem` bad-key."""
    header = environ.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    key = registry.key_for(token.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise Problem("bad-key", headers={"WWW-Authenticate": "Bearer"})
    return key
