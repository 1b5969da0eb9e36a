"""`sipas spool`: answers and comments left on the disk by a survey that no longer runs."""

from __future__ import annotations

import sys

import click

from services.survey.intake import drain
from services.survey.outbox import Outbox
from services.survey.spools import Spools
from sipas.broker import KafkaAway, Publisher, PublishFailed
from sipas.settings import SurveySettings, load_or_exit


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


def _send(settings: SurveySettings, left: Spools, records: int) -> None:
    publisher = Publisher(settings.bootstrap, client_id=f"{settings.namespace}-spool")
    try:
        outbox = Outbox(publisher, settings.namespace, settings.zone)
        with click.progressbar(length=records, label="sending", file=sys.stderr) as bar:
            while sent := sum(drain(left, outbox)):
                bar.update(sent)
    finally:
        publisher.close()
