"""`sipas alerts` refuses what is wrongly used before it asks any server."""

import pytest
from click.testing import CliRunner

from services.notifier.alerts_command import alerts

SETTINGS = {"SIPAS_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
SET = ("silence", "set", "--reason", "x", "--to")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(("note", "a/b@1/drop/2026-09-23"), "'--note'", id="a note without words"),
        pytest.param(("close", "a/b@1/drop/2026-09-23"), "'--note'", id="an end without a reason"),
        pytest.param(("snooze", "a/b@1/drop/2026-09-23", "--days", "2"), "'2' is not one of '1', '3', '7'", id="days"),
        pytest.param(
            (*SET, "2099-01-01", "so-noi-vu"), "agency/<id>, block/<id> or province", id="a scope without kind"
        ),
        pytest.param((*SET, "01/12/2026", "province"), "not a day such as", id="a day of another form"),
        pytest.param((*SET, "2020-01-01", "province"), "before now", id="a silence that is over"),
        pytest.param((*SET, "2098-12-31", "--from", "2099-01-01", "province"), "before it begins", id="an end first"),
        pytest.param(("--json", "list"), "stand after its name", id="options of the group"),
    ],
)
def test_what_is_wrongly_used_is_told_so(line: tuple[str, ...], said: str) -> None:
    done = CliRunner(env=SETTINGS).invoke(alerts, line)
    assert done.exit_code == 2
    assert said in done.output
