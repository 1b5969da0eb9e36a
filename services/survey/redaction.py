"""Takes out of a comment what could lead to a person: numbers of papers, telephones and accounts, e-mail addresses,
plates, dossier codes. Pure, standard library only.

It looks at a plain copy of the text in which every way of writing a character is one (full-width digits, marks that
cannot be seen, letters with and without diacritics), and puts readable marks into the original; what it does not take
out stays byte for byte. In doubt it takes out: nine digits that belong together are one number, whatever stands
between them, unless they can only be dates, times, money, numbers of legal documents or codes of procedures.

- Names, addresses and digits written as words ("không chín một") are not found: the form asks people to write none.
- Redacting a redacted text changes nothing.
- The time grows with the length of the text only: each expression starts where a word or a number starts, and what
  it repeats cannot be read in two ways. So no text can keep a worker busy.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

PAPER = "[số giấy tờ]"
PHONE = "[số điện thoại]"
EMAIL = "[thư điện tử]"
PLATE = "[biển số]"
DOSSIER = "[mã hồ sơ]"
NUMBER = "[dãy số]"
MARKS = (PAPER, PHONE, EMAIL, PLATE, DOSSIER, NUMBER)

LONG = 9
"""Digits of the shortest number that is taken out wherever it stands: an old identity card's."""


class _Found(NamedTuple):
    start: int
    end: int
    mark: str


class _Plain(NamedTuple):
    """The plain copy, and where in the original each of its characters begins; one place more for the end."""

    text: str
    places: tuple[int, ...]


def redact(text: str) -> str:
    """The text with a mark in place of each number, address or code that was found."""
    plain, places = _plain_copy(text)
    found: list[_Found] = []
    for find in (_emails, _dossiers, _plates, _old_plates, _numbers):
        here = list(find(plain))
        found += here
        for one in here:  # what is found cannot be part of anything else
            plain = _without(plain, one.start, one.end)
    parts: list[str] = []
    done = 0
    for one in sorted(found):
        parts += (text[done : places[one.start]], one.mark)
        done = places[one.end]
    return "".join((*parts, text[done:]))


_TAKEN = "\0"


def _without(plain: str, start: int, end: int) -> str:
    return plain[:start] + _TAKEN * (end - start) + plain[end:]


# --- the plain copy


@lru_cache(maxsize=4096)
def _as_plain(character: str) -> str:
    """What stands for a character: "" where it cannot be seen or only changes the one before it."""
    if character in "đĐ":
        return "d"
    made = ""
    for part in unicodedata.normalize("NFKD", character):
        digit = unicodedata.digit(part, None)
        if digit is not None:
            made += str(digit)
        elif part.isspace():
            made += " "
        elif unicodedata.category(part) not in {"Cf", "Cc", "Mn", "Me", "Mc"}:
            made += part.lower()
    return made


def _plain_copy(text: str) -> _Plain:
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        plain = _as_plain(character)
        characters.append(plain)
        places += [place] * len(plain)
    places.append(len(text))
    copy = _LETTER_FOR_NAUGHT.sub(lambda found: found[0].replace("o", "0"), "".join(characters))
    return _Plain(copy, tuple(places))


# O and 0 together, or a few O; a single one is more often the word "ở" or "ô", and one at a letter is part of a word
_LETTER_FOR_NAUGHT = re.compile(
    r"(?:(?<![^\W_])(?=o*+[0-9])|(?<![0-9o])(?=[0-9]))(?:[0-9o]++(?![^\W_])|[0-9o]*[0-9])|(?<![^\W_])o{2,6}+(?![^\W_])"
)


# --- e-mail addresses

_DOMAIN_END = r"(?:com|net|org|vn|edu|gov|info|biz|me|io)"
_MAILERS = r"(?:gmail|g mail|yahoo|hotmail|outlook|icloud|zoho|live|ymail|proton|protonmail)"
_AT = (
    r"(?:\ {0,3}(?:@|[(\[{<]\ ?(?:at|a\ ?cong|a\ ?moc)\ ?[)\]}>])\ {0,3}"
    r"|\ {1,3}(?:at|a\ ?cong|a\ ?moc)\ {1,3})"
)
_DOT_WORD = r"(?:\ {0,3}[(\[{<]\ ?(?:dot|cham)\ ?[)\]}>]\ {0,3}|\ {1,3}(?:dot|cham)\ {1,3})"
_ADDRESS = re.compile(
    # one word, or several joined; a dot with a gap on one side only ends a sentence
    rf"(?<!\w)\w++(?:(?:[.+%'&-]{{1,3}}|\ \.\ |{_DOT_WORD})\w++){{0,12}}[.+%'-]{{0,3}}"
    r"(?:"
    # as it should be written
    r"@[a-z0-9-]++(?:\.[a-z0-9-]++)*\.[a-z]{2,}"
    # as people write it for others to read: the end must be one that there is
    rf"|{_AT}[a-z0-9-]++(?:(?:\ ?\.\ ?|{_DOT_WORD})[a-z0-9-]++){{0,4}}?(?:\ ?\.\ ?|{_DOT_WORD}){_DOMAIN_END}\b"
    rf"(?:(?:\.|\ \.\ |{_DOT_WORD})vn\b)?"
    rf"|{_AT}{_MAILERS}\b(?:\ {_DOMAIN_END}\b)?"
    r")"
)


