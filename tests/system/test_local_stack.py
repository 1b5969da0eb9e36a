"""`make up` as its user meets it: it starts, says where everything is, restarts what dies, and goes without trace.

On ports and in a directory of its own, so that it runs beside a stack that is up.
"""

import json
import os
import re
import signal
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from urllib.request import urlopen

import pytest

from deploy.local.programs import ask_redis, redis_answers
from tests.servers import wait_until
from tests.system.running_stack import LIMITER, MAIL, MAILBOX, REDIS, ROOT, RUNNER, RunningStack, free_ports


def refusal(home: Path, first_port: int) -> str:
    """What a start says that ends with exit code 1."""
    command = [*RUNNER, "--home", str(home), "--ports-from", str(first_port)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    return done.stderr


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Servers only: what is tested on it does not need a service."""
    running = RunningStack(tmp_path_factory.mktemp("stack") / "home", free_ports(), "--servers-only")
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.discard()


def test_what_dies_is_restarted(stack: RunningStack) -> None:
    first = stack.pid_of("data/redis")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: is_again_there(stack, "data/redis", first), what="redis")


def test_what_the_limiter_counts_is_on_no_disk_not_even_when_it_ends(stack: RunningStack) -> None:
    first = stack.pid_of("data/limiter")
    assert ask_redis(stack.first_port + LIMITER, "SET", "marked", "198.51.100.77") == b"+OK\r\n"
    os.kill(first, signal.SIGTERM)
    wait_until(lambda: is_again_there(stack, "data/limiter", first), what="the limiter")
    wait_until(lambda: redis_answers(stack.first_port + LIMITER), what="the limiter to answer")
    assert ask_redis(stack.first_port + LIMITER, "GET", "marked") == b"$-1\r\n"
    assert list((stack.home / "data/limiter").iterdir()) == []


def is_again_there(stack: RunningStack, word: str, killed: int) -> bool:
    return len(stack.processes()) == 5 and stack.processes(word) not in ([], [killed])


def test_the_mailbox_keeps_and_shows_what_was_mailed(stack: RunningStack) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "sipas@tinhmau.example", "gd@tinhmau.example", "Chỉ số <giảm>"
    mail.set_content("Kính gửi Ông/Bà,\n<script>alert(1)</script>")
    with smtplib.SMTP("127.0.0.1", stack.first_port + MAIL) as smtp:
        smtp.send_message(mail)
    with urlopen(f"http://127.0.0.1:{stack.first_port + MAILBOX}/mails") as answer:
        newest = json.load(answer)[0]
    with urlopen(f"http://127.0.0.1:{stack.first_port + MAILBOX}/") as answer:
        page = answer.read().decode()
    assert (newest["to"], newest["subject"]) == ("gd@tinhmau.example", "Chỉ số <giảm>")
    assert "Kính gửi Ông/Bà" in newest["text"]
    assert (stack.home / "data/mail/0001.eml").exists()
    assert "DỮ LIỆU MẪU" in page
    assert "Chỉ số &lt;giảm&gt;" in page
    assert "<script>" not in page


def test_a_second_start_of_the_same_stack_names_the_first(stack: RunningStack) -> None:
    assert f"running already (process {stack.process.pid})" in refusal(stack.home, stack.first_port)


def test_a_port_in_use_is_named_with_its_setting_and_its_holder_before_anything_starts(tmp_path: Path) -> None:
    first = free_ports()
    with socket.create_server(("127.0.0.1", first + REDIS)):
        said = refusal(tmp_path / "home", first)
    assert f"Port {first + REDIS} (redis) is in use by" in said
    assert f"(process {os.getpid()})" in said
    assert "SIPAS_REDIS_URL=redis://127.0.0.1:" in said
    assert not (tmp_path / "home/data").exists()


def test_a_port_held_by_another_local_stack_is_said_so(stack: RunningStack, tmp_path: Path) -> None:
    said = refusal(tmp_path / "home", stack.first_port)
    assert re.search(r"\(kafka\) is in use by .*, which belongs to another local stack", said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_stop_while_starting_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    starting = RunningStack(tmp_path / "home", free_ports(), "--servers-only")
    try:
        wait_until(lambda: "kafka.Kafka" in command_lines(starting), what="Kafka to be started")
        starting.interrupt(number)
        assert starting.processes() == []
    finally:
        starting.discard()


def command_lines(stack: RunningStack) -> str:
    lines = []
    for pid in stack.processes():
        try:
            lines.append(Path(f"/proc/{pid}/cmdline").read_bytes().decode())
        except OSError:
            continue
    return "\n".join(lines)


def test_what_a_killed_runner_left_behind_is_named(tmp_path: Path) -> None:
    left = RunningStack(tmp_path / "home", free_ports(), "--servers-only")
    try:
        left.wait_until_ready()
        left.interrupt(signal.SIGKILL)
        said = refusal(left.home, left.first_port)
        assert "was killed and left behind" in said
        assert len(left.processes()) == 5
        assert all(f"(process {pid})" in said for pid in left.processes())
    finally:
        left.discard()


def test_a_wrong_setting_ends_the_start_with_its_name_and_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIPAS_NAMESPACE", "Not A Name")
    wrong = RunningStack(tmp_path / "home", free_ports())
    try:
        assert wrong.process.wait(60) == 1
        assert "SIPAS_NAMESPACE" in wrong.output
        assert wrong.processes() == []
    finally:
        wrong.discard()
