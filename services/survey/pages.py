"""The pages citizens see: rendered on the server, no script, no cookie, nothing loaded from anywhere.

A form is the same for everybody but for its token, so it is rendered once per counter, language and registry, and
the token is put in between two halves.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from services.survey.languages import DEFAULT, Language
from sipas.codes import printed
from sipas.problems import FieldError
from sipas.registry import Counter, Registry

_CSS = (files("services.survey") / "page.css").read_text(encoding="utf-8")
_CSS_HASH = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_CSS_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_TOKEN = "@form-token@"  # noqa: S105 - where a token goes
CHOICE_SEPARATOR = "/"


class Choice(NamedTuple):
    """One agency, or one of its sectors, that a counter serves."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Halves:
    """A rendered form without its token."""

    before: bytes
    after: bytes

    def with_token(self, token: str) -> bytes:
        """The page."""
        return self.before + token.encode() + self.after


def choices_of(counter: Counter, registry: Registry, names: str) -> list[Choice]:
    """The agencies of a counter, and where one has sectors there, each of them: one question for both.

    `names`: which of the registry's languages names them.
    """
    choices = []
    several = len(counter.agencies) > 1
    for agency_id in counter.agencies:
        name = _agency_name(agency_id, registry, names)
        sectors = [sector for sector in counter.sectors if sector.agency == agency_id]
        choices += [
            Choice(
                f"{agency_id}{CHOICE_SEPARATOR}{sector.id}",
                f"{name} – {getattr(sector.name, names)}" if several else getattr(sector.name, names),
            )
            for sector in sectors
        ] or [Choice(agency_id, name)]
    return choices


def _agency_name(agency_id: str, registry: Registry, names: str) -> str:
    agency = registry.agency(agency_id)
    return getattr(agency.name, names) if agency else agency_id


class Pages:
    """Renders pages; keeps the rendered forms of the newest registry."""

    def __init__(self, languages: Mapping[str, Language], *, demo: bool, contact: str, public_url: str) -> None:
        self._languages = languages
        self._always = {"demo": demo, "contact": contact, "public_url": public_url, "css": Markup(_CSS)}  # noqa: S704 - our own file
        self._environment = Environment(
            loader=PackageLoader("services.survey"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._registry: Registry | None = None
        self._forms: dict[tuple[str, str], Halves] = {}

    def language_of(self, code: str | None) -> Language:
        """The language that is asked for, or Vietnamese."""
        return self._languages.get(code or DEFAULT) or self._languages[DEFAULT]

    def form(self, counter: Counter, registry: Registry, lang: Language) -> Halves:
        """The empty form of a counter."""
        if registry is not self._registry:
            self._registry, self._forms = registry, {}
        form = self._forms.get((counter.code, lang.code))
        if form is None:
            before, _, after = self._form(counter, registry, lang, token=_TOKEN).partition(_TOKEN)
            form = self._forms[counter.code, lang.code] = Halves(before.encode(), after.encode())
        return form

    def form_again(
        self,
        counter: Counter,
        registry: Registry,
        lang: Language,
        *,
        token: str,
        filled: Mapping[str, str],
        errors: Iterable[FieldError] = (),
        unavailable: bool = False,
    ) -> str:
        """The form as it was filled in, with what is wrong."""
        return self._form(counter, registry, lang, token=token, filled=filled, errors=errors, unavailable=unavailable)

    def check(self, counter: Counter, registry: Registry, lang: Language) -> str:
        """What a genuine poster's code stands for."""
        return self._render(
            "check.html",
            lang,
            counter=counter,
            printed=printed(counter.code),
            label=getattr(counter.label, lang.names),
            place=_place_name(counter, registry, lang),
            agencies=[_agency_name(agency_id, registry, lang.names) for agency_id in counter.agencies],
            questionnaire=lang.questionnaires[counter.method],
        )

    def message(self, heading: str, text: str, lang: Language, *, link: tuple[str, str] | None = None) -> str:
        """A page that says one thing. `link`: where to, and the key of its words."""
        return self._render(
            "message.html",
            lang,
            heading=lang.words[heading],
            text=lang.words[text],
            link=link and {"href": link[0], "text": lang.words[link[1]]},
        )

    def _form(
        self,
        counter: Counter,
        registry: Registry,
        lang: Language,
        *,
        token: str,
        filled: Mapping[str, str] | None = None,
        errors: Iterable[FieldError] = (),
        unavailable: bool = False,
    ) -> str:
        questionnaire = lang.questionnaires[counter.method]
        questions = {question.code: question.text for question in questionnaire.questions}
        shown = [_placed(error, questions, lang) for error in errors]
        return self._render(
            "form.html",
            lang,
            counter=counter,
            label=getattr(counter.label, lang.names),
            place=_place_name(counter, registry, lang),
            questionnaire=questionnaire,
            agency=_agency_name(counter.agencies[0], registry, lang.names) if len(counter.agencies) == 1 else "",
            choices=choices_of(counter, registry, lang.names),
            token=token,
            filled=_Blank(filled or {}),
            errors=shown,
            why=_Blank({error["key"]: error["reason"] for error in shown}),
            unavailable=unavailable,
        )

    def _render(self, template: str, lang: Language, **values: Any) -> str:
        others = [other for other in self._languages.values() if other is not lang]
        return self._environment.get_template(template).render(
            self._always, words=lang.words, language=lang, others=others, **values
        )


class _Blank(dict[str, str]):
    """What was not filled in is empty."""

    def __missing__(self, key: str) -> str:
        return ""


def _place_name(counter: Counter, registry: Registry, lang: Language) -> str:
    place = registry.places.get(counter.place)
    return getattr(place.name, lang.names) if place else counter.place


def _placed(error: FieldError, questions: Mapping[str, str], lang: Language) -> dict[str, str]:
    """An error with the place on the page where it belongs."""
    reason = lang.reasons[error.code]
    criterion = error.field.removeprefix("answers.")
    if criterion in questions:
        return {
            "key": criterion,
            "anchor": f"q-{criterion}",
            "reason": reason,
            "text": f"{questions[criterion]} – {reason}",
        }
    if error.field in {"agency", "sector"}:
        return {"key": "choice", "anchor": "choice", "reason": reason, "text": reason}
    if error.field == "comment":
        return {"key": "comment", "anchor": "comment", "reason": reason, "text": reason}
    return {"key": "answers", "anchor": "answers", "reason": reason, "text": reason}
