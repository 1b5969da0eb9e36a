"""What the drop rule's promise is worth in a simulated fleet, how fast it finds a fall, and what judging costs.

    python -m bench.fleet [--agencies 600] [--falls 500] [--processes 1] [--part cost …]

Seeded: the same on every machine. Prints the tables of docs/drop-rule.md and which bars are missed. An agency's days
are beta-binomial about one level: 260 reporting days a year, busier on Mondays than on Fridays, some days busier than
others, answers of one day alike by an ICC of 0.015, 0.03 or 0.045 (a third of the agencies each). Every day is judged
on its full totals and closed. All of it takes ten minutes of processor time.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import cache, partial
from itertools import islice, product
from multiprocessing import Pool
from random import Random
from typing import NamedTuple

from bench.machine import machine
from services.notifier.drop_rule import Day, Detector, Rule, close, judge, level, refold
from services.notifier.judge import Scope, Series
from services.notifier.judge_loop import pack_watchers
from services.notifier.passage import Course, Told, take
from services.notifier.totals import Total
from sipas.events import AgencyDay, decode_agency_day, encode
from sipas.tally import sheet_fields
from tests.simulated_periods import cumulated

SIZES = (5, 20, 100, 500)
LEVELS = (0.75, 0.85, 0.95)
ICCS = (0.015, 0.03, 0.045)
BY_WEEKDAY = (1.3, 1.1, 1.0, 0.9, 0.7)
BY_CHANCE = (0.8, 1.0, 1.2)
YEAR = 260
"""Reporting days from Monday to Friday."""

FALSE_ALARMS = (0.15, 0.55)
MEDIAN_DAYS = {5: 14, 20: 5, 100: 3, 500: 3}
PATIENCE = 90
HOURS_A_DAY = 8
CRITERIA = ("ACCESS", "PROC", "STAFF", "RESULT", "FEEDBACK")
COUNTERS = 4
VARIANTS = 60
"""So many different days; drawing each sheet of two years would take longer than all that is measured."""
TOTALS_A_SECOND = 10_000
STATE_BYTES = 2000


class Healthy(NamedTuple):
    """`days` reporting days after warm-up, of which an alert was open on `alarmed`; alerts `raised` and `confirmed`."""

    days: int
    alarmed: int
    raised: int
    confirmed: int

    @property
    def a_year(self) -> float:
        return YEAR * self.raised / self.days

    @property
    def error(self) -> float:
        """Standard error of `a_year`, alerts taken as a Poisson number."""
        return YEAR * math.sqrt(self.raised) / self.days


def reporting_days(random: Random, size: int, share: float, icc: float, first: int) -> Iterator[Day]:
    """Days without end; `first` is a Monday's number."""
    for week in range(first, 10**9, 7):
        for weekday, busy in enumerate(BY_WEEKDAY):
            responses = max(1, round(size * busy * random.choice(BY_CHANCE)))
            (satisfied,) = random.choices(range(responses + 1), cum_weights=cumulated(responses, share, icc))
            yield Day(week + weekday, responses, satisfied)


# --- false alarms ---------------------------------------------------------------------------------------------


def healthy(rule: Rule, size: int, share: float, agencies: int, years: int = 3) -> Healthy:
    """Agencies whose level never changes: whatever is raised is false."""
    random = Random(f"healthy/{size}/{share}")
    days = alarmed = raised = confirmed = 0
    for agency in range(agencies):
        detector = Detector()
        drawn = reporting_days(random, size, share, ICCS[agency % len(ICCS)], 0)
        for _ in range(years * YEAR):
            day = next(drawn)
            if level(rule, detector).phase != "warming":
                days += 1
                alarmed += detector.alert is not None
            detector, told = judge(rule, detector, day)
            raised += told is not None and told.kind == "possible"
            confirmed += told is not None and told.kind == "confirmed"
            detector, _ = close(rule, detector, day)
    return Healthy(days, alarmed, raised, confirmed)


