"""The rights in `deploy` are what the code needs: on Kafka for each service what asyncapi says, on Redis its keys."""

import re

import pytest
import yaml

from services.notifier.courier import LEDGER as COURIER
from services.notifier.judge_loop import LEDGER as JUDGE
from sipas.broker import TOPIC_SETTINGS
from sipas.tally_keys import FIRST_GENERATION
from tests.contract.documents import ASYNCAPI, ROOT

RULES = yaml.safe_load((ROOT / "deploy/kafka/acls.yaml").read_text())
SERVICES = ("survey", "aggregator", "notifier", "board")
BY_COMMANDS = {
    "survey": set(),
    # dlq list and retry, freeze, replay
    "aggregator": {
        ("responses", "Write"),
        ("dlq", "Read"),
        ("decisions", "Write"),
        ("results", "Read"),
        ("results", "Write"),
    },
    # alerts acknowledge and the like
    "notifier": {("decisions", "Write")},
    # registry load, people load, scores load
    "board": {("registry", "Write"), ("people", "Write"), ("results", "Write")},
}
"""What a service's image does only by a command, which a person runs as the operator."""


def rights(user: str) -> set[tuple[str, str]]:
    return {(topic, operation) for topic, operations in RULES[user]["topics"].items() for operation in operations}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_do_on_kafka_what_asyncapi_says_of_it_but_for_its_commands(service: str) -> None:
    said = {
        (operation["channel"]["$ref"].rpartition("/")[2], {"send": "Write", "receive": "Read"}[operation["action"]])
        for operation in ASYNCAPI["operations"].values()
        if operation["x-service"] == service
    }
    assert {right for right in rights(service) if right[1] != "Describe"} == said - BY_COMMANDS[service]
    assert BY_COMMANDS[service] <= said


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_joins_the_groups_that_its_code_names(service: str) -> None:
    named = {
        group
        for path in (ROOT / "services" / service).glob("*.py")
        for group in re.findall(r'group=f"\{settings\.namespace\}\.([a-z]+)"', path.read_text())
    }
    assert set(RULES[service].get("groups", ())) == named


def test_the_backup_reads_all_that_cannot_be_counted_again_and_writes_nothing() -> None:
    assert rights("backup") == {(kind, "Read") for kind in TOPIC_SETTINGS.keys() - {"tallies", "dlq"}}


def test_nobody_but_the_operator_has_rights_on_whatever_begins_with_the_namespace() -> None:
    assert [user for user, rule in RULES.items() if "namespace" in rule] == ["operator"]


# --- Redis

ACL = {line.split()[1]: line.split()[2:] for line in (ROOT / "deploy/redis/users.acl").read_text().splitlines() if line}
KEYS = {
    "aggregator": {"g[0-9]*:*", "published"},
    "notifier": {f"{JUDGE}:*", f"{COURIER}:*"},
    "board": {"g[0-9]*:*", "published"},
    "operator": {"*"},
    "survey": {"burst:*", "burst-key"},
}


def allowed(user: str) -> set[str]:
    return {word[1:] for word in ACL[user] if word.startswith("+")}


@pytest.mark.parametrize("user", KEYS)
def test_a_user_has_the_keys_of_its_ledgers_in_one_namespace(user: str) -> None:
    assert {word for word in ACL[user] if word.startswith("~")} == {f"~${{NAMESPACE}}:{key}" for key in KEYS[user]}


def test_the_first_generation_is_one_of_those_that_are_allowed() -> None:
    assert re.fullmatch(r"g[0-9].*", FIRST_GENERATION)


@pytest.mark.parametrize("user", ["aggregator", "notifier"])
def test_who_keeps_a_ledger_may_call_whatever_the_scripts_call(user: str) -> None:
    called = {
        command.lower()
        for path in (ROOT / "sipas/lua").glob("*.lua")
        for command in re.findall(r"(?:redis\.call\(|in_chunks\()'([A-Z]+)'", path.read_text())
    }
    assert {"hset", "smismember", "unlink"} <= called
    assert called <= allowed(user)


def test_the_board_may_call_nothing_that_writes() -> None:
    assert not allowed("board") & {"hset", "hdel", "sadd", "set", "del", "unlink", "@write", "@all", "eval"}


def test_nobody_is_let_in_without_a_name_and_no_password_stands_in_the_file() -> None:
    assert ACL["default"] == ["off"]
    passwords = {user: [word for word in words if word.startswith((">", "#"))] for user, words in ACL.items()}
    assert passwords.pop("default") == []
    assert all(re.fullmatch(r">\$\{REDIS_[A-Z]+_PASSWORD\}", word) for [word] in passwords.values())
