"""`sipas unit` and `sipas alerts expected` on a real broker: what is read, and that what is proposed can be loaded."""

import json
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from sipas.broker import Publisher, Sent, Topics
from sipas.events import AgencyDay, Rebuilt, encode, headers
from sipas.follower import read_whole
from sipas.registry import Registry
from tests.integration.command_line import sipas
from tests.servers import KafkaServer

METHOD = "quick-5@1"
AGENCIES = ("so-noi-vu", "so-y-te")


def write_days(kafka: KafkaServer, namespace: str, days: int) -> None:
    """Fifty sheets a day whose answers are all the same: worth one toss each. An older version comes last."""
    generator = random.Random(2640)
    publisher = Publisher([kafka.bootstrap])

    def send(event: AgencyDay | Rebuilt, key: str) -> Sent:
        marks = headers(event, event_id="t", source="/t", at=datetime.now(UTC))
        return publisher.send(Topics(namespace).tallies, encode(event), key=key, headers=marks, partition=0)

    sent = []
    for agency in AGENCIES:
        for number in range(days):
            cells = Counter("5/5" if generator.random() < 0.8 else "0/5" for _ in range(50))
            day = date(2026, 1, 5) + timedelta(days=number)
            for version, fields in ((2, {"responses": 50, **cells}), (1, {"responses": 50, "5/5": 50})):
                event = AgencyDay(
                    agency=agency, method=METHOD, day=day, version=(0, version), as_of=None, fields=fields, parts={}
                )
                sent.append(send(event, f"{agency}/{METHOD}/{day}"))
    publisher.wait([*sent, send(Rebuilt(partition=0, version=(0, 0)), "rebuilt/0")])
    publisher.close()


def test_what_sipas_unit_proposes_is_loaded_and_in_force_and_expected_counts_by_it(
    kafka: KafkaServer, namespace: str, tmp_path: Path
) -> None:
    run = sipas(
        {
            "SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "SIPAS_NAMESPACE": namespace,
            "SIPAS_PARTITIONS": "1",
            "SIPAS_DEMO": "true",
        }
    )
    run("topics", "create")
    (tmp_path / "rules.yaml").write_text(f"rules: [{{method: {METHOD}, unit: 2.5, false_alarm_days: 730, lag: 15}}]")
    run("registry", "load", "sample")
    run("registry", "load", str(tmp_path / "rules.yaml"))

    assert "0 sheets on days with two or more" in run("unit", "--method", METHOD, code=1).stderr
    write_days(kafka, namespace, days=30)

    found = json.loads(run("unit", "--method", METHOD, "--json").stdout)
    assert (found["sheets"], found["days"], found["agencies"], found["before"]) == (3000, 60, 2, 2.5)
    assert found["unit"] == pytest.approx(1.0)
    (tmp_path / "proposed.yaml").write_text(run("unit", "--method", METHOD).stdout)
    run("registry", "load", str(tmp_path / "proposed.yaml"))
    registry = read_whole([kafka.bootstrap], Topics(namespace).registry, Registry.fold(()))
    today, in_a_week = (datetime.now(UTC).date() + timedelta(days=number) for number in (0, 7))
    assert registry.rule_on(METHOD, today).unit == 2.5
    settled = registry.rule_on(METHOD, in_a_week)
    assert (settled.unit, settled.overrides) == (1.0, {"false_alarm_days": 730, "lag": 15})

    by_method = [
        json.loads(line) for line in run("alerts", "expected", "--days-a-month", "20", "--json").stdout.splitlines()
    ]
    [of_method] = [one for one in by_method if one["method"] == METHOD]
    assert of_method["false_alarm_days"] == 730
    assert of_method["a_month"]["drop"]["most"] == pytest.approx(of_method["agencies"] * 20 / 730)
    assert "false alarms a month to expect" in run("alerts", "expected").stdout
    assert run("alerts").stdout == "no alerts\n"
    assert "stand after its name" in run("alerts", "--json", "expected", code=2).stderr
