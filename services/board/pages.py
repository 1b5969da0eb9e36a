"""The pages: rendered on the server, no script, no cookie, nothing loaded from anywhere else. Public figures only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from services.board.cells import factors_of
from services.board.comparisons import by_its_method, comparison_of
from services.board.dated import DatedRegistry
from services.board.figures import Figure, methods_in_use
from services.board.formats import Language, count_text, day_text, decimal_text, minute_text, percent_text
from services.board.parts import Parts, is_current
from services.board.rankings import ranking_of
from services.board.reading import Question
from services.board.trend import Measured, trend_of
from services.board.wording import PAGES
from sipas.periods import Period
from sipas.problems import Problem
from sipas.ranking import name_key
from sipas.registry import Agency, Registry

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
FORM_HEADERS: Mapping[str, str] = {
    **HEADERS,
    "Content-Security-Policy": HEADERS["Content-Security-Policy"].replace("form-action 'none'", "form-action 'self'"),
}
"""Of a page whose form asks that page again, and nothing else."""
DEFAULT_PERIOD = "last-30d"
MOST_DAYS_LISTED = 62


class Line(NamedTuple):
    """One agency on the board."""

    agency: Agency
    name: str
    figure: Figure


class Group(NamedTuple):
    """One block on the board; `block` is None for those without one."""

    name: str
    lines: list[Line]
    block: str | None = None


class Part(NamedTuple):
    """A day or a month on an agency's page."""

    label: str
    figure: Figure


class Choice(NamedTuple):
    """A link to the same page with another block or period."""

    label: str
    address: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of a page asks for."""

    language: Language
    period: str
    method: str | None
    block: str | None = None

    def at(self, path: str, **other: str) -> str:
        """An address that asks for the same, but for `other`; what is the default is not said."""
        said = {"lang": self.language, "block": self.block, "period": self.period, "method": self.method} | other
        usual = {"lang": "vi", "period": DEFAULT_PERIOD}
        query = urlencode({name: value for name, value in said.items() if value and value != usual.get(name)})
        return f"{path}?{query}" if query else path


def asked_by(arguments: Mapping[str, str]) -> Asked:
    """Read the query of a page; what it does not say, or says of a language that we do not have, is the default."""
    return Asked(
        "en" if arguments.get("lang") == "en" else "vi",
        arguments.get("period", DEFAULT_PERIOD),
        arguments.get("method"),
        arguments.get("block"),
    )


def templates() -> Environment:
    """All templates of the board."""
    return Environment(
        loader=PackageLoader("services.board"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


class Pages:
    """The board's pages as texts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._registries = DatedRegistry(parts.registry, parts.today)
        self._templates = templates()

    def board(self, asked: Asked) -> str:
        """All agencies by block."""
        parts, registry = self._parts, self._parts.registry()
        period, in_use = parts.period(asked.period), methods_in_use(registry)
        agencies = sorted(registry.agencies.values(), key=lambda agency: name_key(agency.name.vi))
        questions = [Question(a.id, parts.method(asked.method, in_use.get(a.id)), period) for a in agencies]
        lines = [
            Line(agency, _name(agency, asked.language), figure)
            for agency, figure in zip(agencies, parts.figures.of(questions, live=False), strict=True)
            if is_current(agency) or figure.index.responses
        ]
        methods = {line.figure.index.method for line in lines}
        return self._render(
            "board.html",
            asked,
            address="/",
            period=period,
            groups=_groups(registry, lines, asked.language),
            as_of=max((i.as_of for i in (line.figure.index for line in lines) if i.as_of), default=None),
            rebuilding=any(line.figure.index.rebuilding for line in lines),
            methods=[parts.methods[id_] for id_ in sorted(methods)],
        )

    def agency(self, agency_id: str, asked: Asked) -> str:
        """One agency: its index, its criteria, its days. Raises `Problem` unknown-agency."""
        parts, registry = self._parts, self._parts.registry()
        agency = registry.agency(agency_id)
        if agency is None:
            raise Problem("unknown-agency")
        period = parts.period(asked.period)
        method = parts.method(asked.method, methods_in_use(registry).get(agency_id))
        times = _times(period, parts)
        compared = comparison_of(parts, agency_id, method, period, live=False)
        single = self._parts_of(agency_id, method, times)
        whole = compared.now
        block = registry.blocks.get(agency.block)
        shown = [part for part in single if part.figure.index.responses]
        return self._render(
            "agency.html",
            asked,
            address=f"/agencies/{agency_id}",
            period=period,
            agency=agency,
            name=_name(agency, asked.language),
            block=getattr(block.name, asked.language) if block else None,
            ranking=asked.at("/rankings", block=agency.block) if block else None,
            figure=whole,
            compared=[("before", compared.previous), ("year-before", compared.year_before)] if whole.tells else [],
            trend=trend_of(
                [
                    Measured(at, part.figure.index.method, part.figure.index.percent, part.figure.index.interval)
                    for at, part in enumerate(single)
                    if part.figure.tells and part.figure.index.percent is not None
                ],
                len(times),
            ),
            labels=[part.label for part in single],
            parts=shown[::-1],
            factors=factors_of(whole.tally, parts.methods[method], parts.publication_minimum) if whole.tells else (),
            as_of=whole.index.as_of,
            rebuilding=whole.index.rebuilding,
            methods=[parts.methods[id_] for id_ in sorted({method, *(part.figure.index.method for part in shown)})],
        )

    def ranking(self, asked: Asked) -> str:
        """A block, best first, with what chance allows. Raises `Problem` invalid or rebuilding."""
        parts, language = self._parts, asked.language
        period = parts.period(asked.period)
        blocks = sorted(parts.registry().blocks.values(), key=lambda block: (block.order, block.id))
        if not blocks:
            raise Problem("not-found")
        block_id = asked.block or blocks[0].id
        found = ranking_of(parts, self._registries, block_id, period, method=asked.method, live=False)
        here = replace(asked, block=block_id)
        return self._render(
            "rankings.html",
            here,
            address="/rankings",
            period=period,
            block=next(getattr(block.name, language) for block in blocks if block.id == block_id),
            blocks=[
                Choice(getattr(one.name, language), here.at("/rankings", block=one.id), one.id == block_id)
                for one in blocks
            ],
            periods=[
                Choice(getattr(PAGES[word], language), here.at("/rankings", period=text), text == period.text)
                for word, text in _periods(parts.today())
            ],
            ranked=[line for line in found.lines if line.place.rank is not None],
            unranked=[line for line in found.lines if line.place.rank is None],
            ranking_minimum=found.minimum,
            agency_name=partial(_name, language=language),
            as_of=max((line.figure.index.as_of for line in found.lines if line.figure.index.as_of), default=None),
            methods=[parts.methods[found.method]],
        )

    def problem(self, problem: Problem, asked: Asked) -> str:
        """An error, for people."""
        details = [f"{error.field}: {getattr(error.detail, asked.language)}" for error in problem.errors]
        return self._render("problem.html", asked, address="/", heading=problem.title, details=details)

    def _parts_of(self, agency: str, method: str, times: Sequence[Period]) -> list[Part]:
        """The days or months, oldest first; one without a sheet by this method is told by the method it had."""
        methods = [method, *sorted(self._parts.methods.keys() - {method})]
        figures = iter(
            self._parts.figures.of([Question(agency, one, time) for time in times for one in methods], live=False)
        )
        found = []
        for time in times:
            figure = by_its_method([next(figures) for _ in methods])
            found.append(Part(day_text(time.first) if time.first == time.last else f"{time.first:%m/%Y}", figure))
        return found

    def _render(self, template: str, asked: Asked, **values: Any) -> str:
        parts, language = self._parts, asked.language

        def words(key: str, **inserted: str) -> str:
            text: str = getattr(PAGES[key], language)
            return text.format(**inserted) if inserted else text

        def minute(moment: datetime) -> str:
            return minute_text(moment, parts.zone)

        return self._templates.get_template(template).render(
            asked=asked,
            lang=language,
            other="vi" if language == "en" else "en",
            demo=parts.demo,
            minimum=parts.publication_minimum,
            w=words,
            minute=minute,
            day=day_text,
            percent=partial(percent_text, language=language),
            decimal=partial(decimal_text, language=language),
            count=partial(count_text, language=language),
            default_period=DEFAULT_PERIOD,
            other_address=replace(asked, language="vi" if language == "en" else "en").at(values["address"]),
            **values,
        )


