"""The pages: rendered on the server, no script, no cookie, nothing loaded from anywhere else. Public figures only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from services.board.figures import Figure, methods_in_use
from services.board.formats import Language, count_text, day_text, decimal_text, minute_text, percent_text
from services.board.parts import Parts, is_current
from services.board.reading import Question
from services.board.wording import PAGES
from sipas.index import rounded
from sipas.methods import Method
from sipas.periods import Period
from sipas.problems import Problem
from sipas.ranking import name_key
from sipas.registry import Agency, Registry
from sipas.tally import SATISFIED_FROM, Tally

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
DEFAULT_PERIOD = "last-30d"
MOST_DAYS_LISTED = 62


class Line(NamedTuple):
    """One agency on the board."""

    agency: Agency
    name: str
    figure: Figure


class Group(NamedTuple):
    """One block on the board."""

    name: str
    lines: list[Line]


class Part(NamedTuple):
    """A day or a month on an agency's page."""

    label: str
    figure: Figure


class Answered(NamedTuple):
    """A criterion on an agency's page; `percent` is None where too few answered."""

    question: str
    answers: int
    percent: Decimal | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of a page asks for."""

    language: Language
    period: str
    method: str | None


def asked_by(arguments: Mapping[str, str]) -> Asked:
    """Read the query of a page; what it does not say, or says of a language that we do not have, is the default."""
    return Asked(
        "en" if arguments.get("lang") == "en" else "vi",
        arguments.get("period", DEFAULT_PERIOD),
        arguments.get("method"),
    )


class Pages:
    """The board's pages as texts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._templates = Environment(
            loader=PackageLoader("services.board"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

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
        whole, *single = parts.figures.of([Question(agency_id, method, time) for time in (period, *times)], live=False)
        block = registry.blocks.get(agency.block)
        return self._render(
            "agency.html",
            asked,
            address=f"/agencies/{agency_id}",
            period=period,
            agency=agency,
            name=_name(agency, asked.language),
            block=getattr(block.name, asked.language) if block else None,
            figure=whole,
            parts=[
                Part(day_text(time.first) if time.first == time.last else f"{time.first:%m/%Y}", figure)
                for time, figure in zip(reversed(times), reversed(single), strict=True)
                if figure.index.responses
            ],
            criteria=self._criteria(whole.tally, parts.methods[method], asked.language) if whole.tells else [],
            as_of=whole.index.as_of,
            rebuilding=whole.index.rebuilding,
            methods=[parts.methods[method]],
        )

    def problem(self, problem: Problem, asked: Asked) -> str:
        """An error, for people."""
        details = [f"{error.field}: {getattr(error.detail, asked.language)}" for error in problem.errors]
        return self._render("problem.html", asked, address="/", heading=problem.title, details=details)

    def _criteria(self, tally: Tally, method: Method, language: Language) -> list[Answered]:
        lines = []
        for criterion in method.criteria:
            numbers = tally.counts.get(criterion.code, (0,) * 6)
            answers = sum(numbers[1:])
            enough = answers >= self._parts.publication_minimum
            share = rounded(Fraction(100 * sum(numbers[SATISFIED_FROM:]), answers)) if enough else None
            lines.append(Answered(getattr(criterion.question, language), answers, share))
        return lines

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
            **values,
        )


def _name(agency: Agency, language: Language) -> str:
    return agency.name.en if language == "en" else agency.name.vi


def _groups(registry: Registry, lines: list[Line], language: Language) -> list[Group]:
    """The blocks in their order; agencies of a block that does not exist stand last."""
    groups = [
        Group(getattr(block.name, language), [line for line in lines if line.agency.block == block.id])
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
