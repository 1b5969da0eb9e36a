"""Links to an alert's page: what they open, for whom, and for how long."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipas.alert_links import VALID, AlertLinks, LinkExpired, LinkForged, Opened

SECRET = "s" * 32
LINKS = AlertLinks(SECRET)
KEY = ("so-noi-vu", "quick-5@1", "drop", date(2026, 9, 23))
NOW = datetime(2026, 11, 22, 3, 15, 42, tzinfo=UTC)


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.dates())
def test_a_link_says_which_alert_it_opens_and_for_whom(person: str, opened_on: date) -> None:
    key = (*KEY[:3], opened_on)
    assert LINKS.read(LINKS.token(key, person, at=NOW), now=NOW) == Opened(key, person)


def test_a_link_needs_no_escaping_and_fits_into_a_short_message() -> None:
    address = LINKS.address("https://board.example", KEY, "giam-doc-so-noi-vu", at=NOW)
    token = address.removeprefix("https://board.example/alerts/")
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert len(token) <= 120


def test_a_message_that_is_made_again_has_the_same_link() -> None:
    assert LINKS.token(KEY, "an", at=NOW) == LINKS.token(KEY, "an", at=NOW)


def test_a_link_is_valid_for_sixty_days() -> None:
    token = LINKS.token(KEY, "an", at=NOW)
    LINKS.read(token, now=NOW + timedelta(days=59, hours=23))
    with pytest.raises(LinkExpired):
        LINKS.read(token, now=NOW + VALID)


@pytest.mark.parametrize("other", ["", "x", "WyJhIl0.AAAA", "ÿ", "a.b.c"])
def test_what_we_did_not_make_opens_nothing(other: str) -> None:
    with pytest.raises(LinkForged):
        LINKS.read(other, now=NOW)


@given(st.integers(0, 10_000), st.characters(codec="ascii"))
def test_a_changed_link_opens_nothing_else(at: int, character: str) -> None:
    token = LINKS.token(KEY, "an", at=NOW)
    at %= len(token)
    changed = token[:at] + character + token[at + 1 :]
    try:
        assert LINKS.read(changed, now=NOW) == LINKS.read(token, now=NOW)
    except LinkForged:
        assert changed != token


def test_a_link_of_another_installation_opens_nothing() -> None:
    with pytest.raises(LinkForged):
        AlertLinks("t" * 32).read(LINKS.token(KEY, "an", at=NOW), now=NOW)
