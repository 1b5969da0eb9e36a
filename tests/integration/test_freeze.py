"""A frozen result stays what it was, and the log can prove it. Real Kafka, real Redis, real processes."""

import hashlib
import json
import random
from datetime import UTC, date, datetime, timedelta

from deploy.local import programs
from services.aggregator.freezing import cut_of
from services.aggregator.frozen import numbers
from sipas.periods import Period
from tests.integration.aggregator_stack import AggregatorStack
from tests.integration.answers import Answers, make_sheet
from tests.integration.board_stack import BAD, GOOD, READ, BoardStack
from tests.servers import RedisServer

QUARTER = "2026-Q3"
FIRST = date(2026, 7, 1)


def made(dice: random.Random, number: int) -> list[dict]:
    """Sheets of the quarter."""
    return [
        make_sheet(
            dice,
            f"co-quan-{dice.randrange(24)}",
            answered_on=(FIRST + timedelta(days=dice.randrange(92))).isoformat(),
            received_at="2026-09-30T03:00:00Z",
        )
        for _ in range(number)
    ]


def as_records(sheets: list[dict]) -> list[tuple[str, bytes | None]]:
    return [(sheet["agency"], json.dumps(sheet).encode()) for sheet in sheets]


def test_late_and_duplicate_answers_and_a_replay_change_nothing_frozen(stack: AggregatorStack) -> None:
    """And the live numbers move by exactly the late ones."""
    dice = random.Random(9)
    answers = Answers()
    sheets = made(dice, 4_000)
    for sheet in sheets:
        answers.count(sheet)
    stack.aggregator("first").start()
    stack.write(as_records(sheets))
    stack.wait_until_counted()
    first = stack.command("freeze", QUARTER, "--directory", str(stack.directory), "--json")
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    file = stack.directory / f"{stack.namespace}-{QUARTER}-v1.json"
    frozen = file.read_bytes()
    assert hashlib.sha256(frozen).hexdigest() == told["sha256"]
    document = json.loads(frozen)
    assert sum(document["log"]["next_offsets"].values()) == 4_000
    by_month = [fields for scope, fields in answers.expected.items() if scope[0] == "total" and len(scope[3]) == 7]
    assert told["responses"] == 4_000 - sum(fields["excluded"] for fields in by_month)
    for number in document["numbers"]:
        months = [("total", number["agency"], "quick-5@1", f"2026-{month:02}") for month in (7, 8, 9)]
        assert number["tally"]["responses"] == sum(answers.expected[month]["responses"] for month in months)

    late = made(dice, 5_000)
    later = [(sheet, True) for sheet in late] + [(sheet, False) for sheet in dice.choices(sheets, k=5_000)]
    dice.shuffle(later)
    for sheet, counts in later:
        if counts:
            answers.count(sheet)
    stack.write(as_records([sheet for sheet, _ in later]))
    stack.wait_until_counted()
    assert stack.differences(answers) == []
    replayed = stack.command("replay", "--switch")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    stack.generation = "g2"
    stack.wait_until_counted()
    assert stack.differences(answers) == []

    file.unlink()
    again = stack.command("freeze", QUARTER, "--directory", str(stack.directory))
    assert "is frozen already" in again.stderr
    assert file.read_bytes() == frozen
    verified = stack.command("verify", QUARTER, "--file", str(file))
    assert verified.returncode == 0, verified.stderr
    assert told["sha256"] in verified.stdout

    restated = stack.command(
        "freeze", QUARTER, "--restate", "5.000 phiếu đến muộn", "--directory", str(stack.directory), "--json"
    )
    second = json.loads(restated.stdout)
    assert (second["version"], second["previous"]) == (2, told["sha256"])
    assert second["responses"] > told["responses"]
    for version in ("1", "2"):
        assert stack.command("verify", QUARTER, "--version", version).returncode == 0
    file.write_bytes(frozen.replace(b'"demo":false', b'"demo":true'))
    forged = stack.command("verify", QUARTER, "--version", "1", "--file", str(file))
    assert forged.returncode == 1
    assert "is not the frozen result" in forged.stderr


def test_a_period_is_not_frozen_before_its_time_nor_while_its_numbers_are_partial(stack: AggregatorStack) -> None:
    aggregator = stack.aggregator("first")
    aggregator.start()
    stack.write(as_records(made(random.Random(4), 200)))
    stack.wait_until_counted()
    this_year = str(datetime.now(UTC).year)
    here = ("--directory", str(stack.directory))
    early = stack.command("freeze", this_year, *here)
    assert early.returncode == 1
    assert "--force-reason" in early.stderr
    assert stack.command("freeze", "last-30d", *here).returncode == 2
    assert "never frozen" in stack.command("freeze", QUARTER, "--restate", "x", *here).stderr
    forced = stack.command("freeze", this_year, "--force-reason", "kiểm tra", *here)
    assert forced.returncode == 0, forced.stderr
    document = json.loads((stack.directory / f"{stack.namespace}-{this_year}-v1.json").read_bytes())
    assert document["forced"] == "kiểm tra"
    aggregator.stop()
    programs.ask_redis(stack.redis.port, "FLUSHALL")
    assert "a partial number is never frozen" in stack.command("freeze", QUARTER, *here).stderr


def test_a_frozen_number_is_the_board_s_own(redis_server: RedisServer, namespace: str) -> None:
    """Its interval too, of a period that is longer than the days it is taken from."""
    board = BoardStack(redis_server.url, namespace)
    dice = random.Random(2)
    for day in range(0, 92, 2):
        board.count("so-noi-vu", FIRST + timedelta(days=day), [dice.choice((GOOD, GOOD, BAD)) for _ in range(12)])
    period = Period.parse(QUARTER, date(2026, 11, 22))
    [number] = numbers([cut_of(board.keys_of("so-noi-vu"), period)], period, board.methods)
    shown = board.index("so-noi-vu", READ, period=QUARTER)
    assert {name: number[name] for name in number if name in shown} == {
        name: shown[name] for name in shown if name in number
    }
    assert {"percent", "interval", "responses", "as_of"} <= number.keys() & shown.keys()
    board.ledgers.close()
