"""What goes to whom when.

The situations of Alertmanager's acceptance tests (test/with_api_v2/acceptance), restated for ours:

| there | here |
|---|---|
| Inhibiting | those above many agencies, here; a breach of the target over a fall: test_judge, `told_with` |
| AlwaysInhibiting: when both begin at once | the same, "that ends together with the breach", "in one pass" |
| EmptyInhibitionRule | test_judge, "is told by the drop where the target was given up", "where there is no breach" |
| AddSilence, SilenceDelete | "ended early", here; test_alert_life, "a silence is set, listed and ended" |
| Silencing | here, and test_courier_delivery, "during maintenance" |
| Repeat | escalation and snooze, here; test_judge, "reminded of every thirty days"; test_notifier, "a whole life" |
| Batching | "waits for others", "after one message about many", here |
| MergeAlerts: the same alert sent again | test_alert_book, "the first of an id wins" |
| Resolved, ResolvedFilter | test_notifier, "a whole life"; test_routing, "for those whose role it is" |
| Retry | test_sending; test_courier_delivery, "a mail server that is away for two hours" |
| WebhookTimeout | test_channels, "never answers"; test_mail, "never greets" |
| ColdStart | "starts anew", here; test_courier_delivery, "also after a restart"; test_kills |
| Reload | "who leads it later", here: registry and people are followed, settings need a restart |
| ClusterDeduplication, ClusterVSInstance | test_notifier, "two notifiers" |
| AlertGetReturnsCurrentAlertStatus | test_alert_life, "the board, the commands and the topics tell the same life" |

What tests their API, their matchers and their web prefix has no counterpart.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.outgoing import Item, Outgoing
from services.notifier.told import lane_of_message
from sipas.events import AlertChanged, Withheld
from tests.unit.notifier_records import (
    MANNER,
    THURSDAY,
    Office,
    agency,
    change,
    decided,
    local,
    people_of,
    person,
    silence,
)

HEAD_A, HEAD_B = person("head-a", "so-a"), person("head-b", "so-b")
BOTH = person("both", "so-a", "so-b")
DEPARTMENT = person("department", "block/so", role="department")
CHAIRMAN = person("chairman", "province", role="chairman")


def office(*people, **fields) -> Office:
    return Office(people_of(*people), **fields)


# --- one change, one message


def test_a_change_goes_at_once_and_never_again() -> None:
    made = office(HEAD_A)
    made.come(change("possible"))
    [message] = made.deliver()
    assert message.id("email") == "so-a/quick-5@1/drop/2026-11-26/possible/1/head-a/email"
    assert made.plan(THURSDAY + timedelta(days=30)).due == ()
    assert made.items == {}


def test_each_new_state_is_a_message_of_its_own() -> None:
    made = office(HEAD_A)
    for kind in ("possible", "confirmed", "recovered"):
        made.come(change(kind))
        assert made.goes() == {"head-a": [("alert", (f"so-a {kind}",))]}
        made.deliver()


def test_a_person_who_was_erased_is_told_nothing() -> None:
    made = office(HEAD_A)
    made.come(change("possible"))
    made.people = people_of()
    assert made.plan().due == ()
    assert made.items == {}


def test_who_leads_it_later_is_told_of_what_comes_and_not_of_what_was() -> None:
    made = office(HEAD_A)
    made.come(change("possible"))
    made.deliver()
    made.people = people_of(HEAD_A, person("new", "so-a"))
    assert made.goes() == {}
    made.come(change("confirmed"))
    assert set(made.goes()) == {"head-a", "new"}


# --- held back, then merged


def test_what_the_night_held_back_is_one_message_in_the_morning() -> None:
    made = office(BOTH)
    made.come(change("possible"), at=local("2026-11-26T22:00"))
    made.come(change("possible", "so-b"), at=local("2026-11-27T03:00"))
    assert made.goes(local("2026-11-27T06:29")) == {}
    assert made.goes(local("2026-11-27T06:30")) == {"both": [("merged", ("so-a possible", "so-b possible"))]}


def test_of_one_alert_a_merged_message_says_the_newest_and_names_the_others() -> None:
    made = office(HEAD_A)
    made.come(change("possible"), change("confirmed"), at=local("2026-11-26T22:00"))
    [message] = made.deliver(local("2026-11-27T07:00"))
    assert (message.kind, [one.split("/")[4] for one in message.said]) == ("alert", ["confirmed"])
    assert [one.split("/")[4] for one in message.also] == ["possible"]
    assert made.plan(local("2026-11-27T08:00")).due == ()


def test_over_tet_nobody_is_told_until_work_begins_again() -> None:
    made = office(HEAD_A)
    made.come(change("possible"), at=local("2026-02-13T21:30"))
    assert made.goes(local("2026-02-20T10:00")) == {}
    assert made.goes(local("2026-02-23T06:30")) == {"head-a": [("alert", ("so-a possible",))]}


def test_what_could_not_be_sent_by_day_does_not_go_at_night() -> None:
    made = office(HEAD_A)
    made.come(change("possible"), at=local("2026-11-26T20:30"))
    assert made.goes(local("2026-11-26T22:30")) == {}
    assert "head-a" in made.goes(local("2026-11-27T06:30"))


def test_a_confirmed_fall_goes_at_night_where_the_settings_say_so() -> None:
    made = office(HEAD_A, manner=replace(MANNER, confirmed_waits=False))
    night = local("2026-11-26T23:00")
    made.come(change("possible", "so-a"), at=night)
    assert made.goes(night) == {}
    made.come(change("confirmed", "so-a"), at=night)
    assert made.goes(night) == {"head-a": [("alert", ("so-a confirmed",))]}


def test_a_persons_own_quiet_hours_win() -> None:
    made = office(person("head-a", "so-a", quiet_hours="none"), person("deputy", "so-a", quiet_hours="12:00-13:00"))
    night, noon = local("2026-11-26T23:00"), local("2026-11-26T12:30")
    made.come(change("possible"), at=noon)
    assert set(made.goes(noon)) == {"head-a"}
    assert set(made.goes(night)) == {"head-a", "deputy"}


def test_a_message_waits_for_others_as_long_as_the_settings_say() -> None:
    made = office(BOTH, manner=replace(MANNER, group_wait=timedelta(minutes=5)))
    made.come(change("possible"))
    made.come(change("possible", "so-b"), at=THURSDAY + timedelta(minutes=4))
    assert made.goes(THURSDAY + timedelta(minutes=4)) == {}
    assert [kind for kind, _ in made.goes(THURSDAY + timedelta(minutes=5))["both"]] == ["merged"]


def test_a_clock_that_was_set_back_an_hour_holds_nothing_up() -> None:
    made = office(HEAD_A)
    made.come(change("possible"))
    assert "head-a" in made.goes(THURSDAY - timedelta(hours=1))


# --- inhibit: those above many agencies


def many(count: int) -> dict:
    return {f"so-{number}": agency(f"so-{number}") for number in range(count)}


def test_one_above_many_agencies_is_told_of_all_of_them_in_one_message() -> None:
    made = office(DEPARTMENT, person("head", *many(7)), agencies=many(7))
    for number in range(7):
        made.come(change("possible", f"so-{number}"), change("confirmed", f"so-{number}"), at=local("2026-11-26T22:00"))
    [(kind, said)] = made.goes(local("2026-11-27T07:00"))["department"]
    assert (kind, len(said)) == ("children", 7)


def test_after_one_message_about_many_the_next_waits_and_says_all_since() -> None:
    made = office(DEPARTMENT, HEAD_A, HEAD_B, agencies=many(4) | {"so-a": agency("so-a")})
    made.come(change("confirmed", "so-0"))
    assert "department" in made.goes()
    made.deliver()
    for number in (1, 2, 3):
        made.come(change("confirmed", f"so-{number}"), at=THURSDAY + timedelta(hours=number))
    assert made.goes(THURSDAY + timedelta(hours=4)) == {}
    [(kind, said)] = made.goes(THURSDAY + timedelta(hours=24))["department"]
    assert (kind, len(said)) == ("children", 3)


def test_the_head_of_an_agency_hears_of_it_at_once_whatever_those_above_hear() -> None:
    made = office(DEPARTMENT, HEAD_A, HEAD_B)
    made.come(change("confirmed"))
    made.deliver()
    made.come(change("confirmed", "so-b"))
    assert set(made.goes()) == {"head-b"}


# --- silence


MAINTENANCE = silence("agency/so-a", THURSDAY - timedelta(hours=1), THURSDAY + timedelta(hours=3))


@pytest.mark.parametrize("scope", ["agency/so-a", "block/so", "province"])
def test_a_silence_holds_back_what_it_covers_and_what_is_still_open_goes_afterwards(scope: str) -> None:
    made = office(HEAD_A)
    made.decide(replace_scope(scope))
    made.come(change("possible"), change("confirmed"))
    assert made.goes(THURSDAY + timedelta(hours=2)) == {}
    assert made.goes(THURSDAY + timedelta(hours=3)) == {"head-a": [("alert", ("so-a confirmed",))]}


def replace_scope(scope: str):
    return silence(scope, MAINTENANCE.start, MAINTENANCE.end)


def test_a_silence_of_another_agency_holds_nothing_back() -> None:
    made = office(HEAD_A)
    made.decide(replace_scope("agency/so-b"))
    made.come(change("possible"))
    assert "head-a" in made.goes()


def test_a_silence_that_is_ended_early_holds_nothing_back_any_more() -> None:
    made = office(HEAD_A)
    made.decide(MAINTENANCE)
    made.come(change("possible"))
    made.decide(silence("agency/so-a", MAINTENANCE.start, THURSDAY + timedelta(minutes=5)))
    assert "head-a" in made.goes(THURSDAY + timedelta(minutes=5))


def test_what_began_and_ended_during_a_silence_is_recorded_as_withheld_and_never_told() -> None:
    made = office(HEAD_A)
    made.decide(MAINTENANCE)
    made.come(change("possible"), change("recovered"))
    plan = made.plan(THURSDAY + timedelta(hours=4))
    assert plan.due == ()
    [held] = plan.withheld
    assert (held.reason, [one.split("/")[4] for one in held.changes]) == ("over", ["possible", "recovered"])
    made.record(
        [
            Withheld(
                alert_id=held.changes[0],
                also=held.changes[1:],
                agency=held.agency,
                person=held.person,
                reason=held.reason,
                at=THURSDAY,
            )
        ]
    )
    after = made.plan(THURSDAY + timedelta(hours=5))
    assert (after.due, after.withheld, made.items) == ((), (), {})


def test_the_end_of_what_was_withheld_is_withheld_too_though_it_comes_later() -> None:
    made = office(HEAD_A)
    made.decide(MAINTENANCE)
    made.come(change("possible"))
    made.record([withheld(change("possible"))])
    made.come(change("recovered"))
    [held] = made.plan(THURSDAY + timedelta(hours=4)).withheld
    assert [one.split("/")[4] for one in held.changes] == ["recovered"]


def withheld(event: AlertChanged) -> Withheld:
    return Withheld(alert_id=event.id, also=(), agency=event.agency, person="head-a", reason="over", at=THURSDAY)


def test_the_end_of_a_fall_that_was_told_before_a_silence_is_told_after_it() -> None:
    made = office(HEAD_A)
    made.come(change("possible"), at=THURSDAY - timedelta(hours=2))
    made.deliver(THURSDAY - timedelta(hours=2))
    made.decide(MAINTENANCE)
    made.come(change("recovered"))
    assert made.goes(THURSDAY + timedelta(hours=4)) == {"head-a": [("alert", ("so-a recovered",))]}


# --- repeat: escalation, acknowledgement, snooze


def escalating(*people) -> Office:
    made = office(HEAD_A, CHAIRMAN, *people)
    made.come(change("confirmed"))
    made.deliver()
    return made


def test_the_chairman_hears_of_what_nobody_acknowledged_after_eight_working_hours() -> None:
    made = escalating()
    assert made.goes(local("2026-11-27T08:59")) == {}
    assert made.goes(local("2026-11-27T09:00")) == {"chairman": [("escalation", ("so-a confirmed",))]}
    [message] = made.deliver(local("2026-11-27T09:00"))
    assert message.id("email").startswith("escalation:so-a/")
    assert made.plan(local("2026-11-30T09:00")).due == ()


def test_working_hours_stand_still_over_a_weekend() -> None:
    made = office(HEAD_A, CHAIRMAN)
    made.come(change("confirmed"), at=local("2026-11-27T16:00"))
    assert "chairman" not in made.goes(local("2026-11-30T14:59"))
    assert "chairman" in made.goes(local("2026-11-30T15:00"))


@pytest.mark.parametrize("act", ["acknowledged", "closed", "new-normal"])
def test_what_was_answered_is_not_escalated(act: str) -> None:
    made = escalating()
    made.decide(decided(act))
    assert made.goes(local("2026-12-01T09:00")) == {}


def test_what_has_recovered_is_not_escalated() -> None:
    made = escalating()
    made.come(change("recovered"))
    made.deliver()
    assert made.goes(local("2026-12-01T09:00")) == {}


def test_the_chairman_who_was_told_hears_of_the_end_too() -> None:
    made = escalating()
    made.deliver(local("2026-11-27T09:00"))
    made.come(change("recovered"), at=local("2026-12-08T09:00"))
    assert set(made.goes(local("2026-12-08T09:00"))) == {"head-a", "chairman"}


def test_a_snooze_puts_off_the_escalation_until_it_ends() -> None:
    made = escalating()
    made.decide(decided("snoozed", until=local("2026-12-02T10:00")))
    assert made.goes(local("2026-12-02T09:59")) == {}
    assert "chairman" in made.goes(local("2026-12-02T10:00"))


def test_what_was_closed_before_a_person_was_told_is_withheld() -> None:
    made = office(HEAD_A)
    made.come(change("possible"), at=local("2026-11-26T22:00"))
    made.decide(decided("closed", at=local("2026-11-26T23:00")))
    plan = made.plan(local("2026-11-27T07:00"))
    assert (plan.due, [held.reason for held in plan.withheld]) == ((), ["closed"])


# --- restart


def test_a_courier_that_starts_anew_plans_the_same_messages_with_the_same_ids() -> None:
    made = office(BOTH, DEPARTMENT, CHAIRMAN)
    made.come(change("confirmed"), change("confirmed", "so-b"), at=local("2026-11-26T22:00"))
    at = local("2026-11-27T07:00")
    before = [due.message.id("email") for due in made.plan(at).due]
    made.items = dict(reversed(made.items.items()))
    assert sorted(due.message.id("email") for due in made.plan(at).due) == sorted(before)
    assert len(before) == 2


def test_what_was_delivered_by_another_channel_is_not_said_again() -> None:
    made = office(HEAD_A)
    made.come(change("possible"))
    items = dict(made.items)
    made.deliver()
    made.items = items
    assert made.plan().due == ()


changes = st.lists(
    st.builds(
        lambda kind, agency_id: change(kind, agency_id).id,
        st.sampled_from(["possible", "confirmed", "recovered"]),
        st.sampled_from(["so-a", "so-b"]),
    ),
    min_size=1,
    max_size=6,
    unique=True,
)


@given(ids=changes, cut=st.integers(0, 6), lane=st.sampled_from(["own", "children", "escalation"]))
def test_an_id_follows_from_the_changes_and_says_the_lane(ids, cut, lane):
    def message(said, also):
        return Outgoing(kind="merged", lane=lane, person="p", said=tuple(said), also=tuple(also))

    at = min(cut, len(ids))
    once, again = message(ids, ()), message(ids[at:][::-1], ids[:at])
    assert once.id("email") == again.id("email") != once.id("sms")
    assert lane_of_message(once.id("email")) == lane
    assert set(once.items) == {Item(one, "p", lane, "").id for one in ids}


@given(
    moments=st.lists(
        st.tuples(st.integers(0, 20 * 24 * 60), st.sampled_from(["so-a", "so-b"])), min_size=1, max_size=8
    ),
    looks=st.lists(st.integers(0, 25 * 24 * 60), min_size=1, max_size=12),
)
def test_however_often_it_looks_each_change_goes_to_each_person_exactly_once(moments, looks):
    made = office(BOTH, DEPARTMENT)
    said: list[tuple[str, str]] = []
    looks = [(minute, None) for minute in (*looks, 40 * 24 * 60, 43 * 24 * 60, 46 * 24 * 60)]
    for number, (minute, agency_id) in enumerate(sorted([*moments, *looks], key=lambda one: one[0])):
        at = THURSDAY + timedelta(minutes=minute)
        if agency_id is not None:
            opened = (THURSDAY + timedelta(days=number)).date()
            made.come(change("confirmed", agency_id, opened), at=at)
        else:
            said += [(one.person, id_) for one in made.deliver(at) for id_ in (*one.said, *one.also)]
    assert len(said) == len(set(said)) == 2 * len(moments)
