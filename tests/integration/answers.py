"""A made-up log of answers together with the integers that must come out of it, counted here in the plainest way.

Nothing of the product computes the expectation: sheets are written as JSON by hand and counted by loops.
"""

import json
import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

CRITERIA = ("ACCESS", "PROC", "STAFF", "RESULT", "FEEDBACK")
NOT_EVENTS = (
    b"",
    b"{",
    b"[]",
    b'"x"',
    b"\xff\xfe",
    b'{"agency": "co-quan-1"}',
    None,
)


@dataclass
class Answers:
    """`records`: (key, value) in the order of the log. `expected`: (kind, agency, method, time) -> field -> count.

    Of what the public may see, lists of sheets wait: (agency, time) -> (the agency's newest day then, names).
    """

    records: list[tuple[str, bytes | None]] = field(default_factory=list)
    expected: dict[tuple[str, str, str, str], Counter[str]] = field(default_factory=dict)
    malformed: int = 0
    unique: int = 0
    newest: dict[str, str] = field(default_factory=dict)
    waiting: dict[tuple[str, str], list[tuple[str, list[str]]]] = field(default_factory=dict)

    def count(self, sheet: dict) -> None:
        """Sheets that count, in the order of the log."""
        given = [level for level in sheet["answers"].values() if level is not None]
        if sheet["flags"]:
            names = ["excluded"]
        else:
            names = ["responses", f"{sum(level >= 4 for level in given)}/{len(given)}"]
            names += [f"{code}:{'-' if level is None else level}" for code, level in sheet["answers"].items()]
        parts = [f"channel={sheet['channel']}", f"counter={sheet['counter']}"]
        if sheet["sector"]:
            parts.append(f"sector={sheet['sector']}")
        agency, method, day = sheet["agency"], sheet["method"], sheet["answered_on"]
        for time in (day, day[:7], day[:4]):
            self._add("total", agency, method, time, names)
        for time in (day, day[:7]):
            self._add("parts", agency, method, time, [f"{part}|{name}" for part in parts for name in names])
        if day > self.newest.get(agency, ""):
            self.newest[agency] = day
            self._move_on(agency, method)
        waits = self.waiting.setdefault((agency, day), [])
        waits.append((self.newest[agency], names))
        if names != ["excluded"]:
            self._show_five(agency, method, day)

    def _move_on(self, agency: str, method: str) -> None:
        newest = self.newest[agency]
        for length in (10, 7):
            times = [time for who, time in self.waiting if who == agency and len(time) == length]
            for time in times:
                last, _ = self.waiting[agency, time][-1]
                if last < newest if length == 10 else time < newest[:7]:
                    waited = self.waiting.pop((agency, time))
                    self.waiting.setdefault((agency, time[: length - 3]), []).extend(waited)
            for time in [time for who, time in self.waiting if who == agency and len(time) == length - 3]:
                self._show_five(agency, method, time)

    def _show_five(self, agency: str, method: str, time: str) -> None:
        if sum(names != ["excluded"] for _, names in self.waiting[agency, time]) < 5:
            return
        for _, names in self.waiting.pop((agency, time)):
            for wider in sorted({time, time[:7], time[:4]}):
                self._add("shown", agency, method, wider, names)

    def _add(self, kind: str, agency: str, method: str, time: str, names: list[str]) -> None:
        self.expected.setdefault((kind, agency, method, time), Counter()).update(names)


def make_answers(
    sheets: int, *, agencies: int = 24, repeated: float = 0.10, malformed: float = 0.01, seed: int = 1, days: int = 3
) -> Answers:
    """`repeated`: share of sheets that are sent a second time, at once or much later; `malformed`: bad records."""
    dice = random.Random(seed)
    made = Answers(unique=sheets)
    waiting: list[tuple[int, str, bytes]] = []
    for number in range(sheets):
        agency = f"co-quan-{dice.randrange(agencies)}"
        sheet = make_sheet(dice, agency, days)
        value = json.dumps(sheet).encode()
        made.count(sheet)
        made.records.append((agency, value))
        if dice.random() < repeated:
            delay = dice.choice((0, 1, 50, 5_000, 50_000))
            waiting.append((number + delay, agency, value))
        if dice.random() < malformed:
            made.malformed += 1
            made.records.append((agency, broken(dice, sheet)))
        if number % 100 == 0:
            made.records += [(agency_, value_) for due, agency_, value_ in waiting if due <= number]
            waiting = [entry for entry in waiting if entry[0] > number]
    made.records += [(agency, value) for _, agency, value in waiting]
    return made


def make_sheet(dice: random.Random, agency: str, days: int = 3, **changes) -> dict:
    answers = {code: dice.choice((1, 2, 3, 4, 4, 5, 5, None)) for code in CRITERIA}
    answers["STAFF"] = dice.choice((2, 4, 5))
    received = datetime(2026, 11, 20, 2, 0, tzinfo=UTC) + timedelta(minutes=dice.randrange(days * 1440))
    return {
        "response_id": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
        "agency": agency,
        "place": "tt-pvhcc",
        "counter": dice.choice(("7K3M9QX2TB", "0000000001")),
        "sector": dice.choice((None, "dat-dai")),
        "method": "quick-5@1",
        "answers": answers,
        "answered_on": str(date(2026, 11, 20) + timedelta(days=dice.randrange(days))),
        "received_at": received.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "channel": "qr",
        "via": "form",
        "language": "vi",
        "assisted": False,
        "flags": ["no-form"] if dice.random() < 0.05 else [],
    } | changes


def broken(dice: random.Random, sheet: dict) -> bytes | None:
    wrong_level = sheet | {"answers": {"STAFF": 6}}
    wrong_criterion = sheet | {"answers": {"PARKING": 4}}
    nothing = sheet | {"answers": {"STAFF": None}}
    text_level = sheet | {"answers": {"STAFF": "4"}}
    return dice.choice(
        (*NOT_EVENTS, *(json.dumps(one).encode() for one in (wrong_level, wrong_criterion, nothing, text_level)))
    )
