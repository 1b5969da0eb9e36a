"""What leaders were told, as the log has it, for `sipas alerts`."""

from __future__ import annotations

import json

import click
import msgspec

from services.notifier.record import AlertLog
from sipas.events import AlertChanged, Delivered, Measured
from sipas.settings import KafkaSettings, load_or_exit


def list_alerts(agency: str | None, *, as_json: bool) -> None:
    """Print every change of state and each delivery; `agency`: only of this one."""
    settings = load_or_exit(KafkaSettings)
    read = AlertLog(settings.bootstrap, settings.namespace)
    read.catch_up()
    read.close()
    deliveries: dict[str, list[Delivered]] = {}
    for delivery in read.deliveries.values():
        deliveries.setdefault(delivery.alert_id, []).append(delivery)
    shown = [alert for alert in read.alerts.values() if agency in (None, alert.agency)]
    for alert in shown:
        of_alert = deliveries.get(alert.id, [])
        click.echo(_as_json(alert, of_alert) if as_json else _as_text(alert, of_alert))
    if not shown and not as_json:
        click.echo("no alerts")


def _as_json(alert: AlertChanged, deliveries: list[Delivered]) -> str:
    delivered = [msgspec.to_builtins(delivery) for delivery in deliveries]
    return json.dumps({**msgspec.to_builtins(alert), "delivered": delivered}, ensure_ascii=False)


def _as_text(alert: AlertChanged, deliveries: list[Delivered]) -> str:
    level = f"target {alert.target}" if alert.before is None else _measured(alert.before)
    notes = ["historical, never mailed"] if alert.historical else []
    if told_with := alert.state.get("told_with"):
        notes.append(f"told with {told_with}")
    first = (
        f"{alert.day}  {alert.agency}  {alert.method}  {alert.rule} {alert.kind}  {level} -> {_measured(alert.after)}"
    )
    lines = ["  ".join([first, *(f"({note})" for note in notes)])]
    lines += [f"    told {one.person} by {one.channel} at {one.at:%Y-%m-%d %H:%M}Z" for one in deliveries]
    return "\n".join(lines)


def _measured(measured: Measured | None) -> str:
    if measured is None:
        return "-"
    interval = "" if measured.interval is None else f" [{measured.interval[0]:.2f}, {measured.interval[1]:.2f}]"
    return f"{measured.percent:.2f}{interval} n={measured.responses}"
