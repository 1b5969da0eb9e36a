"""The pages citizens see: rendered on the server, whole without script, no cookie, nothing from anywhere else.

A form is the same for everybody but for its token, so it is rendered and compressed once per counter, language and
registry, and the token is put in between two halves.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from services.survey.assets import FORM_SCRIPT, KIOSK_SCRIPT, text_of
from services.survey.choices import agency_name, choices_of
from services.survey.compression import Halves
from services.survey.kiosk import kiosk_texts
from services.survey.languages import DEFAULT, Language, Questionnaire
from services.survey.poster_check import Poster
from sipas.codes import printed
from sipas.problems import FieldError
from sipas.registry import Counter, Place, Registry

# styles stand in the page: one request less, and their hashes are in its policy
_PAGE_CSS, _KIOSK_CSS = text_of("page.css"), text_of("kiosk.css")


def _source(style: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"


HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src 'self'; style-src {_source(_PAGE_CSS)} {_source(_KIOSK_CSS)}; "
        "connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_TOKEN = "@form-token@"  # noqa: S105 - where a token goes
ONE_PAGE_HOLDS = 10
"""Questions that a phone shows in one piece; a longer form of several factors shows one factor at a time."""
MOST_FACTORS = 9
"""Factors that page.css can show one at a time."""


@dataclass(frozen=True, slots=True)
class Site:
    """What pages say of the installation. `hotline` and `complaints`: where to complain, "" where nothing is set."""

    public_url: str
    contact: str
    complaints: str = ""
    hotline: str = ""
    demo: bool = False


class Pages:
    """Renders pages; keeps the rendered forms of the newest registry."""

    def __init__(self, languages: Mapping[str, Language], site: Site) -> None:
        self._languages = languages
        self._site = site
        self._environment = Environment(
            loader=PackageLoader("services.survey"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        # the order of the languages is ours
        self._environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "ensure_ascii": False}
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
            form = Halves.of(self._form(counter, registry, lang, token=_TOKEN), _TOKEN)
            self._forms[counter.code, lang.code] = form
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
        """The form as it was filled in, in one piece, with what is wrong."""
        return self._form(
            counter, registry, lang, token=token, filled=filled, errors=errors, unavailable=unavailable, again=True
        )

    def thanks(self, counter: Counter | None, registry: Registry | None, lang: Language) -> str:
        """What follows an answer; without a counter, where the address names none that we know."""
        place = registry.places.get(counter.place) if registry and counter else None
        return self._render(
            "thanks.html",
            lang,
            counter=counter,
            **self._where_to_complain(place, lang),
        )

    def check(self, poster: Poster, registry: Registry, lang: Language) -> str:
        """What a printed code stands for."""
        counter = poster.counter
        place = registry.places.get(counter.place)
        return self._render(
            "check.html",
            lang,
            poster=poster,
            counter=counter,
            printed=printed(counter.code),
            label=getattr(counter.label, lang.names),
            place=_place_name(counter, registry, lang),
            agencies=[agency_name(agency_id, registry, lang.names) for agency_id in counter.agencies],
            since=f"{poster.since:%d/%m/%Y}" if poster.since else "",
            new=poster.replaced_by,
            questionnaire=lang.questionnaires[counter.method],
            **self._where_to_complain(place, lang),
        )

    def front(self, lang: Language, *, unknown: bool = False) -> str:
        """Asks for the code of a counter, for who has no camera; `unknown`: no counter can have what was typed."""
        return self._render("front.html", lang, unknown=unknown)

    def check_which(self, lang: Language, *, unknown: bool = False) -> str:
        """Asks for the code of a poster; `unknown`: and says that no poster has the one that was typed."""
        return self._render("check_which.html", lang, unknown=unknown, **self._where_to_complain(None, lang))

    def kiosk(self, counter: Counter, registry: Registry, lang: Language) -> str:
        """The page of a device that stands at a counter."""
        contacts = {one.code: self._contact(counter, registry, one) for one in self._languages.values()}
        return self._render(
            "kiosk.html",
            lang,
            texts=kiosk_texts(counter, registry, lang, self._languages, contacts),
            place=_place_name(counter, registry, lang),
            script=KIOSK_SCRIPT.path,
            css=Markup(_KIOSK_CSS),  # noqa: S704 - our own file
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
        again: bool = False,
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
            contact=self._contact(counter, registry, lang),
            questionnaire=questionnaire,
            paged=not again and _is_long(questionnaire),
            again=again,
            agency=agency_name(counter.agencies[0], registry, lang.names) if len(counter.agencies) == 1 else "",
            choices=choices_of(counter, registry, lang.names),
            token=token,
            filled=_Blank(filled or {}),
            errors=shown,
            why=_Blank({error["key"]: error["reason"] for error in shown}),
            unavailable=unavailable,
        )

    def _where_to_complain(self, place: Place | None, lang: Language) -> dict[str, str]:
        return {
            "complaints": self._site.complaints or lang.words["complaints"],
            "hotline": (place.hotline if place else None) or self._site.hotline,
        }

    def _contact(self, counter: Counter, registry: Registry, lang: Language) -> str:
        place = registry.places.get(counter.place)
        contact: str = getattr(place.contact, lang.names) if place and place.contact else self._site.contact
        return contact

    def _render(self, template: str, lang: Language, **values: Any) -> str:
        always = {
            "site": self._site,
            "script": FORM_SCRIPT.path,
            "css": Markup(_PAGE_CSS),  # noqa: S704 - our own file
            "words": lang.words,
            "language": lang,
            "others": [other for other in self._languages.values() if other is not lang],
        }
        return self._environment.get_template(template).render(always | values)


def _is_long(questionnaire: Questionnaire) -> bool:
    factors = len(questionnaire.factors)
    return len(questionnaire.questions) > ONE_PAGE_HOLDS and 1 < factors <= MOST_FACTORS


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
    reason = reason[:1].upper() + reason[1:]  # a sentence of its own here, the end of one in a program's answer
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
