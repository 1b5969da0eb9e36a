"""A registry that people keep: spreadsheets, codes that are revoked, a load that dies half-way; on a real broker."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipas.broker import Log, Topics
from sipas.follower import read_whole
from sipas.registry import Registry
from tests.integration.command_line import SIPAS, Run, environment_with, sipas
from tests.servers import KafkaServer, wait_until
from tests.survey_stack import OPEN, REVOKED, SHARED, UNKNOWN, Survey, set_up_namespace, small_registry, wide_counters
from tests.unit.registry_tables import CODE, TABLES, csv_files, saved, workbook_of

MANY = 5_000


@pytest.fixture
def settings(kafka: KafkaServer, namespace: str) -> dict[str, str]:
    return {"SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap, "SIPAS_NAMESPACE": namespace, "SIPAS_PARTITIONS": "3"}


@pytest.fixture
def run(settings: dict[str, str]) -> Run:
    return sipas(settings)


@pytest.fixture
def made(run: Run) -> Run:
    run("topics", "create")
    return run


@pytest.fixture
def survey(kafka: KafkaServer, namespace: str, tmp_path: Path) -> Iterator[Survey]:
    set_up_namespace(kafka.bootstrap, namespace, small_registry())
    with Survey(kafka.bootstrap, namespace, tmp_path) as started:
        yield started


def recorded(kafka: KafkaServer, namespace: str) -> Registry:
    return read_whole([kafka.bootstrap], Topics(namespace).registry, Registry.fold(()))


class TestSpreadsheets:
    def test_a_workbook_is_loaded_and_its_tables_as_text_say_the_same(
        self, made: Run, tmp_path: Path, kafka: KafkaServer, namespace: str
    ) -> None:
        (workbook,) = saved(workbook_of(TABLES))
        (tmp_path / workbook.name).write_bytes(workbook.content)
        assert "10 entries recorded" in made("registry", "load", str(tmp_path / workbook.name)).stdout
        texts = csv_files(TABLES, ";", "utf-16")
        for file in texts:
            (tmp_path / file.name).write_bytes(file.content)
        assert "nothing to record" in made("registry", "load", *[str(tmp_path / file.name) for file in texts]).stdout
        assert [sector.id for sector in recorded(kafka, namespace).counter(CODE).sectors] == ["ho-tich"]

    def test_one_wrong_cell_in_one_of_the_files_and_nothing_is_recorded(
        self, made: Run, tmp_path: Path, kafka: KafkaServer, namespace: str
    ) -> None:
        for file in csv_files(TABLES):
            (tmp_path / file.name).write_bytes(file.content.replace(b"Home Affairs", b""))
        names = [str(tmp_path / f"{name}.csv") for name in TABLES]
        assert f"{tmp_path}/agencies.csv:2: column name_en: is empty" in made("registry", "load", *names, code=1).stderr
        (fault,) = json.loads(made("registry", "check", *names, "--json", code=1).stdout)
        assert (fault["line"], fault["column"]) == (2, "name_en")
        assert not recorded(kafka, namespace).agencies

    def test_a_file_whose_list_is_said(self, made: Run, tmp_path: Path) -> None:
        (tmp_path / "khối.txt").write_bytes(csv_files(TABLES)[0].content)
        assert "1 entries recorded" in made("registry", "load", str(tmp_path / "khối.txt"), "--list", "blocks").stdout

    def test_the_export_is_a_workbook_to_go_on_with(self, made: Run, tmp_path: Path) -> None:
        (workbook,) = saved(workbook_of(TABLES))
        file = tmp_path / workbook.name
        file.write_bytes(workbook.content)
        made("registry", "load", str(file))
        made("registry", "revoke", CODE, "--new")
        made("registry", "export", "--xlsx", str(file))
        assert "as the file says" in made("registry", "diff", str(file)).stdout


class TestKilled:
    def test_a_load_that_is_killed_half_way_is_invisible_and_the_next_one_works(
        self, made: Run, settings: dict[str, str], tmp_path: Path, kafka: KafkaServer, namespace: str
    ) -> None:
        rows = [(code, "Quầy", "Counter", "tt", "so-noi-vu", "quick-5@1") for code in wide_counters(MANY)]
        large = {**TABLES, "counters": [TABLES["counters"][0], *rows], "sectors": [TABLES["sectors"][0]]}
        for file in csv_files(large):
            (tmp_path / file.name).write_bytes(file.content)
        load = ["registry", "load", *[str(tmp_path / f"{name}.csv") for name in large]]
        before = recorded(kafka, namespace)
        log = Log([kafka.bootstrap])
        try:
            begins = end_of(log, namespace)
            process = subprocess.Popen([SIPAS, *load], env=environment_with(settings), stdout=subprocess.DEVNULL)
            wait_until(lambda: end_of(log, namespace) > begins, 200, "the first records of the load")
            process.kill()
            process.wait()
            assert begins < end_of(log, namespace) < begins + MANY  # half of it is in the log
        finally:
            log.close()
        assert recorded(kafka, namespace) == before
        made(*load)
        assert len(recorded(kafka, namespace).counters) == MANY


def end_of(log: Log, namespace: str) -> int:
    """The end of the registry's topic, records of open transactions included."""
    return log.bounds(Topics(namespace).registry)[0][1]


