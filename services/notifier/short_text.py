"""Texts for a phone's screen: what a text message may cost, and the fullest one that stays within it. Pure.

A text of Vietnamese letters is sent as UCS-2, 70 units at once or 67 for each of several parts; a text that stays in
GSM 03.38 has 160 and 153. A part is what is paid for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST_PARTS = 3
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE = frozenset("^{}\\[~]|€")


def parts(text: str) -> int:
    """How many parts a text takes as a text message."""
    if all(sign in _GSM or sign in _GSM_TWICE for sign in text):
        units, alone, together = sum(2 if sign in _GSM_TWICE else 1 for sign in text), 160, 153
    else:
        units, alone, together = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if units <= alone else math.ceil(units / together)


def fullest(texts: Sequence[str]) -> str:
    """The first that fits, or the last, cut."""
    for text in texts:
        if parts(text) <= MOST_PARTS:
            return text
    last = texts[-1]
    while parts(f"{last}…") > MOST_PARTS:
        last = last[:-1]
    return f"{last}…"
