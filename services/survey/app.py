"""HTTP: the citizens' pages, and `submission` for machine clients. It only translates; `sheets`, `intake` and `pages`
do the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

import msgspec
from flask import Flask, Response, request
from werkzeug.wrappers import Response as AnyResponse

from services.survey import metrics, opening, submission
from services.survey.about import about
from services.survey.assets import ASSETS
from services.survey.choices import SEPARATOR, choices_of
from services.survey.compression import accepts_gzip, gzipped
from services.survey.exchange import body_of, document_of, problem_of
from services.survey.gateway import WSGIApplication
from services.survey.languages import Language
from services.survey.limiter import OVER_LIMIT
from services.survey.openapi import DESCRIPTION
from services.survey.pages import HEADERS
from services.survey.parts import RETRY_AFTER, Parts
from services.survey.poster_check import find_poster
from services.survey.sheets import find_counter
from services.survey.wording import wrong
from sipas.codes import normalise
from sipas.problems import Problem

API = "/v1/"
HTML = "text/html; charset=utf-8"
NOT_KEPT = "no-store"
FOR_MINUTES = "private, max-age=300"
"""Of the thanks page: the script that has sent a form need not fetch it twice."""


def make_app(parts: Parts) -> WSGIApplication:
    """The WSGI application."""
    app = Flask("services.survey", static_folder=None, template_folder=None)
    site = _Site(parts)
    app.add_url_rule("/v1/about", view_func=site.about, methods=["GET"])
    app.add_url_rule("/", view_func=site.front, methods=["GET"])
    app.add_url_rule("/v1/openapi.json", view_func=site.openapi, methods=["GET"])
    app.add_url_rule("/thanks", view_func=site.thanks, methods=["GET"])
    app.add_url_rule("/check", view_func=site.check_which, methods=["GET"])
    app.add_url_rule("/check/<code>", view_func=site.check, methods=["GET"])
    app.add_url_rule("/favicon.ico", view_func=lambda: _bytes(b"", "image/x-icon", "public, max-age=86400", 204))
    app.add_url_rule("/<code>", view_func=site.form, methods=["GET"])
    app.add_url_rule("/<code>", view_func=site.send, methods=["POST"], endpoint="send")
    app.add_url_rule("/<code>/token", view_func=site.token, methods=["POST"])
    for path in ASSETS:
        app.add_url_rule(path, view_func=_asset, methods=["GET"])
    app.register_error_handler(Exception, site.failed)
    submit, forms = submission.Submission(parts), opening.Opening(parts)

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with metrics.IN_FLIGHT.track_inprogress():  # answers are whole: nothing of one is made after this
            if environ["PATH_INFO"] == submission.PATH:
                return submit(environ, start_response)
            form = forms.answer(environ, start_response)
            return app(environ, start_response) if form is None else form

    return serve


class _Site:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def about(self) -> Response:
        """`GET /v1/about`."""
        return Response(msgspec.json.encode(about(self._parts.registry())), content_type="application/json")

    def front(self) -> Response:
        """`GET /`: what a poster tells those without a camera to open; `?code=` is what was typed."""
        typed, lang = request.args.get("code"), self._language()
        if typed is None:
            return _html(self._parts.pages.front(lang))
        code = normalise(typed)
        if code is None:
            return _html(self._parts.pages.front(lang, unknown=True), 404)
        return _bytes(b"", HTML, NOT_KEPT, 303, {"Location": f"/{code}?lang={lang.code}"})

    def openapi(self) -> Response:
        """`GET /v1/openapi.json`."""
        return Response(DESCRIPTION, content_type="application/json")

    def form(self, code: str) -> Response:
        """`GET /{code}`: what `opening` leaves: a kiosk, and why there is no form."""
        counter = find_counter(code, self._parts.registry())
        if request.args.get("kiosk") != "1":
            raise Problem("unavailable", headers=RETRY_AFTER)  # the registry came between the two looks at it
        page = self._parts.pages.kiosk(counter, self._parts.registry(), self._language())
        return _html(page, cache=opening.CACHE)

    def token(self, code: str) -> AnyResponse:
        """`POST /{code}/token`: a token for a form that was opened from a copy on a phone.

        It has an id of its own and the time at which the copied form was rendered: that was the visit. The copy's token
        comes in the body, because addresses end up in the logs of proxies.
        """
        counter = find_counter(code, self._parts.registry())
        old = self._parts.tokens.read(_fields().get("form_token", ""))
        if old is None or old.counter != counter.code:
            return document_of(Problem("invalid", errors=[wrong("form_token", "not-a-token")]))
        new = self._parts.tokens.make(counter.code, now=old.rendered_at)
        return _bytes(new.encode(), "text/plain; charset=utf-8", NOT_KEPT)

    def send(self, code: str) -> AnyResponse:
        """`POST /{code}`: the filled-in form."""
        registry = self._parts.registry()
        counter = find_counter(code, registry)
        lang = self._language()
        filled = _fields()
        choices = choices_of(counter, registry, lang.names)
        if len(choices) == 1:
            filled["choice"] = choices[0].value
        document = _document(counter.code, filled, lang)
        now = self._parts.now()
        try:
            submitted = self._parts.sheets.make(document, via="form", registry=registry, now=now)
            self._parts.accept(submitted, request.environ[OVER_LIMIT])
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
        return _bytes(b"", HTML, NOT_KEPT, 303, {"Location": f"/thanks?counter={counter.code}&lang={lang.code}"})

    def thanks(self) -> Response:
        """`GET /thanks`; whatever `counter` says, the page leads to a counter of the registry or to none."""
        registry = self._parts.newest_registry()
        poster = find_poster(request.args.get("counter", ""), registry) if registry else None
        counter = None if poster is None or poster.revoked else poster.counter
        return _html(self._parts.pages.thanks(counter, registry, self._language()), cache=FOR_MINUTES)

    def check_which(self) -> AnyResponse:
        """`GET /check`: asks for a code; `?code=` is what was typed."""
        typed = request.args.get("code")
        return _html(self._parts.pages.check_which(self._language())) if typed is None else self.check(typed)

    def check(self, code: str) -> Response:
        """`GET /check/{code}`."""
        registry = self._parts.registry()
        poster = find_poster(code, registry)
        if poster is None:
            metrics.REFUSED.labels("unknown-counter").inc()
            return _html(self._parts.pages.check_which(self._language(), unknown=True), 404)
        return _html(self._parts.pages.check(poster, registry, self._language()), 410 if poster.revoked else 200)

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


def _fields() -> dict[str, str]:
    """The fields of the form that was sent."""
    body = body_of(request.environ, "application/x-www-form-urlencoded", "needs-form")
    return dict(parse_qsl(body.decode("utf-8", "replace")))


def _document(counter: str, filled: dict[str, str], lang: Language) -> dict[str, Any]:
    """A filled-in form as the submission that a machine client would send."""
    agency, _, sector = filled.get("choice", "").partition(SEPARATOR)
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


def _asset() -> Response:
    asset = ASSETS[request.path]
    content_type = "text/javascript; charset=utf-8"
    if _gzip_is_accepted():
        return _bytes(asset.gzip, content_type, asset.cache, headers={"Content-Encoding": "gzip"})
    return _bytes(asset.body, content_type, asset.cache)


def _html(page: str, status: int = 200, headers: Mapping[str, str] | None = None, *, cache: str = NOT_KEPT) -> Response:
    body, headers = page.encode(), dict(headers or {})
    if _gzip_is_accepted():
        body, headers["Content-Encoding"] = gzipped(body), "gzip"
    return _bytes(body, HTML, cache, status, headers)


def _bytes(
    body: bytes, content_type: str, cache: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    given = {**HEADERS, "Cache-Control": cache, "Vary": "Accept-Encoding", **(headers or {})}
    return Response(body, status, headers=given, content_type=content_type)


def _gzip_is_accepted() -> bool:
    return accepts_gzip(request.headers.get("Accept-Encoding", ""))
