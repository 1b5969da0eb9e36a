"""The pure middle of the aggregator: the outcome depends on the order of the log, never on how it is cut."""

import random
import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator.dead_letters import Fuse
from services.aggregator.fold import (
    IMPORTS,
    SHEETS_PAST,
    Sheet,
    Shelves,
    UnknownMethod,
    fold,
    limit_of,
    month_of,
    sheet_of,
)
from services.aggregator.steps import Waiting
from sipas.events import MalformedEvent, Response
from sipas.tally import EXCLUDED_FIELDS, sheet_fields

CRITERIA = {"quick-5@1": frozenset({"ACCESS", "STAFF"})}


def response(**changes) -> Response:
    fields = {
        "response_id": uuid.uuid4(),
        "agency": "so-noi-vu",
        "place": "tt-pvhcc",
        "counter": "7K3M9QX2TB",
        "sector": None,
        "method": "quick-5@1",
        "answers": {"ACCESS": 4, "STAFF": None},
        "answered_on": date(2026, 11, 22),
        "received_at": datetime(2026, 11, 22, 3, 15, tzinfo=UTC),
        "channel": "qr",
        "via": "form",
        "language": "vi",
        "assisted": False,
    }
    return Response(**(fields | changes))


def sheet(number: int, received: str = "2026-11-22", *, imported: bool = False, agency: str = "a") -> Sheet:
    minute = int(datetime.fromisoformat(received).replace(tzinfo=UTC).timestamp()) // 60
    return Sheet(
        id=number.to_bytes(16, "big"),
        agency=agency,
        method="quick-5@1",
        day=received,
        parts=("channel=qr",),
        fields=sheet_fields({"ACCESS": 1 + number % 5}),
        received=minute,
        shelf=IMPORTS if imported else month_of(minute),
    )


class Log:
    """Folds batches as the aggregator does, with ids kept in sets."""

    def __init__(self) -> None:
        self.seen: dict[str, set[bytes]] = {}
        self.shelves = Shelves()
        self.totals: Counter[tuple[str, str, str, str]] = Counter()
        self.shown: Counter[tuple[str, str, str, str]] = Counter()
        self.waiting: dict[str, Waiting] = {}
        self.too_old: list[bytes] = []
        self.repeated = 0

    def fold(self, batch: list[Sheet]) -> None:
        held = {
            name: {i for i, one in enumerate(batch) if one.id in ids}
            for name, ids in self.seen.items()
            if name in self.shelves.names()
        }
        folded = fold(batch, held, self.shelves, self.waiting)
        for scope, fields in folded.totals.items():
            for name, count in fields.items():
                self.totals[(*scope, name)] += count
        for name, ids in folded.ids.items():
            self.seen.setdefault(name, set()).update(ids)
        for name in folded.thrown_away:
            self.seen.pop(name, None)
        self.shelves = folded.shelves
        self.waiting |= folded.waiting
        for scope, fields in folded.shown.items():
            for name, count in fields.items():
                self.shown[(*scope, name)] += count
        self.too_old += [batch[i].id for i in folded.too_old]
        self.repeated += folded.repeated


DAYS = [str(date(2026, 1, 1) + timedelta(days=offset)) for offset in range(0, 240, 12)]
LOGS = st.lists(
    st.builds(sheet, st.integers(0, 40), st.sampled_from(DAYS), imported=st.booleans()), min_size=1, max_size=300
)


@settings(max_examples=60, deadline=None)
@given(LOGS, st.integers(0, 2**32))
def test_cutting_the_log_into_other_batches_changes_nothing(log: list[Sheet], seed: int) -> None:
    dice = random.Random(seed)
    # months close only after a hundred late sheets, so the log is made long by sheets of a last day
    log = [*log, *(sheet(1000 + n, "2026-09-01") for n in range(SHEETS_PAST)), *log]
    whole, cut = Log(), Log()
    whole.fold(log)
    while log:
        size = dice.randrange(1, len(log) + 1)
        cut.fold(log[:size])
        log = log[size:]
    assert (cut.totals, cut.shown, cut.waiting, cut.too_old, cut.repeated, cut.shelves) == (
        whole.totals,
        whole.shown,
        whole.waiting,
        whole.too_old,
        whole.repeated,
        whole.shelves,
    )


