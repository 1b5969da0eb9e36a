"""Counters that used to get answers and no longer do."""

from datetime import date

from services.board.silence import Scope, days_looked_at, months_looked_at, scopes_of, silent_counters
from sipas.registry import Counter, Names

FRIDAY = date(2026, 11, 27)
HOLIDAYS = {date(2026, 11, 24)}
DAYS, MONTHS = ("2026-11-27", "2026-11-26"), ("2026-11", "2026-10")


def counter(code: str, *agencies: str, status: str = "active", method: str = "quick-5@1") -> Counter:
    return Counter(
        code=code,
        label=Names(vi="Quầy", en="Counter"),
        place="p",
        agencies=agencies,
        method=method,
        status=status,  # type: ignore[arg-type]
    )


def sheets(*agencies: str, **times: dict[str, int]):
    """The same for each agency."""
    named = {time.replace("_", "-").removeprefix("t"): parts for time, parts in times.items()}
    return {Scope(agency, "quick-5@1"): named for agency in agencies}


def test_five_whole_working_days_are_looked_at_and_today() -> None:
    days = days_looked_at(FRIDAY, HOLIDAYS)
    # Thursday, Wednesday, Monday, then Friday and Thursday of the week before
    assert (days[0], days[-1], len(days)) == ("2026-11-27", "2026-11-19", 9)


def test_three_months_are_looked_at_over_the_turn_of_the_year() -> None:
    assert months_looked_at(date(2027, 1, 1)) == ("2027-01", "2026-12", "2026-11")


def test_a_counter_that_used_to_get_sheets_and_gets_none_is_silent() -> None:
    known = sheets("a", t2026_10={"counter=X": 5, "counter=Y": 9}, t2026_11_26={"counter=Y": 1})
    assert silent_counters([counter("X", "a"), counter("Y", "a")], known, DAYS, MONTHS) == {"a": 1}


def test_a_counter_that_was_hardly_used_is_not_silent() -> None:
    known = sheets("a", t2026_10={"counter=X": 4})
    assert silent_counters([counter("X", "a")], known, DAYS, MONTHS) == {"a": 0}


def test_a_counter_of_many_agencies_is_counted_once_and_speaks_for_all_of_them() -> None:
    shared = counter("X", "a", "b")
    silent = sheets("a", "b", t2026_10={"counter=X": 3})
    assert silent_counters([shared], silent, DAYS, MONTHS) == {"a": 1}
    spoken = silent | sheets("b", t2026_11_27={"counter=X": 1})
    assert silent_counters([shared], spoken, DAYS, MONTHS) == {"a": 0}


def test_of_an_agency_that_is_being_rebuilt_nothing_is_known() -> None:
    known = sheets("a", t2026_10={"counter=X": 9}) | {Scope("b", "quick-5@1"): None}
    counters = [counter("X", "a"), counter("Y", "a", "b"), counter("Z", "b")]
    assert silent_counters(counters, known, DAYS, MONTHS) == {}


def test_a_withdrawn_counter_is_not_looked_at() -> None:
    assert scopes_of([counter("X", "a", status="revoked"), counter("Y", "b")]) == (Scope("b", "quick-5@1"),)
    assert silent_counters([counter("X", "a", status="revoked")], {}, DAYS, MONTHS) == {}