def false_alarms(run: Callable[..., Iterator[Healthy]], agencies: int) -> list[str]:
    print("\nFalse alarms per agency-year (standard error); of which confirmed; share of days with one open")
    print("| answers a day | " + " | ".join(f"{100 * share:.0f} %" for share in LEVELS) + " |")
    print("|---" * (1 + len(LEVELS)) + "|")
    found = run([partial(healthy, Rule(), size, share, agencies) for size, share in product(SIZES, LEVELS)])
    missed = []
    for size in SIZES:
        row = [next(found) for _ in LEVELS]
        cells = [
            f"{one.a_year:.2f} (±{one.error:.2f}); {YEAR * one.confirmed / one.days:.2f}; {one.alarmed / one.days:.1%}"
            for one in row
        ]
        print(f"| {size} | " + " | ".join(cells) + " |", flush=True)
        missed += [
            f"{one.a_year:.2f} false alarms a year at {size} a day, {share:.0%}"
            for one, share in zip(row, LEVELS, strict=True)
            if not FALSE_ALARMS[0] <= one.a_year <= FALSE_ALARMS[1]
        ]
    return missed


# --- falls ----------------------------------------------------------------------------------------------------


def warmed(rule: Rule, random: Random, size: int, share: float, icc: float, days: int = 120) -> Detector:
    """An agency that nobody was told about, before its next reporting day."""
    while True:
        detector = Detector()
        drawn = reporting_days(random, size, share, icc, 0)
        for _ in range(days):
            day = next(drawn)
            detector, _ = judge(rule, detector, day)
            detector, _ = close(rule, detector, day)
        if detector.alert is None:
            return detector


def days_to_find(rule: Rule, size: int, drop: float, falls: int, share: float = 0.85) -> list[float]:
    """Reporting days until "possible", 1 = on the first; infinite where nothing was told within `PATIENCE`."""
    random = Random(f"fall/{size}/{drop}")
    found = []
    for fall in range(falls):
        icc = ICCS[fall % len(ICCS)]
        before = warmed(rule, random, size, share, icc)
        fallen = reporting_days(random, size, share - drop, icc, 700)
        found.append(_until_told(rule, before, islice(fallen, PATIENCE)))
    return found


def _until_told(rule: Rule, detector: Detector, days: Iterable[Day]) -> float:
    for number, day in enumerate(days, start=1):
        _, told = judge(rule, detector, day)
        if told:
            return number
        detector, _ = close(rule, detector, day)
    return math.inf


def found_falls(run: Callable[..., Iterator[list[float]]], falls: int) -> list[str]:
    print(f"\nFrom 85 %: median reporting days until told (share not told within {PATIENCE}); {falls} falls each")
    print("| drop | " + " | ".join(f"{size} a day" for size in SIZES) + " |")
    print("|---" * (1 + len(SIZES)) + "|")
    rows = [(drop, Rule()) for drop in (0.05, 0.10, 0.20)] + [(0.10, Rule(false_alarm_days=2600))]
    found = run([partial(days_to_find, rule, size, drop, falls) for (drop, rule), size in product(rows, SIZES)])
    missed = []
    for drop, rule in rows:
        row = {size: next(found) for size in SIZES}
        patient = "" if rule == Rule() else f", A = {rule.false_alarm_days:,.0f}"
        print(f"| −{100 * drop:.0f} points{patient} | " + " | ".join(map(_found, row.values())) + " |", flush=True)
        if drop == 0.20:
            missed = [
                f"−20 points at {size} a day found in a median of {statistics.median(days):g} days"
                for size, days in row.items()
                if statistics.median(days) > MEDIAN_DAYS[size]
            ]
    return missed


def _found(days: list[float]) -> str:
    middle = statistics.median(days)
    missed = sum(map(math.isinf, days)) / len(days)
    return f"{f'{middle:g}' if middle < math.inf else '—'} ({missed:.0%})"


