"""`sipas spool`: answers and comments on the disk, of surveys that no longer run or that are about to end."""

from __future__ import annotations

import sys
import time

import click

from services.survey.intake import drain
from services.survey.outbox import Outbox
from services.survey.spools import Spools, left_in
from sipas.broker import KafkaAway, Publisher, PublishFailed
from sipas.settings import SurveySettings, load_or_exit

LOOK_EVERY_S = 0.2
"""It is another process that sends, and its files are all that tells."""


@click.group()
def spool() -> None:
    """Answers kept on the disk while Kafka was away."""


@spool.command("drain")
def drain_left() -> None:
    """Send the answers and comments that dead survey processes left on this disk to Kafka.

    A running survey does this by itself.
    """
    settings = load_or_exit(SurveySettings)
    left = Spools.open(settings.spool_dir, max_bytes=settings.spool_max_mb * 1024 * 1024)
    try:
        found = left.adopt()
        if left.cut_bytes:
            click.echo(f"cut {left.cut_bytes} bytes of unfinished answers")
        if any(found):
            _send(settings, left, sum(found))
        click.echo(f"{found} sent" if any(found) else "nothing is left on the disk")
    except (KafkaAway, PublishFailed) as reason:
        click.echo(f"sipas: {reason}; {left.records} stay on the disk", err=True)
        sys.exit(1)
    finally:
        left.close()


@spool.command("wait")
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(0), help="how long at most")
def wait_until_sent(seconds: int) -> None:
    """Return when a running survey has sent all that is on this disk; exit code 1 where it has not in that time.

    For whoever is about to end it: what is sent needs no disk that comes back.
    """
    directory = load_or_exit(SurveySettings).spool_dir
    deadline = time.monotonic() + seconds
    while left := left_in(directory):
        if time.monotonic() >= deadline:
            click.echo(f"sipas: {left} bytes of answers and comments stay in {directory}", err=True)
            sys.exit(1)
        time.sleep(LOOK_EVERY_S)  # another process sends, and announces nothing
    click.echo("nothing is left on the disk")


def _send(settings: SurveySettings, left: Spools, records: int) -> None:
    publisher = Publisher(settings.bootstrap, client_id=f"{settings.namespace}-spool")
    try:
        outbox = Outbox(publisher, settings.namespace, settings.zone)
        with click.progressbar(length=records, label="sending", file=sys.stderr) as bar:
            while sent := sum(drain(left, outbox)):
                bar.update(sent)
    finally:
        publisher.close()
