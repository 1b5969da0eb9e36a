"""HTTP: the read API for programs, the pages for people, and one way to say what went wrong to each of them."""

from __future__ import annotations

import time
import traceback

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from services.board import metrics
from services.board.alert_page import PAGE_HEADERS, add_alert_page
from services.board.api import PREFIX, add_api
from services.board.pages import HEADERS, Pages, asked_by
from services.board.parts import Parts
from services.board.rankings import RETRY_AFTER
from services.board.scores_pages import add_scores_page
from services.board.validators import Validators
from services.board.wording import REASONS, wrong
from sipas.alert_links import PATH
from sipas.broker import KafkaAway
from sipas.ledger import LedgerAway
from sipas.problems import CONTENT_TYPE, Problem
from sipas.telemetry import logger

OF_WERKZEUG = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "wrong-content-type"}
OURS = "services/board"

_log = logger(__name__)


def make_app(parts: Parts) -> Flask:
    """The WSGI application."""
    app = Flask("services.board", static_folder="static", template_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    site = _Site(parts)
    app.add_url_rule("/", view_func=site.board, endpoint="page-board", methods=["GET"])
    app.add_url_rule("/rankings", view_func=site.ranking, endpoint="page-ranking", methods=["GET"])
    app.add_url_rule("/agencies/<agency>", view_func=site.agency, endpoint="page-agency", methods=["GET"])
    add_scores_page(app, parts)
    add_alert_page(app, parts)
    add_api(app, parts)
    app.register_error_handler(Problem, site.failed)
    app.register_error_handler(HTTPException, site.refused)
    app.register_error_handler(LedgerAway, site.without_ledger)
    app.register_error_handler(KafkaAway, site.without_kafka)
    app.register_error_handler(Exception, site.crashed)
    validators = Validators(parts)
    app.before_request(_begin)
    app.before_request(validators.before)
    app.after_request(_end)
    app.after_request(lambda answer: validators.after(answer) if request.path.startswith(f"{PREFIX}/") else answer)
    return app


class _Site:
    def __init__(self, parts: Parts) -> None:
        self._pages = Pages(parts)

    def board(self) -> Response:
        """`GET /`."""
        return _html(self._pages.board(asked_by(request.args)))

    def agency(self, agency: str) -> Response:
        """`GET /agencies/{id}`."""
        return _html(self._pages.agency(agency, asked_by(request.args)))

    def ranking(self) -> Response:
        """`GET /rankings`."""
        return _html(self._pages.ranking(asked_by(request.args)))

    def failed(self, problem: Problem) -> Response:
        """A `Problem`: a document for programs, a page for people."""
        metrics.REFUSED.labels(problem.code).inc()
        if request.path.startswith(f"{PREFIX}/"):
            return Response(problem.body(), problem.status, headers=problem.headers, content_type=CONTENT_TYPE)
        answer = _html(self._pages.problem(problem, asked_by(request.args)))
        answer.status_code = problem.status
        answer.headers.update(problem.headers)
        return answer

    def refused(self, error: HTTPException) -> Response:
        """What Flask and webargs refuse."""
        messages = getattr(error, "data", {}).get("messages", {}).get("query", {})
        if messages:
            errors = [
                wrong(name, code if code in REASONS else "unknown-field")
                for name, codes in messages.items()
                for code in codes
            ]
            return self.failed(Problem("invalid", errors=errors))
        headers = {"Allow": ", ".join(sorted(error.valid_methods or ()))} if hasattr(error, "valid_methods") else {}
        return self.failed(Problem(OF_WERKZEUG.get(error.code or 500, "bad-request"), headers=headers))

    def without_ledger(self, error: LedgerAway) -> Response:
        """Redis is away: the figures are not lost, they cannot be read now."""
        _log.warning("Redis does not answer", reason=str(error))
        return self.failed(Problem("figures-away", headers={"Retry-After": "5"}))

    def without_kafka(self, error: KafkaAway) -> Response:
        """Comments are read from Kafka when they are asked for; nothing else here waits for it."""
        _log.warning("Kafka does not answer", reason=str(error))
        return self.failed(Problem("comments-away", headers=RETRY_AFTER))

    def crashed(self, error: Exception) -> Response:
        """A fault of ours, or of the ledger's."""
        where = [frame for frame in traceback.extract_tb(error.__traceback__) if OURS in frame.filename]
        place = f"{where[-1].filename.rpartition('/')[2]}:{where[-1].lineno}" if where else None
        _log.error("a request failed", error=type(error).__name__, reason=str(error), where=place)
        return self.failed(Problem("internal"))


def _html(page: str) -> Response:
    return Response(page, headers=dict(HEADERS), content_type="text/html; charset=utf-8")


def _begin() -> None:
    g.began = time.perf_counter()


def _end(answer: Response) -> Response:
    # the endpoint is one of a few names of ours, the path is not
    metrics.SECONDS.labels(request.endpoint or "none").observe(time.perf_counter() - g.began)
    if request.path.startswith(f"{PREFIX}/"):
        answer.headers["Cache-Control"] = "no-store" if "Authorization" in request.headers else "no-cache"
        answer.headers["Vary"] = "Authorization"
        answer.headers["X-Content-Type-Options"] = "nosniff"
    if request.path.startswith(PATH):
        # also where it failed: the token stands in the address
        answer.headers.update(PAGE_HEADERS)
    return answer
