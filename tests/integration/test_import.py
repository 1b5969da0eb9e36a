"""`sipas import` and `sipas simulate` against a real survey on a real Kafka, as their users run them."""

import json
import os
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sipas.broker import Log, Topics
from sipas.events import Response
from tests.integration.command_line import FORKED, SIPAS
from tests.servers import KafkaServer, free_port, wait_until
from tests.survey_stack import (
    IMPORT_KEY,
    READ_KEY,
    SUBMIT_KEY,
    Survey,
    entry,
    records,
    set_up_namespace,
    sheets,
    small_registry,
)

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/real-monthly-counts.csv"
HEADER = "month,n1,n2,n3,n4,n5\n"
MARCH, APRIL = "2024-03,1,2,3,40,50\n", "2024-04,2,2,2,2,2\n"


def started(kafka: KafkaServer, directory: Path, *, demo: bool) -> Survey:
    namespace = f"t{uuid.uuid4().hex[:10]}"
    facts = entry("namespace", namespace, timezone="Asia/Ho_Chi_Minh", partitions=3, demo=demo)
    set_up_namespace(kafka.bootstrap, namespace, [*small_registry(), facts])
    return Survey(kafka.bootstrap, namespace, directory)


@pytest.fixture(scope="module")
def survey(kafka: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survey]:
    with started(kafka, tmp_path_factory.mktemp("demo"), demo=True) as running:
        yield running


def environment(survey: Survey, kafka: KafkaServer, **settings: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")} | {
        "SIPAS_SURVEY_URL": f"http://127.0.0.1:{survey.port}",
        "SIPAS_IMPORT_KEY": IMPORT_KEY,
        "SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "SIPAS_NAMESPACE": survey.namespace,
        **settings,
    }


