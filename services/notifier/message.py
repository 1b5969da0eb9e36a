"""A change of state in a leader's words: subject, plain text, HTML. Pure; the words lie in messages.yaml.

Every figure is the event's own, as it was recorded: a message written again a week later says the same.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any

import yaml

from sipas.events import AlertChanged, Measured

Words = Mapping[str, Any]
MOST_ODDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, without addresses."""

    subject: str
    text: str
    html: str


def load_words() -> Mapping[str, Words]:
    """The words by language."""
    words: Mapping[str, Words] = yaml.safe_load(files(__package__).joinpath("messages.yaml").read_text("utf-8"))
    return words


def compose(
    alert: AlertChanged, words: Words, *, language: str, agency: str, criterion: str | None, board_url: str, demo: bool
) -> Message:
    """`agency` and `criterion`: names in that language, `criterion` None where none fell."""
    numbers = _Numbers(language)
    target = "" if alert.target is None else numbers.percent(alert.target)
    phase = "recovered" if alert.kind == "recovered" else "fall"
    link = f"{board_url}/agencies/{alert.agency}"
    lines = [words["lead"][alert.rule][alert.kind].format(agency=agency, target=target), ""]
    if alert.before:
        lines.append(words["before"].format(**numbers.measured(alert.before, words)))
    if target:
        lines.append(words["target_line"].format(target=target))
    if alert.after:
        lines.append(words["after"].format(**numbers.measured(alert.after, words)))
    if alert.since:
        lines.append(words["since"][phase].format(since=numbers.day(alert.since)))
    if criterion:
        lines.append(words["criterion"].format(criterion=criterion))
    rule = alert.state["rule"]
    days = rule["recover_days" if phase == "recovered" else "false_alarm_days"]
    odds = numbers.odds(alert.evidence or 0.0)
    notes = [
        words["odds"][phase].format(days=numbers.whole(round(days)), odds=odds),
        words["about"].format(figure=words["figure"]),
        words["link"].format(link=link),
    ]
    banner = [words["sample"]] if demo else []
    subject = words["subject"][alert.kind].format(agency=agency)
    subject = f"[{words['sample']}] {subject}" if demo else subject
    return Message(
        subject=subject,
        text="\n".join([*banner, *[""][: len(banner)], *lines, "", *_spaced(notes)]) + "\n",
        html=_page(language, subject, banner, lines, notes, link),
    )


def _spaced(notes: list[str]) -> list[str]:
    return [line for note in notes for line in (note, "")][:-1]


def _page(language: str, title: str, banner: list[str], lines: list[str], notes: list[str], link: str) -> str:
    """A few plain paragraphs: mail programs know little more."""
    shown = [f"<p><strong>{html.escape(line)}</strong></p>" for line in (*banner, lines[0])]
    facts = [f"<li>{html.escape(line)}</li>" for line in lines[1:] if line]
    address = html.escape(link)
    linked = [html.escape(note).replace(address, f'<a href="{address}">{address}</a>') for note in notes]
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="{language}"><head><meta charset="utf-8"><title>{html.escape(title)}</title></head><body>',
            *shown,
            "<ul>",
            *facts,
            "</ul>",
            *(f"<p>{note}</p>" for note in linked),
            "</body></html>",
            "",
        ]
    )


class _Numbers:
    """Numbers and days as a language writes them."""

    def __init__(self, language: str) -> None:
        self._vietnamese = language == "vi"

    def percent(self, value: float) -> str:
        return f"{value:.1f}".replace(".", ",") + "%" if self._vietnamese else f"{value:.1f}%"

    def whole(self, value: int) -> str:
        return f"{value:,}".replace(",", ".") if self._vietnamese else f"{value:,}"

    def day(self, value: date) -> str:
        return value.strftime("%d/%m/%Y") if self._vietnamese else value.strftime("%d %B %Y")

    def odds(self, evidence: float) -> str:
        """e^E; beyond a million its size says nothing more."""
        beyond = evidence > math.log(MOST_ODDS)
        return f"> {self.whole(MOST_ODDS)}" if beyond else self.whole(round(math.exp(evidence)))

    def measured(self, measured: Measured, words: Words) -> dict[str, str]:
        low_high = measured.interval
        interval = (
            ""
            if low_high is None
            else words["interval"].format(low=self.percent(low_high[0]), high=self.percent(low_high[1]))
        )
        return {
            "percent": self.percent(measured.percent),
            "interval": interval,
            "responses": self.whole(measured.responses),
        }
