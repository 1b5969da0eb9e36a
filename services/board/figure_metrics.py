"""The figures of the board as metrics, for Grafana: what the public may see, of the last 30 days.

A figure is there or it is not: absent, never zero, where nobody answered, where too few did, and while the ledger is
rebuilt. All are absent when the ledger could not be read for five minutes.

They are made in the background, never for a scrape. A part is made again half a minute after it was, later where making
it took long, so that each takes a thirtieth of a worker's time; but after five minutes, for it may have taken long
because the ledger hung. Where the ledger has not changed, only that is asked. Agencies are read a hundred at a time;
readers of pages come between.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.board.figures import Figure, method_of_block, methods_in_use
from services.board.metrics import OF_AGENCY, OF_SCOPE, OTHERS
from services.board.parts import Parts, is_current
from services.board.reading import Question, TallyReader
from services.board.scopes import is_published, scope_of
from services.board.silence import days_looked_at, months_looked_at, scopes_of, silent_counters
from sipas.ledger import LedgerAway
from sipas.registry import PROVINCE
from sipas.telemetry import logger

PERIOD = "last-30d"
EVERY_S = 30.0
REST = 30
"""How many times as long as making a part took it is left alone."""
REST_AT_MOST_S = 300.0
KNOWN_FOR_S = 300.0
AT_ONCE = 100
TICK_S = 2.0

T = TypeVar("T")
Values = Mapping[str, float]

_log = logger("board")


@dataclass
class _Part:
    """Metrics that are made together. `state` is the same as long as they are."""

    make: Callable[[], list[Metric]]
    state: Callable[[], object]
    rest: int = REST
    of: object = None
    made: list[Metric] = field(default_factory=list)
    due: float = 0.0


class FigureMetrics(Collector):
    """Gives the newest figures to every scrape; `turn` makes those that are due."""

    def __init__(
        self,
        parts: Parts,
        reader: TallyReader,
        *,
        clock: Callable[[], float] = time.monotonic,
        unix: Callable[[], float] = time.time,
    ) -> None:
        self._board = parts
        self._reader = reader
        self._clock = clock
        self._unix = unix
        self._read_at: float | None = None
        self._why_not = ""

        def state(*, shown: bool) -> object:
            return parts.registry(), parts.today(), reader.state(shown=shown)

        self._parts = (
            # asks little, and tells whether the others stand still
            _Part(self._newest, lambda: reader.state(shown=False), rest=0),
            _Part(self._of_agencies, lambda: state(shown=True)),
            _Part(self._of_scopes, lambda: state(shown=True)),
            _Part(self._silent, lambda: state(shown=False)),
        )

    def start(self) -> None:
        """Make them in the background, as long as the process lives."""
        threading.Thread(target=self._run, name="figure-metrics", daemon=True).start()

    def collect(self) -> Iterator[Metric]:
        """What is known now."""
        read_at = self._read_at
        if read_at is None:
            return
        yield _gauge("sipas_board_figures_read_timestamp_seconds", OTHERS, (), [((), read_at)])
        if self._unix() - read_at <= KNOWN_FOR_S:
            for part in self._parts:
                yield from part.made

    def turn(self) -> None:
        """Make what is due. Raises `LedgerAway`."""
        for part in self._parts:
            began = self._clock()
            if began < part.due:
                continue
            state = part.state()
            if state != part.of:
                part.made, part.of = part.make(), state
            self._read_at = self._unix()
            now = self._clock()
            part.due = now + max(EVERY_S, min(REST_AT_MOST_S, part.rest * (now - began)))

    def _run(self) -> None:
        while True:
            try:
                self.turn()
                self._why_not = ""
            except LedgerAway as reason:
                self._complain("the figures for Prometheus cannot be read", str(reason))
            except Exception as reason:  # noqa: BLE001 - pages are worth more than metrics; an alert tells of their age
                self._complain("the figures for Prometheus cannot be made", f"{type(reason).__name__}: {reason}")
            time.sleep(TICK_S)  # the ledger announces nothing; what has not changed is only asked about

    def _complain(self, what: str, why: str) -> None:
        if why != self._why_not:
            _log.error(what, reason=why)
        self._why_not = why

    # --- what is made -----------------------------------------------------------------------------------------

    def _newest(self) -> list[Metric]:
        newest = self._reader.newest_minute()
        known = [] if newest is None else [((), newest.timestamp())]
        return [_gauge("sipas_board_newest_counted_timestamp_seconds", OTHERS, (), known)]

    def _of_agencies(self) -> list[Metric]:
        board = self._board
        registry, today, period = board.registry(), board.today(), board.period(PERIOD)
        in_use = methods_in_use(registry)
        current = [agency for agency in registry.agencies.values() if is_current(agency)]
        questions = [Question(one.id, board.method(None, in_use.get(one.id)), period) for one in current]
        figures = [figure for some in _some(questions) for figure in board.figures.of(some, live=False)]
        rows: list[tuple[tuple[str, ...], Values]] = []
        for agency, figure in zip(current, figures, strict=True):
            values = _values(figure, "sipas_index")
            target = registry.target_on(agency.id, figure.index.method, today)
            if target is not None:
                values["sipas_index_target_percent"] = target.percent
            rows.append(((agency.id, agency.block, figure.index.method), values))
        names = [
            ((one.id, one.block, one.name.vi, registry.blocks[one.block].name.vi), 1.0)
            for one in current
            if one.block in registry.blocks
        ]
        return [
            *_gauges(OF_AGENCY, ("agency", "block", "method"), rows),
            _gauge("sipas_agency_info", OTHERS, ("agency", "block", "name", "block_name"), names),
        ]

    def _of_scopes(self) -> list[Metric]:
        board = self._board
        registry, period = board.registry(), board.period(PERIOD)
        in_use = methods_in_use(registry)
        rows = []
        for name in (PROVINCE, *(f"block:{block}" for block in registry.blocks)):
            scope = scope_of(name, registry)
            if scope is None:
                continue
            method = board.method(None, method_of_block(in_use, scope.agencies))
            figure, sheets = board.figures.together(
                name, [Question(agency, method, period) for agency in scope.agencies], live=False
            )
            if is_published(scope, registry, sheets, board.publication_minimum):
                rows.append(((name, method), _values(figure, "sipas_scope_index")))
            _let_others_run()
        return _gauges(OF_SCOPE, ("scope", "method"), rows)

    def _silent(self) -> list[Metric]:
        board = self._board
        registry, today = board.registry(), board.today()
        days, months = days_looked_at(today, board.holidays), months_looked_at(today)
        scopes = scopes_of(registry.counters.values())
        found = [one for some in _some(scopes) for one in self._reader.sheets_of_parts(some, (*days, *months))]
        silent = silent_counters(registry.counters.values(), dict(zip(scopes, found, strict=True)), days, months)
        known = [
            ((id_, registry.agencies[id_].block), float(n)) for id_, n in silent.items() if id_ in registry.agencies
        ]
        return [_gauge("sipas_silent_counters", OTHERS, ("agency", "block"), known)]


def _values(figure: Figure, prefix: str) -> dict[str, float]:
    """Of a figure that the public may see; nothing else is told, not even how many sheets there are."""
    index = figure.index
    if not figure.tells or index.percent is None:
        return {}
    values = {f"{prefix}_percent": float(index.percent), f"{prefix}_responses": float(index.responses)}
    if index.interval is not None:
        low, high = map(float, index.interval)
        values |= {f"{prefix}_interval_low_percent": low, f"{prefix}_interval_high_percent": high}
    return values


def _gauges(
    helps: Mapping[str, str], labels: Sequence[str], rows: Iterable[tuple[tuple[str, ...], Values]]
) -> list[Metric]:
    rows = list(rows)
    return [
        _gauge(name, helps, labels, ((of, values[name]) for of, values in rows if name in values)) for name in helps
    ]


def _gauge(
    name: str, helps: Mapping[str, str], labels: Sequence[str], values: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    made = GaugeMetricFamily(name, helps[name], labels=list(labels))
    for of, value in values:
        made.add_metric(list(of), value)
    return made


def _some(all_: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(all_), AT_ONCE):
        yield all_[first : first + AT_ONCE]
        _let_others_run()


def _let_others_run() -> None:
    time.sleep(0)  # gevent changes greenlets only where one waits: pages must not wait for a whole province
