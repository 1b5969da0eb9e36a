"""A second generation beside the live one: counted, compared, published, taken back. Real Kafka, Redis, processes."""

import json
import random
from datetime import UTC, datetime

import pytest

from deploy.local import programs
from services.aggregator.generations import Switches, follow_switches, read_switches, switch
from sipas.ledger import Ledgers
from sipas.tally_keys import Published
from tests.integration.aggregator_stack import PARTITIONS, AggregatorStack
from tests.integration.answers import Answers, make_answers
from tests.servers import wait_until


def pointer(stack: AggregatorStack) -> Published:
    return Published.from_pointer(stack.ledgers.hashes([stack.ledgers.pointer_key])[0])


def switches(stack: AggregatorStack) -> Switches:
    return read_switches([stack.kafka.bootstrap], stack.namespace, stack.ledgers)


def wait_until_marked(stack: AggregatorStack, epoch: int) -> None:
    """Everything of the published generation was told in this epoch."""
    stack.generation = pointer(stack).generation
    wait_until(
        lambda: all((stack.keys(n).slot.position() or {}).get("marked") == str(epoch) for n in range(PARTITIONS)),
        what=f"the markers of epoch {epoch}",
    )


def expected_totals(answers: Answers) -> dict[str, dict[str, int]]:
    return {
        "/".join(scope[1:]): dict(fields)
        for scope, fields in answers.expected.items()
        if scope[0] == "total" and len(scope[3]) == len("2026-11-20")
    }


def told(stack: AggregatorStack, epoch: int) -> dict[str, dict[str, int]]:
    """What readers of `tallies` hold; all of it must be of the epoch."""
    found = stack.totals_told()
    assert {version[0] for version, _ in found.values()} == {epoch}
    return {key: fields for key, (_, fields) in found.items() if fields}


def test_a_replay_beside_a_running_aggregator_gives_the_same_integers_and_is_published_without_a_restart(
    any_stack: AggregatorStack,
) -> None:
    stack = any_stack
    answers = make_answers(12_000)
    aggregator = stack.aggregator("first")
    aggregator.start()
    stack.write(answers.records[:8_000])
    stack.wait_until_counted()
    replayed = stack.command("replay", "--json", "--processes", "2")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    outcome = json.loads(replayed.stdout)
    assert (outcome["live"], outcome["filled"], outcome["differences"]) == ("g1", "g2", [])
    assert sum(one["agencies"] for one in outcome["partitions"]) == 24
    assert pointer(stack) == Published("g1", 0)
    stack.write(answers.records[8_000:10_000])
    switched = stack.command("replay", "--switch")
    assert switched.returncode == 0, switched.stdout + switched.stderr
    assert "g2 is published, epoch 1" in switched.stdout
    stack.write(answers.records[10_000:])
    wait_until_marked(stack, 1)
    stack.wait_until_counted()
    assert stack.generation == "g2"
    assert stack.differences(answers) == []
    wait_until(lambda: told(stack, 1) == expected_totals(answers), what="every total to be told")
    assert stack.command("verify").returncode == 0
    assert "partition opened" in aggregator.log
    assert aggregator.log.count("another generation is published") == 1


def test_going_back_is_one_command_and_the_old_generation_is_kept_until_it_is_dropped(stack: AggregatorStack) -> None:
    answers = make_answers(4_000)
    stack.aggregator("first").start()
    stack.write(answers.records[:2_000])
    stack.wait_until_counted()
    assert stack.command("replay", "--switch").returncode == 0
    stack.write(answers.records[2_000:])
    wait_until_marked(stack, 1)
    stack.wait_until_counted()
    # g2 lost something on the way, as a faulty method would
    scope = next(scope for scope in sorted(answers.expected) if scope[0] == "total" and len(scope[3]) == 10)
    stack.spoil(scope, "STAFF:5", -1)
    back = stack.command("replay", "--back")
    assert back.returncode == 0, back.stderr
    assert pointer(stack) == Published("g1", 2)
    wait_until_marked(stack, 2)
    stack.wait_until_counted()
    assert stack.differences(answers) == []
    wait_until(lambda: told(stack, 2) == expected_totals(answers), what="every total to be told again")
    assert stack.command("replay", "--drop", "g1").returncode == 1
    assert stack.command("replay", "--drop", "judge").returncode == 1
    assert stack.command("replay", "--drop", "g2").returncode == 0
    assert programs.ask_redis(stack.redis.port, "KEYS", f"{stack.namespace}:g2:*").startswith(b"*0")
    assert "g2 was dropped" in stack.command("replay", "--back").stderr


