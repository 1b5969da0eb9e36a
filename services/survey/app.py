"""HTTP: the machine clients' `POST /v1/responses`, the citizens' pages. It only translates; `sheets`, `intake` and
`pages` do the work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec
from flask import Flask, Request, Response, redirect, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from services.survey import metrics
from services.survey.about import about
from services.survey.fields import read_json
from services.survey.intake import Intake
from services.survey.pages import CHOICE_SEPARATOR, HEADERS, Language, Pages, choices_of, language_of
from services.survey.sheets import Sheets, find_counter, via_of
from services.survey.spool import SpoolFull
from services.survey.tokens import FormTokens
from services.survey.wording import wrong
from sipas import problems
from sipas.codes import normalise
from sipas.problems import Problem
from sipas.registry import Key, Registry
from sipas.telemetry import logger

MOST_BYTES = 16 * 1024
RETRY_AFTER = {"Retry-After": "10"}
API = "/v1/"
OF_WERKZEUG = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}

_log = logger(__name__)
_encode = msgspec.json.Encoder().encode


class HasRegistry(Protocol):
    """The newest registry; None until it was read for the first time."""

    def __call__(self) -> Registry | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the routes work with."""

    registry: HasRegistry
    sheets: Sheets
    intake: Intake
    pages: Pages
    tokens: FormTokens
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


