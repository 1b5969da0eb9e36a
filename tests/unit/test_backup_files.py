"""The files of a backup: what was written comes back, and nothing else is taken for it."""

import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator.backup.chains import ChainWriter
from services.aggregator.backup.checking import check
from services.aggregator.backup.manifest import (
    MANIFEST,
    Busy,
    Chain,
    Manifest,
    NoBackup,
    locked,
    read_manifest,
    unnamed,
    write_manifest,
)
from services.aggregator.backup.saving import SAVED
from services.aggregator.backup.segments import Damaged, Saved, SegmentWriter, read_segments
from sipas.broker import TOPIC_SETTINGS

NOW = datetime(2026, 11, 26, tzinfo=UTC)

headers = st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=20)), max_size=3)
contents = st.tuples(st.integers(0, 2**45), st.none() | st.binary(max_size=9), st.none() | st.binary(max_size=99), headers)
"""Everything of a record but its offset."""
few = settings(max_examples=30)
"""Each example waits for a disk many times."""
runs = st.lists(st.lists(contents, max_size=8), min_size=1, max_size=5)


def numbered(some: Iterable[tuple], first: int = 0) -> list[Saved]:
    return [Saved(offset, *one) for offset, one in enumerate(some, first)]


def save(folder: Path, chain: Chain, records: Iterable[Saved], *, keep_from: int = 0, full_bytes: int = 300) -> Chain:
    writer = ChainWriter(folder, "responses", 0, chain, keep_from=keep_from, full_bytes=full_bytes)
    for record in records:
        writer.add(record)
    return writer.close()


def manifest_of(chain: Chain) -> Manifest:
    return Manifest(namespace="x", software="1", begun=NOW, finished=NOW, topics={"responses": (chain,)})


@pytest.fixture
def backup(tmp_path: Path) -> tuple[Path, Chain]:
    """A backup of namespace x: a file for each of 21 records."""
    folder = tmp_path / "x"
    chain = save(folder, Chain(), (Saved(offset, 0, b"k", bytes([offset]) * 99, []) for offset in range(20)), full_bytes=1)
    chain = save(folder, chain, [Saved(20, 0, b"k", b"", [])], full_bytes=1)
    write_manifest(folder, manifest_of(chain))
    assert len(chain.segments) == 21
    return tmp_path, chain


@few
@given(runs)
def test_what_is_saved_in_any_number_of_runs_is_read_as_it_was(made: list[list[tuple]]) -> None:
    """Whatever bytes a record holds, and however full the files are."""
    with TemporaryDirectory() as directory:
        folder, chain, records = Path(directory), Chain(), []
        for some in made:
            added = numbered(some, len(records))
            records += added
            chain = save(folder, chain, added)
        assert list(read_segments(folder, chain.segments)) == records
        assert (chain.next_offset, chain.records) == (len(records), len(records))
        assert chain.last == (records[-1].digest if records else "")
        assert sum((folder / segment.file).stat().st_size for segment in chain.segments) == chain.bytes


@few
@given(runs, st.data())
def test_what_is_forgotten_stands_in_no_file_that_counts(made: list[list[tuple]], data: st.DataObject) -> None:
    with TemporaryDirectory() as directory:
        folder, chain, records = Path(directory), Chain(), []
        keep_from = 0
        for some in made:
            added = numbered(some, len(records))
            records += added
            keep_from = data.draw(st.integers(keep_from, len(records)))
            chain = save(folder, chain, [one for one in added if one.offset >= keep_from], keep_from=keep_from)
        assert list(read_segments(folder, chain.segments)) == records[keep_from:]


@few
@given(st.lists(contents, min_size=1, max_size=8), st.data())
def test_a_file_with_another_byte_is_refused_by_its_name(some: list[tuple], data: st.DataObject) -> None:
    with TemporaryDirectory() as directory:
        folder = Path(directory)
        [segment] = save(folder, Chain(), numbered(some), full_bytes=10**9).segments
        content = bytearray((folder / segment.file).read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        (folder / segment.file).write_bytes(content)
        with pytest.raises(Damaged, match=segment.file):
            next(read_segments(folder, [segment]))


@few
@given(st.lists(contents, min_size=1, max_size=8))
def test_the_same_records_are_the_same_bytes(some: list[tuple]) -> None:
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        assert save(Path(one), Chain(), numbered(some)) == save(Path(other), Chain(), numbered(some))


def test_a_record_is_recognised_without_its_offset() -> None:
    record = Saved(7, 1, b"k", b"v", [("h", b"1")])
    assert record.digest == record._replace(offset=8).digest
    for change in ({"timestamp": 2}, {"key": None}, {"value": b""}, {"headers": []}):
        assert record.digest != record._replace(**change).digest


def test_any_program_that_knows_gzip_and_messagepack_reads_a_file(tmp_path: Path) -> None:
    """As docs/adr/0029-backup.md describes it, so that a backup outlives this software."""
    [segment] = save(tmp_path, Chain(), [Saved(5, 9, b"k", b"v", [("h", None)])]).segments
    content = gzip.decompress((tmp_path / segment.file).read_bytes())
    packed = bytes([0x95, 5, 9, 0xC4, 1]) + b"k" + bytes([0xC4, 1]) + b"v" + bytes([0x91, 0x92, 0xA1]) + b"h\xc0"
    assert content == len(packed).to_bytes(4, "big") + packed


def test_only_the_owner_reads_a_file(backup: tuple[Path, Chain]) -> None:
    """Names of leaders lie in it."""
    directory, _ = backup
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (directory / "x").rglob("*") if path.is_dir()} == {0o700}