def test_integers_that_differ_are_named_and_published_only_with_a_reason(stack: AggregatorStack) -> None:
    answers = make_answers(2_000)
    stack.aggregator("first").start()
    stack.write(answers.records)
    stack.wait_until_counted()
    scope = next(scope for scope in sorted(answers.expected) if scope[0] == "total" and len(scope[3]) == 10)
    stack.spoil(scope, "STAFF:5", 1)
    had = answers.expected[scope]["STAFF:5"]
    refused = stack.command("replay", "--switch")
    assert refused.returncode == 1
    assert f"{' '.join(scope[1:])} total STAFF:5: g1 has {had + 1}, g2 {had}" in refused.stdout
    assert pointer(stack) == Published("g1", 0)
    meant = stack.command("replay", "--switch", "--reason", "someone edited g1 by hand")
    assert meant.returncode == 0, meant.stderr
    wait_until_marked(stack, 1)
    assert stack.differences(answers) == []


def test_a_ledger_of_another_version_is_refused_by_name_and_replayed(stack: AggregatorStack) -> None:
    answers = make_answers(2_000)
    first = stack.aggregator("first")
    first.start()
    stack.write(answers.records)
    stack.wait_until_counted()
    first.stop()
    for number in range(PARTITIONS):
        stack.keys(number).slot.note({"stored": "1"})
    first.start()
    assert first.wait(30) == 1
    assert "was written by another version of this software" in first.log
    assert stack.command("replay", "--switch").returncode == 0
    first.start()
    wait_until_marked(stack, 1)
    assert stack.differences(answers) == []