# --- one bad hour ---------------------------------------------------------------------------------------------


class BadHour(NamedTuple):
    """Alerts that would not have been raised without an hour at −40 points.

    `alone`: after days that were all exactly as they should be. `that_day`, `within`: of `rounds` agencies of chance.
    """

    alone: bool
    that_day: int
    within: int


def bad_hour(rule: Rule, size: int, rounds: int, share: float = 0.85, after: int = 20) -> BadHour:
    """Each agency beside its twin, which had the same days without that hour."""
    random = Random(f"hour/{size}")
    that_day = within = 0
    for number in range(rounds):
        icc = ICCS[number % len(ICCS)]
        before = warmed(rule, random, size, share, icc)
        twin, bad = _twins(random, size, share, icc)
        following = list(islice(reporting_days(random, size, share, icc, 707), after))
        told, of_twin = (_until_told(rule, before, [today, *following]) for today in (bad, twin))
        that_day += told == 1 < of_twin
        within += told < math.inf == of_twin
    return BadHour(_raises_alone(rule, size, share), that_day, within)


def _raises_alone(rule: Rule, size: int, share: float) -> bool:
    even = [Day(number, size, share * size) for number in range(140)]
    detector = refold(lambda _: rule, even[:120])
    bad = Day(120, size, (share - 0.4 / HOURS_A_DAY) * size)
    return _until_told(rule, detector, [bad, *even[121:]]) < math.inf


def _twins(random: Random, size: int, share: float, icc: float) -> tuple[Day, Day]:
    """The same day without and with its bad hour: the same level, the same people."""
    spread = 1 / icc - 1
    today = random.betavariate(share * spread, (1 - share) * spread)
    people = [random.random() for _ in range(size)]
    hour = max(1, round(size / HOURS_A_DAY))
    good = sum(one < today for one in people)
    bad = sum(one < today - (0.4 if at < hour else 0.0) for at, one in enumerate(people))
    return Day(700, size, good), Day(700, size, bad)


def bad_hours(run: Callable[..., Iterator[BadHour]], rounds: int) -> list[str]:
    print(f"\nAn hour at −40 points on one day at 85 %: alerts because of it, of {rounds} agencies")
    print("| answers a day | alone, after even days | on that day | within 20 days |")
    print("|---|---|---|---|")
    missed = []
    found = run([partial(bad_hour, Rule(), size, rounds) for size in SIZES])
    for size, one in zip(SIZES, found, strict=True):
        print(f"| {size} | {'an alert' if one.alone else 'none'} | {one.that_day} | {one.within} |", flush=True)
        if one.alone:
            missed.append(f"an hour at −40 points alone raised an alert at {size} a day")
    return missed


# --- what judging costs ---------------------------------------------------------------------------------------


