"""What another program is told of a change of state: the facts of the message, as JSON (docs/alerts-webhook.md). Pure.

It is the record's own figures under lasting names. A program is no head of a unit: no single counter stands in it.
Fields are only added; a change of meaning would be another `version`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.notifier.message import Links
from services.notifier.voice import state_of
from sipas.events import AlertChanged, Measured
from sipas.methods import Method
from sipas.registry import Registry

VERSION = 1


def payload(
    change: AlertChanged,
    *,
    registry: Registry,
    methods: Mapping[str, Method],
    links: Links,
    now: datetime,
    demo: bool = False,
) -> dict[str, Any]:
    """`type`, `timestamp` and `data` after Standard Webhooks; `data.id` is the same however often it is sent."""
    agency = registry.agency(change.agency)
    method = methods.get(change.method)
    question = next((one.question for one in method.criteria if one.code == change.criterion), None) if method else None
    fell = change.criterion_fell
    return {
        "type": f"alert.{state_of(change)}",
        "timestamp": now.isoformat(timespec="seconds"),
        "data": {
            "version": VERSION,
            "id": change.id,
            "demo": demo,
            "agency": change.agency,
            "agency_name": None if agency is None else {"vi": agency.name.vi, "en": agency.name.en},
            "method": change.method,
            "rule": change.rule,
            "kind": change.kind,
            "number": change.number,
            "state": change.phase,
            "opened_on": change.opened_on.isoformat(),
            "day": change.day.isoformat(),
            "since": None if change.since is None else change.since.isoformat(),
            "before": _measured(change.before),
            "target": change.target,
            "after": _measured(change.after),
            "after_days": change.days,
            "provisional": change.kind != "follow-up",
            "log_evidence": change.evidence,
            "false_alarm_days": change.state.get("rule", {}).get("false_alarm_days"),
            "criterion": None
            if change.criterion is None
            else {
                "code": change.criterion,
                "question": None if question is None else {"vi": question.vi, "en": question.en},
                "before": None if fell is None else fell.before,
                "after": None if fell is None else fell.after,
            },
            "days_url": links.days,
        },
    }


def _measured(measured: Measured | None) -> dict[str, Any] | None:
    if measured is None:
        return None
    interval = None if measured.interval is None else list(measured.interval)
    return {"percent": measured.percent, "interval": interval, "responses": measured.responses}
