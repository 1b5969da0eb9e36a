"""Single faults, each made to happen at the worst moment. Real Kafka, real Redis, real processes."""

import json
import random
import shutil

from deploy.local import programs
from sipas.broker import Log
from tests.integration.aggregator_stack import PARTITIONS, AggregatorStack
from tests.integration.answers import Answers, make_answers, make_sheet
from tests.servers import wait_until


class Sleeper:
    """An owner of partitions whose commit reaches Redis when another has long counted the same answers."""

    def __init__(self, stack: AggregatorStack, mutant: str = "") -> None:
        self.answers = make_answers(6_000)
        proxy = stack.proxy()
        self.program = stack.aggregator("sleeper", static=False, proxy=proxy, mutant=mutant)
        self.program.start()
        stack.write(self.answers.records[:3_000])
        stack.wait_until_counted()
        proxy.arm("hold", self.program.pause)
        stack.write(self.answers.records[3_000:4_500])
        wait_until(lambda: proxy.faults == 1, what="the sleeper's commit")
        stack.write(self.answers.records[4_500:])
        stack.aggregator("successor", static=False).start()
        stack.wait_until_counted()
        proxy.release()
        self.program.resume()


def test_a_paused_owner_that_wakes_after_another_took_over_changes_nothing(any_stack: AggregatorStack) -> None:
    sleeper = Sleeper(any_stack)
    wait_until(lambda: "reading the ledger again" in sleeper.program.log, what="the sleeper to notice")
    assert any_stack.differences(sleeper.answers) == []


def test_without_the_guard_of_the_position_it_would(stack: AggregatorStack) -> None:
    sleeper = Sleeper(stack, "no-position-guard")
    wait_until(lambda: stack.differences(sleeper.answers) != [], what="totals of before over those of now")


def test_a_reply_lost_after_the_server_executed_counts_once(any_stack: AggregatorStack) -> None:
    stack = any_stack
    answers = make_answers(4_000)
    proxy = stack.proxy()
    first = stack.aggregator("first", proxy=proxy)
    first.start()
    for start in range(0, len(answers.records), 500):
        before = proxy.faults
        proxy.arm("reply")
        stack.write(answers.records[start : start + 500])
        wait_until(lambda before=before: proxy.faults > before, what="a commit whose reply is lost")
        if start % 1500 == 0:
            first.kill()
            first.start()
    stack.wait_until_counted()
    assert stack.differences(answers) == []


def test_a_redis_set_back_to_an_earlier_copy_catches_up_to_the_same_integers(any_stack: AggregatorStack) -> None:
    stack = any_stack
    answers = make_answers(8_000)
    aggregator = stack.aggregator("first")
    aggregator.start()
    stack.write(answers.records[:4_000])
    stack.wait_until_counted()
    stack.redis.stop()
    copy = stack.directory / "copy"
    shutil.copytree(stack.redis.data, copy)
    stack.redis.start()
    stack.write(answers.records[4_000:])
    wait_until(lambda: (aggregator.alive or aggregator.start(), stack.lag() == 0)[1], what="the rest to be counted")
    stack.redis.kill()
    shutil.rmtree(stack.redis.data)
    shutil.copytree(copy, stack.redis.data)
    stack.redis.start()
    assert stack.lag() > 0
    wait_until(lambda: (aggregator.alive or aggregator.start(), stack.lag() == 0)[1], what="the same answers again")
    assert stack.differences(answers) == []


def test_flushall_while_running_gives_the_same_integers_and_totals_again_without_help(stack: AggregatorStack) -> None:
    """While the numbers are partial nothing is published: what is told is never lower than before."""
    answers = make_answers(30_000)
    stack.aggregator("first").start()
    stack.write(answers.records)
    stack.wait_until_counted()
    ends = stack.ends()
    programs.ask_redis(stack.redis.port, "FLUSHALL")
    wait_until(lambda: all(stack.keys(n).slot.position() for n in range(PARTITIONS)), what="the ledger to begin again")
    stack.wait_until_counted()
    positions = [stack.keys(number).slot.position() for number in range(PARTITIONS)]
    assert [int(position["rebuild_until"]) for position in positions] == ends
    assert stack.differences(answers) == []
    wait_until(
        lambda: all(stack.keys(n).slot.position()["marked"] == "0" for n in range(PARTITIONS)), what="the markers"
    )
    told = stack.totals_told()
    assert {key: fields for key, (_, fields) in told.items()} == {
        "/".join(scope[1:]): dict(fields)
        for scope, fields in answers.expected.items()
        if scope[0] == "total" and len(scope[3]) == len("2026-11-20")
    }


