"""One Kafka namespace, one Redis, and real aggregator processes that can be killed, paused and cut off."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from services.aggregator.verify import KINDS, Tally, fields_of, places_of
from sipas.broker import Log, Publisher, Topics, WholeTopicReader
from sipas.ledger import Ledgers
from sipas.packed import layouts
from sipas.tally_keys import TallyKeys
from tests.integration.answers import Answers
from tests.integration.command_line import FORKED
from tests.integration.faulty_proxy import FaultyProxy
from tests.servers import KafkaServer, Program, RedisServer, free_port, wait_until
from tests.survey_stack import set_up_namespace

PARTITIONS = 4


class AggregatorStack:
    def __init__(
        self, directory: Path, kafka: KafkaServer, redis: RedisServer, namespace: str, *, proxy_port: int | None = None
    ) -> None:
        """`proxy_port`: the port that a Redis Cluster sends its clients to."""
        self.directory = directory
        self.kafka = kafka
        self.redis = redis
        self.namespace = namespace
        self.topics = Topics(namespace)
        set_up_namespace(kafka.bootstrap, namespace, (), PARTITIONS)
        self.log = Log([kafka.bootstrap])
        self.publisher = Publisher([kafka.bootstrap], linger_ms=20)
        self._programs: list[Program] = []
        self._proxies: list[FaultyProxy] = []
        self._cluster_proxy = self._make_proxy(proxy_port) if proxy_port else None
        self.ledgers = Ledgers(redis.url, namespace)
        self.generation = "g1"

    # --- processes ---------------------------------------------------------------------------------------------

    def aggregator(
        self, name: str, *, mutant: str = "", static: bool = True, proxy: FaultyProxy | None = None
    ) -> Program:
        """A program that is not started yet. `proxy`: reach Redis only through it."""
        module = ["tests.integration.mutants", mutant] if mutant else ["services.aggregator"]
        url = self.redis.url
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "SIPAS_NAMESPACE": self.namespace,
            "SIPAS_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "SIPAS_REDIS_URL": url.replace(str(self.redis.port), str(proxy.port)) if proxy else url,
            "SIPAS_AGGREGATOR_ADMIN": f"127.0.0.1:{free_port()}",
        }
        if static:
            environment["SIPAS_INSTANCE"] = name
        program = Program(name, [sys.executable, "-m", *module], self.directory, environment)
        self._programs.append(program)
        return program

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`sipas …` to its end."""
        return FORKED.call(words, self._command_env())

    def running_command(self, name: str, *words: str) -> Program:
        """`sipas …` as a program that is not started yet."""
        program = Program(name, self._command(*words), self.directory, self._command_env())
        self._programs.append(program)
        return program

    def _command(self, *words: str) -> list[str]:
        return [str(Path(sys.executable).with_name("sipas")), *words]

    def _command_env(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")}
        return own | {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "SIPAS_NAMESPACE": self.namespace,
            "SIPAS_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "SIPAS_REDIS_URL": self.redis.url,
        }

    def proxy(self) -> FaultyProxy:
        """A way to Redis that can lose things; a cluster has one, and all its clients take it."""
        return self._cluster_proxy or self._make_proxy(free_port())

    def _make_proxy(self, port: int) -> FaultyProxy:
        made = FaultyProxy(self.redis.port, port)
        self._proxies.append(made)
        return made

    def close(self) -> None:
        for program in self._programs:
            program.kill()
        for proxy in self._proxies:
            proxy.close()
        self.publisher.close()
        self.ledgers.close()
        self.log.close()

    # --- the log and the ledger --------------------------------------------------------------------------------

    def write(self, records: list[tuple[str, bytes | None]]) -> None:
        """All acknowledged; in pieces, because what waits for ten seconds behind others is given up."""
        for start in range(0, len(records), 5_000):
            piece = records[start : start + 5_000]
            self.publisher.wait([self.publisher.send(self.topics.responses, value, key=key) for key, value in piece])

    def ends(self) -> list[int]:
        return [end for _, end in self.log.bounds(self.topics.responses).values()]

    def keys(self, partition: int) -> TallyKeys:
        return TallyKeys.of(self.ledgers, partition, self.generation)

    def counted(self) -> int:
        """Records of all partitions that the ledger has folded."""
        positions = [self.keys(number).slot.position() for number in range(PARTITIONS)]
        return sum(int(position["next_offset"]) for position in positions if position)

    def lag(self) -> int:
        return sum(self.ends()) - self.counted()

    def wait_until_counted(self, timeout_s: float = 90) -> None:
        wait_until(lambda: self.lag() == 0, timeout_s, "the aggregator to count the log")

    # --- the verdict -------------------------------------------------------------------------------------------

    def differences(self, answers: Answers) -> list[str]:
        """Every integer in Redis against the expected ones, both ways; empty where they are equal."""
        found: dict[Tally, Counter[str]] = {}
        names = [
            (kind, *scope)
            for scope in sorted({scope[1:] for scope in answers.expected})
            for kind in KINDS
            if kind != "parts" or len(scope[2]) > len("2026")
        ]
        for number in range(PARTITIONS):
            _, values = self.keys(number).slot.values(places_of(self.keys(number), names))
            for name, fields in fields_of(names, values).items():
                found.setdefault(name, Counter()).update(fields)
        scopes = sorted(set(found) | set(answers.expected))
        return [
            f"{scope}: found {dict(found.get(scope, {}))}, expected {dict(answers.expected.get(scope, {}))}"
            for scope in scopes
            if found.get(scope, Counter()) != answers.expected.get(scope, Counter())
        ]

    def spoil(self, scope: Tally, name: str, by: int) -> None:
        """Edit one integer of a total by hand, as nobody should."""
        layout = layouts()[scope[2]]
        for number in range(PARTITIONS):
            [place] = places_of(self.keys(number), [scope])
            [stored] = self.ledgers.values([place])
            if stored is not None:
                vector = list(layout.unpack(stored))
                vector[layout.places[name]] += by
                self.ledgers._client.hset(*place, layout.pack(vector))

    def dead_letters(self) -> set[tuple[int, int]]:
        """(partition, offset) of the records in the dead letters, copies counted once."""
        reader = WholeTopicReader([self.kafka.bootstrap], self.topics.dlq)
        letters = set()
        for record in reader.to_end():
            headers = dict(record.headers)
            letters.add((int(headers["sipas_partition"]), int(headers["sipas_offset"])))
        reader.close()
        return letters

    def totals_told(self) -> dict[str, tuple[tuple[int, int], dict]]:
        """The highest version of each total on `tallies`: key -> (version, fields), those that lost all left out."""
        reader = WholeTopicReader([self.kafka.bootstrap], self.topics.tallies)
        told: dict[str, tuple[tuple[int, int], dict]] = {}
        for record in reader.to_end():
            value = json.loads(record.value or b"{}")
            if "fields" in value:
                key = (record.key or b"").decode()
                version = tuple(value["version"])
                if key not in told or version >= told[key][0]:
                    told[key] = (version, value["fields"])
        reader.close()
        return told
