"""What is saved of each topic, what is refused, and how it comes back. On a real broker; `make test-backup`."""

import gzip
import random
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from kafka import KafkaProducer

from services.aggregator.backup.checking import check
from services.aggregator.backup.manifest import MANIFEST, read_manifest
from services.aggregator.backup.restoring import Disturbed, NotEmpty, Restored, restore
from services.aggregator.backup.saving import SAVED, NotContinued, Outcome, save
from services.aggregator.backup.segments import Saved, read_segments
from sipas.broker import TOPIC_SETTINGS, Log, Publisher, Topics, Written, publish_together
from sipas.events import midnight_ms
from tests.deploy.backup.test_drill import everything, newest_by_key
from tests.integration.command_line import SIPAS, environment_with
from tests.integration.test_notifier import PARTITIONS, ZONE, entry, now, today
from tests.servers import KafkaServer, Program, wait_until
from tests.survey_stack import set_up_namespace


class Backed:
    """A namespace with records of every topic that is saved, and its backup."""

    def __init__(self, bootstrap: str, namespace: str, directory: Path) -> None:
        self.bootstrap, self.namespace, self.directory = bootstrap, namespace, directory
        self.topics = Topics(namespace)
        self.log = Log([bootstrap])
        self.folder = directory / namespace
        # young enough that Kafka does not delete comments meanwhile
        self.at_ms = midnight_ms(today() - timedelta(days=1), ZoneInfo(ZONE))
        set_up_namespace(
            bootstrap, namespace, [entry("block", "so", name={"vi": "Sở", "en": "Departments"}, order=1)], PARTITIONS
        )

    def write(self, kind: str, *records: tuple[str, bytes | None], partition: int = 0) -> None:
        topic = getattr(self.topics, kind)
        with closing(Publisher([self.bootstrap])) as publisher:
            publisher.wait(
                [
                    publisher.send(topic, value, key=key, partition=partition, timestamp_ms=self.at_ms)
                    for key, value in records
                ]
            )

    def write_together(self, kind: str, *records: tuple[str, bytes | None]) -> None:
        topic = getattr(self.topics, kind)
        publish_together([self.bootstrap], f"{topic}.t", [Written(topic, key, value, []) for key, value in records])

    def save(self) -> Outcome:
        return save([self.bootstrap], self.namespace, self.directory, now, lambda *_: None)

    def restore(self) -> Restored:
        return restore([self.bootstrap], self.namespace, self.directory, replication=1, progress=lambda *_: None)

    def lose(self, *kinds: str) -> None:
        """Topics are gone, all without `kinds`."""
        gone = [getattr(self.topics, kind) for kind in kinds or TOPIC_SETTINGS]
        self.log.delete(gone)
        wait_until(lambda: not set(gone) & self.log.existing(), 60, "the topics to be gone")

    def make_topics(self) -> None:
        self.log.create(self.namespace, partitions=PARTITIONS, replication=1)

    def command(self, *words: str) -> Program:
        """`sipas …`, not started yet."""
        return Program(words[0], [str(SIPAS), *words], self.directory, environment_with(self.settings))

    @property
    def settings(self) -> dict[str, str]:
        return {
            "SIPAS_NAMESPACE": self.namespace,
            "SIPAS_KAFKA_BOOTSTRAP": self.bootstrap,
            "SIPAS_REDIS_URL": "redis://127.0.0.1:1",
        }

    def everything(self, kind: str) -> list[tuple[int, Saved]]:
        return everything(self.bootstrap, self.namespace, kind)

    def has_some(self, kind: str) -> bool:
        topic = getattr(self.topics, kind)
        return topic in self.log.existing() and self.log.bounds(topic)[0][1] > 0

    def words(self) -> bytes:
        """All that any file says."""
        return b"".join(gzip.decompress(path.read_bytes()) for path in self.folder.rglob("*.gz"))

    def files(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.folder.rglob("*.gz")}


@pytest.fixture
def backed(kafka: KafkaServer, namespace: str, tmp_path: Path) -> Iterator[Backed]:
    made = Backed(kafka.bootstrap, namespace, tmp_path)
    yield made
    made.log.close()


def some(number: int, first: int = 0) -> list[tuple[str, bytes | None]]:
    return [(f"co-quan-{at}", b"%d" % at) for at in range(first, first + number)]