def test_a_log_made_anew_stops_the_aggregator_with_a_message_that_says_what_to_do(stack: AggregatorStack) -> None:
    aggregator = stack.aggregator("first")
    aggregator.start()
    stack.write(make_answers(500).records)
    stack.wait_until_counted()
    aggregator.stop()
    remake(stack)
    answers = make_answers(800, seed=2)
    stack.write(answers.records)
    aggregator.start()
    assert aggregator.wait(30) == 1
    assert "has been made anew" in aggregator.log
    assert "sipas replay" in aggregator.log
    # and what it says helps
    replayed = stack.command("replay", "--switch")
    assert replayed.returncode == 0, replayed.stderr
    assert "g1 counted another log" in replayed.stdout
    stack.generation = "g2"
    aggregator.start()
    stack.wait_until_counted()
    assert stack.differences(answers) == []
    assert stack.command("verify").returncode == 0


def test_a_log_made_anew_while_it_is_read_stops_the_aggregator_too(stack: AggregatorStack) -> None:
    aggregator = stack.aggregator("first")
    aggregator.start()
    stack.write(make_answers(500).records)
    stack.wait_until_counted()
    before = {n: stack.keys(n).slot.position() for n in range(PARTITIONS)}
    remake(stack)
    stack.publisher.close()
    stack.publisher = type(stack.publisher)([stack.kafka.bootstrap])
    stack.write(make_answers(2_000, seed=2).records)
    wait_until(lambda: not aggregator.alive, what="the aggregator to end")
    aggregator.start()
    assert aggregator.wait(30) == 1
    assert "sipas replay" in aggregator.log
    after = {n: stack.keys(n).slot.position() for n in range(PARTITIONS)}
    assert {n: p["next_offset"] for n, p in after.items()} == {n: p["next_offset"] for n, p in before.items()}


def test_a_log_that_lost_its_beginning_stops_the_aggregator(stack: AggregatorStack) -> None:
    aggregator = stack.aggregator("first")
    aggregator.start()
    stack.write(make_answers(500).records)
    stack.wait_until_counted()
    aggregator.stop()
    stack.log.cut(stack.topics.responses, dict(enumerate(stack.ends())))
    aggregator.start()
    assert aggregator.wait(30) == 1
    assert "records are missing from the log" in aggregator.log
    # where what is left is meant, it is counted
    answers = make_answers(300, seed=2)
    stack.write(answers.records)
    replayed = stack.command("replay", "--switch")
    assert replayed.returncode == 0, replayed.stderr
    stack.generation = "g2"
    aggregator.start()
    stack.wait_until_counted()
    assert stack.differences(answers) == []


def test_a_log_cut_and_written_again_is_noticed_by_the_last_counted_record(stack: AggregatorStack) -> None:
    """The topic and the offsets are right, the record is another one: as after an unclean leader election."""
    aggregator = stack.aggregator("first")
    aggregator.start()
    stack.write(make_answers(500).records)
    stack.wait_until_counted()
    aggregator.stop()
    for number in range(PARTITIONS):
        stack.keys(number).slot.note({"hash": "0" * 32})
    stack.write(make_answers(50, seed=3).records)
    aggregator.start()
    assert aggregator.wait(30) == 1
    assert "cut and written again" in aggregator.log


def test_a_method_that_the_software_does_not_know_stops_it(stack: AggregatorStack) -> None:
    dice = random.Random(1)
    aggregator = stack.aggregator("first")
    aggregator.start()
    sheet = make_sheet(dice, "co-quan-1", method="quick-5@99")
    stack.write([(sheet["agency"], json.dumps(sheet).encode())])
    wait_until(lambda: not aggregator.alive, what="the aggregator to end")
    assert "the log is newer than I am" in aggregator.log


