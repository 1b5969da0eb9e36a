"""The read API beyond single indices: comparisons, cells, scopes and open data. HTTP in, `figures` out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Response, request

from services.board.auth import may_read_live, require_read_key
from services.board.cells import Cell, factors_of, levels_of
from services.board.comparisons import Earlier, comparison_of
from services.board.dated import DatedRegistry
from services.board.figures import Figure, method_of_block, methods_in_use
from services.board.open_data import dictionary, dictionary_csv, index_csv, row_of
from services.board.parts import Parts, is_current
from services.board.reading import Question
from services.board.scopes import is_published, readable_part, scope_of
from services.board.wording import wrong
from sipas.problems import Problem, Text
from sipas.ranking import name_key
from sipas.tally import Tally
from sipas.working_days import next_working_day

CSV = "text/csv; charset=utf-8"


class FigureViews:
    """Views, in the order of their routes."""

    def __init__(self, parts: Parts, registries: DatedRegistry) -> None:
        self._parts = parts
        self._registries = registries

    def comparison(self, asked: Mapping[str, Any], agency: str) -> dict[str, Any]:
        """A period beside the one before it and the same of last year, and whether chance explains the change."""
        live, method = reader_and_method(self._parts, asked, agency)
        found = comparison_of(self._parts, agency, method, self._parts.period(asked["period"]), live=live)
        return {
            "now": found.now.as_json(),
            "previous": _earlier(found.previous),
            "year_before": _earlier(found.year_before),
        }

    def factors(self, asked: Mapping[str, Any], agency: str) -> dict[str, Any]:
        """An index taken apart by factor and criterion; cells that could single somebody out are withheld."""
        figure, method, minimum = self._figure(asked, agency)
        return {
            **figure.as_json(),
            "factors": [
                {
                    "code": factor.factor.code,
                    "name": factor.factor.name,
                    **_cell(factor.cell),
                    "criteria": [
                        {"code": one.criterion.code, "question": one.criterion.question, **_cell(one.cell)}
                        for one in factor.criteria
                    ],
                }
                for factor in factors_of(_open(figure), self._parts.methods[method], minimum)
            ],
        }

    def distribution(self, asked: Mapping[str, Any], agency: str) -> dict[str, Any]:
        """How many chose each level of each criterion; all levels of a criterion, or none of them."""
        figure, method, minimum = self._figure(asked, agency)
        scale = self._parts.methods[method].scale
        return {
            "agency": agency,
            "method": method,
            "period": figure.index.period,
            "responses": figure.responses,
            "rebuilding": figure.index.rebuilding,
            "scale": [{"level": choice.level, "label": choice.label} for choice in scale],
            "criteria": [
                {
                    "code": one.criterion.code,
                    "question": one.criterion.question,
                    "levels": None if one.counts is None else list(one.counts[1:]),
                    "no_opinion": None if one.counts is None else one.counts[0],
                    "suppressed": one.counts is None,
                }
                for one in levels_of(_open(figure), self._parts.methods[method], minimum)
            ],
        }

    def scope(self, asked: Mapping[str, Any], scope: str) -> dict[str, Any]:
        """The index of a province, block or kind, or of an agency with those merged into it: counts added up.

        With a key of scope read also of a counter, place, sector or channel, from the next working day on.
        """
        parts = self._parts
        period = parts.period(asked["period"])
        registry = self._registries.on(period)
        live = may_read_live(request.headers.get("Authorization"), parts.registry())
        found = scope_of(scope, registry)
        if found is None:
            raise Problem("unknown-scope", detail=Text("Xem /v1/agencies", "See /v1/agencies"))
        if found.is_narrow:
            require_read_key(request.headers.get("Authorization"), parts.registry())
            readable = readable_part(period, parts.today(), parts.holidays)
            if readable is None:
                first = next_working_day(min(period.first, parts.today()), parts.holidays)
                raise Problem("invalid", errors=[wrong("period", "scope-later", first=first.strftime("%d/%m/%Y"))])
            period = readable
        in_use = methods_in_use(registry)
        method = parts.method(asked.get("method"), method_of_block(in_use, found.agencies))
        questions = [Question(agency, method, period, found.parts) for agency in found.agencies]
        figure, sheets = parts.figures.together(scope, questions, live=live)
        if not (live or is_published(found, registry, sheets, parts.publication_minimum)):
            figure = Figure(figure.index, figure.tally, suppressed=True)
        shown = figure.as_json()
        del shown["agency"]
        return {
            "scope": scope,
            "first": period.first,
            "last": period.last,
            "agencies": len(found.agencies),
            "counted": sum(count > 0 for count in sheets.values()),
            "merged": list(found.merged),
            **shown,
        }

    def open_data(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What the public may see of every agency in a period, by default the last whole month."""
        return {"fields": dictionary(), "rows": self._rows(asked)}

    def open_data_csv(self, asked: Mapping[str, Any]) -> Response:
        """The same as a file for spreadsheets."""
        return Response(index_csv(self._rows(asked)), content_type=CSV)

    def dictionary(self, _asked: Mapping[str, Any]) -> dict[str, Any]:
        """What each column of the open data means."""
        return {"fields": dictionary()}

    def dictionary_csv(self, _asked: Mapping[str, Any]) -> Response:
        """The same as a file for spreadsheets."""
        return Response(dictionary_csv(), content_type=CSV)

    def _rows(self, asked: Mapping[str, Any]) -> list[dict[str, object]]:
        parts = self._parts
        last_month = parts.today().replace(day=1) - timedelta(days=1)
        period = parts.period(asked.get("period", f"{last_month:%Y-%m}"))
        registry = self._registries.on(period)
        in_use = methods_in_use(registry)
        agencies = sorted(registry.agencies.values(), key=lambda agency: name_key(agency.name.vi))
        questions = [
            Question(one.id, parts.method(asked.get("method"), in_use.get(one.id)), period) for one in agencies
        ]
        return [
            row_of(agency, figure)
            for agency, figure in zip(agencies, parts.figures.of(questions, live=False), strict=True)
            if is_current(agency) or figure.index.responses
        ]

    def _figure(self, asked: Mapping[str, Any], agency: str) -> tuple[Figure, str, int | None]:
        """The figure, its method, and the minimum that holds for its cells."""
        live, method = reader_and_method(self._parts, asked, agency)
        period = self._parts.period(asked["period"])
        [figure] = self._parts.figures.of([Question(agency, method, period)], live=live)
        return figure, method, None if live else self._parts.publication_minimum