def test_a_run_adds_what_came_since_and_leaves_the_rest(backed: Backed) -> None:
    backed.write("responses", *some(3))
    first = backed.save()
    assert (first.new, first.manifest.chain("responses", 0).records) == (5, 3)
    before = backed.files()
    again = backed.save()
    assert (again.new, backed.files()) == (0, before)
    backed.write("responses", *some(2, 3))
    backed.write("responses", *some(1), partition=1)
    third = backed.save()
    assert third.new == 3
    read = [record.value for record in read_segments(backed.folder, third.manifest.chain("responses", 0).segments)]
    assert read == [b"0", b"1", b"2", b"3", b"4"]
    assert check(backed.directory, backed.namespace, lambda *_: None).faults == ()


def test_what_a_transaction_has_not_committed_is_not_saved(backed: Backed) -> None:
    producer = KafkaProducer(bootstrap_servers=backed.bootstrap, transactional_id=f"{backed.namespace}.open")
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(backed.topics.results, key=b"2026-Q4", value=b"half").get(30)
    assert backed.save().manifest.chain("results", 0).records == 0
    producer.abort_transaction()
    producer.close()
    assert backed.save().manifest.chain("results", 0).records == 0
    backed.write_together("results", ("2026-Q4", b"whole"))
    assert backed.save().manifest.chain("results", 0).records == 1


@pytest.mark.parametrize("lost", ["responses", "alerts", "decisions", "results", "comments", "people", "registry"])
def test_a_topic_made_anew_does_not_take_the_place_of_what_was_saved(backed: Backed, lost: str) -> None:
    """As a job that makes the topics and then a nightly run would do, after a disk was lost."""
    for kind in ("responses", "alerts", "decisions", "comments"):
        backed.write(kind, *some(4))
    backed.write_together("results", *some(2))
    backed.write("people", ("person/giam-doc", b"{}"))
    backed.save()
    manifest, files = read_manifest(backed.directory, backed.namespace), backed.files()
    backed.lose(lost)
    backed.make_topics()
    if lost not in {"people", "registry"}:
        backed.write(lost, *[("x", b"other")] * (5 if lost == "responses" else 1))
    elif lost == "registry":
        set_up_namespace(backed.bootstrap, backed.namespace, [], PARTITIONS)
    with pytest.raises(NotContinued, match="The backup stays as it was"):
        backed.save()
    assert read_manifest(backed.directory, backed.namespace) == manifest
    assert files.items() <= backed.files().items()


def test_a_person_who_was_erased_is_in_no_file_after_the_next_run(backed: Backed) -> None:
    """Whether or not Kafka has compacted its own."""
    backed.write("people", ("person/a", "Nguyễn Văn A".encode()), ("person/b", "Trần Thị B".encode()))
    backed.save()
    assert "Nguyễn Văn A".encode() in backed.words()
    backed.write("people", ("person/a", None))
    backed.save()
    assert "Nguyễn Văn A".encode() not in backed.words()
    assert "Trần Thị B".encode() in backed.words()
    assert len(backed.everything("people")) == 3


def test_a_comment_that_kafka_has_deleted_is_in_no_file_after_the_next_run(backed: Backed) -> None:
    """Deleted by its age, of which `test_comment_retention.py` tells; here by hand."""
    backed.write("comments", *[("a", b"old %d" % number) for number in range(5)])
    backed.save()
    backed.write("comments", ("a", b"young"))
    backed.log.cut(backed.topics.comments, {0: 4})
    chain = backed.save().manifest.chain("comments", 0)
    assert (chain.first, chain.next_offset, chain.records) == (4, 6, 2)
    words = backed.words()
    assert [b"old 3" in words, b"old 4" in words, b"young" in words] == [False, True, True]
    backed.log.cut(backed.topics.comments, {0: 6})
    backed.save()
    assert b"young" not in backed.words()


def test_after_a_restore_the_same_directory_goes_on(backed: Backed) -> None:
    for kind in ("responses", "alerts", "decisions", "comments"):
        backed.write(kind, *some(4))
    backed.write("comments", ("a", b"cut"))
    backed.log.cut(backed.topics.comments, {0: 3})
    backed.write_together("results", *some(2))
    backed.write_together("results", *some(2, 2))
    first = backed.save()
    backed.lose()
    assert backed.restore().written == first.manifest.records
    assert backed.save().new == 0
    backed.write("responses", *some(1, 4))
    backed.write("comments", ("a", b"new"))
    backed.write_together("results", *some(1, 4))
    assert backed.save().new == 3
    assert check(backed.directory, backed.namespace, lambda *_: None).faults == ()


def test_a_log_that_began_later_comes_back_to_its_offsets(backed: Backed) -> None:
    backed.write("responses", *some(6))
    backed.log.cut(backed.topics.responses, {0: 4})
    before = backed.everything("responses")
    assert [record.offset for _, record in before] == [4, 5]
    backed.save()
    backed.lose()
    backed.restore()
    assert backed.everything("responses") == before
    assert backed.log.bounds(backed.topics.responses)[0] == (4, 6)


