"""Counter codes: ten characters of Crockford's base 32, the last a check character. Pure.

The check character makes sum(w_i x_i) = 0 in GF(32), where x_i are the characters' values and w_i = a^(9-i) are
ten different powers of a root `a` of the primitive polynomial x^5 + x^2 + 1 (a shortened Reed-Solomon code with one
check symbol). Every single wrong character is caught, because no weight is 0, and every swap of two characters,
neighbours or not, because no two weights are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

LENGTH = 10
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_POLYNOMIAL = 0b100101
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
# as people type them: any case, letters that look like digits, the gaps of the printed form
_FOLDED = str.maketrans("OIL", "011", " -")


def new_code(draw: Callable[[int], int]) -> str:
    """A fresh code; `draw(n)` gives a random number from 0 to n - 1 (`secrets.randbelow`)."""
    return with_check("".join(ALPHABET[draw(len(ALPHABET))] for _ in range(LENGTH - 1)))


def with_check(body: str) -> str:
    """Nine characters of the alphabet -> the code that begins with them."""
    # the last weight is 1, and adding in GF(32) is its own inverse: the check character is the sum itself
    return body + ALPHABET[_sum(_VALUE[character] for character in body + ALPHABET[0])]


def normalise(text: str) -> str | None:
    """What somebody typed or scanned -> the code it means; None if it means none."""
    if not text.isascii():  # upper() folds letters of other scripts onto ours
        return None
    code = text.upper().translate(_FOLDED)
    if len(code) != LENGTH or any(character not in _VALUE for character in code):
        return None
    return code if _sum(_VALUE[character] for character in code) == 0 else None


def printed(code: str) -> str:
    """A code as it stands on a poster: in groups that can be read aloud."""
    return f"{code[:3]}-{code[3:6]}-{code[6:]}"


def _sum(values: Iterable[int]) -> int:
    total = 0
    for value in values:  # Horner's rule: times a, plus the next
        total <<= 1
        if total > 31:
            total ^= _POLYNOMIAL
        total ^= value
    return total