def test_verify_agrees_with_a_running_stack_and_names_a_planted_difference(stack: AggregatorStack) -> None:
    answers = make_answers(5_000)
    stack.aggregator("first").start()
    stack.write(answers.records)
    wait_until(lambda: stack.counted() > 500, what="some answers to be counted")
    running = stack.command("verify", "--json")
    assert running.returncode == 0, running.stdout + running.stderr
    stack.wait_until_counted()
    done = stack.command("verify", "--json")
    assert json.loads(done.stdout)["sheets"] == answers.unique
    scope = next(scope for scope in sorted(answers.expected) if scope[0] == "total")
    stack.spoil(scope, "STAFF:5", 1)
    wrong = stack.command("verify")
    assert wrong.returncode == 1
    had = answers.expected[scope]["STAFF:5"]
    assert f"{' '.join(scope[1:])} total STAFF:5: the ledger has {had + 1}, the log gives {had}" in wrong.stderr


def test_a_flood_of_bad_records_pauses_the_partition_until_somebody_accepts_it(stack: AggregatorStack) -> None:
    answers = make_answers(300, malformed=0, repeated=0, agencies=1)
    aggregator = stack.aggregator("first")
    aggregator.start()
    stack.write(answers.records[:150])
    stack.wait_until_counted()
    key = answers.records[0][0]
    stack.write([(key, b"{")] * 200 + answers.records[150:])
    wait_until(lambda: "until `sipas dlq accept`" in aggregator.log, what="the fuse")
    assert len(stack.dead_letters()) < 60
    paused = next(n for n in range(PARTITIONS) if "fused_at" in (stack.keys(n).slot.position() or {}))
    # a restart does not forget it
    aggregator.restart()
    accepted = stack.command("dlq", "accept", str(paused))
    assert accepted.returncode == 0, accepted.stderr
    stack.wait_until_counted()
    assert stack.differences(answers) == []
    assert len(stack.dead_letters()) == 200
    listed = stack.command("dlq", "list")
    assert "not-json" in listed.stdout
    assert "200 dead letters" in listed.stdout


def test_a_sheet_too_old_to_be_told_from_a_repeat_is_kept_and_counted_when_sent_again(stack: AggregatorStack) -> None:
    """A hundred sheets received more than 62 days after the month's end close the month."""
    dice = random.Random(5)
    agency = "co-quan-1"

    def sheets(day: str, number: int) -> list[dict]:
        return [
            make_sheet(dice, agency, received_at=f"{day}T03:00:00Z", answered_on=day, flags=[]) for _ in range(number)
        ]

    early, late = sheets("2026-05-10", 20), sheets("2026-08-05", 100)
    straggler = sheets("2026-05-11", 1)
    stack.aggregator("first").start()
    stack.write([(agency, json.dumps(sheet).encode()) for sheet in (*early, *late, *early, *straggler)])
    stack.wait_until_counted()
    letters = stack.command("dlq", "list")
    assert letters.stdout.count("too-old") == 21
    assert stack.command("dlq", "retry", "--reason", "too-old").returncode == 0
    stack.wait_until_counted()
    answers = Answers()
    # the 20 repeats are told apart no more: sent again as imports they count a second time, on a person's word
    for sheet in (*early, *late, *early, *straggler):
        answers.count(sheet)
    assert stack.differences(answers) == []
    assert stack.command("verify").returncode == 0


def remake(stack: AggregatorStack) -> None:
    """Delete the topic of the answers and make it again."""
    stack.log.delete([stack.topics.responses])
    wait_until(lambda: stack.topics.responses not in stack.log.existing(), what="the topic to go")
    log = Log([stack.kafka.bootstrap])
    wait_until(
        lambda: stack.topics.responses in log.create(stack.namespace, partitions=PARTITIONS, replication=1),
        what="the topic to be made again",
    )
    log.close()


def test_a_namespace_that_was_never_set_up_or_has_another_time_zone_is_refused_at_start(
    stack: AggregatorStack,
) -> None:
    never = stack.aggregator("never")
    assert never.env is not None
    never.env |= {"SIPAS_NAMESPACE": "never-made", "SIPAS_START_WAIT_S": "0"}
    never.start()
    assert never.wait(30) == 1
    assert "sipas topics create" in never.log
    elsewhere = stack.aggregator("elsewhere")
    assert elsewhere.env is not None
    elsewhere.env["SIPAS_TIMEZONE"] = "Europe/London"
    elsewhere.start()
    assert elsewhere.wait(30) == 1
    assert "the time zone of a namespace never changes" in elsewhere.log