def _emails(plain: str) -> Iterator[_Found]:
    if "@" in plain or "at" in plain or "cong" in plain or "moc" in plain:
        end = 0
        while found := _ADDRESS.search(plain, end):
            start, end = found.span()
            yield _Found(start, end, EMAIL)
            plain = _without(plain, start, end)  # the next may stand right behind it


# --- dossier codes and plates

_UNIT = r"(?:dong(?!\ y\b)|d|vnd|nghin|ngan|trieu|ty|ti|usd)\b|₫"
_GAP = r"[\ .\-–—_]{0,3}"
_GAP_NEEDED = r"[\ .\-–—_]{1,3}"

_DOSSIER_CODE = re.compile(
    rf"(?<!\w)(?:\d{{3}}{_GAP}\d{{2}}{_GAP}\d{{2}}{_GAP})?[a-z]{_GAP}\d{{2}}(?:{_GAP_NEEDED}\d{{1,3}}(?!\d)){{0,6}}"
    rf"{_GAP}\d{{6}}{_GAP}\d{{4,7}}(?!\d)"
)

# province, series (a letter, a letter and a digit, or two letters as of diplomats), number
_SERIES = (
    rf"(?<!\w)[1-9]\d(?P<gap>{_GAP})(?P<series>[a-hk-npr-vx-z][1-9]?|(?<!\ )[a-hk-npr-vx-z]{{2}})(?P<next_gap>{_GAP})"
)
_NO_MORE = rf"(?!\d|[.,]\d|\ ?(?:{_UNIT}))"
_PLATE = re.compile(rf"{_SERIES}\d{{3}}[\ .\-–—]{{0,3}}\d{{2}}{_NO_MORE}")
_OLD_PLATE = re.compile(rf"{_SERIES}(?P<number>\d{{4}}){_NO_MORE}")
_NO_SERIES = re.compile(r"[hkm]|kg|km|tr|ty")
"""After two digits these are hours, thousands and measures at least as often as plates."""
_YEAR = re.compile(r"(?:19|20)\d\d")


def _dossiers(plain: str) -> Iterator[_Found]:
    for found in _DOSSIER_CODE.finditer(plain):
        yield _Found(*found.span(), DOSSIER)


def _plates(plain: str) -> Iterator[_Found]:
    for found in _PLATE.finditer(plain):
        yield _Found(*found.span(), PLATE)


def _old_plates(plain: str) -> Iterator[_Found]:
    """Those of four digits, and not "phòng 12A 2026", "15h 2026" or "12 a 1000"."""
    for found in _OLD_PLATE.finditer(plain):
        unlike = _NO_SERIES.fullmatch(found["series"]) or _YEAR.fullmatch(found["number"])
        if " " not in found["gap"] and ("-" in found["next_gap"] or not unlike):
            yield _Found(*found.span(), PLATE)


# --- numbers

_BETWEEN = r"(?:[\ .\-–—_/:()·•*+|'~]|,(?=\d))"
"""What may stand between the digits of one number. A comma and a gap part the numbers of a list."""
_RUN = re.compile(rf"\d(?:{_BETWEEN}{{0,4}}\d)*+")

