"""The read API. It translates between HTTP and `figures`; flask-smorest describes it at /v1/openapi.json.

The public reads what may be shown; with a key of scope read (`Authorization: Bearer`) numbers are live and complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, Literal

from flask import Flask, Response, jsonify, request
from flask_smorest import Api, Blueprint
from marshmallow import RAISE, Schema

from services.board import schemas
from services.board.auth import may_read_live, require_read_key
from services.board.comments import readable
from services.board.dated import DatedRegistry
from services.board.figure_views import FigureViews, check_agency, reader_and_method
from services.board.figures import methods_in_use
from services.board.paging import page_of
from services.board.parts import Parts
from services.board.rankings import ranking_of
from services.board.reading import Question
from services.board.scores import band_schemes
from services.board.scores_api import score_routes
from services.board.wording import wrong
from sipas.alert_book import Alert, AlertKey
from sipas.methods import Text as MethodText
from sipas.periods import Period
from sipas.problems import CONTENT_TYPE, KINDS, Problem
from sipas.ranking import name_key
from sipas.registry import Names

PREFIX = "/v1"
CSV: Literal["text/csv"] = "text/csv"
MOST_DAYS = 400
MOST_MONTHS = 60
DEFAULT_DAYS = 30
DEFAULT_MONTHS = 12

View = Callable[..., Any]


def add_api(app: Flask, parts: Parts) -> None:
    """Put the API's routes and its description into the application."""
    app.config.update(
        API_TITLE="sipas: the board's read API",
        API_VERSION="v1",
        OPENAPI_VERSION="3.0.3",
        OPENAPI_URL_PREFIX=PREFIX,
        OPENAPI_JSON_PATH="openapi.json",
    )
    api = Api(app, spec_kwargs={"info": {"description": _description(parts)}})
    api.DEFAULT_ERROR_RESPONSE_NAME = None
    api.spec.components.security_scheme("readKey", {"type": "http", "scheme": "bearer"})
    registries = DatedRegistry(parts.registry, parts.today)
    views, figures = _Views(parts, registries), FigureViews(parts, registries)
    board = Blueprint("board", "board", url_prefix=PREFIX, description="Figures of agencies")
    either: list[Any] = [{}, {"readKey": []}]
    with_key: list[Any] = [{"readKey": []}]
    for path, view, question, answer, codes, security in (
        ("/agencies", views.agencies, schemas.AgenciesQuestion, schemas.Agencies, (), either),
        ("/agencies/<agency>/index", views.index, schemas.IndexQuestion, schemas.Index, ("unknown-agency",), either),
        (
            "/agencies/<agency>/series",
            views.series,
            schemas.SeriesQuestion,
            schemas.Series,
            ("unknown-agency",),
            either,
        ),
        (
            "/agencies/<agency>/comparison",
            figures.comparison,
            schemas.IndexQuestion,
            schemas.Comparison,
            ("unknown-agency",),
            either,
        ),
        (
            "/agencies/<agency>/factors",
            figures.factors,
            schemas.IndexQuestion,
            schemas.Factors,
            ("unknown-agency",),
            either,
        ),
        (
            "/agencies/<agency>/distribution",
            figures.distribution,
            schemas.IndexQuestion,
            schemas.Distribution,
            ("unknown-agency",),
            either,
        ),
        (
            "/scopes/<scope>/index",
            figures.scope,
            schemas.IndexQuestion,
            schemas.ScopeIndex,
            ("no-key", "unknown-scope"),
            either,
        ),
        ("/rankings", views.rankings, schemas.RankingQuestion, schemas.Ranking, ("rebuilding",), either),
        ("/open-data/index.json", figures.open_data, schemas.OpenDataQuestion, schemas.OpenData, (), either),
        ("/open-data/index.csv", figures.open_data_csv, schemas.OpenDataQuestion, CSV, (), either),
        ("/open-data/dictionary.json", figures.dictionary, schemas.NoQuestion, schemas.DataDictionary, (), either),
        ("/open-data/dictionary.csv", figures.dictionary_csv, schemas.NoQuestion, CSV, (), either),
        (
            "/agencies/<agency>/comments",
            views.comments,
            schemas.CommentsQuestion,
            schemas.Comments,
            ("no-key", "unknown-agency", "comments-away"),
            with_key,
        ),
        ("/alerts", views.alerts, schemas.AlertsQuestion, schemas.Alerts, ("no-key",), with_key),
    ):
        board.route(path)(
            _described(board, view, question, answer, ("invalid", "bad-key", "wrong-scope", *codes), security)
        )
    for one in score_routes(parts):
        board.route(one.path)(_described(board, one.view, one.question, one.answer, ("invalid", *one.codes), []))
    api.register_blueprint(board)


