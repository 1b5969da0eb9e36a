"""gzip in two halves: whatever stands before, between and after, a browser reads what a plain answer would be."""

import base64
import gzip
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.survey.compression import Halves, accepts_gzip, gzipped

MARK = "@here@"
TEXT = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: "@" not in text)


@given(before=TEXT, after=TEXT, token=st.text("abcXYZ019._-", max_size=200), times=st.integers(1, 50))
def test_a_page_in_gzip_is_the_plain_page(before: str, after: str, token: str, times: int) -> None:
    halves = Halves.of(before * times + MARK + after * times, MARK)
    plain = halves.with_token(token)
    assert plain.decode() == before * times + token + after * times
    assert gzip.decompress(halves.gzipped_with_token(token)) == plain


def test_the_longest_token_fits_a_stored_block() -> None:
    halves = Halves.of(f"<p>{MARK}</p>", MARK)
    assert gzip.decompress(halves.gzipped_with_token("x" * 65535)) == halves.with_token("x" * 65535)


def test_a_page_costs_as_much_as_if_it_were_compressed_whole() -> None:
    page = "<p>Ông/Bà hài lòng ở mức nào?</p>" * 300 + MARK + "</form>"
    token = base64.urlsafe_b64encode(hashlib.sha512(b"as random as a signature").digest()).decode()
    assert len(Halves.of(page, MARK).gzipped_with_token(token)) < len(gzipped(page.replace(MARK, token).encode())) + 60


def test_a_page_without_a_place_for_its_token_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="has no @here@"):
        Halves.of("<p></p>", MARK)


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("GZIP", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip ; q=0.001", True),
        ("not-gzip", False),
    ],
)
def test_gzip_goes_only_to_who_accepts_it(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
