"""The life of an alert: a fold in which the first of an id wins."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sipas.alert_book import Alert, AlertBook
from sipas.events import AlertChanged, AlertDecided, Delivered, SilenceSet, Undelivered


def change(kind: str, number: int = 1, *, agency: str = "a", opened: int = 1, evidence: float = 1.0) -> AlertChanged:
    opened_on = date(2026, 11, opened)
    return AlertChanged(
        id=f"{agency}/{opened}/{kind}/{number}",
        agency=agency,
        method="quick-5@1",
        rule="drop",
        kind=kind,
        number=number,
        opened_on=opened_on,
        day=opened_on,
        since=None,
        before=None,
        after=None,
        evidence=evidence,
        criterion=None,
        target=None,
        historical=False,
        version=(0, 1),
        state={},
    )


def states(book: AlertBook) -> list[tuple[str, str]]:
    return [(alert.newest.agency, alert.newest.kind) for alert in book.alerts.values()]


def test_the_newest_change_of_state_is_the_state() -> None:
    assert states(AlertBook().updated([change("possible"), change("confirmed")])) == [("a", "confirmed")]


def test_a_reminder_or_follow_up_leaves_the_state_as_it_is() -> None:
    book = AlertBook().updated([change("confirmed"), change("follow-up"), change("reminder")])
    assert states(book) == [("a", "confirmed")]


def test_an_alert_that_opens_later_is_another_alert() -> None:
    book = AlertBook().updated([change("possible"), change("recovered"), change("possible", opened=9)])
    assert states(book) == [("a", "recovered"), ("a", "possible")]


def test_the_first_of_an_id_wins() -> None:
    book = AlertBook().updated([change("possible", evidence=7.0), change("possible", evidence=8.0)])
    [alert] = book.alerts.values()
    assert [one.evidence for one in alert.changes] == [7.0]


NOW = datetime(2026, 11, 3, 2, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def decision(act: str, number: int = 1, *, agency: str = "a", note: str = "", seen: str = "") -> AlertDecided:
    return AlertDecided(
        id=f"decided/{agency}/{act}/{number}",
        agency=agency,
        method="quick-5@1",
        rule="drop",
        opened_on=date(2026, 11, 1),
        act=act,
        by="an",
        at=NOW,
        note=note,
        until=NOW + number * DAY if act == "snoozed" else None,
        after=None,
        seen=seen,
    )


def delivery(change_id: str, *also: str) -> Delivered:
    return Delivered(
        message_id=f"{change_id}/an/email",
        alert_id=change_id,
        agency="a",
        person="an",
        channel="email",
        at=NOW,
        subject="",
        also=also,
    )


def silence(scope: str, days: int, id_: str = "s") -> SilenceSet:
    return SilenceSet(id=id_, scope=scope, start=NOW, end=NOW + days * DAY, by="an", reason="chuyển trụ sở", at=NOW)


def alert(*events: AlertChanged | AlertDecided | Delivered | Undelivered) -> Alert:
    [found] = AlertBook().updated(events).alerts.values()
    return found


def test_an_acknowledgement_holds_when_the_alert_is_confirmed() -> None:
    found = alert(change("possible"), decision("acknowledged"), change("confirmed"), decision("acknowledged", 2))
    assert (found.state, found.acknowledged) == ("confirmed", decision("acknowledged"))


def test_a_decision_that_is_read_before_its_alert_is_kept_for_it() -> None:
    early = AlertBook().updated([decision("acknowledged")])
    assert early.alerts == {}
    assert early.updated([change("possible")]) == AlertBook().updated([change("possible"), decision("acknowledged")])


def test_a_snooze_lasts_until_its_end() -> None:
    found = alert(change("possible"), decision("snoozed", seen="a/1/possible/1"))
    assert (found.snoozed(NOW), found.snoozed(NOW + DAY)) == (True, False)


def test_new_evidence_ends_a_snooze() -> None:
    found = alert(change("possible"), decision("snoozed", seen="a/1/possible/1"), change("confirmed"))
    assert not found.snoozed(NOW)


def test_a_snooze_that_crossed_with_new_evidence_hides_nothing() -> None:
    found = alert(change("possible"), change("confirmed"), decision("snoozed", seen="a/1/possible/1"))
    assert not found.snoozed(NOW)


def test_a_reminder_does_not_end_a_snooze() -> None:
    found = alert(change("possible"), decision("snoozed", seen="a/1/possible/1"), change("reminder"))
    assert found.snoozed(NOW)


def test_the_newest_snooze_holds() -> None:
    found = alert(change("possible"), decision("snoozed", 7), decision("snoozed", 1))
    assert found.snoozed_until == NOW + DAY


def test_the_first_decision_that_ends_an_alert_is_the_one_that_did() -> None:
    found = alert(change("confirmed"), decision("acknowledged"), decision("new-normal"), decision("closed"))
    assert (found.closed, found.open) == (decision("new-normal"), False)


def test_an_alert_is_open_until_it_recovers() -> None:
    assert alert(change("possible")).open
    assert not alert(change("possible"), change("recovered")).open


def test_what_was_written_is_a_note_whatever_was_done_with_it() -> None:
    noted, acted = decision("noted", note="quầy 3 đóng"), decision("acted", note="thêm một quầy")
    found = alert(change("possible"), decision("acknowledged"), noted, acted)
    assert (found.notes, found.actions) == ((noted, acted), (acted,))


def test_a_message_about_several_changes_of_an_alert_was_told_once() -> None:
    message = delivery("a/1/confirmed/1", "a/1/possible/1")
    assert alert(change("possible"), change("confirmed"), message, message).told == (message,)


def test_what_reached_nobody_for_an_hour_is_undelivered_until_it_did() -> None:
    opened = change("possible")
    told = delivery(opened.id)
    late = Undelivered(alert_id=opened.id, also=(), agency="a", person=told.person, since=opened_at(1), at=opened_at(2))
    assert alert(opened, late, late).undelivered == (late,)
    assert alert(opened, late, told).undelivered == ()


def opened_at(hour: int) -> datetime:
    return datetime(2026, 9, 1, hour, tzinfo=UTC)


def test_a_silence_holds_for_those_in_its_scope_and_time() -> None:
    scopes = ("a", "block/so", "province")
    for scope in ("agency/a", "block/so", "province"):
        book = AlertBook().updated([silence(scope, 2)])
        assert book.silenced(scopes, NOW) == silence(scope, 2)
        assert book.silenced(("agency/a", *scopes[1:]), NOW) == silence(scope, 2)
        assert book.silenced(scopes, NOW + 2 * DAY) is None
        assert book.silenced(scopes, NOW - DAY) is None
    assert AlertBook().updated([silence("agency/b", 2)]).silenced(scopes, NOW) is None


def test_of_several_silences_the_longest_is_named() -> None:
    book = AlertBook().updated([silence("province", 2), silence("agency/a", 5, "longer"), silence("block/so", 1, "z")])
    found = book.silenced(("a", "block/so", "province"), NOW)
    assert found is not None
    assert found.id == "longer"


def test_a_silence_can_be_ended_early_and_not_prolonged() -> None:
    book = AlertBook().updated([silence("province", 5), silence("province", 2), silence("province", 9)])
    assert book.silenced(("province",), NOW + 1 * DAY) is not None
    assert book.silenced(("province",), NOW + 3 * DAY) is None


CHANGES = st.builds(
    change, st.sampled_from(["possible", "confirmed", "recovered", "reminder"]), agency=st.sampled_from("ab")
)
DECISIONS = st.builds(
    decision,
    st.sampled_from(["acknowledged", "noted", "acted", "snoozed", "closed", "new-normal"]),
    st.integers(1, 3),
    agency=st.sampled_from("ab"),
)
EVENTS = st.lists(CHANGES | DECISIONS | st.builds(silence, st.just("province"), st.integers(1, 3)), max_size=8)


@given(EVENTS, EVENTS)
def test_folding_in_parts_is_folding_at_once(first: list[AlertChanged], then: list[AlertChanged]) -> None:
    assert AlertBook().updated(first).updated(then) == AlertBook().updated([*first, *then])


@given(EVENTS)
def test_it_does_not_matter_which_topic_is_read_first(events: list[AlertChanged]) -> None:
    changes = [event for event in events if isinstance(event, AlertChanged)]
    decisions = [event for event in events if not isinstance(event, AlertChanged)]
    assert AlertBook().updated([*changes, *decisions]) == AlertBook().updated([*decisions, *changes])
    assert AlertBook().updated(events) == AlertBook().updated([*changes, *decisions])


@given(EVENTS)
def test_reading_everything_twice_says_nothing_new(events: list[AlertChanged]) -> None:
    assert AlertBook().updated([*events, *events]) == AlertBook().updated(events)
