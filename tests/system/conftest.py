"""The stack that `make up` starts, one for each file that asks for it."""

from collections.abc import Iterator

import pytest

from tests.system.running_stack import RunningStack, free_ports


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    running = RunningStack(tmp_path_factory.mktemp("stack") / "home", free_ports())
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.discard()
