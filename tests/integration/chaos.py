"""Kills the processes that count a log of answers, and their Redis, while they are far behind its end."""

import random
from collections import Counter
from collections.abc import Callable

from tests.integration.aggregator_stack import AggregatorStack
from tests.integration.answers import Answers
from tests.servers import Program, wait_until

FAULTS = ("killed", "request lost", "reply lost")


class Chaos:
    """A fault happens only while something is left to count.

    `killed`: SIGKILL at a random moment. `request lost`: SIGKILL when the commit was sent and Redis never saw it.
    `reply lost`: Redis executed the commit, the connection broke before its reply.
    """

    def __init__(self, stack: AggregatorStack, answers: Answers, *, mutant: str = "") -> None:
        self.stack = stack
        self.answers = answers
        self.happened: Counter[str] = Counter()
        self._dice = random.Random(7)
        self._proxy = stack.proxy()
        self._main = stack.aggregator("first", mutant=mutant, proxy=self._proxy)
        self._others = [stack.aggregator(name, mutant=mutant, static=False) for name in ("second", "third")]
        self._wanted: list[Program] = [self._main]

    def run(self, *, kills: int, redis_kills: int) -> None:
        # all of it at once, and the last fault two steps before the end: every fault hits a system that is behind
        self.stack.write(self.answers.records)
        step = len(self.answers.records) // (kills + redis_kills + 2)
        redis_every = (kills + redis_kills) // redis_kills
        joins = {3: self._others[0], 6: self._others[1]}
        leaves = {9: self._others[0], 12: self._others[1]}
        for number in range(1, kills + redis_kills + 1):
            goal = step * (number - 1) + self._dice.randrange(step)
            self._wait(lambda goal=goal: self.stack.counted() >= goal, "progress")
            assert self.stack.lag() > 0
            if number % redis_every == 0:
                self.stack.redis.kill()
                self.stack.redis.start()
                self.happened["redis killed"] += 1
            else:
                self._strike(FAULTS[number % 3])
            if number in joins:
                self._wanted.append(joins[number])
                self.happened["joined"] += 1
            if number in leaves:
                self._wanted.remove(leaves[number])
                leaves[number].stop()
                self.happened["left"] += 1
        self._wait(lambda: self.stack.lag() == 0, "the whole log to be counted")

    def _strike(self, fault: str) -> None:
        if fault == "killed":
            self._main.kill()
        else:
            before = self._proxy.faults
            self._proxy.arm(fault.split(maxsplit=1)[0])
            self._wait(lambda: self._proxy.faults > before or self.stack.lag() == 0, "a commit")
            if self._proxy.faults == before:
                self._proxy.disarm()
                self._main.kill()
                fault = "killed"
            elif fault == "request lost":
                self._main.kill()
        self.happened[fault] += 1

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait, starting again what died, as a supervisor does."""

        def supervised() -> bool:
            for program in self._wanted:
                if not program.alive:
                    program.start()
            return condition()

        wait_until(supervised, 90, what)
