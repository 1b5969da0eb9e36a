"""The texts of a kiosk, in all languages at once: it switches between citizens, also while it has no network. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.survey.choices import choices_of
from services.survey.languages import Language
from sipas.registry import Counter, Registry

_WORDS = (
    *("begin", "next", "back", "send", "privacy", "key", "key-why", "key-use", "key-refused", "choose-first"),
    *("kept-kiosk", "not-sent", "thanks", "thanks-kiosk", "still-there", "idle", "seconds", "more-time", "start-over"),
)


def kiosk_texts(
    counter: Counter,
    registry: Registry,
    first: Language,
    languages: Mapping[str, Language],
    contacts: Mapping[str, str],
) -> dict[str, Any]:
    """What `kiosk.js` reads. `first`: the language that each citizen begins with; `contacts`: by language."""
    return {
        "counter": counter.code,
        "first": first.code,
        "languages": {lang.code: _of(counter, registry, lang, contacts[lang.code]) for lang in languages.values()},
    }


def _of(counter: Counter, registry: Registry, lang: Language, contact: str) -> dict[str, Any]:
    questionnaire = lang.questionnaires[counter.method]
    choices = choices_of(counter, registry, lang.names)
    several = len(questionnaire.factors) > 1
    return {
        "name": lang.name,
        "title": questionnaire.title,
        "counter": getattr(counter.label, lang.names),
        "about": questionnaire.about,
        "notice": f"{questionnaire.notice} {lang.words['responsible']}: {contact}",
        "choose": lang.words["choose-sector" if len(counter.agencies) == 1 else "choose"],
        "choices": [choice._asdict() for choice in choices],
        "questions": [
            {"code": question.code, "factor": factor.name if several else "", "text": question.text}
            for factor in questionnaire.factors
            for question in factor.questions
        ],
        "scale": {str(choice.level or ""): choice.label for choice in questionnaire.scale},
        "words": {key: lang.words[key] for key in _WORDS} | {"no-answer": lang.reasons["no-answer"]},
    }
