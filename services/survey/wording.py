"""Why something is refused, in the two languages of our HTTP errors."""

from __future__ import annotations

from services.survey.languages import load_languages
from sipas.problems import FieldError, Text

_LANGUAGES = load_languages()


def wrong(field: str, code: str) -> FieldError:
    """A field error in the words of its code."""
    return FieldError(field, code, Text(_LANGUAGES["vi"].reasons[code], _LANGUAGES["en"].reasons[code]))
