"""What is said of one change of state, in one language: its sentences, its figures, its line in a list. Pure.

Every figure is the event's own, as it was recorded: a message written again a week later says the same. The words lie
in messages.yaml; names come from registry and method as they are now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.notifier.letter import Row, Tone
from services.notifier.numerals import Numerals
from services.notifier.standing import FOUND_OPEN
from sipas.events import AlertChanged, Fell, Measured
from sipas.methods import Method, Text
from sipas.registry import Names, Registry

Words = Mapping[str, Any]
FELL, STANDS, RECOVERED = "fell", "stands", "recovered"
GROUPS: Mapping[str, str] = {
    "possible": FELL,
    "confirmed": FELL,
    "found": FELL,
    "follow-up": STANDS,
    "reminder": STANDS,
    "recovered": RECOVERED,
}
_TONES: Mapping[str, Tone] = {"possible": "doubt", "confirmed": "fall", "found": "fall", "recovered": "good"}


def state_of(change: AlertChanged) -> str:
    """The word under which messages.yaml keeps what is said: the kind, or `found` for what was history when found."""
    return "found" if change.kind == "reminder" and change.number == FOUND_OPEN else change.kind


def tone_of(change: AlertChanged) -> Tone:
    """How a change looks: by its state, or that of its alert."""
    return _TONES.get(state_of(change)) or _TONES.get(change.phase or "", "plain")


@dataclass(frozen=True)
class Voice:
    """One reader's language."""

    language: str
    words: Words
    registry: Registry
    methods: Mapping[str, Method]
    today: date

    @property
    def numerals(self) -> Numerals:
        return Numerals(self.language)

    # --- names ------------------------------------------------------------------------------------------------

    def name(self, names: Names | Text) -> str:
        return names.vi if self.language == "vi" else names.en

    def agency(self, agency_id: str) -> str:
        agency = self.registry.agency(agency_id)
        return agency_id if agency is None else self.name(agency.name)

    def criterion(self, method_id: str, code: str) -> str:
        """A factor's name where the criterion is all of it, else the question."""
        method = self.methods.get(method_id)
        criterion = next((one for one in method.criteria if one.code == code), None) if method else None
        if method is None or criterion is None:
            return code
        alone = list(method.factor_of.values()).count(criterion.factor) == 1
        factor = next(one for one in method.factors if one.code == criterion.factor)
        return self.name(factor.name if alone else criterion.question)

    def counter(self, code: str) -> str:
        """Its label and where it stands: every place has a counter 1."""
        counter = self.registry.counter(code)
        if counter is None:
            return code
        place = self.registry.places.get(counter.place)
        label = self.name(counter.label)
        return label if place is None else f"{label}, {self.name(place.name)}"

    # --- sentences --------------------------------------------------------------------------------------------

    def lead(self, change: AlertChanged) -> str:
        state = state_of(change)
        if state == "follow-up" and not _is_below(change):
            state = "follow-up-unsure"
        return self._lead(change.rule)[state].format(agency=self.agency(change.agency), target=self._target(change))

    def found_late(self, change: AlertChanged) -> list[str]:
        if state_of(change) != "found":
            return []
        return [self.words["lead"]["found-late"].format(opened=self.numerals.day(change.opened_on))]

    def sure(self, change: AlertChanged) -> list[str]:
        """How often chance alone would say the same, and how often such an alert was false in simulation."""
        words, numerals, kind = self.words["sure"], self.numerals, change.kind
        if kind in ("possible", "confirmed"):
            days = numerals.whole(round(change.state["rule"]["false_alarm_days"]))
            said = [words["fall"].format(odds=numerals.odds(change.evidence or 0.0), days=days)]
            # simulated was the rule against an agency's own level
            return [*said, words[kind]] if change.rule == "drop" else said
        if kind == "recovered":
            return [words["recovered"].format(days=numerals.whole(round(change.state["rule"]["recover_days"])))]
        return [words[kind]]

    # --- figures ----------------------------------------------------------------------------------------------

    def rows(self, change: AlertChanged, *, with_counter: bool) -> tuple[Row, ...]:
        words, numerals = self.words["row"], self.numerals
        rows = []
        if change.before is not None:
            rows.append(self._measured(words["before"], change.before, None))
        if change.target is not None:
            rows.append(Row(words["target"], self._target(change)))
        if change.after is not None:
            rows.append(
                self._measured(words["after"].get(change.kind, words["after"]["fall"]), change.after, change.days)
            )
        if change.kind in ("follow-up", "reminder"):
            rows.append(Row(words["opened"], numerals.day(change.opened_on)))
        elif change.since is not None:
            label = words["since-recovered" if change.kind == "recovered" else "since"]
            rows.append(Row(label, numerals.day(change.since)))
        if change.criterion is not None and change.kind != "recovered":
            name = self.criterion(change.method, change.criterion)
            rows.append(Row(words["criterion"], name, self._fell(change.criterion_fell, sheets=False)))
        if with_counter and change.counter_fell is not None:
            fell = change.counter_fell
            rows.append(Row(words["counter"], self.counter(fell.code), self._fell(fell, sheets=True)))
        return tuple(rows)

    def line(self, change: AlertChanged) -> str:
        """A change in a list, without its agency."""
        state = self.words["state"][state_of(change)]
        if change.after is None:
            return str(state)
        figures = self.words["fell"].format(**self.levels(change))
        return f"{state}: {figures} ({self.sheets(change.after, None)})"

    def levels(self, change: AlertChanged) -> dict[str, str]:
        """Before, or the target, and after."""
        before = change.before.percent if change.before is not None else change.target
        return {
            "before": "" if before is None else self.numerals.percent(before),
            "after": "" if change.after is None else self.numerals.percent(change.after.percent),
        }

    def sheets(self, measured: Measured, days: int | None) -> str:
        responses = self.numerals.whole(measured.responses)
        if days is None:
            return str(self.words["sheets"].format(responses=responses))
        return str(self.words["sheets-days"].format(responses=responses, days=self.numerals.whole(days)))

    def alt(self, change: AlertChanged) -> str:
        """What the picture shows, in words."""
        words, numerals, days = self.words["picture"], self.numerals, change.trend
        said = [words["days"].format(count=len(days), first=numerals.day(days[0].day), last=numerals.day(days[-1].day))]
        if change.before is not None:
            said.append(words["before"].format(percent=numerals.percent(change.before.percent)))
        if change.target is not None:
            said.append(words["target"].format(percent=numerals.percent(change.target)))
        if change.after is not None:
            since = numerals.day(change.since or change.opened_on)
            said.append(words["after"].format(percent=numerals.percent(change.after.percent), since=since))
        levels = [day.percent for day in days]
        said.append(words["range"].format(low=numerals.percent(min(levels)), high=numerals.percent(max(levels))))
        return " ".join(said)

    def _lead(self, rule: str) -> Mapping[str, str]:
        leads: Mapping[str, str] = self.words["lead"][rule]
        return leads

    def _target(self, change: AlertChanged) -> str:
        return "" if change.target is None else self.numerals.percent(change.target)

    def _measured(self, label: str, measured: Measured, days: int | None) -> Row:
        details = [self.sheets(measured, days)]
        if measured.interval is not None:
            low, high = (self.numerals.percent(edge) for edge in measured.interval)
            details.insert(0, self.words["interval"].format(low=low, high=high))
        return Row(label, self.numerals.percent(measured.percent), ", ".join(details))

    def _fell(self, fell: Fell | None, *, sheets: bool) -> str:
        if fell is None:
            return ""
        percents = (self.numerals.percent(fell.before), self.numerals.percent(fell.after))
        said = self.words["fell"].format(before=percents[0], after=percents[1])
        count = self.words["sheets"].format(responses=self.numerals.whole(fell.after_n))
        return f"{said}, {count}" if sheets else str(said)


def _is_below(change: AlertChanged) -> bool:
    """Whether the new level lies below the old one beyond its own interval."""
    before = change.before.percent if change.before is not None else change.target
    if change.after is None or change.after.interval is None or before is None:
        return False
    return change.after.interval[1] < before
