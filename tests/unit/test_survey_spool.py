"""The spool: durable when it says so, in order, bounded, and taken over from the dead."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from services.survey.frames import frame
from services.survey.spool import Spool, SpoolFull

ROOT = Path(__file__).resolve().parents[2]
MB = 1024 * 1024


def take_all(spool: Spool, limit: int = 3) -> list[bytes]:
    taken = []
    while batch := spool.oldest(limit):
        taken += batch.payloads
        spool.remove(batch)
    return taken


def files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*/*.segment"))


def test_answers_come_back_in_order_and_leave_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=MB)
    sent = [b"%d" % number for number in range(10)]
    for payload in sent:
        spool.append(payload)
    assert spool.records == 10
    assert take_all(spool) == sent
    assert (spool.records, spool.size, files(tmp_path)) == (0, 0, [])


def test_an_answer_stays_until_it_is_removed(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=MB)
    spool.append(b"one")
    assert spool.oldest(1) == spool.oldest(1)


def test_append_returns_after_the_fsync_of_its_own_bytes(tmp_path: Path) -> None:
    on_disk: list[int] = []
    spool = Spool(tmp_path, max_bytes=MB, sync=lambda fd: on_disk.append(os.fstat(fd).st_size))
    spool.append(b"one")
    assert on_disk[-1] == len(frame(b"one"))


def test_answers_that_come_while_one_fsync_runs_share_the_next(tmp_path: Path) -> None:
    first_runs, let_go = threading.Event(), threading.Event()
    syncs: list[int] = []

    def slow(fd: int) -> None:
        if os.fstat(fd).st_size == len(frame(b"0")):
            first_runs.set()
            let_go.wait()
        syncs.append(fd)

    spool = Spool(tmp_path, max_bytes=MB, sync=slow)
    first = threading.Thread(target=spool.append, args=(b"0",))
    first.start()
    first_runs.wait()
    others = [threading.Thread(target=spool.append, args=(b"x",)) for _ in range(20)]
    for other in others:
        other.start()
    while spool.records < 21:
        pass
    before = len(syncs)
    let_go.set()
    for thread in (first, *others):
        thread.join()
    assert len(syncs) - before == 2


def test_a_full_spool_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=100)
    spool.append(b"x" * 60)
    with pytest.raises(SpoolFull):
        spool.append(b"y" * 60)
    assert not spool.has_room
    assert take_all(spool) == [b"x" * 60]


def test_a_spool_that_was_drained_takes_answers_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=100)
    spool.append(b"x" * 60)
    take_all(spool)
    spool.append(b"y" * 60)
    assert take_all(spool) == [b"y" * 60]


def test_after_a_failed_fsync_nothing_more_is_promised(tmp_path: Path) -> None:
    broken = True

    def sync(fd: int) -> None:
        if broken and os.fstat(fd).st_size and not stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(5, "Input/output error")

    spool = Spool(tmp_path, max_bytes=MB, sync=sync)
    with pytest.raises(SpoolFull, match="fsync failed"):
        spool.append(b"one")
    broken = False
    with pytest.raises(SpoolFull, match="fsync failed"):
        spool.append(b"two")
    assert not spool.has_room


def test_segments_are_begun_anew_and_leave_one_by_one(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=MB, segment_bytes=40)
    sent = [b"%d" % number * 10 for number in range(9)]
    for payload in sent:
        spool.append(payload)
    assert len(files(tmp_path)) == 5
    batch = spool.oldest(100)
    assert batch is not None
    spool.remove(batch)
    assert len(files(tmp_path)) == 4
    assert batch.payloads + take_all(spool) == sent


def test_what_a_closed_spool_left_is_adopted_in_order(tmp_path: Path) -> None:
    first = Spool(tmp_path, max_bytes=MB)
    first.append(b"one")
    first.append(b"two")
    first.close()
    second = Spool(tmp_path, max_bytes=MB)
    assert second.adopt() == 2
    second.append(b"three")
    assert take_all(second) == [b"one", b"two", b"three"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_living_process_keeps_its_answers(tmp_path: Path) -> None:
    living = Spool(tmp_path, max_bytes=MB)
    living.append(b"one")
    assert Spool(tmp_path, max_bytes=MB).adopt() == 0
    assert take_all(living) == [b"one"]


def test_the_answers_of_a_process_killed_by_sigkill_are_adopted(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, signal, sys; from services.survey.spool import Spool\n"
        "spool = Spool(pathlib.Path(sys.argv[1]), max_bytes=10**6); spool.append(b'one')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False)
    spool = Spool(tmp_path, max_bytes=MB)
    assert spool.adopt() == 1
    assert take_all(spool) == [b"one"]


@pytest.mark.parametrize(
    "tail", [frame(b"torn")[:-1], b"\0" * 64, b"\xff" * 9], ids=["half a frame", "zeros", "garbage"]
)
def test_a_torn_tail_is_cut_and_what_is_before_it_is_kept(tmp_path: Path, tail: bytes) -> None:
    first = Spool(tmp_path, max_bytes=MB)
    first.append(b"one")
    first.close()
    (left,) = files(tmp_path)
    with left.open("ab") as file:
        file.write(tail)
    second = Spool(tmp_path, max_bytes=MB)
    assert second.adopt() == 1
    assert second.cut_bytes == len(tail)
    second.append(b"two")
    assert take_all(second) == [b"one", b"two"]


def test_a_segment_half_drained_before_the_crash_is_sent_again_from_its_beginning(tmp_path: Path) -> None:
    first = Spool(tmp_path, max_bytes=MB)
    for payload in (b"one", b"two"):
        first.append(payload)
    batch = first.oldest(1)
    assert batch is not None
    first.remove(batch)
    first.close()
    second = Spool(tmp_path, max_bytes=MB)
    second.adopt()
    assert take_all(second) == [b"one", b"two"]


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=MB, sync=lambda _fd: None)
    sent = {b"%d-%d" % (thread, number) for thread in range(4) for number in range(200)}
    taken: list[bytes] = []
    done = threading.Event()

    def write(thread: int) -> None:
        for number in range(200):
            spool.append(b"%d-%d" % (thread, number))

    def read() -> None:
        while not done.is_set() or spool.records:
            taken.extend(take_all(spool))

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
    reader.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    done.set()
    reader.join()
    assert set(taken) == sent
    assert len(taken) == len(sent)
