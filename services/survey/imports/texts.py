"""When two texts in a spreadsheet are the same to a reader. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# grave, tilde, acute, hook, dot below: combining marks of tone, and not those that make â, ă, ơ, ư of a and o and u
_TONES = "[\u0300\u0303\u0301\u0309\u0323]"
_TONE_ON_FIRST = re.compile(f"(?<=o){_TONES}[ae]|(?<=u){_TONES}y")


@lru_cache(maxsize=4096)  # a long file has few words
def folded(text: str) -> str:
    """One form for all ways of writing a text: letters apart from their marks or not, capitals, blanks, Hoà or Hòa.

    A tone counts: "bàn" is not "bán".
    """
    apart = unicodedata.normalize("NFD", " ".join(text.casefold().split()))
    moved = _TONE_ON_FIRST.sub(lambda found: found[0][::-1], apart)
    return unicodedata.normalize("NFC", moved)
