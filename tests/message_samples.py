"""Changes of state for messages to be written of: what the judge makes of a made-up year at agencies of the sample.

    possible = life()["possible"]

Seeded: always the same sheets, and so the same figures.
"""

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files

from services.board import registry_file
from services.board.changes import plan
from services.board.list_files import Source
from services.notifier.evidence import alert_changed, phase_after
from services.notifier.judge import Raised, Scope, Series
from services.notifier.message import Kind, Links, Message, compose, load_words
from services.notifier.passage import Course, Told, take
from services.notifier.rules import rules_of
from services.notifier.totals import Total
from services.notifier.voice import state_of
from sipas.events import AlertChanged, Entry
from sipas.methods import load_methods
from sipas.people import Person
from sipas.provinces import load_provinces
from sipas.registry import Registry
from sipas.tally import sheet_fields

AGENCY, METHOD = "so-noi-vu", "quick-5@1"
COUNTERS = ("7H7ZGPHX43", "0MWF2SBY7J")
QUESTIONS = ("ACCESS", "PROC", "STAFF", "RESULT", "FEEDBACK")
FALL, RISE = date(2026, 11, 16), date(2027, 1, 11)
BOARD = "https://hailong.tinhmau.example"
WORDS, METHODS = load_words(), load_methods()


@cache
def sample_registry() -> Registry:
    sources = [Source("registry.yaml", (files("services.board.sample") / "registry.yaml").read_bytes())]
    wanted, faults = registry_file.read(sources, METHODS, load_provinces())
    assert not faults
    changes, _ = plan(Registry.fold(()), wanted, date(2026, 11, 1))
    return Registry.fold(change.entry for change in changes)


def head(language: str = "vi", **facts) -> Person:
    name = {"vi": "Giám đốc Sở Nội vụ", "en": "Director of Home Affairs"}[language]
    return Person(**({"id": "giam-doc", "name": name, "email": "gd@tinhmau.example", "language": language} | facts))


def links(change: AlertChanged) -> Links:
    token = "InNvLW5vaS12dS9xdWljay01QDEvZHJvcC83Mzk5MzgvMjk5MjI5NjAvZ2lhbS1kb2Mi.jXh4aQ0c3mC2d8vQJm0u5b3yq2E"
    return Links(f"{BOARD}/agencies/{change.agency}", f"{BOARD}/alerts/{token}")


def write(kind: Kind, *changes: AlertChanged, person: Person | None = None, **more) -> Message:
    """A message on the evening of the newest change, or on `now`."""
    last = max((change.day for change in changes), default=date(2026, 11, 20))
    now = datetime(last.year, last.month, last.day, 18, tzinfo=UTC)
    facts = {"registry": sample_registry(), "methods": METHODS, "words": WORDS, "links": links, "board_url": BOARD}
    return compose(kind, changes, person=person or head(), **({"now": now} | facts | more))


@cache
def life(
    agency: str = AGENCY, seed: int = 1, *, drop: float = 0.2, target: float | None = None
) -> Mapping[str, AlertChanged]:
    """State -> the change of one alert, from its beginning to its end: of the companion where there is a target."""
    registry, scope, dice = sample_registry(), Scope(agency, METHOD), random.Random(seed)
    if target is not None:
        goal = ({"valid_from": "2026-01-01", "scope": agency, "method": METHOD, "percent": target},)
        registry = registry.updated([Entry(kind="target", id=f"{agency}/{METHOD}", history=goal)])
    rules, course, series = rules_of(registry, scope), Course(1, 0, 0, 0), Series()
    known: list[Raised] = []
    found: dict[str, AlertChanged] = {}
    day = date(2026, 5, 4)
    while "recovered" not in found:
        if day.weekday() < 5:
            told = Told(scope, day.toordinal(), _day(dice, day, course.next_offset, drop))
            taken = take(
                course,
                {scope: series},
                [(course.next_offset, told)],
                known=lambda _, known=known: known,
                rules=lambda _: rules,
                today=None,
            )
            course, series = taken.course, taken.series[scope]
            known += [one for one, _ in taken.raised]
            for one, transition in taken.raised:
                if one.rule == ("drop" if target is None else "target"):
                    phase = phase_after(one, known)
                    change = alert_changed(one, transition, series.days, (0, course.next_offset), phase)
                    found.setdefault(state_of(change), change)
        day += timedelta(days=1)
    return found


def _day(dice: random.Random, day: date, version: int, drop: float) -> Total:
    """Answers of a sheet resemble each other; a fall is the second counter's, and mostly the staff's."""
    fields: dict[str, int] = {}
    parts: dict[str, dict[str, int]] = {}
    for _ in range(dice.randint(25, 45)):
        counter = dice.choice(COUNTERS)
        mood = dice.gauss(0, 0.10)
        answers = {}
        for question in QUESTIONS:
            share = 0.90 + mood
            if FALL <= day < RISE and counter == COUNTERS[1]:
                share -= drop * (3.4 if question == "STAFF" else 1.8)
            answers[question] = dice.choice((4, 5, 5)) if dice.random() < share else dice.choice((2, 3))
        part = parts.setdefault(f"counter={counter}", {})
        for name in sheet_fields(answers):
            fields[name] = fields.get(name, 0) + 1
            part[name] = part.get(name, 0) + 1
    return Total.from_fields((0, version), fields, parts)
