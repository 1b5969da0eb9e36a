"""What a person may decide about an alert."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from sipas.alert_book import Alert, AlertBook
from sipas.alert_decisions import NEED_A_NOTE, REFUSALS, Act, Refused, cleaned, decide
from sipas.events import AlertDecided, decode_alert
from tests.contract.documents import EXAMPLES

POSSIBLE, CONFIRMED, RECOVERED = (
    decode_alert(EXAMPLES[f"alert-changed-{kind}"].value) for kind in ("possible", "confirmed", "recovered")
)
NOW = datetime(2026, 9, 25, 3, 15, tzinfo=UTC)
TODAY = date(2026, 9, 25)
OPEN = Alert((POSSIBLE,))


def decided(alert: Alert, act: Act, **more: Any) -> AlertDecided:
    given = {"id_": "1", "by": "an", "at": NOW, "today": TODAY, "demo": False, "note": "Đã xem"}
    return decide(alert, act, **{**given, **more})


@pytest.mark.parametrize("act", get_args(Act))
def test_a_decision_is_about_the_alert_that_it_was_made_of(act: Act) -> None:
    made = decided(OPEN, act, days=3 if act == "snoozed" else None)
    book = AlertBook().updated([POSSIBLE, made])
    assert [alert.decisions for alert in book.alerts.values()] == [(made,)]
    assert (made.act, made.by, made.at, made.note, made.seen) == (act, "an", NOW, "Đã xem", POSSIBLE.id)


@pytest.mark.parametrize("act", get_args(Act))
def test_what_is_only_worth_something_with_words_needs_them(act: Act) -> None:
    if act not in NEED_A_NOTE:
        assert decided(OPEN, act, note=" \n", days=1).note == ""
        return
    with pytest.raises(Refused) as refused:
        decided(OPEN, act, note=" \n\x07")
    assert refused.value.code == "note-missing"


def test_a_note_has_an_end() -> None:
    assert decided(OPEN, "noted", note="ệ" * 1000).note == "ệ" * 1000
    with pytest.raises(Refused) as refused:
        decided(OPEN, "noted", note="x" * 1001)
    assert refused.value.code == "note-too-long"


def test_a_snooze_is_for_one_three_or_seven_days() -> None:
    assert decided(OPEN, "snoozed", days=3).until == NOW + timedelta(days=3)
    for days in (None, 0, 2, 365):
        with pytest.raises(Refused) as refused:
            decided(OPEN, "snoozed", days=days)
        assert refused.value.code == "snooze-days"


@pytest.mark.parametrize("act", ["snoozed", "closed", "new-normal"])
def test_what_has_ended_cannot_be_ended_or_put_off(act: Act) -> None:
    closed = Alert((POSSIBLE,), (decided(OPEN, "closed"),))
    for ended in (Alert((POSSIBLE, RECOVERED)), closed):
        with pytest.raises(Refused) as refused:
            decided(ended, act, days=1)
        assert refused.value.code == "ended"


@pytest.mark.parametrize("act", ["acknowledged", "noted", "acted"])
def test_an_end_does_not_keep_anybody_from_saying_what_was_done(act: Act) -> None:
    assert decided(Alert((POSSIBLE, RECOVERED)), act).act == act


def test_a_target_cannot_be_declared_the_new_normal() -> None:
    breach = Alert((replace(POSSIBLE, rule="target", target=90.0),))
    with pytest.raises(Refused) as refused:
        decided(breach, "new-normal")
    assert refused.value.code == "of-a-target"
    assert decided(breach, "closed").act == "closed"


@pytest.mark.parametrize("act", ["closed", "new-normal"])
def test_an_end_takes_effect_after_today(act: Act) -> None:
    assert decided(OPEN, act).after == TODAY
    ahead = Alert((replace(POSSIBLE, day=date(2026, 9, 27)),))
    assert decided(ahead, act).after == date(2026, 9, 27)


def test_in_a_demo_only_the_days_of_its_data_count() -> None:
    assert decided(OPEN, "closed", demo=True).after == POSSIBLE.day < TODAY


def test_nothing_but_an_end_has_a_day_and_nothing_but_a_snooze_an_end() -> None:
    for act in get_args(Act):
        made = decided(OPEN, act, days=1)
        assert (made.after is not None) == (act in {"closed", "new-normal"})
        assert (made.until is not None) == (act == "snoozed")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  Quầy 3 đóng \r\n", "Quầy 3 đóng"),
        ("một\r\nhai\rba", "một\nhai\nba"),
        ("Tie\u0302\u0301p da\u0302n", "Tiếp dân"),
        ("a\x00b\x1b[31m\ud800", "ab[31m"),
    ],
)
def test_a_note_is_kept_as_clean_text(written: str, kept: str) -> None:
    assert cleaned(written) == kept


def test_every_refusal_says_why() -> None:
    assert all(REFUSALS.values())
    assert str(Refused("ended")) == REFUSALS["ended"]
