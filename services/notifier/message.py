"""What a leader reads: one message of one or more changes of state, for mail, chat and phone. Pure.

A message says first what happened, then by which figures and how sure that is, then what to do. Where a person gets
several, only the newest of each alert is said. What names single counters goes to the head of the unit only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from importlib.resources import files
from typing import Literal

import yaml

from services.notifier.letter import Letter, Link, Picture, Section, Tone, as_html, as_text
from services.notifier.short_text import fullest
from services.notifier.trend_picture import HEIGHT, WIDTH, draw_trend
from services.notifier.voice import FELL, GROUPS, RECOVERED, STANDS, Voice, Words, state_of, tone_of
from sipas.events import AlertChanged
from sipas.methods import Method
from sipas.people import Person
from sipas.registry import Registry

Kind = Literal["alert", "merged", "children", "digest-daily", "digest-weekly", "escalation"]
MOST_LISTED = 40
"""A list longer than this is not read; the board has the rest."""


@dataclass(frozen=True, slots=True)
class Links:
    """Of one change: the page of its days, and where this person answers.

    `acknowledge`: while nobody has acknowledged the alert. `page`: the same place afterwards, as long as it is open.
    """

    days: str
    acknowledge: str | None = None
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, without addresses. `short`: for chat and text messages."""

    subject: str
    text: str
    html: str
    short: str = ""
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class _Writing:
    """What every kind of message needs."""

    voice: Voice
    person: Person
    links: Callable[[AlertChanged], Links]
    board_url: str
    demo: bool

    @property
    def words(self) -> Words:
        return self.voice.words

    def letter(
        self,
        subject: str,
        tone: Tone,
        lead: Iterable[str],
        *,
        sections: Iterable[Section],
        change: AlertChanged | None = None,
        links: Iterable[Link] = (),
    ) -> Letter:
        """`change`: the one whose figures and picture are shown."""
        words = self.words
        with_counter = self.person.role == "head"
        return Letter(
            language=self.voice.language,
            subject=f"[{words['sample']}] {subject}" if self.demo else subject,
            banner=words["sample"] if self.demo else "",
            greeting=words["greeting"].format(name=self.person.name),
            tone=tone,
            lead=tuple(lead),
            picture=None if change is None else _picture(self.voice, change),
            rows=() if change is None else self.voice.rows(change, with_counter=with_counter),
            links=tuple(links),
            sections=tuple(sections),
            about=tuple(line.format(figure=words["figure"]) for line in words["about"]),
        )

    def links_of(self, change: AlertChanged) -> tuple[Link, ...]:
        asked, words = self.links(change), self.words["link"]
        days = Link(words["days"], asked.days)
        if change.kind == "recovered":
            return (days,)
        if asked.acknowledge is not None:
            return (Link(words["acknowledge"], asked.acknowledge, main=True), days)
        return (days,) if asked.page is None else (days, Link(words["page"], asked.page))


def load_words() -> Mapping[str, Words]:
    """The words by language."""
    words: Mapping[str, Words] = yaml.safe_load(files(__package__).joinpath("messages.yaml").read_text("utf-8"))
    return words


def compose(
    kind: Kind,
    changes: Sequence[AlertChanged],
    *,
    person: Person,
    registry: Registry,
    methods: Mapping[str, Method],
    words: Mapping[str, Words],
    links: Callable[[AlertChanged], Links],
    now: datetime,
    board_url: str,
    demo: bool = False,
    waiting: Sequence[AlertChanged] = (),
    watched: int = 0,
    hours: int | None = None,
) -> Message:
    """Write a message.

    `now`: in the namespace's zone. `waiting`: for a digest, the alerts that nobody has acknowledged; `watched`: how
    many agencies the person follows, 0 where that is not known. `hours`: for an escalation, the working hours that have
    passed. "alert" and "escalation" are about one change; "merged" of one alert is written as "alert".
    """
    voice = Voice(person.language, words[person.language], registry, methods, now.date())
    writing = _Writing(voice, person, links, board_url, demo)
    told = newest_of_each(changes)
    if kind == "escalation":
        return _about_one(writing, told[-1], hours=hours, escalated=True)
    if kind.startswith("digest"):
        return _digest(writing, kind, told, newest_of_each(waiting), watched)
    if len(told) == 1:
        return _about_one(writing, told[0])
    fallen = [change for change in told if GROUPS[state_of(change)] == FELL]
    if kind == "children" and len({change.agency for change in fallen}) > 1:
        return _children(writing, fallen, [change for change in told if change not in fallen])
    return _merged(writing, told)


