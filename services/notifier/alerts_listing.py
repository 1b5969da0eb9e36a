"""What leaders were told and what people did about it, as the log has it, for `sipas alerts`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import click
import msgspec

from services.notifier.alert_life import read_book
from sipas.alert_book import Alert, AlertBook, AlertKey
from sipas.events import AlertChanged, AlertDecided, Delivered, Measured
from sipas.settings import KafkaSettings, load_or_exit


def list_alerts(agency: str | None, *, as_json: bool) -> None:
    """Print every change of state and each delivery; `agency`: only of this one."""
    for alert in _shown(_read(), agency, as_json=as_json):
        for change in alert.changes:
            of_change = [one for one in alert.told if change.id in (one.alert_id, *one.also)]
            click.echo(_change_as_json(change, of_change) if as_json else _change_as_text(change, of_change))
        if not as_json:
            for decided in alert.decisions:
                click.echo(f"    {decision_as_text(decided)}")


@click.command("list")
@click.option("--agency", metavar="ID", help="only this agency")
@click.option("--open", "only_open", is_flag=True, help="neither recovered nor closed")
@click.option("--json", "as_json", is_flag=True, help="one JSON object an alert")
def list_(agency: str | None, only_open: bool, as_json: bool) -> None:
    """List every alert with its life: who acknowledged it, what was done, how it ended."""
    for alert in _shown(_read(), agency, as_json=as_json, only_open=only_open):
        if as_json:
            click.echo(json.dumps(life(alert), ensure_ascii=False))
            continue
        newest = alert.newest
        click.echo(f"{alert_name(newest)}  {alert.standing}  {_level(newest)} -> {_measured(newest.after)}")
        for missed in alert.undelivered:
            click.echo(f"    has not reached {missed.person} since {missed.since:%Y-%m-%d %H:%M}Z")
        for decided in alert.decisions:
            click.echo(f"    {decision_as_text(decided)}")


def life(alert: Alert) -> dict[str, Any]:
    """An alert as plain JSON values, in the words of `/v1/alerts`."""
    newest = alert.newest
    plain: dict[str, Any] = msgspec.to_builtins(
        {
            "alert": alert_name(newest),
            "agency": newest.agency,
            "method": newest.method,
            "rule": newest.rule,
            "opened_on": newest.opened_on,
            "state": alert.state,
            "acknowledged": _decided(alert.acknowledged),
            "notes": [_decided(one) for one in alert.notes],
            "actions": [_decided(one) for one in alert.actions],
            "snoozed_until": alert.snoozed_until,
            "closed": _decided(alert.closed),
            "changes": [one.id for one in alert.changes],
            "delivered": list(alert.told),
            "undelivered": [{"person": one.person, "since": one.since} for one in alert.undelivered],
        }
    )
    return plain


def alert_name(event: AlertChanged) -> str:
    """What commands take for an alert."""
    return f"{event.agency}/{event.method}/{event.rule}/{event.opened_on}"


def key_by_name(book: AlertBook) -> dict[str, AlertKey]:
    """Every alert's name."""
    return {alert_name(alert.newest): key for key, alert in book.alerts.items()}


def decision_as_text(one: AlertDecided) -> str:
    """`acknowledged by an at 2026-09-23 03:42Z: the note`."""
    more = [f"until {one.until:%Y-%m-%d %H:%M}Z"] if one.until else []
    more += [f"after {one.after}"] if one.after else []
    said = " ".join([one.act, *more, f"by {one.by} at {one.at:%Y-%m-%d %H:%M}Z"])
    return f"{said}: {' / '.join(one.note.splitlines())}" if one.note else said


def _decided(one: AlertDecided | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"id": one.id, "act": one.act, "by": one.by, "at": one.at, "note": one.note, "after": one.after}


def _read() -> AlertBook:
    settings = load_or_exit(KafkaSettings)
    return read_book(settings.bootstrap, settings.namespace)


def _shown(book: AlertBook, agency: str | None, *, as_json: bool, only_open: bool = False) -> Iterator[Alert]:
    found = [
        alert
        for alert in book.alerts.values()
        if agency in (None, alert.newest.agency) and (alert.open or not only_open)
    ]
    if not found and not as_json:
        click.echo("no alerts")
    yield from found


def _change_as_json(change: AlertChanged, deliveries: Iterable[Delivered]) -> str:
    delivered = [msgspec.to_builtins(delivery) for delivery in deliveries]
    return json.dumps({**msgspec.to_builtins(change), "delivered": delivered}, ensure_ascii=False)


def _change_as_text(change: AlertChanged, deliveries: Iterable[Delivered]) -> str:
    notes = ["historical, never mailed"] if change.historical else []
    if told_with := change.state.get("told_with"):
        notes.append(f"told with {told_with}")
    facts = f"{change.rule} {change.kind}  {_level(change)} -> {_measured(change.after)}"
    first = f"{change.day}  {change.agency}  {change.method}  {facts}"
    lines = ["  ".join([first, *(f"({note})" for note in notes)])]
    lines += [f"    told {one.person} by {one.channel} at {one.at:%Y-%m-%d %H:%M}Z" for one in deliveries]
    return "\n".join(lines)


def _level(change: AlertChanged) -> str:
    return f"target {change.target}" if change.before is None else _measured(change.before)


def _measured(measured: Measured | None) -> str:
    if measured is None:
        return "-"
    interval = "" if measured.interval is None else f" [{measured.interval[0]:.2f}, {measured.interval[1]:.2f}]"
    return f"{measured.percent:.2f}{interval} n={measured.responses}"
