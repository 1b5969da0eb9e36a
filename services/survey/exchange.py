"""What every route needs of HTTP: a body that is not too large, and an answer to whatever went wrong."""

from __future__ import annotations

from wsgiref.types import WSGIEnvironment

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from services.survey import metrics
from services.survey.wording import wrong
from sipas import problems
from sipas.problems import Problem
from sipas.telemetry import logger

MOST_BYTES = 16 * 1024
CODES = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}

_log = logger(__name__)


def body_of(environ: WSGIEnvironment, content_type: str, needs: str) -> bytes:
    """The body; raises `Problem` where it is of another type (`needs` is the reason's code), too large or cut off."""
    media_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if media_type != content_type or environ.get("HTTP_CONTENT_ENCODING"):
        raise Problem("wrong-content-type", errors=[wrong("Content-Type", needs)])
    body: bytes = environ["wsgi.input"].read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise _too_large()
    if len(body) < int(environ.get("CONTENT_LENGTH") or 0):
        raise Problem("bad-request")  # half a form would be a form with fewer answers
    return body


def problem_of(error: Exception) -> Problem:
    """Any error as a problem. Of a fault of ours the log gets the place in the code, and nothing of the request."""
    if isinstance(error, Problem):
        return error
    if not isinstance(error, HTTPException):
        _log.error("a request failed", error=type(error).__name__, where=_where(error))
        return Problem("internal")
    code = CODES.get(error.code or 500, "bad-request")
    allowed = getattr(error, "valid_methods", None)
    return (
        _too_large() if code == "too-large" else Problem(code, headers={"Allow": ", ".join(allowed)} if allowed else {})
    )


def document_of(problem: Problem) -> Response:
    """The problem as programs read it."""
    metrics.REFUSED.labels(problem.code).inc()
    return Response(problem.body(), problem.status, headers=problem.headers, content_type=problems.CONTENT_TYPE)


def _too_large() -> Problem:
    return Problem("too-large", errors=[wrong("body", "over-16-kib")])


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
