"""What a citizen does with a form: reads the words of their language and taps them."""

from collections.abc import Callable, Mapping

from services.survey.languages import load_languages
from sipas.events import Response
from tests.browser.phone import PATIENCE_S, Phone

LANGUAGES = load_languages()
WORDS = {code: language.words for code, language in LANGUAGES.items()}
QUICK = "quick-5@1"
Arrived = Callable[[], list[Response]]


def fill_in(phone: Phone, lang: str, levels: Mapping[str, int | None], method: str = QUICK) -> None:
    """Taps an answer to each of the questions named, in the order of the form."""
    questionnaire = LANGUAGES[lang].questionnaires[method]
    labels = {choice.level: choice.label for choice in questionnaire.scale}
    for question in questionnaire.questions:
        if question.code in levels:
            phone.choose(question.text, labels[levels[question.code]])


def thanked(phone: Phone, lang: str = "vi", timeout_s: float = PATIENCE_S) -> None:
    """Waits for the page that thanks."""
    thanks = phone.page.locator("main#thanks").get_by_role("heading", name=WORDS[lang]["thanks"])
    thanks.wait_for(timeout=timeout_s * 1000)


def ids(sheets: list[Response]) -> set[object]:
    """By which sheets are counted: the same id twice counts once."""
    return {sheet.response_id for sheet in sheets}
