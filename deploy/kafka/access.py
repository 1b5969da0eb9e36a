"""Kafka's users and what they may do, from files: `python -m deploy.kafka.access users FILE` and `… acls [FILE]`.

Run it as a super user of the brokers, with the same SIPAS_KAFKA_* settings as a service. Both may be run again: a user
gets the new password, an ACL that is there already stays. ACLs of these users in this namespace that the file does not
hold are named and left: whoever made them may still need them.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    UserScramCredentialUpsertion,
)

from sipas.bootstrap import Bootstrap
from sipas.broker import client_options
from sipas.settings import KafkaSettings, load_or_exit

ACLS = Path(__file__).with_name("acls.yaml")


class Allowed(NamedTuple):
    """One right of one user. `resource`: TOPIC, GROUP or TRANSACTIONAL_ID; `prefixed`: all that begin with `name`."""

    user: str
    resource: str
    name: str
    prefixed: bool
    operation: str


def allowed(rules: Mapping[str, Any], namespace: str) -> Iterator[Allowed]:
    """The rights that a file of `acls.yaml`'s form gives in a namespace."""
    for user, rule in rules.items():
        for kind, operations in rule.get("topics", {}).items():
            for operation in operations:
                yield Allowed(user, "TOPIC", f"{namespace}.{kind}.v1", prefixed=False, operation=operation)
        for group in rule.get("groups", ()):
            yield Allowed(user, "GROUP", f"{namespace}.{group}", prefixed=False, operation="Read")
        for operation in rule.get("namespace", ()):
            for resource in ("TOPIC", "GROUP", "TRANSACTIONAL_ID"):
                yield Allowed(user, resource, f"{namespace}.", prefixed=True, operation=operation)


def acl(right: Allowed) -> ACL:
    pattern = ACLResourcePatternType.PREFIXED if right.prefixed else ACLResourcePatternType.LITERAL
    return ACL(
        principal=f"User:{right.user}",
        host="*",
        operation=ACLOperation[right.operation.upper()],
        permission_type=ACLPermissionType.ALLOW,
        resource_pattern=ResourcePattern(ResourceType[right.resource], right.name, pattern),
    )


def apply_acls(bootstrap: Bootstrap, rules: Mapping[str, Any], namespace: str) -> tuple[list[ACL], list[ACL]]:
    """Make what is missing; returns what was made, and what stands there and is not of the file."""
    wanted = [acl(right) for right in allowed(rules, namespace)]
    with closing(KafkaAdminClient(client_id="sipas-access", **client_options(bootstrap))) as admin:
        there = [
            one
            for user in rules
            for one in admin.describe_acls(_of(user))[0]
            if one.resource_pattern.resource_name.startswith(f"{namespace}.")
        ]
        missing = [one for one in wanted if one not in there]
        failed = admin.create_acls(missing)["failed"] if missing else []
    if failed:
        raise SystemExit(f"the brokers refused {len(failed)} of {len(missing)} ACLs: {failed[0].__name__}")
    return missing, [one for one in there if one not in wanted]


def set_passwords(bootstrap: Bootstrap, passwords: Mapping[str, str]) -> None:
    """Make the users, or give them other passwords."""
    with closing(KafkaAdminClient(client_id="sipas-access", **client_options(bootstrap))) as admin:
        answers = admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(user, "SCRAM-SHA-512", password) for user, password in passwords.items()]
        )
    if wrong := {user: reason for user, reason in answers.items() if reason}:
        raise SystemExit("; ".join(f"{user}: {reason}" for user, reason in wrong.items()))


def _of(user: str) -> ACLFilter:
    everything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    return ACLFilter(f"User:{user}", None, ACLOperation.ANY, ACLPermissionType.ANY, everything)


def _read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise SystemExit(f"{path} must hold users, each with what is said of it")
    return found


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.kafka.access", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    users = commands.add_parser("users", help="make users, or change their passwords")
    users.add_argument("file", type=Path, help="YAML, user: password; keep it where only administrators read")
    acls = commands.add_parser("acls", help="give users their rights")
    acls.add_argument("file", type=Path, nargs="?", default=ACLS)
    given = parser.parse_args(words)
    settings = load_or_exit(KafkaSettings)
    if given.command == "users":
        passwords = _read(given.file)
        set_passwords(settings.bootstrap, passwords)
        print(f"set the passwords of {', '.join(passwords)}")
        return
    made, strange = apply_acls(settings.bootstrap, _read(given.file), settings.namespace)
    print(f"made {len(made)} ACLs")
    for one in strange:
        print(f"not in {given.file}: {one}")


if __name__ == "__main__":
    main(sys.argv[1:])
