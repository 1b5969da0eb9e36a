"""The registry on the survey's own disk: read as it was written, or not at all."""

import os
from pathlib import Path

import pytest

from services.survey.registry_copy import NAME, RegistryCopy
from sipas.registry import Registry
from tests.survey_stack import OPEN, REVOKED, SUBMIT_KEY, entry, names, small_registry

FACTS = entry("namespace", "n", timezone="Asia/Ho_Chi_Minh", partitions=3)
REGISTRY = Registry.fold([FACTS, *small_registry()])


def keep(directory: Path, registry: Registry = REGISTRY, namespace: str = "n") -> Path:
    RegistryCopy(directory, namespace).keep(registry)
    return directory / NAME


def test_what_was_kept_is_read_whole_with_its_histories_and_keys(tmp_path: Path) -> None:
    keep(tmp_path)
    found = RegistryCopy(tmp_path, "n").read()
    assert found is not None
    assert (found.entries, found.histories, found.facts) == (REGISTRY.entries, REGISTRY.histories, REGISTRY.facts)
    assert found.counters[REVOKED].replaced_by == OPEN
    assert found.key_for(SUBMIT_KEY) is not None


def test_it_is_for_this_user_only_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = keep(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_newest_is_kept(tmp_path: Path) -> None:
    copy = RegistryCopy(tmp_path, "n")
    copy.keep(REGISTRY)
    copy.keep(REGISTRY.updated([entry("agency", "so-c", name=names("Sở C"), block="so", kind="SO")]))
    found = copy.read()
    assert found is not None
    assert "so-c" in found.agencies


def test_where_nothing_was_kept_there_is_no_copy(tmp_path: Path) -> None:
    assert RegistryCopy(tmp_path, "n").read() is None


def test_a_copy_of_another_namespace_is_none(tmp_path: Path) -> None:
    keep(tmp_path)
    assert RegistryCopy(tmp_path, "another").read() is None


def test_a_copy_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    assert RegistryCopy(tmp_path, "n").read() is None


@pytest.mark.parametrize("cut", [0, 1, 8, 100, -1])
def test_half_a_copy_is_none(tmp_path: Path, cut: int) -> None:
    path = keep(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    assert RegistryCopy(tmp_path, "n").read() is None


def test_a_copy_in_which_one_bit_has_changed_is_none(tmp_path: Path) -> None:
    path = keep(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert RegistryCopy(tmp_path, "n").read() is None


def test_a_disk_that_fails_keeps_the_copy_before_and_is_tried_again(tmp_path: Path) -> None:
    keep(tmp_path)
    fails = [True]

    def sync(fd: int) -> None:
        if fails:
            raise OSError("no space left")
        os.fsync(fd)

    copy = RegistryCopy(tmp_path, "n", sync=sync)
    newer = REGISTRY.updated([entry("agency", "so-c", name=names("Sở C"), block="so", kind="SO")])
    copy.keep(newer)
    before = copy.read()
    assert before is not None
    assert before.entries == REGISTRY.entries
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    fails.clear()
    copy.keep(newer)
    after = copy.read()
    assert after is not None
    assert after.entries == newer.entries