def newest_of_each(changes: Iterable[AlertChanged]) -> list[AlertChanged]:
    """The newest change of each alert, in the order in which the alerts come first."""
    newest: dict[tuple[str, str, str, date], AlertChanged] = {}
    for change in changes:
        newest[change.agency, change.method, change.rule, change.opened_on] = change
    return list(newest.values())


def _about_one(
    writing: _Writing, change: AlertChanged, *, hours: int | None = None, escalated: bool = False
) -> Message:
    voice, words, state = writing.voice, writing.words, state_of(change)
    lead = [voice.lead(change), *voice.found_late(change)]
    if escalated:
        wait = words["lead"]["escalation-unknown"] if hours is None else words["lead"]["escalation"]
        lead.append(wait.format(hours=None if hours is None else voice.numerals.whole(hours)))
    links = writing.links_of(change)
    todo = [words["next"]["escalation" if escalated else state]]
    if change.kind == "reminder" and len(links) > 1:
        todo.append(words["next"]["decide"])
    if any(link.main for link in links):
        todo.append(words["next"]["acknowledge"])
    sections = [
        Section(words["section"]["next"], tuple(todo)),
        Section(words["section"]["sure"], tuple(voice.sure(change))),
    ]
    subject = words["subject"]["escalation" if escalated else state].format(agency=voice.agency(change.agency))
    letter = writing.letter(subject, tone_of(change), lead, sections=sections, change=change, links=links)
    return _message(letter, _short_of_one(writing, change))


def _merged(writing: _Writing, changes: Sequence[AlertChanged]) -> Message:
    words = writing.words
    count = writing.voice.numerals.whole(len(changes))
    letter = writing.letter(
        words["subject"]["merged"].format(count=count),
        "plain",
        [words["lead"]["merged"].format(count=count)],
        sections=[*_grouped(writing, changes), *_how_sure(writing, changes)],
    )
    return _message(letter, _short_of_many(writing, letter))


def _children(writing: _Writing, changes: Sequence[AlertChanged], others: Sequence[AlertChanged]) -> Message:
    """One message for whoever is above them: how many of how many fell, since about when, which; then the others."""
    voice, words, numerals = writing.voice, writing.words, writing.voice.numerals
    agencies = {change.agency for change in changes}
    scope, of = _common_scope(voice, agencies)
    since = min(change.since or change.opened_on for change in changes)
    facts = {
        "count": numerals.whole(len(agencies)),
        "of": numerals.whole(of),
        "scope": scope,
        "since": numerals.near_day(since, voice.today),
    }
    letter = writing.letter(
        words["subject"]["children"].format(**facts),
        "fall" if any(tone_of(change) == "fall" for change in changes) else "doubt",
        [words["lead"]["children"].format(**facts), words["lead"]["children-common"]],
        sections=[
            *_listed(writing, sorted(changes, key=lambda change: voice.agency(change.agency))),
            *_grouped(writing, others),
            *_how_sure(writing, changes),
        ],
        links=[Link(words["link"]["board"], writing.board_url)],
    )
    return _message(letter, _short_of_many(writing, letter))


def _digest(
    writing: _Writing, kind: Kind, changes: Sequence[AlertChanged], waiting: Sequence[AlertChanged], watched: int
) -> Message:
    voice, words, numerals = writing.voice, writing.words, writing.voice.numerals
    counts = {
        group: sum(GROUPS[state_of(change)] == group for change in changes) for group in (FELL, STANDS, RECOVERED)
    } | {"waiting": len(waiting)}
    parts = [words["summary"][group].format(count=numerals.whole(n)) for group, n in counts.items() if n]
    summary = ", ".join(parts) or words["summary"]["quiet"]
    if parts:
        lead = [words["lead"]["digest"].format(summary=f"{summary[:1].upper()}{summary[1:]}")]
    else:
        lead = [words["lead"]["quiet-watched" if watched else "quiet"].format(watched=numerals.whole(watched))]
        lead.append(words["lead"]["quiet-why"])
    sections = _grouped(writing, changes)
    shown = {change.id for change in changes}
    if unshown := [change for change in waiting if change.id not in shown]:
        sections += [Section(words["section"]["waiting"], (), tone="plain"), *_listed(writing, unshown)]
    sections += _how_sure(writing, [*changes, *waiting])
    letter = writing.letter(
        words["subject"][kind].format(day=numerals.day(voice.today), summary=summary),
        "plain",
        lead,
        sections=sections,
        links=[Link(words["link"]["board"], writing.board_url)],
    )
    return _message(letter, _short_of_many(writing, letter))