def cost(agencies: int = 292, days: int = 560, answers: int = 20) -> list[str]:
    """One partition of twelve of 3,500 agencies after `days` days: a week, with a total after each of the `answers`."""
    random = Random("cost")
    drop, target = Rule(), Rule(target=0.8)
    rules = {"drop": lambda _: drop, "target": lambda _: target}
    held: dict[Scope, Series] = {}
    course = Course(next_offset=0, fold_until=0, epoch=0, marked=0)
    first = date(2025, 1, 6).toordinal()

    def judged(records: list[bytes]) -> None:
        nonlocal course
        taken = take(
            course,
            held,
            [(course.next_offset + number, _told(record)) for number, record in enumerate(records)],
            known=lambda _: [],
            rules=lambda _: rules,
            today=first + days,
        )
        course = taken.course
        held.update(taken.series)

    history = [day for day in range(first, first + days) if day % 7 in range(1, 6)]
    for number in range(agencies):
        judged([_record(random, f"agency-{number}", day, 20, version) for version, day in enumerate(history)])
    week = [day for day in range(first + days, first + days + 7) if day % 7 in range(1, 6)]
    took = []
    for day in week:
        for sheets in range(1, answers + 1):
            version = answers * day + sheets
            records = [_record(random, f"agency-{number}", day, sheets, version) for number in range(agencies)]
            begun = time.process_time()
            judged(records)
            took.append(time.process_time() - begun)
    a_second, at_best = agencies * len(took) / sum(took), agencies / min(took)
    states = [len(pack_watchers(series)) for series in held.values()]
    blocks = [len(block.packed) for series in held.values() for block in series.days.blocks.values()]
    kept = sum(len(series.days) for series in held.values())
    print(f"\n{a_second:,.0f} totals a second of processor time, {at_best:,.0f} in the quickest of {len(took)} rounds:")
    print(f"a week of {agencies} agencies, decoded and judged by both rules, {COUNTERS} counters, four days open")
    print(
        f"both rules' detectors, with what left the window: {statistics.median(states):,.0f} bytes an agency in the "
        f"ledger, at most {max(states):,}; a day that may still change: {sum(blocks) / kept:.0f} bytes"
    )
    missed = []
    if a_second < TOTALS_A_SECOND:
        missed.append(f"{a_second:,.0f} totals judged a second")
    if max(states) > STATE_BYTES:
        missed.append(f"detectors of {max(states):,} bytes")
    return missed


def _record(random: Random, agency: str, day: int, sheets: int, version: int) -> bytes:
    total, parts = _sheets(sheets, random.randrange(VARIANTS))
    return encode(
        AgencyDay(
            agency=agency,
            method="quick-5@1",
            day=date.fromordinal(day),
            version=(0, version),
            as_of=None,
            fields=total,
            parts=parts,
        )
    )


def drawn_total(random: Random, sheets: int, version: int) -> Total:
    """A day of so many sheets."""
    return Total.from_fields((0, version), *_sheets(sheets, random.randrange(VARIANTS)))


@cache
def _sheets(sheets: int, variant: int) -> tuple[Counter[str], dict[str, dict[str, int]]]:
    """The totals of a day of so many sheets, and those of its counters and channel."""
    random = Random(f"{sheets}/{variant}")
    total: Counter[str] = Counter()
    parts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sheet in range(sheets):
        fields = sheet_fields({code: random.choices((3, 4, 5), (15, 35, 50))[0] for code in CRITERIA})
        total.update(fields)
        parts[f"counter=7K3M9QX2{sheet % COUNTERS:02}"].update(fields)
        parts["channel=qr"].update(fields)
    return total, dict[str, dict[str, int]](parts)


def _told(record: bytes) -> Told:
    event = decode_agency_day(record)
    total = Total.from_fields(event.version, event.fields, event.parts)
    return Told(Scope(event.agency, event.method), event.day.toordinal(), total)


def main() -> None:
    parts = ("cost", "hours", "falls", "alarms")
    parser = argparse.ArgumentParser()
    parser.add_argument("--agencies", type=int, default=600, help="in each of the twelve mixes, three years each")
    parser.add_argument("--falls", type=int, default=500)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--part", action="append", choices=parts, help="only this one")
    options = parser.parse_args()
    wanted = options.part or parts
    print(machine(), f"{options.agencies} agencies of three years in each mix", sep=", ", flush=True)
    missed = cost() if "cost" in wanted else []
    with Pool(options.processes) as pool:
        run = partial(pool.imap, _call)
        missed += bad_hours(run, options.falls) if "hours" in wanted else []
        missed += found_falls(run, options.falls) if "falls" in wanted else []
        missed += false_alarms(run, options.agencies) if "alarms" in wanted else []
    print("\nmissed: " + ("; ".join(missed) or "nothing"))


def _call(task: Callable[[], object]) -> object:
    return task()


if __name__ == "__main__":
    main()