def _periods(today: date) -> list[tuple[str, str]]:
    """What a ranking is usually asked for: (word, period)."""
    last_month = today.replace(day=1) - timedelta(days=1)
    return [
        ("last-30-days", DEFAULT_PERIOD),
        ("this-month", f"{today:%Y-%m}"),
        ("last-month", f"{last_month:%Y-%m}"),
        ("this-quarter", f"{today:%Y}-Q{(today.month + 2) // 3}"),
        ("this-year", f"{today:%Y}"),
    ]


def _name(agency: Agency, language: Language) -> str:
    return agency.name.en if language == "en" else agency.name.vi


def _groups(registry: Registry, lines: list[Line], language: Language) -> list[Group]:
    """The blocks in their order; agencies of a block that does not exist stand last."""
    groups = [
        Group(getattr(block.name, language), [line for line in lines if line.agency.block == block.id], block.id)
        for block in sorted(registry.blocks.values(), key=lambda block: (block.order, block.id))
    ]
    homeless = [line for line in lines if line.agency.block not in registry.blocks]
    other = Group(getattr(PAGES["other-block"], language), homeless)
    return [group for group in (*groups, other) if group.lines]


def _times(period: Period, parts: Parts) -> list[Period]:
    """The days of a short period, else its months."""
    days = list(period.days())
    texts = [day.isoformat() for day in days]
    if len(days) > MOST_DAYS_LISTED:
        texts = sorted({text[:7] for text in texts})
    return [parts.period(text) for text in texts]
