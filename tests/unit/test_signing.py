"""Secrets are replaced without a break: what an older one signed is still ours."""

import pytest
from itsdangerous import BadSignature

from sipas.signing import signer

OLD, NEW = "o" * 32, "n" * 32


def test_what_the_old_secret_signed_is_read_while_both_are_given() -> None:
    signed = signer((OLD,), "salt").dumps("x")
    assert signer((NEW, OLD), "salt").loads(signed) == "x"


def test_the_newest_secret_signs() -> None:
    signed = signer((NEW, OLD), "salt").dumps("x")
    assert signer((NEW,), "salt").loads(signed) == "x"
    with pytest.raises(BadSignature):
        signer((OLD,), "salt").loads(signed)


def test_before_it_signs_a_new_secret_can_be_made_known_everywhere() -> None:
    signed = signer((NEW, OLD), "salt").dumps("x")
    assert signer((OLD, NEW), "salt").loads(signed) == "x"


def test_a_secret_that_is_no_longer_given_is_forgotten() -> None:
    signed = signer((OLD,), "salt").dumps("x")
    with pytest.raises(BadSignature):
        signer((NEW,), "salt").loads(signed)