def sipas(
    survey: Survey, kafka: KafkaServer, *words: str, cwd: Path | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    return FORKED.call(words, environment(survey, kafka, **settings), cwd)


def summary(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def in_log(kafka: KafkaServer, survey: Survey, agency: str) -> list[Response]:
    return [sheet for sheet in sheets(kafka.bootstrap, survey.namespace) if sheet.agency == agency]


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def records_of(kafka: KafkaServer, survey: Survey) -> int:
    log = Log([kafka.bootstrap])
    try:
        return sum(end for _, end in log.bounds(Topics(survey.namespace).responses).values())
    finally:
        log.close()


# --- import counts


def test_the_same_file_again_and_a_longer_one_later_bring_only_the_new_ids(
    kafka: KafkaServer, survey: Survey, tmp_path: Path
) -> None:
    short = written(tmp_path / "march.csv", HEADER + MARCH)
    longer = written(tmp_path / "april.csv", HEADER + MARCH + APRIL)
    ids = []
    for file in (short, short, longer):
        summary(sipas(survey, kafka, "import", "counts", file, "--agency", "so-a", "--json"))
        ids.append(Counter(sheet.response_id for sheet in in_log(kafka, survey, "so-a") if sheet.via == "import"))
    assert ids[0].total() == 96
    assert set(ids[0]) == set(ids[1])
    assert ids[1].total() == 192
    assert len(set(ids[2]) - set(ids[1])) == 10


def test_a_survey_that_dies_on_the_way_loses_nothing(kafka: KafkaServer, tmp_path: Path) -> None:
    file = written(tmp_path / "file.csv", HEADER + "2024-03,1000,1000,1000,1000,4000\n")
    with started(kafka, tmp_path, demo=False) as survey:
        words = [SIPAS, "import", "counts", file, "--agency", "so-a", "--json"]
        with subprocess.Popen(words, env=environment(survey, kafka), stdout=subprocess.PIPE, text=True) as command:
            wait_until(lambda: records_of(kafka, survey) > 500, what="the first answers")
            survey.kill()
            assert command.poll() is None, "the import had ended before the survey was killed"
            survey.start()
            out, _ = command.communicate(timeout=60)
        found = in_log(kafka, survey, "so-a")
    assert (command.returncode, json.loads(out)["sheets"]) == (0, 8000)
    assert len({sheet.response_id for sheet in found}) == 8000


def test_a_wrong_file_is_told_all_its_faults_and_nothing_is_sent(
    kafka: KafkaServer, survey: Survey, tmp_path: Path
) -> None:
    before = records_of(kafka, survey)
    file = written(tmp_path / "wrong.csv", HEADER + MARCH + "2024-04,-1,2,x,4,5\n2199-01,1,1,1,1,1\n")
    done = sipas(survey, kafka, "import", "counts", file, "--agency", "so-a")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"{file}: row 3, n1: -1 is negative",
        f"{file}: row 3, n3: 'x' is not a whole number",
        f"{file}: row 4, month: 2199-01 is not over yet",
        "Error: 3 wrong; nothing was sent",
    ]
    assert records_of(kafka, survey) == before


REFUSED = {
    "an unknown agency": ("so-z", {}, "agency", "(HTTP 422)"),
    "an unknown key": ("so-a", {"SIPAS_IMPORT_KEY": "sipas_import_of-nobody"}, "key", "(HTTP 401)"),
    "a submit key": ("so-a", {"SIPAS_IMPORT_KEY": SUBMIT_KEY}, "counter", "(HTTP 422)"),
    "a read key": ("so-a", {"SIPAS_IMPORT_KEY": READ_KEY}, "key", "(HTTP 403)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_survey_refuses_ends_the_import_with_the_surveys_words(
    kafka: KafkaServer, survey: Survey, tmp_path: Path, name: str
) -> None:
    agency, settings, word, status = REFUSED[name]
    before = records_of(kafka, survey)
    file = written(tmp_path / "file.csv", HEADER + MARCH)
    done = sipas(survey, kafka, "import", "counts", file, "--agency", agency, **settings)
    assert done.returncode == 1
    assert word in done.stderr
    assert status in done.stderr
    assert records_of(kafka, survey) == before


@pytest.mark.parametrize("command", [["import", "counts", str(EXAMPLE), "--agency", "so-a"], ["simulate"]])
def test_no_survey_at_the_address_is_told_at_once(kafka: KafkaServer, survey: Survey, command: list[str]) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    done = sipas(survey, kafka, *command, "--url", address)
    assert done.returncode == 1
    assert f"no survey answers at {address}" in done.stderr


def test_without_a_key_the_one_of_the_local_stack_is_taken(kafka: KafkaServer, survey: Survey, tmp_path: Path) -> None:
    file = written(tmp_path / "file.csv", HEADER + APRIL)
    command = ["import", "counts", file, "--agency", "so-b", "--json"]
    missing = sipas(survey, kafka, *command, cwd=tmp_path, SIPAS_IMPORT_KEY="")
    assert missing.returncode == 2
    assert "SIPAS_IMPORT_KEY is missing" in missing.stderr
    (tmp_path / ".local").mkdir()
    written(tmp_path / ".local/keys.json", json.dumps({"import": IMPORT_KEY}))
    assert summary(sipas(survey, kafka, *command, cwd=tmp_path, SIPAS_IMPORT_KEY=""))["accepted"] == 10


# --- import responses

MAPPING = """
source: {source}
method: quick-5@1
channel: google-forms
agency: {{column: Đơn vị, values: {{Sở A: so-a, Sở Z: {second}}}}}
answered_on: {{column: Dấu thời gian, format: mm/dd/yyyy hh:mm:ss}}
answers: {{STAFF: {{column: Thái độ, scale: ba mức}}}}
scales: {{ba mức: {{Hài lòng: 4, Bình thường: 3, Không hài lòng: 2}}}}
"""
FORM_HEADER = "Dấu thời gian,Họ tên,Số điện thoại,Email,Đơn vị,Thái độ\n"
PERSON = "Người Bí Mật,0987654321,bimat@example.org"


def form_row(at: str, agency: str = "Sở A", word: str = "Hài lòng") -> str:
    return f"{at},{PERSON},{agency},{word}\n"


def form(tmp_path: Path, rows: str, second: str = "so-b") -> list[str]:
    """The words of the command for a form of its own: each test has another source."""
    mapping = written(tmp_path / "map.yaml", MAPPING.format(source=tmp_path.name, second=second))
    return ["import", "responses", written(tmp_path / "form.csv", FORM_HEADER + rows), "--mapping", mapping]


def imported(kafka: KafkaServer, survey: Survey) -> list[Response]:
    return [sheet for sheet in sheets(kafka.bootstrap, survey.namespace) if sheet.channel == "google-forms"]


def test_a_dry_run_needs_no_survey_and_no_key_and_sends_nothing(
    kafka: KafkaServer, survey: Survey, tmp_path: Path
) -> None:
    before = records_of(kafka, survey)
    words = form(tmp_path, form_row("11/05/2025 14:03:00") + form_row("11/06/2025 08:00:00", "Sở Z"))
    done = sipas(
        survey, kafka, *words, cwd=tmp_path, SIPAS_IMPORT_KEY="", SIPAS_SURVEY_URL=f"http://127.0.0.1:{free_port()}"
    )
    assert done.returncode == 0, done.stderr
    assert "          2  sheets to send" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1].startswith("a dry run: nothing was sent")
    assert records_of(kafka, survey) == before


def test_rows_become_sheets_without_what_names_a_person_and_a_longer_export_brings_only_the_new(
    kafka: KafkaServer, survey: Survey, tmp_path: Path
) -> None:
    before = {sheet.response_id for sheet in imported(kafka, survey)}
    first = form_row("11/05/2025 14:03:00") * 2 + form_row("11/06/2025 08:00:00", "Sở Z", "Không hài lòng")
    for rows in (first, first, form_row("11/07/2025 09:00:00") + first):
        done = sipas(survey, kafka, *form(tmp_path, rows), "--yes")
        assert done.returncode == 0, done.stderr
    found = {sheet.response_id: sheet for sheet in imported(kafka, survey) if sheet.response_id not in before}
    assert sorted((sheet.agency, f"{sheet.answered_on}", sheet.answers["STAFF"]) for sheet in found.values()) == [
        ("so-a", "2025-11-05", 4),
        ("so-a", "2025-11-05", 4),
        ("so-a", "2025-11-07", 4),
        ("so-b", "2025-11-06", 2),
    ]
    assert {(sheet.via, sheet.channel, sheet.flags) for sheet in found.values()} == {("import", "google-forms", ())}
    for kind in ("responses", "comments", "dlq"):
        for record in records(kafka.bootstrap, survey.namespace, kind):
            said = b"\n".join([record.key or b"", record.value, *(value for _, value in record.headers)]).decode()
            assert not any(marked in said for marked in ("0987654321", "bimat", "Bí Mật", "14:03"))


def test_killed_half_way_and_given_again_each_sheet_is_in_the_log_under_one_id(
    kafka: KafkaServer, survey: Survey, tmp_path: Path
) -> None:
    before = {sheet.response_id for sheet in imported(kafka, survey)}
    already = records_of(kafka, survey)
    words = form(tmp_path, form_row("11/05/2025 14:03:00") * 3000)
    with subprocess.Popen([SIPAS, *words, "--yes"], env=environment(survey, kafka), stdout=subprocess.PIPE) as command:
        wait_until(lambda: records_of(kafka, survey) > already + 200, what="the first sheets")
        assert command.poll() is None, "the import had ended before it was killed"
        command.kill()
    done = summary(sipas(survey, kafka, *words, "--yes", "--json"))
    assert done["sent"] == {"sheets": 3000, "accepted": 3000, "spooled": 0}
    assert len({sheet.response_id for sheet in imported(kafka, survey)} - before) == 3000


@pytest.mark.parametrize("skip", [False, True], ids=["all or nothing", "skip_invalid_rows"])
def test_a_wrong_row_stops_everything_unless_the_mapping_lets_it_be_skipped(
    kafka: KafkaServer, survey: Survey, tmp_path: Path, *, skip: bool
) -> None:
    before = records_of(kafka, survey)
    words = form(tmp_path, form_row("11/05/2025 14:03:00") + form_row("13/05/2025 14:03:00"))
    if skip:
        with Path(words[-1]).open("a", encoding="utf-8") as mapping:
            mapping.write("skip_invalid_rows: true\n")
    done = sipas(survey, kafka, *words, "--yes")
    assert f"{words[2]}, row 3: Dấu thời gian: '13/05/2025 14:03:00' is no mm/dd/yyyy hh:mm:ss" in done.stderr
    assert (done.returncode, records_of(kafka, survey) - before) == ((0, 1) if skip else (1, 0))


def test_an_agency_that_the_survey_does_not_know_stops_everything(
    kafka: KafkaServer, survey: Survey, tmp_path: Path
) -> None:
    """Not at its first sheet, when those of other agencies are already in the log."""
    before = records_of(kafka, survey)
    rows = form_row("11/05/2025 14:03:00") + form_row("11/06/2025 14:03:00", "Sở Z")
    done = sipas(survey, kafka, *form(tmp_path, rows, second="so-z"), "--yes")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("agency so-z: the survey says: agency: ")
    assert done.stderr.splitlines()[-1] == "Error: 1 refused; nothing was sent"
    assert records_of(kafka, survey) == before


# --- simulate


def simulated(kafka: KafkaServer, survey: Survey) -> list[Response]:
    return [sheet for sheet in sheets(kafka.bootstrap, survey.namespace) if sheet.channel == "qr"]


def test_a_simulation_twice_counts_once_and_names_agency_counter_and_sector(kafka: KafkaServer, tmp_path: Path) -> None:
    command = ["simulate", "--days", "21", "--rate", "10", "--json"]
    with started(kafka, tmp_path, demo=True) as survey:
        said = summary(sipas(survey, kafka, *command))
        once = {sheet.response_id for sheet in simulated(kafka, survey)}
        summary(sipas(survey, kafka, *command))
        found = simulated(kafka, survey)
    assert (said["agencies"], said["days"]) == (2, 15)
    assert said["accepted"] == len(once)
    assert len(found) == 2 * len(once)
    assert {sheet.response_id for sheet in found} == once
    assert {sheet.agency for sheet in found} == {"so-a", "so-b"}
    assert {sheet.sector for sheet in found if sheet.agency == "so-b"} == {"ho-tich"}
    assert all(sheet.counter and sheet.place == "trung-tam" and not sheet.flags for sheet in found)


def test_a_day_is_sent_whole_before_the_next_begins(kafka: KafkaServer, tmp_path: Path) -> None:
    with started(kafka, tmp_path, demo=True) as survey:
        summary(sipas(survey, kafka, "simulate", "--days", "14", "--rate", "30", "--json"))
        by_partition: dict[int, list[date]] = {}
        for record in records(kafka.bootstrap, survey.namespace):
            day = date.fromisoformat(json.loads(record.value)["answered_on"])
            by_partition.setdefault(record.partition, []).append(day)
    assert all(days == sorted(days) for days in by_partition.values())
    assert len(by_partition) == 2


def test_a_namespace_that_is_no_demo_gets_no_made_up_answers(kafka: KafkaServer, tmp_path: Path) -> None:
    with started(kafka, tmp_path, demo=False) as survey:
        # what the client's own settings claim does not matter
        done = sipas(survey, kafka, "simulate", "--days", "7", SIPAS_DEMO="true")
        assert records_of(kafka, survey) == 0
    assert done.returncode == 1
    assert f"namespace {survey.namespace} is not a demo" in done.stderr


def test_a_survey_of_another_namespace_gets_no_made_up_answers(kafka: KafkaServer, survey: Survey) -> None:
    before = len(simulated(kafka, survey))
    done = sipas(survey, kafka, "simulate", SIPAS_NAMESPACE="other")
    assert done.returncode == 1
    assert f"serves namespace {survey.namespace}, but SIPAS_NAMESPACE is other" in done.stderr
    assert len(simulated(kafka, survey)) == before


WRONG_USE = {
    "an unknown agency": ["--agencies", "so-a,so-z"],
    "more agencies than there are": ["--agencies", "3"],
    "a drop at an agency that is not simulated": ["--agencies", "so-a", "--drop-agency", "so-b"],
    "no days": ["--days", "0"],
}


@pytest.mark.parametrize("name", WRONG_USE)
def test_wrong_use_of_simulate_exits_with_2_and_sends_nothing(kafka: KafkaServer, survey: Survey, name: str) -> None:
    before = len(simulated(kafka, survey))
    assert sipas(survey, kafka, "simulate", *WRONG_USE[name]).returncode == 2
    assert len(simulated(kafka, survey)) == before