def make_app(parts: Parts) -> Flask:
    """The WSGI application."""
    app = Flask("services.survey", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES + 1  # a chunked body is cut there without a word: see _body
    site = _Site(parts)
    app.add_url_rule("/v1/responses", view_func=site.submit, methods=["POST"])
    app.add_url_rule("/v1/about", view_func=site.about, methods=["GET"])
    app.add_url_rule("/thanks", view_func=site.thanks, methods=["GET"])
    app.add_url_rule("/check/<code>", view_func=site.check, methods=["GET"])
    app.add_url_rule("/<code>", view_func=site.form, methods=["GET"])
    app.add_url_rule("/<code>", view_func=site.send, methods=["POST"], endpoint="send")
    app.register_error_handler(Problem, site.failed)
    app.register_error_handler(HTTPException, site.refused)
    app.register_error_handler(Exception, site.crashed)
    return app


class _Site:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    # --- machine clients

    def submit(self) -> Response:
        """`POST /v1/responses`."""
        began = time.perf_counter()
        registry = self._registry()
        via = via_of(_key(request, registry))
        if request.mimetype != "application/json" or request.headers.get("Content-Encoding"):
            raise Problem("wrong-content-type", errors=[wrong("Content-Type", "needs-json")])
        document = read_json(_body())
        sheet = self._parts.sheets.make(document, via=via, registry=registry, now=self._parts.now())
        status = self._accept(sheet)
        body = _encode({"response_id": sheet.response_id, "status": status})
        metrics.SECONDS.labels("responses").observe(time.perf_counter() - began)
        return Response(body, 202, content_type="application/json")

    def about(self) -> Response:
        """`GET /v1/about`."""
        return Response(_encode(about(self._registry())), content_type="application/json")

    # --- citizens

    def form(self, code: str) -> Response:
        """`GET /{code}`."""
        began = time.perf_counter()
        registry = self._registry()
        counter = find_counter(code, registry)
        assert counter is not None  # noqa: S101 - a path has a code
        form = self._parts.pages.form(counter, registry, self._language())
        page = form.with_token(self._parts.tokens.make(counter.code, now=self._parts.now()))
        metrics.SECONDS.labels("form").observe(time.perf_counter() - began)
        return _html(page)

    def send(self, code: str) -> AnyResponse:
        """`POST /{code}`: the filled-in form."""
        registry = self._registry()
        counter = find_counter(code, registry)
        assert counter is not None  # noqa: S101 - a path has a code
        lang = self._language()
        if request.mimetype != "application/x-www-form-urlencoded":
            raise Problem("wrong-content-type", errors=[wrong("Content-Type", "needs-form")])
        filled = dict(parse_qsl(_body().decode("utf-8", "replace")))
        choices = choices_of(counter, registry, lang)
        if len(choices) == 1:
            filled["choice"] = choices[0].value
        now = self._parts.now()
        try:
            sheet = self._parts.sheets.make(
                _document(counter.code, filled, lang), via="form", registry=registry, now=now
            )
            self._accept(sheet)
        except Problem as problem:
            if problem.code not in {"invalid", "unavailable"}:
                raise
            metrics.REFUSED.labels(problem.code).inc()
            # the same token again: a form that is mended is still the form that was opened
            token = filled.get("form_token", "")
            page = self._parts.pages.form_again(
                counter,
                registry,
                lang,
                token=token if self._parts.tokens.read(token) else self._parts.tokens.make(counter.code, now=now),
                filled=filled,
                errors=problem.errors,
                unavailable=problem.code == "unavailable",
            )
            return _html(page, problem.status, problem.headers)
        return redirect(f"/thanks?lang={lang}", 303)

    def thanks(self) -> Response:
        """`GET /thanks`."""
        return _html(self._parts.pages.message("thanks", "thanks-text", self._language()))

    def check(self, code: str) -> Response:
        """`GET /check/{code}`."""
        registry = self._registry()
        counter = find_counter(code, registry)
        assert counter is not None  # noqa: S101 - a path has a code
        return _html(self._parts.pages.check(counter, registry, self._language()))

    # --- errors

    def failed(self, problem: Problem) -> Response:
        """A `Problem` as the client can read it: a document for programs, a page for people."""
        metrics.REFUSED.labels(problem.code).inc()
        if request.path.startswith(API):
            return Response(problem.body(), problem.status, headers=problem.headers, content_type=problems.CONTENT_TYPE)
        return _html(self._explained(problem), problem.status, problem.headers)

    def refused(self, error: HTTPException) -> Response:
        """What Flask itself refuses."""
        code = OF_WERKZEUG.get(error.code or 500, "bad-request")
        errors = [wrong("body", "over-16-kib")] if code == "too-large" else []
        headers = {"Allow": ", ".join(error.valid_methods or ())} if hasattr(error, "valid_methods") else {}
        return self.failed(Problem(code, errors=errors, headers=headers))

    def crashed(self, error: Exception) -> Response:
        """A fault of ours. The log gets the place in our code, never the request."""
        _log.error("a request failed", error=type(error).__name__, where=_where(error))
        return self.failed(Problem("internal"))

    def _explained(self, problem: Problem) -> str:
        lang, pages = self._language(), self._parts.pages
        if problem.code == "revoked-counter":
            new = self._replacement()
            link = (f"/{new}?lang={lang}", "new-form") if new else None
            return pages.message("revoked", "revoked-text", lang, link=link)
        if problem.status == 404:
            return pages.message("unknown", "unknown-text", lang)
        if problem.code == "unavailable":
            return pages.message("failed", "not-stored", lang)
        return pages.message("failed", "failed-text", lang)

    def _replacement(self) -> str | None:
        code = normalise((request.view_args or {}).get("code", ""))
        old = self._registry().counter(code) if code else None
        return old.replaced_by if old else None

    # --- what several routes need

    def _registry(self) -> Registry:
        registry = self._parts.registry()
        if registry is None:
            raise Problem("unavailable", headers=RETRY_AFTER)
        return registry

    def _accept(self, sheet: Any) -> str:
        try:
            status = self._parts.intake.accept(sheet)
        except SpoolFull:
            raise Problem("unavailable", headers=RETRY_AFTER) from None
        metrics.RESPONSES.labels(status, sheet.via).inc()
        for flag in sheet.flags:
            metrics.FLAGGED.labels(flag).inc()
        return status

    @staticmethod
    def _language() -> Language:
        return language_of(request.args.get("lang"))


def _key(of: Request, registry: Registry) -> Key | None:
    """The key a request carries; None without one. Raises `Problem` bad-key."""
    header = of.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    key = registry.key_for(token.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise Problem("bad-key", headers={"WWW-Authenticate": "Bearer"})
    return key


def _body() -> bytes:
    body = request.get_data(cache=False)
    if len(body) > MOST_BYTES:
        raise Problem("too-large", errors=[wrong("body", "over-16-kib")])
    return body


def _document(counter: str, filled: dict[str, str], lang: Language) -> dict[str, Any]:
    """A filled-in form as the submission that a machine client would send."""
    agency, _, sector = filled.get("choice", "").partition(CHOICE_SEPARATOR)
    answers = {
        name.removeprefix("answers."): _level(value) for name, value in filled.items() if name.startswith("answers.")
    }
    return {
        "counter": counter,
        "agency": agency or None,
        "sector": sector or None,
        "answers": answers,
        "language": lang,
        "assisted": filled.get("assisted") == "yes",
        "form_token": filled.get("form_token"),
    }


def _level(value: str) -> Any:
    if value == "-":
        return None
    return int(value) if value in {"1", "2", "3", "4", "5"} else value


def _html(page: str | bytes, status: int = 200, headers: Any = ()) -> Response:
    return Response(
        page, status, headers=[*HEADERS.items(), *dict(headers).items()], content_type="text/html; charset=utf-8"
    )


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