def check_agency(parts: Parts, agency: str) -> bool:
    """Whether the reader may read live; raises `Problem` unknown-agency. Live, an unlisted one is known."""
    registry = parts.registry()
    live = may_read_live(request.headers.get("Authorization"), registry)
    if registry.agency(agency) or (live and agency in parts.figures.counted_agencies()):
        return live
    raise Problem("unknown-agency", detail=Text("Xem /v1/agencies", "See /v1/agencies"))


def reader_and_method(parts: Parts, asked: Mapping[str, Any], agency: str) -> tuple[bool, str]:
    """Whether the reader may read live, and by which method; raises `Problem` unknown-agency or invalid."""
    live = check_agency(parts, agency)
    return live, parts.method(asked.get("method"), methods_in_use(parts.registry()).get(agency))


def _open(figure: Figure) -> Tally | None:
    return None if figure.suppressed or figure.index.rebuilding else figure.tally


def _earlier(earlier: Earlier | None) -> dict[str, Any] | None:
    if earlier is None:
        return None
    return {
        "index": earlier.figure.as_json(),
        "change": None if earlier.change is None else earlier.change.as_json(),
        "breaks": earlier.breaks,
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "percent": None if cell.percent is None else float(cell.percent),
        "answers": cell.answers,
        "satisfied": cell.satisfied,
        "suppressed": cell.suppressed,
    }
