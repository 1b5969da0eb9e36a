"""`sipas poster` on a real broker, as an administrator runs it."""

import os
import signal
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from sipas.broker import Topics
from sipas.codes import printed
from sipas.events import Entry
from sipas.follower import read_whole
from sipas.registry import Registry
from tests.integration.command_line import SIPAS, Run, environment_with, sipas
from tests.posters import URL, codes, page_texts, pages, province, scanned
from tests.servers import KafkaServer, wait_until
from tests.survey_stack import entry, names, set_up_namespace

CODES = codes(20)


def registry(counters: int) -> list[Entry]:
    """Without its facts, which the namespace gets anyway."""
    return [one for one in province(counters) if one.kind != "namespace"]


def settings_of(kafka: KafkaServer, namespace: str) -> dict[str, str]:
    return {"SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap, "SIPAS_NAMESPACE": namespace, "SIPAS_PUBLIC_URL": URL}


@pytest.fixture
def run(kafka: KafkaServer, namespace: str, tmp_path: Path) -> Run:
    """Runs `sipas poster` in a directory of its own, with a province of twenty counters, of which one is revoked."""
    revoked = entry(
        "counter",
        CODES[3],
        label=names("Quầy số 4"),
        place="xa-0",
        agencies=["xa-0"],
        method="quick-5@1",
        status="revoked",
        replaced_by=CODES[4],
    )
    set_up_namespace(kafka.bootstrap, namespace, [*registry(20), revoked])
    return sipas(settings_of(kafka, namespace), "poster", cwd=tmp_path)


def test_a_province_is_one_pdf_with_a_page_for_each_active_counter(run: Run, tmp_path: Path) -> None:
    done = run("--all", "--output", "all.pdf")
    assert "19 posters in all.pdf" in done.stdout
    found = [{code.text for code in scanned(page)} for page in pages((tmp_path / "all.pdf").read_bytes(), 100)]
    assert found == [{f"{URL}/{code}"} for code in CODES if code != CODES[3]]


def test_who_prints_is_told_how_to_check_and_what_was_left_out(run: Run) -> None:
    done = run("--place", "xa-0")
    assert f"{URL}/check" in done.stdout
    assert f"{printed(CODES[3])} (Quầy số 4) is not printed" in done.stderr
    assert printed(CODES[4]) in done.stderr


def test_a_revoked_counter_is_refused_and_its_replacement_named(run: Run, tmp_path: Path) -> None:
    assert f"print its replacement {printed(CODES[4])}" in run("--counter", CODES[3], code=1).stderr
    assert list(tmp_path.iterdir()) == []


def test_one_counter_can_be_a_picture(run: Run, tmp_path: Path) -> None:
    run("--counter", printed(CODES[0]), "--format", "png", "--size", "a5", "--output", "one.png")
    (code,) = scanned(Image.open(BytesIO((tmp_path / "one.png").read_bytes())).convert("L"))
    assert code.text == f"{URL}/{CODES[0]}"


def test_an_agency_can_have_a_file_for_each_counter(run: Run, tmp_path: Path) -> None:
    run("--agency", "so-1", "--separate", "--size", "a6-tent", "--output", "tents")
    made = sorted((tmp_path / "tents").iterdir())
    assert [path.name for path in made] == sorted(f"xa-{at}-{CODES[10 * at + 9]}-a6-tent.pdf" for at in (0, 1))
    assert all(len(page_texts(path.read_bytes())) == 1 for path in made)


def test_the_address_may_be_given_instead_of_the_setting(run: Run, tmp_path: Path) -> None:
    run("--counter", CODES[0], "--url", "https://other.example/", "--output", "one.pdf", SIPAS_PUBLIC_URL="")
    (page,) = pages((tmp_path / "one.pdf").read_bytes(), 100)
    assert [code.text for code in scanned(page)] == [f"https://other.example/{CODES[0]}"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--counter, --agency, --place, --all"),
        (["--all", "--place", "xa-0"], "--counter, --agency, --place, --all"),
        (["--all", "--size", "a3"], "a3"),
        (["--all", "--output", "all.png"], "ends in .png"),
        (["--all", "--format", "svg", "--output", "all.svg"], "must be a directory"),
        (["--all", "--url", "khaosat.example"], "SIPAS_PUBLIC_URL"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_ends_with_2_and_says_what_is_right(run: Run, arguments: list[str], said: str) -> None:
    assert said in run(*arguments, code=2).stderr


def test_without_an_address_it_says_which_setting_is_missing(run: Run) -> None:
    assert "SIPAS_PUBLIC_URL is missing" in run("--all", code=2, SIPAS_PUBLIC_URL="").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--counter", "7H7ZGPHX43"], "no counter has the code 7H7ZGPHX43"),
        (["--agency", "so-9"], "there is no agency so-9"),
        (["--all", "--output", "/dev/null/all.pdf"], "cannot write"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_printed_ends_with_1_and_says_why(run: Run, arguments: list[str], said: str) -> None:
    assert said in run(*arguments, code=1).stderr


def test_a_namespace_that_was_never_set_up_is_told(run: Run) -> None:
    assert "sipas topics create" in run("--all", code=1, SIPAS_NAMESPACE="nothing-here").stderr


@pytest.mark.parametrize("arguments", [["--output", "out/all.pdf"], ["--format", "png", "--output", "out"]])
def test_stopped_by_hand_it_leaves_no_half_file(
    kafka: KafkaServer, namespace: str, tmp_path: Path, arguments: list[str]
) -> None:
    set_up_namespace(kafka.bootstrap, namespace, registry(2_000))
    running = subprocess.Popen(
        [SIPAS, "poster", "--all", *arguments],
        env=environment_with(settings_of(kafka, namespace)),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    out = tmp_path / "out"
    wait_until(lambda: out.is_dir() and any(out.iterdir()), 60)
    # as a terminal does: to the whole group
    os.killpg(running.pid, signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "Aborted!" in errors
    assert "Traceback" not in errors
    left = list(out.iterdir())
    assert all(path.suffix == ".png" and not path.name.startswith(".") for path in left)
    for path in left:
        Image.open(path).load()


def test_the_registry_is_only_read(run: Run, kafka: KafkaServer, namespace: str) -> None:
    def entries() -> object:
        return read_whole([kafka.bootstrap], Topics(namespace).registry, Registry.fold(())).entries

    before = entries()
    run("--counter", CODES[0])
    assert entries() == before
