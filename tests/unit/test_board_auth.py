"""Who may read what: keys of the board."""

import pytest

from services.board.auth import may_read_live, require_read_key
from sipas.events import Entry
from sipas.problems import Problem
from sipas.registry import Registry, token_hash


def key(scope: str, *, revoked: bool = False) -> Entry:
    return Entry(
        kind="key",
        id=f"k-{scope}-{revoked}",
        history=({"scope": scope, "hash": token_hash(f"{scope}-{revoked}"), "revoked": revoked},),
    )


REGISTRY = Registry.fold([key("read"), key("submit"), key("import"), key("read", revoked=True)])


def test_without_a_key_the_reader_is_the_public() -> None:
    assert may_read_live(None, REGISTRY) is False


@pytest.mark.parametrize("header", ["Bearer read-False", "bearer read-False", "Bearer  read-False "])
def test_a_read_key_reads_live(header: str) -> None:
    assert may_read_live(header, REGISTRY) is True


@pytest.mark.parametrize(
    ("header", "status"),
    [
        pytest.param("Bearer nobody", 401, id="unknown"),
        pytest.param("Bearer read-True", 401, id="revoked"),
        pytest.param("Bearer", 401, id="no token"),
        pytest.param("", 401, id="empty"),
        pytest.param("Basic read-False", 401, id="another scheme"),
        pytest.param("Bearer submit-False", 403, id="scope submit"),
        pytest.param("Bearer import-False", 403, id="scope import"),
    ],
)
def test_a_wrong_key_is_refused_and_not_taken_for_the_public(header: str, status: int) -> None:
    with pytest.raises(Problem) as refused:
        may_read_live(header, REGISTRY)
    assert refused.value.status == status
    assert ("WWW-Authenticate" in refused.value.headers) == (status == 401)


def test_what_is_not_public_asks_for_a_key() -> None:
    with pytest.raises(Problem) as refused:
        require_read_key(None, REGISTRY)
    assert (refused.value.status, refused.value.code) == (401, "no-key")
