"""The rules, the runbook and the dashboards agree with each other and with what the services export."""

import importlib
import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram

from services.aggregator.backup.manifest import Manifest
from services.aggregator.backup.regular import RegularBackup
from services.board import metrics as board_metrics
from sipas.settings import describe
from tests.contract.documents import ROOT

PROMETHEUS = ROOT / "deploy/prometheus"
RULE_FILES = sorted(PROMETHEUS.glob("rules/*.yaml"))
GROUPS: list[Any] = [group for path in RULE_FILES for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
RULES: list[Any] = [rule for group in GROUPS for rule in group["rules"]]
ALERTS: dict[str, Any] = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
RUNBOOK = (ROOT / "docs/runbook.md").read_text("utf-8")
DASHBOARDS: dict[str, Any] = {
    path.name: json.loads(path.read_text("utf-8")) for path in sorted(ROOT.glob("deploy/grafana/dashboards/*.json"))
}
SERVICES = ("survey", "aggregator", "notifier", "board")
JOBS = (*SERVICES, "backup")
SEVERITIES = {"critical", "warning", "info", "none"}
PROMETHEUS_OWN = {"up": {"job", "instance"}, "ALERTS": {"alertname", "alertstate", "severity", "service"}}
ADDED = {"job", "instance"}
"""Labels that Prometheus adds to everything that it scrapes."""


def exported() -> dict[str, set[str]]:
    """Every series that a service exports -> its labels."""
    found: dict[str, set[str]] = {}
    for job in SERVICES:
        for metric in vars(importlib.import_module(f"services.{job}.metrics")).values():
            if isinstance(metric, Counter | Gauge | Histogram):
                labels = set(metric._labelnames)
                if isinstance(metric, Histogram):
                    found[f"{metric._name}_bucket"] = labels | {"le"}
                    found |= {f"{metric._name}_{part}": labels for part in ("count", "sum")}
                else:
                    found[metric._name + ("_total" if isinstance(metric, Counter) else "")] = labels
    found |= {name: {"agency", "block", "method"} for name in board_metrics.OF_AGENCY}
    found |= {name: {"scope", "method"} for name in board_metrics.OF_SCOPE}
    found |= {name: set() for name in board_metrics.OTHERS}
    found["sipas_agency_info"] = {"agency", "block", "name", "block_name"}
    found["sipas_silent_counters"] = {"agency", "block"}
    now = datetime.now(UTC)
    saved = Manifest(namespace="sipas", software="0", begun=now, finished=now, topics={})
    for metric in RegularBackup(saved, timedelta(hours=1), lambda: now).collect():
        found |= {sample.name: set(sample.labels) for sample in metric.samples}
    return found


KNOWN = exported() | PROMETHEUS_OWN | {name: set() for name in RECORDED}


def selectors(node: Any) -> Iterator[Any]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for part in ("lhs", "rhs", "expr", "vector_selector", "vs", "param"):
        if (inner := getattr(node, part, None)) is not None:
            yield from selectors(inner)
    for argument in getattr(node, "args", None) or ():
        yield from selectors(argument)


def parsed(expr: str) -> Any:
    return promql_parser.parse(re.sub(r"\$__rate_interval", "1m", expr))


def expressions() -> list[tuple[str, str]]:
    """(where, PromQL) of all rules and panels."""
    return [(rule.get("alert") or rule["record"], rule["expr"]) for rule in RULES] + [
        (f"{file}: {panel['title']}", target["expr"])
        for file, dashboard in DASHBOARDS.items()
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]


# --- rules ---------------------------------------------------------------------------------------------------------


def test_every_selector_names_a_series_and_labels_that_a_service_exports() -> None:
    wrong = []
    for where, expr in expressions():
        for selector in selectors(parsed(expr)):
            labels = {matcher.name for matcher in selector.matchers.matchers}
            if selector.name not in KNOWN or labels - KNOWN[selector.name] - ADDED:
                wrong.append((where, selector.name, sorted(labels)))
    assert wrong == []


def test_the_selectors_of_an_expression_are_all_found() -> None:
    """The test above could not fail if it looked at nothing."""
    expr = 'sum by (a) (increase(x{l="1"}[5m])) / max(y) > 3 and absent(z) or (-w) unless histogram_quantile(0.9, v)'
    assert [one.name for one in selectors(parsed(expr))] == ["x", "y", "z", "w", "v"]


@pytest.mark.parametrize(("where", "expr"), expressions())
def test_what_is_absent_is_not_made_up(where: str, expr: str) -> None:
    assert "vector(" not in expr, where


def test_every_alert_has_a_section_of_the_runbook_and_the_other_way_round() -> None:
    assert sorted(re.findall(r"^### (\w+)$", RUNBOOK, re.MULTILINE)) == sorted(ALERTS)


@pytest.mark.parametrize("section", RUNBOOK.split("\n### ")[1:], ids=lambda text: text.split("\n")[0])
def test_a_section_says_what_it_means_who_notices_where_to_look_and_what_to_do(section: str) -> None:
    for word in ("**Means**", "**Noticed**", "**Look", "**Do**"):
        assert word in section or (word == "**Do**" and "**Look, do**" in section), word


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_urgent_it_is_and_what_it_means_in_both_languages(name: str) -> None:
    rule = ALERTS[name]
    notes = rule["annotations"]
    assert rule["labels"]["severity"] in SEVERITIES
    assert "service" in rule["labels"] or "service" in rule["expr"] or "by (job)" in rule["expr"]
    assert set(notes) == {"summary", "description", "summary_en", "description_en", "runbook_url"}
    assert notes["runbook_url"] == f"docs/runbook.md#{name.lower()}"
    for language in ("summary", "description"):
        assert notes[language] == unicodedata.normalize("NFC", notes[language])
        assert not notes[language].isascii()
        assert notes[f"{language}_en"].isascii()
    assert rule["expr"].count("$") == rule["expr"].count('"$1"')


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_the_reason_of_every_threshold_stands_beside_it(path: Any) -> None:
    lines = path.read_text("utf-8").splitlines()
    if path.stem == "slo":  # there each group says it once
        groups = [number for number, line in enumerate(lines) if "- name:" in line]
        assert all(lines[number + 1].strip().startswith("#") for number in groups)
        return
    alerts = [number for number, line in enumerate(lines) if "- alert:" in line]
    assert alerts
    assert [lines[number] for number in alerts if not lines[number + 1].strip().startswith("#")] == []


def test_every_alert_is_seen_to_fire_and_to_end_by_promtools_tests() -> None:
    seen: dict[str, set[bool]] = {}
    for path in PROMETHEUS.glob("rules/tests/*.yaml"):
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            [name] = {re.search(r'alertname="(\w+)"', check["expr"])[1] for check in test["promql_expr_test"]}
            seen.setdefault(name, set()).update(bool(check["exp_samples"]) for check in test["promql_expr_test"])
    assert {name for name, outcomes in seen.items() if outcomes == {True, False}} == set(ALERTS)


# --- what Prometheus and Alertmanager are told ---------------------------------------------------------------------


def test_prometheus_scrapes_every_service_at_its_admin_port() -> None:
    jobs = {
        job["job_name"]: job["static_configs"][0]["targets"]
        for job in yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    }
    ports = {one.name: (one.default or "").rpartition(":")[2] for one in describe()}
    assert {name: jobs.get(name) for name in JOBS} == {
        name: [f"{name}:{ports[f'SIPAS_{name.upper()}_ADMIN']}"] for name in JOBS
    }


ALERTMANAGER: Any = yaml.safe_load((PROMETHEUS / "alertmanager.yml").read_text("utf-8"))


def test_alertmanager_names_only_alerts_and_severities_that_exist() -> None:
    matchers = [matcher for route in ALERTMANAGER["route"]["routes"] for matcher in route["matchers"]]
    matchers += [
        matcher
        for rule in ALERTMANAGER["inhibit_rules"]
        for side in ("source_matchers", "target_matchers")
        for matcher in rule[side]
    ]
    for matcher in matchers:
        label, values = re.fullmatch(r'(\w+) =~? "(.+)"', matcher).groups()
        known = {"alertname": set(ALERTS), "severity": SEVERITIES, "service": set(JOBS)}[label]
        assert set(values.split("|")) <= known, matcher


def test_no_secret_stands_in_a_file_of_the_deployment() -> None:
    for path in (*PROMETHEUS.rglob("*.y*ml"), *ROOT.glob("deploy/grafana/**/*.yaml")):
        text = path.read_text("utf-8")
        assert not re.search(r"(?i)(password|secret|token|credentials)\s*:\s*\S", text), path
        assert not re.search(r"://[^/\s]*:[^/\s]*@", text), path


# --- dashboards ----------------------------------------------------------------------------------------------------

PANELS = [
    pytest.param(file, panel, id=f"{file}-{panel['id']}")
    for file, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    if panel["type"] != "row"
]
UIDS = {dashboard["uid"] for dashboard in DASHBOARDS.values()}


def test_the_three_dashboards_are_there() -> None:
    assert {dashboard["uid"]: dashboard["title"] for dashboard in DASHBOARDS.values()} == {
        "sipas-province": "Hài lòng – toàn tỉnh",
        "sipas-agency": "Một cơ quan",
        "sipas-operations": "Vận hành",
    }


@pytest.mark.parametrize(("file", "panel"), PANELS)
def test_a_panel_says_in_vietnamese_what_it_shows_and_in_what_unit(file: str, panel: Any) -> None:
    for text in (panel["title"], panel["description"]):
        assert not text.isascii()
        assert text == unicodedata.normalize("NFC", text)
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert panel["datasource"]["uid"] == "sipas-prometheus"


@pytest.mark.parametrize("file", DASHBOARDS)
def test_panels_have_numbers_of_their_own_and_do_not_lie_on_each_other(file: str) -> None:
    panels = DASHBOARDS[file]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


@pytest.mark.parametrize("file", DASHBOARDS)
def test_a_dashboard_uses_the_variables_that_it_has_and_links_to_dashboards_that_exist(file: str) -> None:
    text = json.dumps(DASHBOARDS[file], ensure_ascii=False)
    own = {variable["name"] for variable in DASHBOARDS[file]["templating"]["list"]}
    used = {one or other for one, other in re.findall(r"\$(?:\{(\w+)(?:\}|\.)|(\w+))", text)}
    assert {name for name in used if not name.startswith("__")} == own
    assert set(re.findall(r"/d/([\w-]+)", text)) <= UIDS
    assert UIDS - {DASHBOARDS[file]["uid"]} <= set(re.findall(r"/d/([\w-]+)", text))
    assert "${board_url}" in text


def test_where_dashboards_are_found_and_what_they_ask_is_provisioned() -> None:
    [source] = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/sipas.yaml").read_text())["datasources"]
    [folder] = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/sipas.yaml").read_text())["providers"]
    assert (source["uid"], source["type"]) == ("sipas-prometheus", "prometheus")
    assert folder["options"]["path"] == "/var/lib/grafana/dashboards"


def test_the_share_of_an_agency_is_the_metric_that_dashboards_and_programs_know() -> None:
    assert exported()["sipas_index_percent"] == {"agency", "block", "method"}
    assert {"sipas_aggregator_lag_records", "sipas_notifier_lag_records", "sipas_survey_requests_in_flight"} <= set(
        KNOWN
    )