# --- the manifest


def test_a_manifest_with_another_byte_is_refused(backup: tuple[Path, Chain]) -> None:
    directory, _ = backup
    path = directory / "x" / MANIFEST
    content = path.read_bytes()
    assert read_manifest(directory, "x").chain("responses", 0) == backup[1]
    for at in range(0, len(content) - 1, 37):
        changed = bytearray(content)
        changed[at] ^= 1
        path.write_bytes(changed)
        with pytest.raises((Damaged, NoBackup)):
            read_manifest(directory, "x")


def test_a_backup_of_another_namespace_is_refused_and_those_there_are_named(backup: tuple[Path, Chain]) -> None:
    directory, _ = backup
    with pytest.raises(NoBackup, match=r"no backup of namespace y; there are those of: x \(SIPAS_NAMESPACE\)"):
        read_manifest(directory, "y")
    (directory / "x").rename(directory / "y")
    with pytest.raises(NoBackup, match="is of namespace x, not of y"):
        read_manifest(directory, "y")


def test_a_form_of_a_later_software_is_refused(backup: tuple[Path, Chain]) -> None:
    directory, chain = backup
    later = Manifest(format=2, namespace="x", software="2", begun=NOW, finished=NOW, topics={"responses": (chain,)})
    write_manifest(directory / "x", later)
    with pytest.raises(Damaged, match="has the form 2, and this software reads 1"):
        read_manifest(directory, "x")


def test_two_runs_do_not_write_at_once(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(Busy), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_a_killed_run_leaves_files_that_no_manifest_names(backup: tuple[Path, Chain]) -> None:
    """One with its name, of which the manifest was never written, and one that is half written."""
    directory, chain = backup
    folder = directory / "x"
    (folder / "notes.txt").write_text("of the administrator")
    finished = save(folder, chain, [Saved(21, 0, b"k", b"new", [])], full_bytes=10**9).segments[-1]
    half = SegmentWriter(folder, "responses/0000")
    half.add(Saved(22, 0, None, None, []))
    left = unnamed(folder, read_manifest(directory, "x"))
    assert len(left) == 2
    assert folder / finished.file in left
    assert check(directory, "x", lambda _done, _whole: None).faults == ()
    half.give_up()
    assert unnamed(folder, read_manifest(directory, "x")) == [folder / finished.file]


# --- the check


def faults(directory: Path) -> tuple[str, ...]:
    return check(directory, "x", lambda _done, _whole: None).faults


def test_a_whole_backup_has_no_fault(backup: tuple[Path, Chain]) -> None:
    assert faults(backup[0]) == ()


def test_each_missing_or_changed_file_is_named(backup: tuple[Path, Chain]) -> None:
    directory, chain = backup
    first, *_, last = chain.segments
    (directory / "x" / first.file).unlink()
    path = directory / "x" / last.file
    path.write_bytes(path.read_bytes() + b"x")
    assert len(faults(directory)) == 2
    assert f"{first.file} is missing" in faults(directory)
    assert any(fault.startswith(f"{last.file} was changed") for fault in faults(directory))


def test_a_manifest_that_leaves_a_file_out_is_noticed_by_the_offsets(backup: tuple[Path, Chain]) -> None:
    directory, chain = backup
    without = Chain(next_offset=chain.next_offset, last=chain.last, segments=(chain.segments[0], chain.segments[-1]))
    write_manifest(directory / "x", manifest_of(without))
    assert faults(directory) == (f"{chain.segments[-1].file}: offset 20 stands where 1 should",)
    write_manifest(
        directory / "x", manifest_of(Chain(next_offset=21, last=chain.last, segments=chain.segments[:-1]))
    )
    assert faults(directory) == ("responses/0 does not end where the manifest says",)


# --- what is saved


def test_every_topic_is_saved_or_can_be_counted_again() -> None:
    assert set(SAVED) | {"tallies", "dlq"} == set(TOPIC_SETTINGS)
    assert not set(SAVED) & {"tallies", "dlq"}


def test_whoever_names_records_of_another_topic_is_read_before_it() -> None:
    order = list(SAVED)
    assert order.index("results") < order.index("responses")  # offsets
    assert order.index("decisions") < order.index("alerts")  # changes of state
    assert order[-1] == "registry"  # an answer's agency and counter


def test_the_manifest_is_plain_json(backup: tuple[Path, Chain]) -> None:
    sealed = json.loads((backup[0] / "x" / MANIFEST).read_bytes())
    assert set(sealed) == {"sha256", "manifest"}
    assert sealed["manifest"]["topics"]["responses"][0]["segments"][0]["records"] > 0
