"""`sipas spool`: answers left on the disk by a survey that no longer runs."""

from __future__ import annotations

import sys

import click

from services.survey.intake import drain
from services.survey.outbox import Outbox
from services.survey.spool import Spool
from sipas.broker import KafkaAway, Publisher, PublishFailed
from sipas.settings import SurveySettings, load_or_exit


@click.group()
def spool() -> None:
    """Answers kept on the disk while Kafka was away."""


@spool.command("drain")
def drain_left() -> None:
    """Send what dead survey processes left on this disk to Kafka. A running survey does this by itself."""
    settings = load_or_exit(SurveySettings)
    left = Spool(settings.spool_dir, max_bytes=settings.spool_max_mb * 1024 * 1024)
    try:
        records = left.adopt()
        if left.cut_bytes:
            click.echo(f"cut {left.cut_bytes} bytes of unfinished answers")
        if records:
            _send(settings, left, records)
        click.echo(f"{records} answers sent" if records else "nothing is left on the disk")
    except (KafkaAway, PublishFailed) as reason:
        click.echo(f"sipas: {reason}; {left.records} answers stay on the disk", err=True)
        sys.exit(1)
    finally:
        left.close()


def _send(settings: SurveySettings, left: Spool, records: int) -> None:
    publisher = Publisher(settings.bootstrap, client_id=f"{settings.namespace}-spool")
    try:
        outbox = Outbox(publisher, settings.namespace)
        with click.progressbar(length=records, label="sending", file=sys.stderr) as bar:
            while sent := drain(left, outbox):
                bar.update(sent)
    finally:
        publisher.close()
