"""Counter codes are typed from posters by hand: what is mistyped must not become another counter."""

import secrets
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipas.codes import ALPHABET, LENGTH, new_code, normalise, printed, with_check

codes = st.text(ALPHABET, min_size=LENGTH - 1, max_size=LENGTH - 1).map(with_check)
positions = st.integers(0, LENGTH - 1)


def replaced(code: str, position: int, character: str) -> str:
    return code[:position] + character + code[position + 1 :]


def swapped(code: str, one: int, other: int) -> str:
    return replaced(replaced(code, one, code[other]), other, code[one])


@pytest.mark.parametrize("code", [with_check("000000000"), with_check("7K3M9QX2T"), with_check("ZZZZZZZZZ")])
def test_every_single_wrong_character_is_caught(code: str) -> None:
    """All 310 of them; the code is linear, so what holds beside one code holds beside all."""
    wrong = [replaced(code, at, other) for at in range(LENGTH) for other in ALPHABET if other != code[at]]
    assert len(wrong) == 310
    assert not [text for text in wrong if normalise(text) is not None]


def test_every_swap_of_any_two_different_characters_at_any_two_places_is_caught() -> None:
    """All pairs of symbols at all pairs of places, so neighbours too; the rest of the code plays no part (linear)."""
    for one, other in combinations(range(LENGTH), 2):
        for a, b in combinations(ALPHABET, 2):
            spare = next(place for place in (LENGTH - 1, LENGTH - 2, LENGTH - 3) if place not in {one, other})
            text = replaced(replaced("0" * LENGTH, one, a), other, b)
            code = next(c for c in (replaced(text, spare, s) for s in ALPHABET) if normalise(c) is not None)
            assert normalise(swapped(code, one, other)) is None


@given(codes, positions, positions, st.sampled_from(ALPHABET))
def test_a_slip_in_any_code_is_caught(code: str, one: int, other: int, character: str) -> None:
    for slip in (replaced(code, one, character), swapped(code, one, other)):
        assert slip == code or normalise(slip) is None


@given(codes)
def test_a_code_means_itself_however_it_is_typed(code: str) -> None:
    as_people_type = code.replace("0", "o").replace("1", "l").lower()
    for text in (code, code.lower(), printed(code), f" {code[:5]} {code[5:]} ", as_people_type):
        assert normalise(text) == code


def test_letters_that_look_like_digits_are_digits() -> None:
    code = with_check("100000001")
    for one in "1IiLl":
        for zero in "0Oo":
            assert normalise(code.replace("1", one).replace("0", zero)) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7K3M9QX2T",
        with_check("7K3M9QX2T") + "0",
        "U000000000",
        "０" * 10,
        "ı000000001",
        "000000000\n",
        "../../../..",
    ],
    ids=["empty", "short", "long", "U", "full-width digits", "dotless i", "newline", "a path"],
)
def test_what_is_no_code_means_none(text: str) -> None:
    assert normalise(text) is None


@given(st.text(max_size=14))
def test_any_text_at_all_means_a_code_or_nothing(text: str) -> None:
    code = normalise(text)
    assert code is None or normalise(code) == code


def test_new_codes_are_valid_and_differ() -> None:
    made = [new_code(secrets.randbelow) for _ in range(200)]
    assert len(set(made)) == 200
    assert [normalise(code) for code in made] == made


def test_a_code_depends_on_nothing_but_the_draws() -> None:
    draws = iter([7, 19, 3, 20, 9, 23, 29, 2, 26])
    assert new_code(lambda _: next(draws)) == with_check("7K3M9QX2T")
