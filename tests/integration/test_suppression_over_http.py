"""A reader who keeps everything the public API ever said, and solves it: no few sheets come out.

Asked are agencies, blocks, kinds, merged agencies, province and criteria while sheets arrive one by one. The proof over
days, months and years is `tests/unit/test_steps.py`; here, that the API tells nothing else.
"""

import random
from collections.abc import Iterator

import pytest

from tests.integration.board_stack import PROVINCE, READ, TODAY, BoardStack
from tests.servers import RedisServer
from tests.unit.linear import isolated

AGENCIES = ("so-noi-vu", "so-y-te", "so-dan-toc", "xa-mot", "xa-cu")
SCOPES = ("province", "block:so", "block:xa", "kind:SO", "agency:xa-mot")
MEMBERS = {
    "province": AGENCIES,
    "block:so": AGENCIES[:3],
    "block:xa": AGENCIES[3:],
    "kind:SO": AGENCIES,
    "agency:xa-mot": AGENCIES[3:],
}
CODES = ("ACCESS", "PROC", "STAFF", "RESULT", "FEEDBACK")
DAY = TODAY.isoformat()


@pytest.fixture
def board(redis_server: RedisServer, namespace: str) -> Iterator[BoardStack]:
    stack = BoardStack(redis_server.url, namespace, PROVINCE)
    yield stack
    stack.ledgers.close()


def test_the_sums_seen_while_sheets_arrive_one_by_one_isolate_no_few_of_them(board: BoardStack) -> None:
    """An atom is what an agency got between two moves of its public number; the reader has every sum ever published."""
    dice = random.Random(5)
    arrived = dict.fromkeys(AGENCIES, 0)
    seen: dict[str, list[int]] = {agency: [0] for agency in AGENCIES}
    sums: set[tuple[str, tuple[int, ...]]] = set()
    for _ in range(48):
        agency = dice.choices(AGENCIES, (8, 3, 1, 4, 1))[0]
        board.count(agency, DAY, [{"ACCESS": dice.choice((2, 4, 5))}])
        arrived[agency] += 1
        for one in AGENCIES:
            told = board.index(one, period=DAY)["responses"] or 0
            if told != seen[one][-1]:
                seen[one].append(told)
            assert told <= arrived[one]
        moment = tuple(len(seen[one]) - 1 for one in AGENCIES)
        sums |= {
            (scope, moment)
            for scope in SCOPES
            if board.get(f"/v1/scopes/{scope}/index", period=DAY)["percent"] is not None
        }
    steps = [(one, number) for one in AGENCIES for number in range(1, len(seen[one]))]
    sizes = [seen[one][number] - seen[one][number - 1] for one, number in steps]
    published = [
        [int(one == agency and number <= told) for one, number in steps]
        for agency in AGENCIES
        for told in range(1, len(seen[agency]))
    ]
    published += [
        [int(one in MEMBERS[scope] and number <= moment[AGENCIES.index(one)]) for one, number in steps]
        for scope, moment in sums
    ]
    assert len(sizes) > 5
    assert sums
    assert isolated(published, sizes, 5) == []


def test_over_days_no_number_moves_by_a_few_and_no_month_tells_what_its_days_hide(board: BoardStack) -> None:
    days, month = ("2026-11-18", "2026-11-19", "2026-11-20", DAY), "2026-11"
    dice = random.Random(6)
    seen = dict.fromkeys((*days, month, "2026"), 0)
    for day in days:
        for _ in range(dice.choice((3, 8, 11))):
            board.count("so-noi-vu", dice.choice((day, day, days[0])), [{"ACCESS": dice.choice((2, 4, 5))}])
            told = {period: board.index("so-noi-vu", period=period)["responses"] or 0 for period in seen}
            assert all(told[period] == seen[period] or told[period] >= seen[period] + 5 for period in seen)
            left = told[month] - sum(told[one] for one in days)
            assert left == 0 or left >= 5
            seen = told
    live = board.index("so-noi-vu", READ, period=month)["responses"]
    assert 0 <= live - seen[month] <= 8
    assert seen[month] > sum(seen[one] for one in days)


def test_the_answers_to_a_criterion_that_few_gave_do_not_follow_from_the_others(board: BoardStack) -> None:
    sheets = [dict.fromkeys(CODES[: 3 if number % 2 else 4], 4) for number in range(8)]
    board.count("so-noi-vu", DAY, [*sheets, *({"FEEDBACK": 2} for _ in range(2))])
    sizes = [8, 8, 8, 4, 2]
    found = board.get("/v1/agencies/so-noi-vu/factors", period=DAY)
    assert found["answers"] == sum(sizes)
    told = [factor["answers"] for factor in found["factors"]]
    assert told[3:] == [None, None]
    published = [[1] * 5, *([int(place == at) for at in range(5)] for place in range(5) if told[place] is not None)]
    assert isolated(published, sizes, 5) == []
    levels = board.get("/v1/agencies/so-noi-vu/distribution", period=DAY)["criteria"]
    assert [one["levels"] is None for one in levels] == [answers is None for answers in told]
