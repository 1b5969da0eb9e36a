"""`sipas backtest`: an office tries the drop rule on its own history before switching it on. Asks no server."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from services.notifier.backtest import backtest as run_backtest
from services.notifier.backtest import events, rules_for
from services.notifier.backtest_summary import LANGUAGES, lines
from services.notifier.drop_rule import Rule
from services.notifier.history_file import read_histories, read_settings
from sipas.tables.lists import Fault

MOST_FAULTS = 100


class ShareParam(click.ParamType[float]):
    """A share, written as one or in the hundred: what is at least `points_from` is taken in the hundred."""

    name = "share"

    def __init__(self, points_from: float) -> None:
        self._points_from = points_from

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is no number", param, ctx)
        return number / 100 if number >= self._points_from else number


@click.command("backtest")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--target", type=ShareParam(1), metavar="PERCENT", help="watch this level (80, or 0.8), not the normal one"
)
@click.option("--false-alarm-days", type=float, metavar="DAYS", help="reporting days per false alarm; default 520")
@click.option("--unit", type=float, metavar="N", help="how many coin tosses one sheet is worth; default 1 (sipas unit)")
@click.option("--smallest-drop", type=ShareParam(0.5), metavar="POINTS", help="5, or 0.05; default 5 points")
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="JSONL",
    help='settings of single cases, one {"case": …, "settings": {…}} a line, by the names of docs/drop-rule.md',
)
@click.option("--json", "as_json", is_flag=True, help="only the changes of state, one JSON object a line")
@click.option(
    "--language",
    type=click.Choice(LANGUAGES),
    default="en",
    show_default=True,
    help="of the summary and the picture, which leaders may read; messages about FILE are in English",
)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="PNG", help="draw level and alerts")
def backtest(
    file: Path,
    settings_file: Path | None,
    plot: Path | None,
    as_json: bool,
    language: str,
    **options: float | None,
) -> None:
    """Say what the drop rule would have told about the past days in FILE.

    FILE is CSV or an Excel workbook with the columns case (or agency), day (2026-11-22, or a whole number that counts
    days), responses, and satisfied: the sum of each sheet's share of satisfied criteria, or of yes/no answers their
    number. Each day is judged once, on its full totals. Nothing is sent, and no server is asked.

    Exit code 1: something in FILE is wrong; then nothing was judged.
    """
    histories, faults = read_histories(file.read_bytes(), str(file))
    by_case: dict[str, Mapping[str, Any]] = {}
    if settings_file is not None:
        by_case, of_settings = read_settings(settings_file.read_bytes(), str(settings_file))
        faults += of_settings
    _stop_at(faults)
    given = {name: value for name, value in options.items() if value is not None}
    try:
        Rule(**given)  # type: ignore[arg-type]  # the options are named as its fields
    except ValueError as reason:
        raise click.UsageError(str(reason)) from reason
    paired, wrong = rules_for(histories, given, by_case)
    if wrong:
        raise click.ClickException("\n".join(wrong))
    # a bar on the terminal only: what is printed goes into files
    with click.progressbar(paired, label="judging", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        results = [run_backtest(history, rule) for history, rule in bar]
    if as_json:
        for result in results:
            for event in events(result):
                click.echo(json.dumps(event, ensure_ascii=False))
    else:
        for line in lines(results, language):
            click.echo(line)
    if plot is not None:
        # Pillow takes 0.1 s to import, for which nothing else should wait
        from services.notifier.backtest_plot import MOST_PANELS, draw  # noqa: PLC0415

        plot.write_bytes(draw(results, language))
        drawn = min(len(results), MOST_PANELS)
        click.echo(f"{drawn} of {len(results)} histories drawn to {plot}", err=True)


def _stop_at(faults: list[Fault]) -> None:
    for fault in faults[:MOST_FAULTS]:
        click.echo(str(fault), err=True)
    if len(faults) > MOST_FAULTS:
        click.echo(f"and {len(faults) - MOST_FAULTS:,} more", err=True)
    if faults:
        raise click.ClickException(f"{len(faults):,} wrong; nothing was judged")