def _grouped(writing: _Writing, changes: Sequence[AlertChanged]) -> list[Section]:
    sections: list[Section] = []
    tones: Mapping[str, Tone] = {FELL: "fall", STANDS: "doubt", RECOVERED: "good"}
    for group, tone in tones.items():
        if of_group := [change for change in changes if GROUPS[state_of(change)] == group]:
            sections += [Section(writing.words["section"][group], (), tone=tone), *_listed(writing, of_group)]
    return sections


def _listed(writing: _Writing, changes: Iterable[AlertChanged]) -> list[Section]:
    """Each change with its links, under the name of its agency."""
    voice = writing.voice
    listed = [
        Section(voice.agency(change.agency), (voice.line(change),), writing.links_of(change)) for change in changes
    ]
    if (left := len(listed) - MOST_LISTED) > 0:
        more = writing.words["section"]["more"].format(count=voice.numerals.whole(left))
        return [*listed[:MOST_LISTED], Section(more, ())]
    return listed


def _how_sure(writing: _Writing, changes: Iterable[AlertChanged]) -> list[Section]:
    """How often alerts like these were false in simulation."""
    kinds = {change.kind for change in changes if change.rule == "drop"}
    lines = tuple(writing.words["sure"][kind] for kind in ("possible", "confirmed") if kind in kinds)
    return [Section(writing.words["section"]["sure"], lines)] if lines else []


def _common_scope(voice: Voice, agencies: Iterable[str]) -> tuple[str, int]:
    """The block that all are of, else the province, with how many agencies it has now."""
    active = [agency for agency in voice.registry.agencies.values() if agency.status == "active"]
    blocks = {found.block for agency in agencies if (found := voice.registry.agency(agency)) is not None}
    if len(blocks) == 1:
        [block_id] = blocks
        block = voice.registry.blocks.get(block_id)
        of = sum(agency.block == block_id for agency in active)
        return (block_id if block is None else voice.name(block.name)), of
    return str(voice.words["province"]), len(active)


def _picture(voice: Voice, change: AlertChanged) -> Picture | None:
    png = draw_trend(change, voice.language)
    if png is None:
        return None
    # the same picture has the same id, so that a message made again is the same
    digest = blake2b(png, digest_size=12).hexdigest()
    return Picture(f"{digest}@sipas", png, voice.alt(change), WIDTH, HEIGHT)


def _short_of_one(writing: _Writing, change: AlertChanged) -> str:
    """With the way to acknowledge where it fits, else with the days."""
    voice, words, links = writing.voice, writing.words["short"], writing.links(change)
    facts = {
        "agency": voice.agency(change.agency),
        "state": voice.words["state"][state_of(change)],
        "responses": "" if change.after is None else voice.numerals.whole(change.after.responses),
        "since": voice.numerals.short_day(change.since or change.opened_on),
        **voice.levels(change),
    }
    asked = links.acknowledge if change.kind != "recovered" else None
    sample = words["sample"] if writing.demo else ""
    texts = [
        sample + words[form].format(**facts, link=link)
        for link in (asked, links.days)
        if link is not None
        for form in ("full", "brief")
    ]
    return fullest([*texts, sample + words["brief"].format(**facts, link="").rstrip()])


def _short_of_many(writing: _Writing, letter: Letter) -> str:
    words = writing.words["short"]
    subject = letter.subject.removeprefix(f"[{writing.words['sample']}] ")
    sample = words["sample"] if writing.demo else ""
    return fullest([sample + words["many"].format(subject=subject, link=writing.board_url), sample + subject])


def _message(letter: Letter, short: str) -> Message:
    pictures = () if letter.picture is None else (letter.picture,)
    return Message(letter.subject, as_text(letter), as_html(letter), short, pictures)
