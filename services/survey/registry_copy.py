"""The last registry that this machine read, on its disk, so that the survey can start while Kafka is away.

A survey on a copy knows late of what was changed since: a counter or a key that was revoked meanwhile is served until
Kafka is back. That is why a copy is used only where Kafka gave no registry at start, and no longer than until it does.

Invariants:
- The file is whole or is not there: written aside, fsynced, renamed. A checksum tells a damaged one, which is none.
- It is for this user only: hashes of keys are in it.
- A copy of another namespace is none.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from services.survey.frames import frame, read_frames
from sipas.events import Entry
from sipas.registry import Registry
from sipas.telemetry import logger

NAME = "registry.copy"

_log = logger(__name__)


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    namespace: str
    entries: tuple[Entry, ...]


class RegistryCopy:
    """The copy in a directory that several processes share; whichever writes last has the newest, or one as new."""

    def __init__(self, directory: Path, namespace: str, *, sync: Callable[[int], object] = os.fsync) -> None:
        self._path = directory / NAME
        self._namespace = namespace
        self._sync = sync
        self._newest: Registry | None = None
        self._trouble = ""

    def read(self) -> Registry | None:
        """The registry as it was kept; None where there is no copy of use."""
        try:
            return Registry.fold(self._kept().entries)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as reason:
            _log.warning("the copy of the registry cannot be used", path=str(self._path), reason=str(reason))
            return None

    def keep(self, newest: Registry) -> None:
        """Write a registry that was read from Kafka, if it is not the one that was written last.

        A disk that does not take it is told of once; the next call tries again.
        """
        if newest is self._newest:
            return
        kept = _Kept(namespace=self._namespace, entries=tuple(newest.entries.values()))
        try:
            self._write(frame(msgspec.json.encode(kept)))
        except OSError as reason:
            if str(reason) != self._trouble:
                _log.warning("the registry could not be kept on this disk", reason=str(reason))
            self._trouble = str(reason)
        else:
            self._newest, self._trouble = newest, ""

    def _kept(self) -> _Kept:
        data = self._path.read_bytes()
        payloads, size = read_frames(data)
        if len(payloads) != 1 or size != len(data):
            raise ValueError("it is damaged")
        kept = msgspec.json.decode(payloads[0], type=_Kept)  # its errors are ValueErrors: the copy of another version
        if kept.namespace != self._namespace:
            raise ValueError(f"it is of namespace {kept.namespace}")
        return kept

    def _write(self, data: bytes) -> None:
        # mkstemp makes it for this user only; its name is no other process's
        fd, aside = tempfile.mkstemp(dir=self._path.parent, prefix=f".{NAME}-")
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                self._sync(file.fileno())
            Path(aside).rename(self._path)
        except OSError:
            Path(aside).unlink(missing_ok=True)
            raise
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._sync(directory)
        finally:
            os.close(directory)
