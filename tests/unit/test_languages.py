"""The languages of the citizens' pages: whole, or refused; and a third one is one file more."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import services.survey
from services.survey.languages import OF_METHODS, Language, LanguageError, load_languages
from services.survey.pages import Pages, Site
from services.survey.wording import wrong
from sipas.methods import load_methods
from sipas.registry import Registry
from tests.survey_stack import OPEN, small_registry

SURVEY = Path(services.survey.__file__).parent
LANGUAGES = load_languages()
METHODS = load_methods()


def further(code: str = "fr") -> dict[str, Any]:
    """A whole third language, made from the English one: each text says in which language it stands."""
    english = LANGUAGES["en"]
    return {
        "code": code,
        "name": "Français",
        "names": "en",
        "words": {key: f"{code}: {text}" for key, text in english.words.items()},
        "reasons": {key: f"{code}: {text}" for key, text in english.reasons.items()},
        "scale": {"none" if c.level is None else c.level: f"{code}: {c.label}" for c in _scale(english)},
        "methods": {
            key: {
                "title": f"{code}: {of.title}",
                "about": f"{code}: {of.about}",
                "notice": f"{code}: {of.notice}",
                "factors": {factor.code: f"{code}: {factor.name}" for factor in of.factors},
                "questions": {question.code: f"{code}: {question.text}" for question in of.questions},
            }
            for key, of in english.questionnaires.items()
        },
    }


def _scale(language: Language) -> Any:
    return next(iter(language.questionnaires.values())).scale


def loaded(directory: Path, document: dict[str, Any], name: str = "fr.yaml") -> Any:
    (directory / name).write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return load_languages(directory)


def problems(directory: Path, document: dict[str, Any], name: str = "fr.yaml") -> str:
    with pytest.raises(LanguageError) as caught:
        loaded(directory, document, name)
    return str(caught.value)


def test_the_package_speaks_vietnamese_first_and_english() -> None:
    assert list(LANGUAGES) == ["vi", "en"]
    assert [language.name for language in LANGUAGES.values()] == ["Tiếng Việt", "English"]


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_every_method_is_asked_in_every_language_in_the_order_of_its_form(language: Language) -> None:
    assert {key: tuple(q.code for q in of.questions) for key, of in language.questionnaires.items()} == {
        key: method.codes for key, method in METHODS.items()
    }


def test_the_two_languages_never_say_the_same() -> None:
    """A text that was copied and not translated shows here; the mark of a demo is Vietnamese in both."""
    vi, en = (LANGUAGES[code] for code in OF_METHODS)
    assert [key for key in vi.words if vi.words[key] == en.words[key]] == []
    assert [key for key in vi.reasons if vi.reasons[key] == en.reasons[key]] == []


def test_a_reason_is_told_to_programs_in_both_languages() -> None:
    detail = wrong("counter", "missing").detail
    assert (detail.vi, detail.en) == ("bắt buộc phải có", "is required")


def test_a_third_language_is_one_file(tmp_path: Path) -> None:
    """Every text of the form comes from the file, but for names, which the registry has in two languages."""
    languages = loaded(tmp_path, further())
    pages = Pages(languages, Site(demo=True, contact="(contact)", public_url="https://khaosat.example"))
    registry = Registry.fold(small_registry())
    counter = registry.counters[OPEN]
    page = pages.form(counter, registry, pages.language_of("fr")).with_token("(token)").decode()
    assert '<html lang="fr">' in page
    assert page.count("fr: ") > 40
    assert "Sở A (en)" in page
    for text in (*LANGUAGES["en"].words.values(), *LANGUAGES["vi"].words.values()):
        assert f">{text}<" not in page


def test_every_page_leads_to_the_other_languages(tmp_path: Path) -> None:
    languages = loaded(tmp_path, further())
    pages = Pages(languages, Site(contact="", public_url="https://khaosat.example"))
    registry = Registry.fold(small_registry())
    page = pages.form(registry.counters[OPEN], registry, languages["vi"]).with_token("").decode()
    assert f'lang="fr" hreflang="fr" href="/{OPEN}?lang=fr">Français</a>' in page
    assert f'href="/{OPEN}?lang=en">English</a>' in page


def test_an_unknown_language_is_vietnamese(tmp_path: Path) -> None:
    pages = Pages(LANGUAGES, Site(contact="", public_url="https://khaosat.example"))
    assert [pages.language_of(code).code for code in (None, "", "xx", "en")] == ["vi", "vi", "vi", "en"]


def test_a_file_tells_all_its_faults_at_once(tmp_path: Path) -> None:
    document = further()
    del document["words"]["send"]
    document["words"]["sendd"] = "?"
    document["reasons"]["missing"] = " "
    del document["scale"]["none"]
    del document["methods"]["quick-5@1"]["questions"]["STAFF"]
    del document["methods"]["overall-1@1"]
    said = problems(tmp_path, document)
    for place in (
        "fr.yaml: words.send: is missing",
        "fr.yaml: words.sendd: is not known here",
        "fr.yaml: reasons.missing: is empty",
        "fr.yaml: scale.none: is missing",
        "fr.yaml: methods.quick-5@1.questions.STAFF: is missing",
        "fr.yaml: methods.overall-1@1: is missing",
    ):
        assert place in said


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("fr.yaml", "code: [", "fr.yaml: while parsing"),
        ("fr.yaml", "code: fr\nname: a\nname: b", "written twice: name"),
        ("fr.yaml", "code: fr", "missing required field"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(LanguageError, match=why):
        load_languages(tmp_path)


def test_a_file_is_called_by_its_language_and_stands_there_once(tmp_path: Path) -> None:
    assert "the file of fr is called fr.yaml" in problems(tmp_path, further(), "french.yaml")
    assert "there is en already" in problems(tmp_path, further("en"), "en.yaml")


@pytest.mark.parametrize("path", [*SURVEY.glob("templates/*"), *SURVEY.glob("languages/*.yaml")], ids=lambda p: p.name)
def test_no_page_calls_our_figure_by_the_ministrys_name(path: Path) -> None:
    assert "SIPAS" not in path.read_text(encoding="utf-8")
