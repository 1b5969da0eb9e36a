"""HTTP: the citizens' pages, and `submission` for machine clients. It only translates; `sheets`, `intake` and `pages`
do the work.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

import msgspec
from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from services.survey import metrics, submission
from services.survey.about import about
from services.survey.exchange import body_of, document_of, problem_of
from services.survey.gateway import WSGIApplication
from services.survey.languages import Language
from services.survey.pages import CHOICE_SEPARATOR, HEADERS, choices_of
from services.survey.parts import Parts
from services.survey.sheets import find_counter
from sipas.codes import normalise
from sipas.problems import Problem

API = "/v1/"


def make_app(parts: Parts) -> WSGIApplication:
    """The WSGI application."""
    app = Flask("services.survey", static_folder=None, template_folder=None)
    site = _Site(parts)
    app.add_url_rule("/v1/about", view_func=site.about, methods=["GET"])
    app.add_url_rule("/thanks", view_func=site.thanks, methods=["GET"])
    app.add_url_rule("/check/<code>", view_func=site.check, methods=["GET"])
    app.add_url_rule("/<code>", view_func=site.form, methods=["GET"])
    app.add_url_rule("/<code>", view_func=site.send, methods=["POST"], endpoint="send")
    app.register_error_handler(Exception, site.failed)
    submit = submission.Submission(parts)

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        chosen: WSGIApplication = submit if environ["PATH_INFO"] == submission.PATH else app
        return chosen(environ, start_response)

    return serve


class _Site:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def about(self) -> Response:
        """`GET /v1/about`."""
        return Response(msgspec.json.encode(about(self._parts.registry())), content_type="application/json")

    def form(self, code: str) -> Response:
        """`GET /{code}`."""
        began = time.perf_counter()
        registry = self._parts.registry()
        counter = find_counter(code, registry)
        form = self._parts.pages.form(counter, registry, self._language())
        page = form.with_token(self._parts.tokens.make(counter.code, now=self._parts.now()))
        metrics.SECONDS.labels("form").observe(time.perf_counter() - began)
        return _html(page)

    def send(self, code: str) -> AnyResponse:
        """`POST /{code}`: the filled-in form."""
        registry = self._parts.registry()
        counter = find_counter(code, registry)
        lang = self._language()
        body = body_of(request.environ, "application/x-www-form-urlencoded", "needs-form")
        filled = dict(parse_qsl(body.decode("utf-8", "replace")))
        choices = choices_of(counter, registry, lang.names)
        if len(choices) == 1:
            filled["choice"] = choices[0].value
        document = _document(counter.code, filled, lang)
        now = self._parts.now()
        try:
            self._parts.accept(self._parts.sheets.make(document, via="form", registry=registry, now=now))
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
        return redirect(f"/thanks?lang={lang.code}", 303)

    def thanks(self) -> Response:
        """`GET /thanks`."""
        return _html(self._parts.pages.message("thanks", "thanks-text", self._language()))

    def check(self, code: str) -> Response:
        """`GET /check/{code}`."""
        registry = self._parts.registry()
        return _html(self._parts.pages.check(find_counter(code, registry), registry, self._language()))

    def failed(self, error: Exception) -> AnyResponse:
        """What went wrong: a document for programs, a page for people."""
        problem = problem_of(error)
        if request.path.startswith(API):
            return document_of(problem)
        metrics.REFUSED.labels(problem.code).inc()
        return _html(self._explained(problem), problem.status, problem.headers)

    def _explained(self, problem: Problem) -> str:
        lang, pages = self._language(), self._parts.pages
        if problem.code == "revoked-counter":
            new = self._replacement()
            link = (f"/{new}?lang={lang.code}", "new-form") if new else None
            return pages.message("revoked", "revoked-text", lang, link=link)
        if problem.status == 404:
            return pages.message("unknown", "unknown-text", lang)
        if problem.code == "unavailable":
            return pages.message("failed", "not-stored", lang)
        return pages.message("failed", "failed-text", lang)

    def _language(self) -> Language:
        return self._parts.pages.language_of(request.args.get("lang"))

    def _replacement(self) -> str | None:
        code = normalise((request.view_args or {}).get("code", ""))
        old = self._parts.registry().counter(code) if code else None
        return old.replaced_by if old else None


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
        "language": lang.code,
        "assisted": filled.get("assisted") == "yes",
        "form_token": filled.get("form_token"),
        "comment": filled.get("comment"),
    }


def _level(value: str) -> Any:
    if value == "-":
        return None
    return int(value) if value in {"1", "2", "3", "4", "5"} else value


def _html(page: str | bytes, status: int = 200, headers: Any = ()) -> Response:
    return Response(
        page, status, headers=[*HEADERS.items(), *dict(headers).items()], content_type="text/html; charset=utf-8"
    )