class TestRevoke:
    def test_the_old_code_is_gone_and_a_new_one_works_without_a_restart(self, survey: Survey, run: Run) -> None:
        assert survey.ask("GET", f"/{OPEN}").status == 200
        said = json.loads(run("registry", "revoke", OPEN, "--new", "--reason", "poster lost", "--json").stdout)
        new = said["replaced_by"]
        wait_until(lambda: survey.ask("GET", f"/{OPEN}").status == 410, what="the old code to be gone")
        assert f"/{new}?" in survey.ask("GET", f"/{OPEN}").text
        form = survey.ask("GET", f"/{new}")
        assert form.status == 200
        assert "Quầy 1" in form.text

    def test_the_new_code_serves_what_the_old_one_did_and_both_are_recorded_together(
        self, survey: Survey, run: Run, kafka: KafkaServer, namespace: str
    ) -> None:
        old = recorded(kafka, namespace).counter(SHARED)
        new = json.loads(run("registry", "revoke", SHARED, "--new", "--json").stdout)["replaced_by"]
        now = recorded(kafka, namespace)
        assert (now.counter(SHARED).status, now.counter(SHARED).replaced_by) == ("revoked", new)
        made = now.counter(new)
        assert (made.label, made.place, made.agencies, made.sectors, made.method, made.status) == (
            old.label,
            old.place,
            old.agencies,
            old.sectors,
            old.method,
            "active",
        )
        assert not now.problems

    def test_another_counter_may_take_its_place(self, survey: Survey, run: Run) -> None:
        printed = f"{OPEN[:3]}-{OPEN[3:6]}-{OPEN[6:]}".lower()
        said = run("registry", "revoke", printed, "--replaced-by", SHARED).stdout
        assert f"sipas poster --counter {SHARED}" in said
        assert "nothing to record" in run("registry", "revoke", OPEN, "--replaced-by", SHARED).stdout

    @pytest.mark.parametrize(
        ("arguments", "code", "said"),
        [
            ((OPEN, "--replaced-by", REVOKED), 1, "leads back to itself"),
            ((SHARED, "--replaced-by", REVOKED), 1, "is revoked itself"),
            ((OPEN, "--replaced-by", OPEN), 1, "leads back to itself"),
            ((OPEN, "--replaced-by", UNKNOWN), 1, "there is no counter"),
            ((UNKNOWN,), 1, "there is no counter"),
            ((REVOKED, "--new"), 1, "was replaced by"),
            ((OPEN, "--new", "--replaced-by", SHARED), 2, "exclude each other"),
            (("7H7",), 2, "is no counter code"),
        ],
        ids=[
            "a circle",
            "one that is revoked",
            "itself",
            "one that is unknown",
            "unknown",
            "replaced already",
            "two ways at once",
            "no code",
        ],
    )
    def test_what_makes_no_sense_is_refused_and_nothing_is_recorded(
        self, run: Run, kafka: KafkaServer, namespace: str, arguments: tuple[str, ...], code: int, said: str
    ) -> None:
        set_up_namespace(kafka.bootstrap, namespace, small_registry())
        before = recorded(kafka, namespace)
        assert said in run("registry", "revoke", *arguments, code=code).stderr
        assert recorded(kafka, namespace) == before

    def test_a_file_that_is_older_does_not_bring_a_revoked_code_back(self, made: Run, tmp_path: Path) -> None:
        (workbook,) = saved(workbook_of(TABLES))
        file = tmp_path / workbook.name
        file.write_bytes(workbook.content)
        made("registry", "load", str(file))
        made("registry", "revoke", CODE)
        assert (
            f"sheet counters, row 2: counter/{CODE} status: is revoked"
            in made("registry", "load", str(file), code=1).stderr
        )
