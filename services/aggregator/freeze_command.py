"""`sipas freeze`: a period's result, for ever."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click

from services.aggregator.freezing import Behind, NotNow, Stack, read_results, tell
from services.aggregator.freezing import freeze as freeze_now
from services.aggregator.frozen import Frozen, versions_of
from services.aggregator.generations import LostDecisions
from sipas.broker import KafkaAway, PublishFailed, WrongTopics
from sipas.ledger import LedgerAway, Ledgers
from sipas.periods import ImpossiblePeriod, Period, UnknownPeriod
from sipas.settings import LedgerSettings, load_or_exit

GRACE = timedelta(days=3)
"""So long after a day phones that were offline still send its sheets."""
PATIENCE_S = 30.0


@click.command()
@click.argument("text", metavar="PERIOD")
@click.option("--restate", metavar="REASON", help="make a further version of a result that is frozen, and say why")
@click.option("--force-reason", metavar="REASON", help="freeze a period that is not over yet, and say why")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path(),
    help="where the file is written; by default here",
)
@click.option("--json", "as_json", is_flag=True, help="print what was frozen as JSON")
def freeze(text: str, restate: str | None, force_reason: str | None, directory: Path, as_json: bool) -> None:
    """Freeze the result of PERIOD, for example 2026-Q4: it goes to the topic of results and to a file.

    A period can be frozen when it is over, with three days for late phones, and all answers are counted. What comes
    later is counted and changes nothing frozen. Frozen already: the same file is written again.
    """
    settings = load_or_exit(LedgerSettings)
    now = datetime.now(UTC)
    period = calendar_period(text, now.astimezone(settings.zone).date())
    stack = Stack(settings.bootstrap, settings.namespace)
    try:
        versions = versions_of(period.text, read_results(stack))
        if restate is not None and not versions:
            raise click.ClickException(f"{period.text} was never frozen: there is nothing to restate")
        if versions and restate is None:
            frozen = versions[-1]
            click.echo(f"{period.text} is frozen already; a further version needs --restate", err=True)
        else:
            open_until = period.last + GRACE
            if now.astimezone(settings.zone).date() <= open_until and force_reason is None:
                raise click.ClickException(
                    f"{period.text} ends on {period.last} and sheets come until {open_until}: not frozen. If it must"
                    " be now, say why: --force-reason"
                )
            previous = versions[-1] if versions else None
            with_reason = {"reason": restate, "forced": force_reason}
            ledgers = Ledgers(settings.redis_url, settings.namespace)
            made = _patiently(lambda: freeze_now(stack, ledgers, period, previous, at=now, **with_reason))
            frozen = tell(stack, made, now)
            if frozen != made:
                raise click.ClickException(f"somebody else froze {period.text} meanwhile: {frozen.sha256}")
    except (KafkaAway, PublishFailed, WrongTopics, LedgerAway, LostDecisions, NotNow) as why:
        raise click.ClickException(str(why)) from None
    file = directory / f"{settings.namespace}-{frozen.period}-v{frozen.version}.json"
    file.write_bytes(frozen.content)
    _say(frozen, file, as_json=as_json)


def calendar_period(text: str, today: date) -> Period:
    """A period with fixed days. Raises click.BadParameter."""
    try:
        period = Period.parse(text, today)
    except (UnknownPeriod, ImpossiblePeriod) as why:
        raise click.BadParameter(str(why)) from None
    if period.text.startswith("last-"):
        raise click.BadParameter(f"{text} is another period every day")
    return period


def _patiently(attempt: Callable[[], Frozen]) -> Frozen:
    """The aggregator is a moment behind the log, always."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return attempt()
        except Behind:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)  # the ledger announces nothing


def _say(frozen: Frozen, file: Path, *, as_json: bool) -> None:
    document = frozen.document
    told = {
        "period": frozen.period,
        "version": frozen.version,
        "sha256": frozen.sha256,
        "previous": frozen.previous,
        "file": str(file),
        "agencies": len({number["agency"] for number in document["numbers"]}),
        "responses": sum(number["responses"] for number in document["numbers"]),
    }
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    click.echo(
        f"{frozen.period}, version {frozen.version}: {told['responses']} sheets of {told['agencies']} agencies\n"
        f"sha256 {frozen.sha256}\n"
        f"{file}"
    )