def test_a_replay_killed_in_the_middle_goes_on_where_it_stopped(stack: AggregatorStack) -> None:
    answers = make_answers(60_000)
    stack.aggregator("first").start()
    stack.write(answers.records)
    stack.wait_until_counted()
    stack.generation = "g2"
    dice = random.Random(3)
    goals = sorted(dice.randrange(5_000, 55_000) for _ in range(3))
    for number, goal in enumerate(goals):
        replaying = stack.running_command(f"replay-{number}", "replay", "--processes", "2")
        replaying.start()
        wait_until(lambda goal=goal: stack.counted() >= goal, what="the replay to come so far")
        replaying.kill()
    before = stack.counted()
    assert before < sum(stack.ends())
    done = stack.command("replay", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["differences"] == []
    assert stack.differences(answers) == []
    assert stack.lag() == 0
    assert len(stack.dead_letters()) == answers.malformed


class PointerLost(Ledgers):
    """Its process is killed between the decision and the pointer."""

    def point(self, generation: str, epoch: int) -> bool:
        raise InterruptedError


@pytest.mark.parametrize("aggregator_is", ["running", "started later"])
def test_a_switch_killed_between_the_decision_and_the_pointer_heals_by_itself(
    stack: AggregatorStack, aggregator_is: str
) -> None:
    answers = make_answers(3_000)
    aggregator = stack.aggregator("first")
    aggregator.start()
    stack.write(answers.records)
    stack.wait_until_counted()
    assert stack.command("replay").returncode == 0
    if aggregator_is == "started later":
        aggregator.stop()
    cut_off = PointerLost(stack.redis.url, stack.namespace)
    with pytest.raises(InterruptedError):
        switch([stack.kafka.bootstrap], cut_off, Switches(), "g2", reason="a test", at=datetime.now(UTC))
    if aggregator_is == "started later":
        assert pointer(stack) == Published("g1", 0)
        aggregator.start()
    wait_until(lambda: pointer(stack) == Published("g2", 1), what="the pointer to follow")
    wait_until_marked(stack, 1)
    assert stack.differences(answers) == []
    assert told(stack, 1) == expected_totals(answers)


def test_switches_killed_anywhere_leave_one_generation_published_whole(stack: AggregatorStack) -> None:
    """SIGKILL at any moment of `replay --switch`, the aggregator killed too: what `decisions` says is what holds."""
    answers = make_answers(20_000)
    aggregator = stack.aggregator("first")
    aggregator.start()
    stack.write(answers.records[:10_000])
    stack.wait_until_counted()
    dice = random.Random(11)
    follower = follow_switches([stack.kafka.bootstrap], stack.namespace)
    follower.start()
    for number in range(6):
        published = follower.newest.published
        switching = stack.running_command(f"switch-{number}", "replay", "--switch")
        switching.start()
        stack.write(answers.records[10_000 + 1_000 * number : 11_000 + 1_000 * number])
        if number % 2:
            # the moment of the decision itself
            wait_until(
                lambda before=published, program=switching: follower.newest.published != before or not program.alive,
                60,
                "a decision",
            )
        else:
            stack.generation = follower.newest.building
            goal = dice.randrange(9_000)
            wait_until(
                lambda goal=goal, program=switching: stack.counted() >= goal or not program.alive, what="some progress"
            )
        switching.kill()
        if number % 3 == 0:
            aggregator.kill()
            aggregator.start()
    stack.write(answers.records[16_000:])
    follower.close()
    newest = switches(stack).published
    assert newest.epoch >= 3
    wait_until(lambda: pointer(stack) == newest, what="the pointer to follow")
    wait_until_marked(stack, newest.epoch)
    stack.wait_until_counted()
    assert stack.differences(answers) == []
    wait_until(lambda: told(stack, newest.epoch) == expected_totals(answers), what="every total to be told")
    assert stack.command("verify").returncode == 0


def test_a_redis_emptied_after_a_switch_is_counted_anew_into_the_published_generation(stack: AggregatorStack) -> None:
    answers = make_answers(5_000)
    stack.aggregator("first").start()
    stack.write(answers.records)
    stack.wait_until_counted()
    assert stack.command("replay", "--switch").returncode == 0
    wait_until_marked(stack, 1)
    programs.ask_redis(stack.redis.port, "FLUSHALL")
    wait_until(lambda: pointer(stack) == Published("g2", 1), what="the pointer to come back")
    wait_until_marked(stack, 1)
    stack.wait_until_counted()
    assert stack.differences(answers) == []


def test_a_pointer_that_decisions_does_not_know_stops_everybody(stack: AggregatorStack) -> None:
    stack.ledgers.point("g2", 40)
    aggregator = stack.aggregator("first")
    aggregator.start()
    assert aggregator.wait(30) == 1
    assert "the topic does not hold that switch" in aggregator.log
    assert "the topic does not hold that switch" in stack.command("replay").stderr


def test_a_replay_is_paused_where_the_live_generation_was_and_goes_on_by_the_same_word(stack: AggregatorStack) -> None:
    answers = make_answers(300, malformed=0, repeated=0, agencies=1)
    stack.aggregator("first").start()
    key = answers.records[0][0]
    stack.write([*answers.records[:150], *[(key, b"{")] * 200, *answers.records[150:]])
    wait_until(
        lambda: any("fused_at" in (stack.keys(n).slot.position() or {}) for n in range(PARTITIONS)), what="the fuse"
    )
    paused = next(n for n in range(PARTITIONS) if "fused_at" in (stack.keys(n).slot.position() or {}))
    assert stack.command("dlq", "accept", str(paused)).returncode == 0
    stack.wait_until_counted()
    replayed = stack.command("replay")
    assert replayed.returncode == 0, replayed.stdout
    stack.generation = "g2"
    assert stack.differences(answers) == []
    assert len(stack.dead_letters()) == 200