def test_the_first_of_an_id_counts_and_every_other_is_a_repeat() -> None:
    log = Log()
    log.fold([sheet(1), sheet(1), sheet(2)])
    log.fold([sheet(2), sheet(1)])
    assert log.totals["a", "quick-5@1", "2026-11-22", "responses"] == 2
    assert log.repeated == 3


def test_a_repeat_is_told_across_months_and_ways_of_coming() -> None:
    """Sent on the last evening of a month, retried in the next, and imported from a list later."""
    log = Log()
    log.fold([sheet(1, "2026-10-31"), sheet(1, "2026-11-01"), sheet(1, "2026-11-02", imported=True)])
    assert log.repeated == 2


@pytest.mark.parametrize(("past", "gone"), [(SHEETS_PAST - 1, False), (SHEETS_PAST, True)])
def test_a_month_is_forgotten_after_a_hundred_sheets_past_its_limit(past: int, gone: bool) -> None:
    log = Log()
    log.fold([sheet(1, "2026-05-10")])
    log.fold([sheet(100 + n, "2026-08-05") for n in range(past)])
    log.fold([sheet(1, "2026-05-10")])
    assert ("2026-05" not in log.shelves.living) is gone
    assert bool(log.too_old) is gone
    assert log.repeated == (0 if gone else 1)


def test_one_clock_that_is_years_ahead_forgets_nothing() -> None:
    log = Log()
    log.fold([sheet(1, "2026-05-10"), sheet(2, "2036-01-01"), sheet(1, "2026-05-10")])
    assert log.repeated == 1


def test_imports_are_remembered_for_ever() -> None:
    log = Log()
    log.fold([sheet(1, "2026-05-10", imported=True), *(sheet(100 + n, "2028-08-05") for n in range(SHEETS_PAST * 2))])
    log.fold([sheet(1, "2026-05-10", imported=True)])
    assert log.repeated == 1
    assert log.too_old == []


def test_the_limit_is_62_days_after_the_month_s_end() -> None:
    assert datetime.fromtimestamp(limit_of("2026-05") * 60, UTC) == datetime(2026, 8, 2, tzinfo=UTC)


def test_a_flagged_sheet_raises_nothing_but_excluded() -> None:
    assert sheet_of(response(flags=("burst",)), CRITERIA).fields == EXCLUDED_FIELDS


def test_parts_are_channel_counter_and_sector() -> None:
    assert sheet_of(response(sector="dat-dai"), CRITERIA).parts == (
        "channel=qr",
        "counter=7K3M9QX2TB",
        "sector=dat-dai",
    )
    assert sheet_of(response(counter=None, place=None), CRITERIA).parts == ("channel=qr",)


def test_the_same_id_at_two_agencies_is_two_sheets() -> None:
    one = uuid.uuid4()
    first = sheet_of(response(response_id=one), CRITERIA)
    second = sheet_of(response(response_id=one, agency="so-tu-phap"), CRITERIA)
    assert first.id != second.id


def test_an_answer_to_an_unknown_criterion_is_malformed() -> None:
    with pytest.raises(MalformedEvent, match="unknown-criterion: PARKING"):
        sheet_of(response(answers={"PARKING": 4}), CRITERIA)


def test_an_unknown_method_is_not_malformed_but_newer() -> None:
    with pytest.raises(UnknownMethod):
        sheet_of(response(method="quick-5@2"), CRITERIA)


FUSES = [
    ("fifty bad of the first fifty", [True] * 50, True),
    ("49 bad in a row", [True] * 49, False),
    ("one in five of a thousand", [i % 5 == 4 for i in range(1000)], False),
    ("one in four of a thousand", [i % 4 == 0 for i in range(1000)], True),
    ("49 bad, then good ones without end", [True] * 49 + [False] * 2000 + [True], False),
]


@pytest.mark.parametrize(("bits", "blows"), [case[1:] for case in FUSES], ids=[case[0] for case in FUSES])
def test_the_fuse_blows_at_fifty_and_more_than_a_fifth_of_the_last_thousand(bits: list[bool], blows: bool) -> None:
    fuse = Fuse()
    assert any(fuse.blows(bad=bad) for bad in bits) is blows


def test_a_fuse_goes_on_where_it_was_after_a_restart() -> None:
    fuse = Fuse()
    for _ in range(49):
        fuse.blows(bad=True)
    assert Fuse(str(fuse)).blows(bad=True)
