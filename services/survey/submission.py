"""`POST /v1/responses`: the machine clients' door, and the only busy one.

It stands beside Flask, not in it: the URL map and the contexts of Flask are an eighth of the work of an answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import msgspec
from werkzeug.wrappers import Request, Response

from services.survey import metrics
from services.survey.exchange import READ_AT_MOST, body_of, document_of, problem_of
from services.survey.fields import read_json
from services.survey.parts import Parts
from services.survey.sheets import via_of
from sipas.problems import Problem
from sipas.registry import Key, Registry

PATH = "/v1/responses"

_encode = msgspec.json.Encoder().encode


class _Request(Request):
    max_content_length = READ_AT_MOST


class Submission:
    """A WSGI application of one address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._seconds = metrics.SECONDS.labels("responses")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        try:
            response = self._answer(_Request(environ))
        except Exception as error:  # noqa: BLE001 - problem_of logs what is no problem of the client's
            response = document_of(problem_of(error))
        self._seconds.observe(time.perf_counter() - began)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            raise Problem("method-not-allowed", headers={"Allow": "POST"})
        registry = self._parts.registry()
        via = via_of(_key(request, registry))
        document = read_json(body_of(request, "application/json", "needs-json"))
        sheet = self._parts.sheets.make(document, via=via, registry=registry, now=self._parts.now())
        status = self._parts.accept(sheet)
        body = _encode({"response_id": sheet.response_id, "status": status})
        return Response(body, 202, content_type="application/json")


def _key(request: Request, registry: Registry) -> Key | None:
    """The key a request carries; None without one. Raises `Problem` bad-key."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    key = registry.key_for(token.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise Problem("bad-key", headers={"WWW-Authenticate": "Bearer"})
    return key
