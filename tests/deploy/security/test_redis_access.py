"""Every service is a user of its own on Redis: its own keys, the commands it uses, nothing else."""

import re
from pathlib import Path

import pytest
import redis

from sipas.ledger import LedgerAway, Ledgers, Place, Writes
from tests.deploy.security.secure_servers import Certificates, SecureRedis

REFUSED = re.compile("permission|can't (run|access)", re.IGNORECASE)


def ledgers(server: SecureRedis, user: str, namespace: str) -> Ledgers:
    return Ledgers(server.address(user), namespace)


def use(held: Ledgers, name: str) -> None:
    """Everything that a ledger does."""
    slot = held.slot(name, 0)
    slot.create(0, {"topic_id": "x"})
    slot.commit(
        0, {"next_offset": 1}, Writes(fields={slot.key("f"): {"a": "1", "b": "2"}}, members={slot.key("s"): [b"i"]})
    )
    slot.commit(1, {"next_offset": 2}, Writes(removed_fields={slot.key("f"): ["b"]}, unlinked=[slot.key("s")]))
    slot.lookup(2, [slot.key("s")], [b"i"])
    slot.snapshot([slot.key("f")])
    slot.values([Place(slot.key("f"), "a")])
    slot.settle(slot.key("f"), {"a": "1"})
    slot.note({"n": 1})
    slot.forget("n")
    slot.members(slot.key("s"))
    held.hashes([slot.key("f")])


@pytest.mark.parametrize(("user", "name"), [("aggregator", "g1"), ("notifier", "judge"), ("notifier", "courier")])
def test_whoever_keeps_a_ledger_can_do_all_that_a_ledger_does(
    provinces_redis: SecureRedis, namespace: str, user: str, name: str
) -> None:
    held = ledgers(provinces_redis, user, namespace)
    held.wait_until_ready(10)
    use(held, name)
    held.close()


def test_the_operator_builds_and_drops_a_generation(provinces_redis: SecureRedis, namespace: str) -> None:
    held = ledgers(provinces_redis, "operator", namespace)
    use(held, "g2")
    held.point("g2", 5)
    assert held.drop("g2") >= 1
    held.close()


def test_the_board_reads_tallies_and_writes_nothing(provinces_redis: SecureRedis, namespace: str) -> None:
    writer, board = (ledgers(provinces_redis, user, namespace) for user in ("aggregator", "board"))
    slot = writer.slot("g1", 0)
    slot.create(0, {})
    slot.commit(0, {"next_offset": 1}, Writes(fields={slot.key("total"): {"22": "x"}}))
    seen = board.slot("g1", 0)
    assert seen.values([Place(seen.key("total"), "22")]) == ({"next_offset": "1"}, [b"x"])
    assert board.hashes([board.pointer_key]) == [{}]
    with pytest.raises(redis.ResponseError, match=REFUSED):
        seen.commit(1, {"next_offset": 2}, Writes(fields={seen.key("total"): {"22": "y"}}))
    with pytest.raises(redis.ResponseError, match=REFUSED):
        board.point("g9", 9)
    assert slot.values([Place(slot.key("total"), "22")])[1] == [b"x"]
    writer.close()
    board.close()


FOREIGN = [
    ("aggregator", "judge"),
    ("aggregator", "courier"),
    ("notifier", "g1"),
    ("board", "judge"),
    ("board", "courier"),
]


@pytest.mark.parametrize(("user", "name"), FOREIGN)
def test_a_ledger_of_others_is_closed(provinces_redis: SecureRedis, namespace: str, user: str, name: str) -> None:
    held = ledgers(provinces_redis, user, namespace)
    with pytest.raises(redis.ResponseError, match=REFUSED):
        held.slot(name, 0).position()
    held.close()


@pytest.mark.parametrize("user", ["aggregator", "notifier", "board", "operator"])
@pytest.mark.parametrize("words", [("FLUSHALL",), ("KEYS", "*"), ("CONFIG", "GET", "*"), ("ACL", "LIST"), ("GET", "x")])
def test_nobody_but_the_admin_can_empty_it_or_look_around(
    provinces_redis: SecureRedis, user: str, words: tuple[str, ...]
) -> None:
    with (
        redis.Redis.from_url(provinces_redis.address(user)) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.execute_command(*words)


def test_another_province_is_closed(provinces_redis: SecureRedis, namespace: str) -> None:
    held = ledgers(provinces_redis, "aggregator", f"{namespace}x")
    with pytest.raises(redis.exceptions.NoPermissionError):
        held.slot("g1", 0).position()
    held.close()


def test_a_wrong_password_is_said_at_once(provinces_redis: SecureRedis, namespace: str) -> None:
    held = Ledgers(provinces_redis.address("aggregator", name="board"), namespace)
    with pytest.raises(LedgerAway, match="no such user with this password"):
        held.wait_until_ready(60)
    held.close()


def test_a_password_is_replaced_while_both_are_valid(provinces_redis: SecureRedis, namespace: str) -> None:
    new = provinces_redis.address("aggregator").replace("aggregator-s-secret", "another-secret")
    with redis.Redis.from_url(provinces_redis.address("admin")) as admin:
        admin.execute_command("ACL", "SETUSER", "aggregator", ">another-secret")
        for url in (new, provinces_redis.address("aggregator")):
            held = Ledgers(url, namespace)
            assert held.slot("g1", 0).position() is None
            held.close()
        admin.execute_command("ACL", "SETUSER", "aggregator", "<aggregator-s-secret")
    late = ledgers(provinces_redis, "aggregator", namespace)
    with pytest.raises(LedgerAway, match="no such user"):
        late.wait_until_ready(60)
    late.close()


def test_who_has_no_name_gets_nothing(provinces_redis: SecureRedis, namespace: str) -> None:
    held = Ledgers(f"redis://127.0.0.1:{provinces_redis.port}/0", namespace)
    with pytest.raises(LedgerAway):
        held.hashes(["any"])
    held.close()


def test_the_limiter_counts_in_a_name_of_its_own(provinces_redis: SecureRedis, namespace: str) -> None:
    from services.survey.limiter import Limiter
    from sipas.settings import Rate

    limiter = Limiter(provinces_redis.address("limiter", name="survey"), namespace, Rate(2, 60), 0)
    over = [limiter.question(("198.51.100.7", 5000), [("USER-AGENT", "x")])("7K3M9QX2TB") for _ in range(3)]
    assert over == [False, False, True]


def test_a_ledger_is_kept_over_an_encrypted_connection(
    tmp_path: Path, namespace: str, certificates: Certificates
) -> None:
    with SecureRedis(tmp_path / "redis", namespace, certificates) as server:
        held = ledgers(server, "aggregator", namespace)
        held.wait_until_ready(10)
        use(held, "g1")
        held.close()
        stranger = Ledgers(server.address("aggregator").partition("?")[0], namespace)
        with pytest.raises(LedgerAway, match="certificate"):
            stranger.hashes(["any"])
        stranger.close()