def test_an_interrupted_restore_goes_on_where_it_stopped(backed: Backed) -> None:
    for kind in ("responses", "alerts", "results"):
        backed.write(kind, *some(6))
    before = {kind: backed.everything(kind) for kind in SAVED}
    manifest = backed.save().manifest
    backed.lose()
    backed.make_topics()
    backed.write("results", *some(2))
    backed.write("responses", *some(4))
    restored = backed.restore()
    assert restored.written == manifest.records - 6
    for kind in ("responses", "alerts", "results"):
        assert backed.everything(kind) == before[kind]


def test_a_killed_command_is_given_again(backed: Backed) -> None:
    """Killed while a file is half written, then while a topic is half filled."""
    for start in range(0, 40_000, 5_000):
        backed.write("responses", *some(5_000, start))
    before = backed.everything("responses")
    saving = backed.command("backup", str(backed.directory)).start()
    wait_until(lambda: list(backed.folder.rglob("*.part")) or not saving.alive, 120, "a file to be begun")
    saving.kill()
    assert not (backed.folder / MANIFEST).exists()
    outcome = backed.save()
    assert (outcome.manifest.chain("responses", 0).records, list(backed.folder.rglob("*.part"))) == (40_000, [])
    backed.lose()
    restoring = backed.command("restore", str(backed.directory)).start()
    wait_until(lambda: backed.has_some("responses") or not restoring.alive, 120, "the topic to be begun")
    restoring.kill()
    assert 0 < len(backed.everything("responses")) < 40_000
    assert backed.everything("registry") == []
    assert backed.restore().written < outcome.manifest.records
    assert backed.everything("responses") == before


def test_only_an_empty_namespace_is_restored(backed: Backed) -> None:
    backed.write("responses", *some(4))
    backed.save()
    with pytest.raises(NotEmpty, match="is in use, or was restored already"):
        backed.restore()
    backed.lose()
    set_up_namespace(backed.bootstrap, backed.namespace, [], PARTITIONS)
    backed.write("responses", ("a", b"not of the backup"))
    with pytest.raises(NotEmpty, match=r"responses.v1/0 holds 1 records that are not the beginning of this backup"):
        backed.restore()
    # nobody knows the namespace's agencies yet, so no service works on what is half there
    assert len(backed.everything("registry")) == 1


def test_a_namespace_of_which_only_the_topics_were_made_is_restored(backed: Backed) -> None:
    """As a job does that runs before anybody has thought of the backup."""
    backed.write("responses", *some(4))
    backed.save()
    backed.lose()
    set_up_namespace(backed.bootstrap, backed.namespace, [], PARTITIONS)
    backed.restore()
    assert newest_by_key(backed.everything("registry")).keys() == {
        f"namespace/{backed.namespace}".encode(),
        b"block/so",
    }


@pytest.mark.parametrize("place", ["between", "behind"])
def test_somebody_who_writes_at_the_same_time_is_noticed(backed: Backed, place: str) -> None:
    backed.write("responses", *some(4))
    if place == "between":
        backed.write("responses", *some(4), partition=1)
    backed.save()
    backed.lose()
    written = []

    def write_too(kind: str, _done: int, _whole: int) -> None:
        if kind == "responses" and not written:
            written.append(kind)
            backed.write("responses", ("b", b"of a survey"), partition=1)

    with pytest.raises(Disturbed, match="somebody else writes there"):
        restore([backed.bootstrap], backed.namespace, backed.directory, replication=1, progress=write_too)
    # and no service starts on it
    assert backed.everything("registry") == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        pytest.param(["backup", "nowhere"], 2, "does not exist", id="no directory"),
        pytest.param(["backup", ".", "--check"], 1, "holds no backup of namespace", id="nothing to check"),
        pytest.param(["restore", "."], 1, "holds no backup of namespace", id="nothing to restore"),
        pytest.param(["backup", "."], 1, "File too large; the backup of before stands", id="no room"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    backed: Backed, words: list[str], code: int, says: str, tmp_path: Path
) -> None:
    """A file may have 512 bytes here, as on a disk that is full."""
    dice = random.Random(1)
    backed.write("responses", *[("a", dice.randbytes(1000)) for _ in range(200)])
    limited = ["bash", "-c", 'ulimit -f 1 && exec "$@"', "bash", str(SIPAS), *words]
    env = environment_with(backed.settings)
    done = subprocess.run(limited, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert says in done.stderr
    assert not list(tmp_path.rglob("*.part"))
