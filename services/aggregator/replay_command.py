"""`sipas replay`: count the log again into a second generation of the ledger, compare, switch, switch back."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, replace
from datetime import UTC, datetime
from multiprocessing import get_context

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from services.aggregator.counting import WrongLog
from services.aggregator.generations import LostDecisions, Switches, read_switches, switch
from services.aggregator.publish import hold_back
from services.aggregator.replay import Difference, Outcome, Plan, run
from sipas.broker import KafkaAway, Log, Topics, WrongTopics
from sipas.ledger import LedgerAway, Ledgers
from sipas.settings import LedgerSettings, load_or_exit
from sipas.tally_keys import TallyKeys, is_rebuilding

MOST_LINES = 40
GENERATION = re.compile(r"g[1-9][0-9]{0,5}")


@click.command()
@click.option("--switch", "publish", is_flag=True, help="publish the new generation when it has caught up")
@click.option("--back", is_flag=True, help="publish the generation again that was published before")
@click.option("--drop", metavar="GENERATION", help="delete a generation that is not published")
@click.option("--reason", default="", help="why; needed to switch to other integers, and kept with the switch")
@click.option("--processes", type=click.IntRange(1, 256), help="by default as many as there are processors")
@click.option("--json", "as_json", is_flag=True, help="print the outcome as JSON")
def replay(publish: bool, back: bool, drop: str | None, reason: str, processes: int | None, as_json: bool) -> None:
    """Count the log again from its beginning, into a new generation beside the live one, and compare them.

    The live generation goes on and stays published; nothing is told to anybody until --switch. A replay that was
    interrupted goes on where it stopped. The old generation is kept until --drop, for --back.

    Exit code 0: the integers are the same, or there is nothing to compare with. 1: they differ, or it failed.
    """
    if publish + back + (drop is not None) > 1:
        raise click.UsageError("--switch, --back and --drop are three different things")
    settings = load_or_exit(LedgerSettings)
    try:
        ledgers = Ledgers(settings.redis_url, settings.namespace)
        ledgers.wait_until_ready(5)
        switches = read_switches(settings.bootstrap, settings.namespace, ledgers)
        if drop is not None:
            _drop(ledgers, switches, drop)
            return
        job = Job(settings, ledgers, switches, processes or len(os.sched_getaffinity(0)), quiet=as_json)
        if back:
            job.go_back(reason or "switched back")
            return
        outcomes = job.fill(switches.building, compare=True)
        differences = [one for outcome in outcomes for one in outcome.differences]
        _tell(switches, outcomes, differences, as_json=as_json)
        if publish:
            if differences and not reason:
                raise click.ClickException(
                    f"{len(differences)} integers differ: not switched. If that is meant, say why: --reason"
                )
            job.publish(switches.building, reason or "counted again")
            return
    except (KafkaAway, WrongTopics, LedgerAway, LostDecisions, WrongLog) as why:
        raise click.ClickException(str(why)) from None
    if not as_json and all(outcome.reached for outcome in outcomes):
        click.echo(f"{switches.building} is ready; publish it with: sipas replay --switch")
    raise SystemExit(int(bool(differences) or not all(outcome.reached for outcome in outcomes)))


class Job:
    """Fills a generation, and publishes it."""

    def __init__(
        self, settings: LedgerSettings, ledgers: Ledgers, switches: Switches, processes: int, *, quiet: bool
    ) -> None:
        self._settings = settings
        self._ledgers = ledgers
        self._switches = switches
        self._processes = processes
        self._quiet = quiet
        topic = Topics(settings.namespace).responses
        log = Log(settings.bootstrap)
        self._topic_id, self._bounds = log.topic_id(topic), log.bounds(topic)
        log.close()

    def fill(self, generation: str, *, compare: bool) -> list[Outcome]:
        """Count the log into it up to where the published one stands; `compare` then compares the two."""
        live = self._switches.published.generation
        if any(self._is_rebuilt(live, number) for number in self._bounds):
            raise click.ClickException(f"{live}, the published generation, is being rebuilt itself; wait until it is")
        plan = Plan(
            self._settings.bootstrap, self._settings.redis_url, self._settings.namespace, live, generation, compare
        )
        # the longest first, so that the processes end together
        numbers = sorted(self._bounds, key=lambda number: self._bounds[number][0] - self._bounds[number][1])
        workers = min(self._processes, len(numbers))
        # spawn: Kafka's client must be made after a fork, and this process has threads
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            futures = [pool.submit(run, plan, numbers[worker::workers]) for worker in range(workers)]
            self._watch(futures, generation)
            found = [outcome for future in futures for outcome in future.result()]
        return sorted(found, key=lambda outcome: outcome.partition)

    def publish(self, generation: str, reason: str) -> None:
        """Let it catch up and be the published one; refused where a partition cannot."""
        behind = [outcome for outcome in self.fill(generation, compare=False) if not outcome.reached]
        if behind:
            raise click.ClickException(
                "not switched: "
                + "; ".join(
                    f"partition {one.partition} of {generation} is at {one.next_offset} of {one.goal}"
                    + (", paused by too many bad records (sipas dlq list, then sipas dlq accept)" if one.paused else "")
                    for one in behind
                )
            )
        live = self._switches.published.generation
        # the aggregator does the same for what comes until it follows
        for number in self._bounds:
            hold_back(self._keys(generation, number), self._keys(live, number), self._bounds[number][1])
        now = switch(
            self._settings.bootstrap, self._ledgers, self._switches, generation, reason=reason, at=datetime.now(UTC)
        )
        click.echo(
            f"{now.published.generation} is published, epoch {now.published.epoch}; {live} is kept until:"
            f" sipas replay --drop {live}"
        )

    def go_back(self, reason: str) -> None:
        """Publish the generation of before again, with what came since."""
        before = self._switches.previous
        if before is None:
            raise click.ClickException("nothing was switched, there is no generation to go back to")
        if any(self._keys(before, number).slot.position() is None for number in self._bounds):
            raise click.ClickException(f"{before} was dropped; count it again with: sipas replay --switch")
        self.publish(before, reason)

    def _is_rebuilt(self, generation: str, number: int) -> bool:
        """Whether an aggregator is counting what the numbers still lack; of another log, or a lost end, it cannot."""
        position = self._keys(generation, number).slot.position()
        if position is None or position["topic_id"] != self._topic_id:
            return False
        return is_rebuilding(position) and int(position["rebuild_until"]) <= self._bounds[number][1]

    def _keys(self, generation: str, number: int) -> TallyKeys:
        return TallyKeys.of(self._ledgers, number, generation)

    def _watch(self, futures: Sequence[Future[list[Outcome]]], generation: str) -> None:
        first = {number: first for number, (first, _) in self._bounds.items()}
        whole = sum(end - first for first, end in self._bounds.values())
        position_keys = {number: self._keys(generation, number).slot.key("position") for number in self._bounds}
        columns = (
            TextColumn("counting the log into {task.description}"),
            BarColumn(),
            TaskProgressColumn(show_speed=True),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), disable=self._quiet) as bar:
            task = bar.add_task(generation, total=whole)
            while wait(futures, timeout=0.5, return_when=FIRST_EXCEPTION).not_done:
                found = self._ledgers.hashes(list(position_keys.values()))
                done = sum(
                    int(position["next_offset"]) - first[number]
                    for number, position in zip(position_keys, found, strict=True)
                    if position
                )
                bar.update(task, completed=done)
                for future in futures:
                    if future.done():
                        future.result()  # its error ends the replay
            bar.update(task, completed=whole)


def _drop(ledgers: Ledgers, switches: Switches, generation: str) -> None:
    if not GENERATION.fullmatch(generation):
        raise click.ClickException(f"{generation} is no generation; they are called g1, g2, …")
    if generation == switches.published.generation:
        raise click.ClickException(f"{generation} is published")
    dropped = ledgers.drop(generation)
    click.echo(f"{generation}: {dropped} keys deleted")


def _tell(switches: Switches, outcomes: Sequence[Outcome], differences: Sequence[Difference], *, as_json: bool) -> None:
    live, filled = switches.published.generation, switches.building
    if as_json:
        partitions = [asdict(replace(outcome, differences=())) for outcome in outcomes]
        for partition in partitions:
            partition.pop("differences")
        click.echo(
            json.dumps(
                {
                    "live": live,
                    "filled": filled,
                    "partitions": partitions,
                    "differences": [one._asdict() for one in differences],
                },
                ensure_ascii=False,
            )
        )
        return
    for one in differences[:MOST_LINES]:
        click.echo(
            f"{one.agency} {one.method} {one.time} {one.kind} {one.field}: {live} has {one.live}, {filled} {one.filled}"
        )
    if len(differences) > MOST_LINES:
        click.echo(f"… and {len(differences) - MOST_LINES} more (all of them: --json)")
    for outcome in outcomes:
        if not outcome.reached:
            click.echo(f"partition {outcome.partition} is paused at {outcome.next_offset}: too many bad records")
    compared = [outcome for outcome in outcomes if outcome.compared]
    if len(compared) < len(outcomes):
        click.echo(
            f"{len(outcomes) - len(compared)} partitions cannot be compared: {live} counted another log, or none"
        )
    agencies = sum(outcome.agencies for outcome in compared)
    click.echo(f"{filled} and {live}: {len(differences)} integers differ, {agencies} agencies compared")
