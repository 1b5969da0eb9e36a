"""`sipas poster`: which counters, which files; drawing is in `printing`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.board.posters import selection
from services.board.posters.content import poster_of
from services.board.posters.selection import NothingToPrint
from services.board.posters.targets import FORMATS, SIZES, Format, Size, WrongTarget, targets
from services.board.posters.typesetting import AddressTooLong
from sipas.broker import Topics
from sipas.codes import normalise
from sipas.follower import read_whole
from sipas.registry import Registry, known_facts
from sipas.settings import PublicSettings, load_or_exit


@click.command()
@click.option("--counter", "codes", multiple=True, metavar="CODE", help="this counter; may be given several times")
@click.option("--agency", metavar="ID", help="every counter that serves this agency")
@click.option("--place", metavar="ID", help="every counter of this place")
@click.option("--all", "everything", is_flag=True, help="every counter of the registry")
@click.option(
    "--size",
    type=click.Choice(SIZES),
    default="a4",
    show_default=True,
    help="a6-tent is a table tent: two A6 faces on a sheet of A5, to be folded",
)
@click.option("--format", "file_format", type=click.Choice(FORMATS), default="pdf", show_default=True)
@click.option("--separate", is_flag=True, help="one PDF for each counter (SVG and PNG are always so)")
@click.option("--output", help="file, or directory for one file each [default: posters-… in this directory]")
@click.option("--url", help="the survey's address as citizens see it [default: SIPAS_PUBLIC_URL]")
def poster(
    codes: Sequence[str],
    agency: str | None,
    place: str | None,
    everything: bool,
    size: Size,
    file_format: Format,
    separate: bool,
    output: str | None,
    url: str | None,
) -> None:
    """Make the posters that citizens scan, ready to print.

    Say which counters: --counter, --agency, --place or --all. You get one PDF with a page for each counter, ordered
    by place and counter. Counters whose code was revoked are left out, and you are told.

    \b
    sipas poster --counter 7H7-ZGP-HX43
    sipas poster --agency so-noi-vu --size a6-tent
    sipas poster --all --output posters.pdf
    sipas poster --all --format png --output posters/

    Print at actual size (100 %), on white paper. Black and white is enough.
    """  # noqa: D301 - click reads this as the character
    if sum(map(bool, (codes, agency, place, everything))) != 1:
        raise click.UsageError("say which counters: one of --counter, --agency, --place, --all")
    settings = load_or_exit(PublicSettings, {"SIPAS_PUBLIC_URL": url})
    newest = read_whole(settings.bootstrap, Topics(settings.namespace).registry, Registry.fold(()))
    facts = known_facts(newest.facts, settings.namespace)
    today = datetime.now(ZoneInfo(facts.timezone)).date()
    registry = newest.as_of(today)
    try:
        if codes:
            chosen, what = selection.by_codes(newest, registry, codes), normalise(codes[0]) or ""
        elif agency:
            chosen, what = selection.of_agency(newest, registry, agency), agency
        elif place:
            chosen, what = selection.of_place(newest, registry, place), place
        else:
            chosen, what = selection.of_all(newest, registry), "all"
    except NothingToPrint as reason:
        raise click.ClickException(str(reason)) from None
    for line in chosen.left_out:
        click.echo(line, err=True)
    together = file_format == "pdf" and not separate
    try:
        paths = targets(output, what, chosen.counters, size, file_format, together=together)
    except WrongTarget as reason:
        raise click.UsageError(str(reason)) from None
    posters = [
        poster_of(counter, registry, public_url=settings.public_url, printed_on=today) for counter in chosen.counters
    ]
    # the drawing libraries take half a second to import, for which no other command should wait
    from services.board.posters import printing  # noqa: PLC0415

    if undrawable := printing.undrawable(posters):
        raise click.ClickException("\n".join([*undrawable, "nothing was made"]))
    try:
        paths[0].parent.mkdir(parents=True, exist_ok=True)
        with _progress_bar(len(posters)) as done:
            if together:
                printing.print_together(posters, size, paths[0], done)
            else:
                printing.print_apart(posters, size, file_format, paths, done)
    except AddressTooLong:
        raise click.ClickException(f"{settings.public_url} is too long to stand on a poster of size {size}") from None
    except OSError as reason:
        raise click.ClickException(f"cannot write {reason.filename}: {reason.strerror}") from None
    where = paths[0] if len(paths) == 1 else f"{paths[0].parent}/"
    click.echo(f"{len(posters)} {'poster' if len(posters) == 1 else 'posters'} in {where}")
    click.echo(_ADVICE.format(url=settings.public_url, fold=_FOLD if size == "a6-tent" else ""))


_FOLD = "\n  Fold each sheet along the dashed line, print outwards."
_ADVICE = """\
Before you put them up:
  Print at actual size (100 %, not "fit to page").{fold}
  Scan one with a phone: the address that opens begins with {url}/
  Open {url}/check and type its code: the page names the counter."""


@contextmanager
def _progress_bar(total: int) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("posters", total=total)
        yield lambda done: bar.update(task, completed=done)