_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_THIS_OR_LAST_CENTURY = r"(?:19|20)\d\d"
_MONEY = r"[1-9]\d{0,2}(?:[.,]\d{3})++"
_FREE = r"(?<![\d])(?<!\d[.\-–/:])"
_ENDS = r"(?!\d|[.\-–/:]\d)"
# these part a number wherever they stand: nobody writes a number of the listed kinds so
_ORDINARY = re.compile(
    rf"(?<!\d)(?<!\d[./]){_DAY}/{_MONTH}/{_THIS_OR_LAST_CENTURY}(?!\d|/\d)"
    rf"|(?<!\d)(?<!\d[./])\d{{1,5}}/{_THIS_OR_LAST_CENTURY}(?!\d|/\d)"
    rf"|{_FREE}[1-9]\.\d{{6}}\.000\.00\.00\.[a-z]\d\d{_ENDS}"
)
# these only where the whole run is made of them: "22-11-2026 8:30", "7:30-11:30 13:30-17:00"
_ORDINARY_PART = (
    rf"(?>{_DAY}-{_MONTH}-{_THIS_OR_LAST_CENTURY}|{_DAY}\.{_MONTH}\.{_THIS_OR_LAST_CENTURY}"
    rf"|{_THIS_OR_LAST_CENTURY}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"|(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d)?+|[1-9]\.\d{6})(?!\d)"
)
_MONEY_RUN = re.compile(rf"{_MONEY}(?:[\ \-–]{{1,3}}{_MONEY})?+")
_MONEY_UNIT = re.compile(rf"\ ?(?:{_UNIT})")
_ORDINARY_RUN = re.compile(rf"{_ORDINARY_PART}(?:[\ ,\-–()]{{1,4}}{_ORDINARY_PART})*+")

_BEFORE = 48
_WORDS_BETWEEN = r"(?:[\ :.\-–]{1,4}(?:so|la|cua|toi|em|minh|anh|chi|nay|ngan|hang|nhan|dan|cong)){0,4}[\ :.\-–]{0,4}"
_SAID_TO_BE = tuple(
    (re.compile(rf"(?<!\w)(?:{words}){_WORDS_BETWEEN}\Z"), fewest, mark)
    for words, fewest, mark in (
        (r"dien thoai|sdt|so may|dt|dtdd|di dong|may ban|zalo|tel|phone|mobile|goi|lien he|lh", 7, PHONE),
        (r"stk|tai khoan|tk|account", 6, NUMBER),
        (r"cccd|cmnd|cmt|cmtnd|can cuoc|chung minh|dinh danh|ho chieu|passport", 6, PAPER),
    )
)
_PASSPORT = re.compile(r"(?<!\w)[a-z]\d{7,8}(?!\w)")
_FREE_CALL = re.compile(r"1[89]00")


def _numbers(plain: str) -> Iterator[_Found]:
    parted = _ORDINARY.sub(lambda found: _TAKEN * len(found[0]), plain)
    for found in _PASSPORT.finditer(parted):
        yield _Found(*found.span(), PAPER)
    parted = _PASSPORT.sub(lambda found: _TAKEN * len(found[0]), parted)
    for found in _RUN.finditer(parted):
        if not _is_ordinary(parted, found):
            for start, end in _apart(found):
                if mark := _mark_of(parted, start, end):
                    yield _Found(_with_sign(parted, start, end), end, mark)


def _is_ordinary(plain: str, run: re.Match[str]) -> bool:
    """Whether the run can only be days and times, or an amount of money."""
    if _ORDINARY_RUN.fullmatch(run[0]):
        return True
    return bool(_MONEY_RUN.fullmatch(run[0]) and _MONEY_UNIT.match(plain, run.end()))


def _apart(run: re.Match[str]) -> list[tuple[int, int]]:
    """A run as one number, or as several with gaps between them where each is long enough by itself."""
    pieces = [piece.span() for piece in re.finditer(r"\d(?:[^ ]*\d)?", run[0])]
    if len(pieces) > 1 and all(_count(run[0][start:end]) >= LONG for start, end in pieces):
        return [(run.start() + start, run.start() + end) for start, end in pieces]
    return [run.span()]


def _mark_of(plain: str, start: int, end: int) -> str | None:
    """The mark of a number, None where it may stay."""
    digits = re.sub(r"\D", "", plain[start:end])
    before = plain[max(0, start - _BEFORE) : start].rstrip("+(")
    for words, fewest, mark in _SAID_TO_BE:
        if len(digits) >= fewest and words.search(before) and not _FREE_CALL.match(digits):
            return mark
    if len(digits) < LONG:
        return None
    local = re.sub(r"\A(?:0084|84)0?", "0", digits)
    if len(local) in {10, 11} and local[0] == "0" and local[1] in "235789":
        return PHONE
    return PAPER if len(digits) in {9, 12} else NUMBER


def _with_sign(plain: str, start: int, end: int) -> int:
    """Where a number begins that has a plus before it, or a bracket that it closes."""
    while start and (plain[start - 1] == "+" or (plain[start - 1] == "(" and ")" in plain[start:end])):
        start -= 1
    return start


def _count(text: str) -> int:
    return sum(character.isdigit() for character in text)
