"""Why something is refused, in the two languages of our HTTP errors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from services.survey.languages import Language, load_languages
from sipas.problems import FieldError, Text


def wrong(field: str, code: str) -> FieldError:
    """A field error in the words of its code."""
    languages = _languages()
    return FieldError(field, code, Text(languages["vi"].reasons[code], languages["en"].reasons[code]))


@cache
def _languages() -> Mapping[str, Language]:
    # at the first refusal and not at import: every command of `sipas` would wait 0.1 s for it
    return load_languages()
