"""`sipas unit` and `sipas alerts expected` on a real broker: what is read, and that what is proposed can be loaded."""

import json
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from sipas.broker import Publisher, Sent, Topics
from sipas.codes import with_check
from sipas.events import AgencyDay, Rebuilt, encode, headers
from sipas.follower import read_whole
from sipas.registry import Registry
from tests.integration.command_line import sipas
from tests.servers import KafkaServer

METHOD = "quick-5@1"
AGENCIES = ("so-noi-vu", "so-y-te")
REGISTRY = f"""
blocks: [{{id: so, name: {{vi: Sở, en: Departments}}, order: 1}}]
agencies:
  - {{id: so-noi-vu, name: {{vi: Sở Nội vụ, en: Home Affairs}}, block: so, kind: SO}}
  - {{id: so-y-te, name: {{vi: Sở Y tế, en: Health}}, block: so, kind: SO}}
places: [{{id: tt, name: {{vi: Trung tâm, en: Centre}}}}]
counters:
  - code: {with_check("00000000Z")}
    label: {{vi: Quầy 1, en: Counter 1}}
    place: tt
    agencies: [so-noi-vu, so-y-te]
    method: {METHOD}
rules: [{{method: {METHOD}, unit: 2.5, false_alarm_days: 730, lag: 15}}]
"""


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
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    run("registry", "load", str(tmp_path / "registry.yaml"))

    assert "0 sheets on days with two or more" in run("unit", "--method", METHOD, code=1).stderr
    write_days(kafka, namespace, days=30)
    said = run("unit", "--method", METHOD).stdout
    assert "one sheet is worth 1.00 tosses" in said
    assert "from 3,000 sheets on 60 days of 2 agencies; now 2.5" in said
    (tmp_path / "proposed.yaml").write_text(said)
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
    assert run("alerts").stdout == "no alerts\n"
