"""The registry's commands on a real broker, as an administrator runs them; a follower sees what they record."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sipas.broker import Log, Topics, WholeTopicReader, WrongTopics
from sipas.codes import normalise
from sipas.follower import PeopleFollower, RegistryFollower, read_whole
from sipas.registry import Registry
from tests.integration.command_line import Run, sipas
from tests.servers import KafkaServer, free_port, wait_until

SECOND_OF_JUNE = datetime(2099, 6, 1, 17, 0, tzinfo=UTC)  # midnight in Vietnam


@pytest.fixture
def run(kafka: KafkaServer, namespace: str) -> Run:
    return sipas(
        {
            "SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "SIPAS_NAMESPACE": namespace,
            "SIPAS_PARTITIONS": "3",
            "SIPAS_DEMO": "true",
        }
    )


@pytest.fixture
def made(run: Run) -> Run:
    run("topics", "create")
    return run


def end_of(kafka: KafkaServer, topic: str) -> int:
    log = Log([kafka.bootstrap])
    try:
        return log.bounds(topic)[0][1]
    finally:
        log.close()


def recorded(kafka: KafkaServer, namespace: str) -> Registry:
    return read_whole([kafka.bootstrap], Topics(namespace).registry, Registry.fold(()))


class TestTopics:
    def test_all_topics_are_made_and_the_facts_recorded_once(
        self, run: Run, kafka: KafkaServer, namespace: str
    ) -> None:
        assert run("topics", "create").stdout.count("made ") == 9
        end = end_of(kafka, f"{namespace}.registry.v1")
        assert "has all its topics" in run("topics", "create").stdout
        assert end_of(kafka, f"{namespace}.registry.v1") == end
        facts = recorded(kafka, namespace).facts
        assert (facts.timezone, facts.partitions, facts.demo) == ("Asia/Ho_Chi_Minh", 3, True)

    @pytest.mark.parametrize(
        ("setting", "value"), [("SIPAS_PARTITIONS", "4"), ("SIPAS_TIMEZONE", "UTC"), ("SIPAS_DEMO", "false")]
    )
    def test_what_never_changes_is_refused_by_its_setting_name(self, made: Run, setting: str, value: str) -> None:
        assert setting in made("topics", "create", code=1, **{setting: value}).stderr

    def test_topics_that_somebody_made_otherwise_are_refused(
        self, run: Run, kafka: KafkaServer, namespace: str
    ) -> None:
        log = Log([kafka.bootstrap])
        log.create(namespace, partitions=5, replication=1)
        log.close()
        assert "has 5 partitions, not 3" in run("topics", "create", code=1).stderr
        assert recorded(kafka, namespace).facts is None


class TestLoad:
    def test_the_sample_is_loaded_whole_and_a_second_time_changes_nothing(
        self, made: Run, kafka: KafkaServer, namespace: str
    ) -> None:
        assert "294 entries recorded" in made("registry", "load", "sample").stdout
        end = end_of(kafka, f"{namespace}.registry.v1")
        assert "nothing to record" in made("registry", "load", "sample").stdout
        assert end_of(kafka, f"{namespace}.registry.v1") == end
        assert not recorded(kafka, namespace).problems

    def test_the_export_is_what_was_loaded(self, made: Run) -> None:
        made("registry", "load", "sample")
        out = json.loads(made("registry", "export").stdout)
        assert {name: len(out[name]) for name in ("agencies", "blocks", "places", "counters", "targets")} == {
            "agencies": 71,
            "blocks": 4,
            "places": 50,
            "counters": 162,
            "targets": 3,
        }
        counter = next(c for c in out["counters"] if c["code"] == "P6MM1T2RYZ")
        assert {"code", "place", "agencies", "sectors", "method", "label", "status"} <= set(counter)
        assert (counter["place"], counter["status"], counter["label"]["vi"]) == ("tt-pvhcc", "active", "Quầy số 2")

    def test_a_diff_says_what_a_load_would_record_and_records_nothing(
        self, made: Run, tmp_path: Path, kafka: KafkaServer, namespace: str
    ) -> None:
        made("registry", "load", "sample")
        file = tmp_path / "registry.yaml"
        file.write_text("blocks: [{id: cap-xa, name: {vi: Cấp xã, en: Communes}, order: 2}]")
        assert '"vi":"Cấp xã"' in made("registry", "diff", str(file)).stdout
        (change,) = json.loads(made("registry", "diff", str(file), "--json").stdout)
        assert (change["kind"], change["id"], change["before"]["name"]["vi"]) == (
            "block",
            "cap-xa",
            "Xã, phường, đặc khu",
        )
        assert recorded(kafka, namespace).blocks["cap-xa"].name.vi == "Xã, phường, đặc khu"

    def test_one_wrong_line_and_nothing_is_recorded(
        self, made: Run, tmp_path: Path, kafka: KafkaServer, namespace: str
    ) -> None:
        file = tmp_path / "registry.yaml"
        file.write_text(
            "blocks:\n- {id: so, name: {vi: Sở, en: D}, order: 1}\nplaces:\n- {id: so, name: X}\n- {id: Y}\n"
        )
        end = end_of(kafka, f"{namespace}.registry.v1")
        for verb in ("check", "load", "diff"):
            said = made("registry", verb, str(file), code=1).stderr
            assert re.findall(r"registry\.yaml:(\d+): (\S+):", said) == [
                ("4", "places[0].name"),
                ("5", "places[1].id"),
                ("5", "places[1].name"),
            ]
        assert end_of(kafka, f"{namespace}.registry.v1") == end

    def test_faults_are_also_given_as_json(self, made: Run, tmp_path: Path) -> None:
        file = tmp_path / "registry.yaml"
        file.write_text("blocks: 3")
        (fault,) = json.loads(made("registry", "check", str(file), "--json", code=1).stdout)
        assert (fault["line"], fault["field"]) == (1, "blocks")

    def test_a_file_may_point_to_what_is_recorded_already(self, made: Run, tmp_path: Path) -> None:
        made("registry", "load", "sample")
        file = tmp_path / "registry.yaml"
        file.write_text("targets: [{scope: so-noi-vu, method: quick-5@1, percent: 90}]")
        assert "new      target/so-noi-vu/quick-5@1" in made("registry", "load", str(file)).stdout
        targets = json.loads(made("registry", "export").stdout)["targets"]
        assert [target["percent"] for target in targets if target["scope"] == "so-noi-vu"] == [90]
        made("registry", "check", str(file), code=1)

    def test_made_up_data_stays_out_of_a_real_namespace(self, run: Run) -> None:
        run("topics", "create", SIPAS_DEMO="false")
        assert "not a demo" in run("registry", "load", "sample", code=1).stderr

    def test_fresh_codes_are_codes(self, run: Run) -> None:
        made = run("registry", "code", "--count", "5").stdout.split()
        assert len({normalise(code) for code in made} - {None}) == 5


class TestPeople:
    def test_leaders_are_loaded_after_the_registry_and_once(
        self, made: Run, kafka: KafkaServer, namespace: str
    ) -> None:
        assert "there is no so-noi-vu" in made("people", "load", "sample", code=1).stderr
        made("registry", "load", "sample")
        assert "71 people recorded" in made("people", "load", "sample").stdout
        assert "nothing to record" in made("people", "load", "sample").stdout
        people = PeopleFollower([kafka.bootstrap], namespace)
        people.start()
        agency = recorded(kafka, namespace).agency("so-noi-vu")
        assert [p.email for p in people.newest.by_id.values() if agency.id in p.leads] == [
            "giamdoc.so-noi-vu@tinhmau.example"
        ]
        people.close()


class TestKeys:
    def test_a_key_is_shown_once_and_kept_nowhere(self, made: Run, kafka: KafkaServer, namespace: str) -> None:
        key = json.loads(made("key", "create", "--scope", "submit", "--json").stdout)
        assert re.fullmatch(r"sipas_submit_[A-Za-z0-9_-]{43}", key["key"])
        assert recorded(kafka, namespace).key_for(key["key"]).id == key["id"]
        reader = WholeTopicReader([kafka.bootstrap], f"{namespace}.registry.v1")
        stored = b"".join(record.value for record in reader.to_end())
        reader.close()
        assert key["key"].encode() not in stored
        assert key["key"] not in made("key", "list").stdout + made("registry", "export").stdout

    def test_a_revoked_key_is_worthless(self, made: Run, kafka: KafkaServer, namespace: str) -> None:
        token = made("key", "create", "--scope", "read").stdout.strip()
        (row,) = json.loads(made("key", "list", "--json").stdout)
        assert (row["scope"], row["revoked"]) == ("read", False)
        made("key", "revoke", row["id"])
        assert recorded(kafka, namespace).key_for(token) is None
        assert json.loads(made("key", "list", "--json").stdout) == [row | {"revoked": True}]

    def test_loading_the_registry_leaves_keys_and_facts_alone(
        self, made: Run, kafka: KafkaServer, namespace: str
    ) -> None:
        token = made("key", "create", "--scope", "import").stdout.strip()
        facts = recorded(kafka, namespace).facts
        made("registry", "load", "sample")
        assert recorded(kafka, namespace).key_for(token).scope == "import"
        assert recorded(kafka, namespace).facts == facts

    def test_an_unknown_key_cannot_be_revoked(self, made: Run) -> None:
        assert "sipas key list" in made("key", "revoke", "k-0", code=1).stderr


class TestWrongUse:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("registry", "load", "no-such-file.yaml"),
            ("registry", "shake"),
            ("key", "create", "--scope", "all"),
            ("key", "create"),
        ],
        ids=" ".join,
    )
    def test_it_ends_with_2(self, run: Run, arguments: tuple[str, ...]) -> None:
        run(*arguments, code=2)

    def test_wrong_settings_end_with_2_and_are_all_named(self, run: Run) -> None:
        said = run("registry", "export", code=2, SIPAS_KAFKA_BOOTSTRAP="", SIPAS_TIMEZONE="Hanoi", SIPAS_X="1").stderr
        assert all(name in said for name in ("SIPAS_KAFKA_BOOTSTRAP", "SIPAS_TIMEZONE", "SIPAS_X"))

    @pytest.mark.parametrize(
        "arguments",
        [("registry", "export"), ("registry", "load", "sample"), ("people", "load", "sample"), ("key", "list")],
        ids=" ".join,
    )
    def test_without_topics_it_says_how_to_make_them(self, run: Run, arguments: tuple[str, ...]) -> None:
        assert "sipas topics create" in run(*arguments, code=1).stderr

    def test_without_kafka_every_command_says_so_in_one_line(self, run: Run) -> None:
        """Side by side, because each waits ten seconds for a broker."""
        address = f"127.0.0.1:{free_port()}"
        commands = [("topics", "create"), ("registry", "export"), ("key", "create", "--scope", "read")]
        with ThreadPoolExecutor() as pool:
            for done in pool.map(lambda command: run(*command, code=1, SIPAS_KAFKA_BOOTSTRAP=address), commands):
                assert done.stderr.splitlines()[-1].startswith(f"Error: no Kafka broker answers at {address}")


class TestFollower:
    @pytest.fixture
    def follower(self, made: Run, kafka: KafkaServer, namespace: str) -> Iterator[RegistryFollower]:
        follower = RegistryFollower([kafka.bootstrap], namespace, now=lambda: SECOND_OF_JUNE)
        yield follower
        follower.close()

    def test_it_starts_with_all_that_was_recorded_and_sees_what_comes(
        self, follower: RegistryFollower, made: Run
    ) -> None:
        made("registry", "load", "sample")
        follower.start()
        assert len(follower.current.agencies) == 71
        token = made("key", "create", "--scope", "submit").stdout.strip()
        wait_until(lambda: follower.current.key_for(token), what="the key to be seen")
        assert follower.alive()

    def test_no_snapshot_shows_half_a_load(self, follower: RegistryFollower, made: Run) -> None:
        follower.start()
        seen: set[int] = set()
        made("registry", "load", "sample")
        wait_until(lambda: seen.add(len(follower.current.entries)) or 295 in seen, what="the load to be seen")
        assert seen <= {1, 295}

    def test_a_planned_change_holds_from_its_day_in_the_namespaces_time_zone(
        self, follower: RegistryFollower, made: Run, tmp_path: Path
    ) -> None:
        made("registry", "load", "sample")
        file = tmp_path / "registry.yaml"
        file.write_text(
            "targets:\n"
            "- {scope: province, method: quick-5@1, percent: 90, valid_from: 2099-06-02}\n"
            "- {scope: province, method: overall-1@1, percent: 90, valid_from: 2099-06-03}\n"
        )
        made("registry", "load", str(file))
        follower.start()
        planned = {"province/quick-5@1", "province/overall-1@1"}
        assert planned <= set(follower.newest.targets)
        assert planned & set(follower.current.targets) == {"province/quick-5@1"}

    def test_it_dies_visibly(self, follower: RegistryFollower) -> None:
        assert not follower.alive()
        follower.start()
        assert follower.alive()
        follower.close()
        assert not follower.alive()

    def test_it_does_not_start_without_its_topic(self, kafka: KafkaServer, namespace: str) -> None:
        with pytest.raises(WrongTopics, match="topics create"):
            RegistryFollower([kafka.bootstrap], namespace).start()
