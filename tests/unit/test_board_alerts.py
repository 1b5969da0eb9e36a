"""Alerts as the board knows them: a fold in which the first of an id wins."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from services.board.alerts import AlertBook
from sipas.events import AlertChanged


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


CHANGES = st.lists(
    st.builds(change, st.sampled_from(["possible", "confirmed", "recovered"]), agency=st.sampled_from("ab")), max_size=8
)


@given(CHANGES, CHANGES)
def test_folding_in_parts_gives_the_same_as_folding_at_once(
    first: list[AlertChanged], then: list[AlertChanged]
) -> None:
    assert AlertBook().updated(first).updated(then) == AlertBook().updated([*first, *then])
