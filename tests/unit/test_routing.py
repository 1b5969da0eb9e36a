"""Whom a change of state is for."""

import pytest

from services.notifier.routing import routes
from sipas.alert_book import Alert
from sipas.people import scopes_of
from tests.unit.notifier_records import agency, change, people_of, person

AGENCIES = {one.id: one for one in (agency("so-a"), agency("chi-cuc-a", parent="so-a"), agency("xa-b", "xa"))}
HEAD = person("head", "so-a")
DEPARTMENT = person("department", "block/so", role="department")
CHAIRMAN = person("chairman", "province", role="chairman")
OBSERVER = person("observer", "province", role="observer")


def routed(kind: str, *people, agency_id: str = "so-a", before: tuple[str, ...] = ()) -> dict[str, str]:
    changes = [change(one, agency_id) for one in (*before, kind)]
    found = routes(changes[-1], Alert(tuple(changes)), scopes_of(agency_id, AGENCIES), people_of(*people))
    return {route.person.id: route.lane for route in found}


EVERYBODY = (HEAD, DEPARTMENT, CHAIRMAN, OBSERVER)


@pytest.mark.parametrize(
    ("kind", "before", "told"),
    [
        pytest.param("possible", (), {"head": "own"}, id="possible"),
        pytest.param(
            "confirmed",
            ("possible",),
            {"head": "own", "department": "children", "chairman": "escalation"},
            id="confirmed",
        ),
        pytest.param("recovered", ("possible",), {"head": "own"}, id="over before it was confirmed"),
        pytest.param(
            "recovered", ("possible", "confirmed"), {"head": "own", "department": "children"}, id="over once confirmed"
        ),
        pytest.param("follow-up", ("possible",), {"head": "own"}, id="a follow-up"),
    ],
)
def test_a_change_is_for_those_whose_role_it_is(kind: str, before: tuple[str, ...], told: dict[str, str]) -> None:
    assert routed(kind, *EVERYBODY, before=before) == told


def test_an_observer_is_never_told_of_a_change() -> None:
    assert routed("confirmed", OBSERVER) == {}


def test_the_nearest_heads_are_told_and_those_further_off_are_not() -> None:
    province, block, one, two = (
        person("p", "province"),
        person("b", "block/so"),
        person("one", "so-a"),
        person("two", "so-a"),
    )
    assert routed("possible", province) == {"p": "children"}
    assert routed("possible", province, block) == {"b": "children"}
    assert routed("possible", province, block, one, two) == {"one": "own", "two": "own"}


@pytest.mark.parametrize("kind", ["possible", "confirmed", "recovered"])
def test_where_nobody_is_head_those_above_are_told_at_once(kind: str) -> None:
    assert routed(kind, DEPARTMENT, CHAIRMAN)["department"] == "children"
    assert routed(kind, CHAIRMAN) == {"chairman": "children"}


def test_the_head_of_the_parent_stands_in_for_an_agency_without_one() -> None:
    assert routed("possible", HEAD, person("p", "province"), agency_id="chi-cuc-a") == {"head": "children"}


def test_an_agency_that_the_registry_does_not_know_is_the_provinces() -> None:
    assert routed("possible", HEAD, person("p", "province"), agency_id="so-new") == {"p": "children"}


def test_a_parent_that_is_its_own_parent_ends() -> None:
    loop = {"a": agency("a", parent="b"), "b": agency("b", parent="a")}
    assert scopes_of("a", loop) == ("a", "b", "block/so", "province")
