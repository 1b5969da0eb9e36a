"""`sipas replay`: forget what was counted and count the log again from its first record."""

from __future__ import annotations

import click

from sipas.broker import Log, Topics
from sipas.ledger import Ledgers
from sipas.settings import LedgerSettings, load_or_exit


@click.command()
@click.option("--yes", is_flag=True, help="do not ask")
def replay(yes: bool) -> None:
    """Forget the ledger and count the log again from its beginning, in place.

    For a log that is not the ledger's log any more: restored from a copy, cut, or made anew on purpose. Stop the
    aggregator and the notifier first. Answers, registry and alerts are not touched, and no leader is told again
    what the alerts say he was told. Until the whole log is counted the figures are marked as being rebuilt.
    """
    settings = load_or_exit(LedgerSettings)
    log = Log(settings.bootstrap)
    names = Topics(settings.namespace)
    running = [group for group in ("aggregator", "judge") if log.members(f"{settings.namespace}.{group}")]
    if running:
        raise click.ClickException(
            "the aggregator and the notifier must be stopped first (one that was stopped just now counts as running"
            " for ten seconds more)"
        )
    if not yes:
        click.confirm(f"Forget all that is counted for the namespace {settings.namespace!r}?", abort=True)
    partitions, replication = log.shape(str(names.responses))
    forgotten = Ledgers(settings.redis_url, settings.namespace).forget()
    # the totals told before carry positions of the old log: readers would take them for newer than the new ones
    log.delete([str(names.tallies)])
    log.wait_until_gone(str(names.tallies))
    log.create(settings.namespace, partitions=partitions, replication=replication)
    log.close()
    click.echo(f"forgotten: {forgotten} keys of the ledger; start the aggregator and the notifier again")
