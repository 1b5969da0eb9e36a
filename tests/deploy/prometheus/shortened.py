"""The rules as committed, made quick for tests: what they wait for is shortened, what they ask stays.

- Every window and every `for:` is divided by FACTOR, so that an hour is fifteen seconds, and is SHORTEST at least: a
  window needs a few scrapes.
- A threshold that is a time is not found by its form, so SECONDS names each with what it becomes. Two cannot become
  very short: the minute is all that is kept of when an answer came, and the board reads its ledger every half minute.
"""

import re
from pathlib import Path
from typing import Any

import yaml

FACTOR = 240
SHORTEST_S = 10
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
SECONDS = {
    "SipasSpoolOld": ("> 900", "> 8"),
    "SipasMessagesWait": ("> 900", "> 8"),
    "SipasCourierStuck": ("> 300", "> 45"),
    "SipasLedgerAway": ("> 300", "> 75"),
    "SipasFiguresStale": ("> 300", "> 150"),
    # an interval is a minute there
    "SipasBackupOld": ("> 3", "> 1.5"),
}


def seconds(duration: str) -> int:
    """ "1h" -> 15."""
    number, unit = int(duration[:-1]), duration[-1]
    return max(SHORTEST_S, number * UNITS[unit] // FACTOR)


def shortened(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule that waits less."""
    expr = re.sub(r"\[(\d+[smhd])\]", lambda found: f"[{seconds(found[1])}s]", rule["expr"])
    if (name := rule.get("alert")) in SECONDS:
        long, short = SECONDS[name]
        if long not in expr:
            raise ValueError(f"{name} has no {long}")
        expr = expr.replace(long, short)
    made = rule | {"expr": expr}
    return made | {"for": f"{seconds(rule['for'])}s"} if "for" in rule else made


def write_rules(source: Path, target: Path) -> None:
    """Every file of rules in `source`, shortened, into `target`."""
    target.mkdir()
    for path in source.glob("*.yaml"):
        read = yaml.safe_load(path.read_text("utf-8"))
        groups = [group | {"rules": [shortened(rule) for rule in group["rules"]]} for group in read["groups"]]
        (target / path.name).write_text(yaml.safe_dump({"groups": groups}, allow_unicode=True), "utf-8")
