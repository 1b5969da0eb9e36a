"""A reader who keeps everything the public API ever said, and solves it: no few sheets come out.

Asked are agencies, blocks, kinds, merged agencies, province and criteria while sheets arrive one by one on one day.
What the next day adds (the last one to four sheets of a day) is told in docs/method.md and not held here.
"""

import random
from collections.abc import Iterator

import pytest

from tests.integration.board_stack import PROVINCE, TODAY, BoardStack
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
            found = board.index(one, period=DAY)
            if found["responses"] != seen[one][-1]:
                seen[one].append(found["responses"])
            assert found["responses"] <= arrived[one]
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