def _described(
    board: Any,
    view: View,
    question: type[Schema],
    answer: type[Schema] | Literal["text/csv"],
    codes: tuple[str, ...],
    security: list[Any],
) -> View:
    for code in codes:
        kind = KINDS[code]
        view = board.alt_response(
            kind.status, schema=schemas.ProblemDocument, content_type=CONTENT_TYPE, description=kind.title.en
        )(view)
    if answer == CSV:
        view = board.response(200, {"type": "string"}, content_type=CSV)(view)
    else:
        view = board.response(200, answer)(view)
    view = board.arguments(question, location="query", error_status_code=422, unknown=RAISE)(view)
    described: View = board.doc(security=security)(view)
    return described


def _description(parts: Parts) -> str:
    about = {method.about for method in parts.methods.values()}
    return "\n\n".join(f"{text.vi}\n\n{text.en}" for text in sorted(about, key=lambda text: text.en))


class _Views:
    def __init__(self, parts: Parts, registries: DatedRegistry) -> None:
        self._parts = parts
        self._registries = registries

    def agencies(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """All agencies with the index of a period; live, also those counted but not in the registry."""
        parts, registry = self._parts, self._parts.registry()
        live = _live(registry)
        period, in_use = parts.period(asked["period"]), methods_in_use(registry)
        unlisted = sorted(parts.figures.counted_agencies() - registry.agencies.keys()) if live else []
        listed = sorted(registry.agencies.values(), key=lambda agency: name_key(agency.name.vi))
        ids, next_ = page_of(
            [*(agency.id for agency in listed), *unlisted], str, limit=asked.get("limit"), cursor=asked.get("cursor")
        )
        questions = [Question(id_, parts.method(asked.get("method"), in_use.get(id_)), period) for id_ in ids]
        figures = dict(zip(ids, parts.figures.of(questions, live=live), strict=True))
        nothing = dict.fromkeys(("name", "block", "kind", "status", "merged_into"))
        return {
            "about": self._about(None),
            "period": period.text,
            "next": next_,
            "blocks": sorted(registry.blocks.values(), key=lambda block: block.order),
            "agencies": [
                *(
                    {
                        "id": agency.id,
                        "name": agency.name,
                        "block": agency.block,
                        "kind": agency.kind,
                        "status": agency.status,
                        "merged_into": agency.merged_into,
                        "listed": True,
                        "index": figures[agency.id].as_json(),
                    }
                    for agency in listed
                    if agency.id in figures
                ),
                *(
                    {"id": id_, **nothing, "listed": False, "index": figures[id_].as_json()}
                    for id_ in unlisted
                    if id_ in figures
                ),
            ],
        }

    def index(self, asked: Mapping[str, Any], agency: str) -> dict[str, object]:
        """The index of an agency in a period."""
        live, method = reader_and_method(self._parts, asked, agency)
        [figure] = self._parts.figures.of([Question(agency, method, self._parts.period(asked["period"]))], live=live)
        return figure.as_json()

    def series(self, asked: Mapping[str, Any], agency: str) -> dict[str, Any]:
        """The index of an agency for each day or month, oldest first."""
        live, method = reader_and_method(self._parts, asked, agency)
        all_times = self._times(asked)
        times, next_ = page_of(all_times, lambda time: time.text, limit=asked.get("limit"), cursor=asked.get("cursor"))
        figures = self._parts.figures.of([Question(agency, method, time) for time in times], live=live)
        return {
            "agency": agency,
            "method": method,
            "by": asked["by"],
            "first": all_times[0].text,
            "last": all_times[-1].text,
            "next": next_,
            "series": [figure.as_json() for figure in figures],
        }

    def rankings(self, asked: Mapping[str, Any]) -> Response:
        """The agencies of a block, best first, by one method; those with few sheets stand last, without a rank."""
        parts = self._parts
        scheme = band_schemes().get(asked["bands"]) if "bands" in asked else None
        if "bands" in asked and scheme is None:
            raise Problem("invalid", errors=[wrong("bands", "unknown-bands")])
        found = ranking_of(
            parts,
            self._registries,
            asked["block"],
            parts.period(asked["period"]),
            method=asked.get("method"),
            scheme=scheme,
            live=_live(parts.registry()),
        )
        # as it is: the schema would take as long again as the ranking of a province
        return jsonify(
            {
                "about": _words(self._about(found.method)),
                "block": found.block,
                "method": found.method,
                "period": found.period.text,
                "previous": found.previous and found.previous.text,
                "year_before": found.year_before and found.year_before.text,
                "bands": scheme and scheme.id,
                "minimum": found.minimum,
                "ranking": [
                    {
                        **line.figure.as_json(),
                        "rank": line.place.rank,
                        "of": line.place.of,
                        "name": _words(line.agency.name),
                        "rank_interval": line.place.interval,
                        "groups": line.place.groups,
                        "rank_change": line.change,
                        "rank_change_year": line.year_change,
                        "band": line.band and _words(line.band.label),
                    }
                    for line in found.lines
                ],
            }
        )

    def alerts(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Every alert with its life, the newest first; people only by id. Needs a key of scope read."""
        require_read_key(request.headers.get("Authorization"), self._parts.registry())
        book = self._parts.alerts().alerts
        wanted = [
            (key, alert)
            for key, alert in reversed(list(book.items()))
            if asked.get("agency") in {None, alert.newest.agency}
        ]
        page, next_ = page_of(wanted, lambda one: _cursor(one[0]), limit=asked.get("limit"), cursor=asked.get("cursor"))
        return {"next": next_, "alerts": [_alert(alert) for _, alert in page]}

    def comments(self, asked: Mapping[str, Any], agency: str) -> dict[str, Any]:
        """What citizens wrote about an agency on a day, from the next working day on. Needs a key of scope read."""
        parts = self._parts
        require_read_key(request.headers.get("Authorization"), parts.registry())
        check_agency(parts, agency)
        day = asked["day"]
        comments = readable(parts.comments, agency, day, today=parts.today(), holidays=parts.holidays)
        return {"agency": agency, "day": day, "comments": comments}

    def _about(self, method: str | None) -> Names:
        text = self._parts.methods[self._parts.method(method, None)].about
        return Names(text.vi, text.en)

    def _times(self, asked: Mapping[str, Any]) -> list[Period]:
        parts, by_month = self._parts, asked["by"] == "month"
        first = parts.period(asked["first"], "from").first if "first" in asked else None
        last = parts.period(asked["last"], "to").last if "last" in asked else parts.today()
        if by_month:
            end = 12 * last.year + last.month - 1
            begin = end - DEFAULT_MONTHS + 1 if first is None else 12 * first.year + first.month - 1
            months = range(max(begin, 12), end + 1)
            _check_length(len(months), MOST_MONTHS)
            return [parts.period(f"{month // 12:04}-{month % 12 + 1:02}") for month in months]
        first = date.fromordinal(max(1, last.toordinal() - DEFAULT_DAYS + 1)) if first is None else first
        length = (last - first).days + 1
        _check_length(length, MOST_DAYS)
        return [parts.period((first + timedelta(days=number)).isoformat()) for number in range(length)]


def _check_length(length: int, most: int) -> None:
    if length < 1:
        raise Problem("invalid", errors=[wrong("to", "before-from")])
    if length > most:
        raise Problem("invalid", errors=[wrong("from", "too-long")])


def _live(registry: Any) -> bool:
    return may_read_live(request.headers.get("Authorization"), registry)


def _words(text: Names | MethodText) -> dict[str, str]:
    return {"vi": text.vi, "en": text.en}


def _cursor(alert: AlertKey) -> str:
    return "|".join(map(str, alert))


def _alert(alert: Alert) -> dict[str, Any]:
    newest = alert.newest
    return {
        "agency": newest.agency,
        "method": newest.method,
        "rule": newest.rule,
        "state": alert.state,
        "opened_on": newest.opened_on,
        "day": newest.day,
        "since": newest.since,
        "before": newest.before,
        "after": newest.after,
        "evidence": newest.evidence,
        "criterion": newest.criterion,
        "target": newest.target,
        "historical": newest.historical,
        "acknowledged": alert.acknowledged,
        "notes": alert.notes,
        "actions": alert.actions,
        "snoozed_until": alert.snoozed_until,
        "closed": alert.closed,
        "changes": alert.changes,
        "undelivered": alert.undelivered,
    }
