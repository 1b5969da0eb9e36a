"""Nothing is lost and nothing is counted twice, whatever is killed: real Kafka, real Redis, real processes."""

import pytest

from tests.integration.aggregator_stack import AggregatorStack
from tests.integration.answers import make_answers
from tests.integration.chaos import Chaos


def test_every_answer_counts_once_while_processes_and_redis_are_killed(stack: AggregatorStack) -> None:
    answers = make_answers(200_000)
    chaos = Chaos(stack, answers)
    chaos.run(kills=32, redis_kills=3)
    print(dict(chaos.happened), len(answers.records), "records")
    assert chaos.happened["killed"] + chaos.happened["request lost"] >= 20
    assert chaos.happened["redis killed"] == 3
    assert chaos.happened["joined"] == chaos.happened["left"] == 2
    assert stack.differences(answers) == []
    assert len(stack.dead_letters()) == answers.malformed


@pytest.mark.parametrize("mutant", ["no-dedupe", "position-outside-the-script"])
def test_the_same_test_notices_a_broken_aggregator(stack: AggregatorStack, mutant: str) -> None:
    """The kill test must be able to fail: each mutant lacks one part of the argument, and the counts show it.

    Without the guard of the position a commit that is sent twice still sets the same totals; what the guard is for, an
    owner that wakes late, is in `test_faults`.
    """
    answers = make_answers(60_000)
    Chaos(stack, answers, mutant=mutant).run(kills=9, redis_kills=1)
    assert stack.differences(answers) != []
