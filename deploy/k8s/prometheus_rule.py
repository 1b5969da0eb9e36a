"""`make k8s-rules`: the rules of deploy/prometheus as an object of the Prometheus operator. A test holds both equal."""

import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/rules"
WRITTEN = ROOT / "deploy/k8s/components/monitoring/prometheus-rule.yaml"


def prometheus_rule() -> dict[str, Any]:
    """All groups of all files, in the order of the files' names."""
    groups = [
        group
        for path in sorted(RULES.glob("*.yaml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "sipas", "namespace": "sipas"},
        "spec": {"groups": groups},
    }


def main() -> int:
    """Write the file."""
    text = yaml.safe_dump(prometheus_rule(), allow_unicode=True, sort_keys=False, width=120)
    WRITTEN.write_text(f"# Written by `make k8s-rules` from deploy/prometheus/rules.\n{text}", encoding="utf-8")
    print(f"{WRITTEN.relative_to(ROOT)} holds the rules of {RULES.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
