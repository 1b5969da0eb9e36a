"""Posters -> files. A file has its name only when it is complete: what is stopped half-way leaves none."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from multiprocessing import get_context, resource_tracker
from pathlib import Path
from typing import IO, TypeVar

from services.board.posters import fonts
from services.board.posters.content import Poster
from services.board.posters.draw_pdf import write_pdf
from services.board.posters.draw_png import write_png
from services.board.posters.draw_svg import svg
from services.board.posters.elements import Sheet
from services.board.posters.layout import sheet
from services.board.posters.targets import Format, Size

R = TypeVar("R")

FEW = 8
"""So many posters are drawn sooner than further processes have started."""


def undrawable(posters: Iterable[Poster]) -> list[str]:
    """What the font lacks, a line for each poster that needs it."""
    lacking = ((poster, fonts.missing(poster.texts())) for poster in posters)
    return [f"{poster.title}: the font has no {' '.join(map(repr, missing))}" for poster, missing in lacking if missing]


def print_together(posters: Sequence[Poster], size: Size, path: Path, done: Callable[[int], None]) -> None:
    """One PDF with a page for each poster. `done` is told how many are drawn. Raises `AddressTooLong` or OSError."""

    def told(sheets: Iterable[Sheet]) -> Iterator[Sheet]:
        for number, one in enumerate(sheets):
            yield one
            done(number + 1)

    title = posters[0].title if len(posters) == 1 else f"{len(posters)} – {posters[0].site}"
    # finding a symbol's best mask is most of the work, and a page of one file can only be drawn here
    with complete_file(path) as file, _spread(posters, partial(sheet, size=size, measure=fonts.measure)) as sheets:
        write_pdf(file, told(sheets), title)


def print_apart(
    posters: Sequence[Poster], size: Size, file_format: Format, paths: Sequence[Path], done: Callable[[int], None]
) -> None:
    """A file for each poster. `done` is told how many are written. Raises `AddressTooLong` or OSError."""
    with _spread(posters, partial(draw, size=size, file_format=file_format)) as documents:
        for number, (path, document) in enumerate(zip(paths, documents, strict=True)):
            with complete_file(path) as file:
                file.write(document)
            done(number + 1)


def draw(poster: Poster, size: Size, file_format: Format) -> bytes:
    """One poster's file."""
    page = sheet(poster, size, fonts.measure)
    if file_format == "svg":
        return svg(page).encode()
    file = BytesIO()
    if file_format == "png":
        write_png(file, page)
    else:
        write_pdf(file, [page], page.title)
    return file.getvalue()


@contextmanager
def complete_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name at the end, in place of one that had it, and is removed if there is no such end."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _spread(posters: Sequence[Poster], work: Callable[[Poster], R]) -> Iterator[Iterable[R]]:
    """What `work` makes of each, in order, on all cores where that is worth it."""
    cores = len(os.sched_getaffinity(0))
    if len(posters) <= FEW or cores == 1:
        yield map(work, posters)
        return
    with _interrupts_held_back():
        pool = ProcessPoolExecutor(cores, get_context("spawn"))
        made = pool.map(work, posters)
    try:
        yield made
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Ctrl-C goes to every process of the terminal; those that are started in here never see it, from their first
    moment on, and this one sees it afterwards.

    Children inherit what their thread blocks. Other threads do not block it, so it is also caught.
    """
    caught: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: caught.append(number))
    resource_tracker.ensure_running()  # where it starts later, it lets SIGINT through again
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if caught:
            signal.raise_signal(signal.SIGINT)
