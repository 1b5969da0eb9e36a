"""The dashboards have the shape that Grafana's own types ask for (npm's @grafana/schema, checked by TypeScript).

Grafana itself is not run here: this finds a key that does not exist and a value of a wrong type, in panels and in the
dashboard, but does not look inside of queries and options; queries are sent to a real Prometheus in `test_faults.py`.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.contract.test_prometheus import DASHBOARDS

PACKAGES = ("@grafana/schema@13.2.3", "typescript@5.9.3")
STRICT = "--noEmit --strict --skipLibCheck --moduleResolution bundler --module esnext --target es2022"
CHECK = """
import type { Dashboard } from "@grafana/schema";
// JSON holds the value of an enum, where TypeScript wants its name
type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[]
  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
export const dashboard: Plain<Dashboard> = LITERAL;
"""


MUTANTS = {
    "schemaVersion": ("schemaVersion", "41"),
    "unknown": ("titel", "x"),
    "refresh": ("refresh", 30),
    "gridPos": ("panels", [{"type": "stat", "gridPos": {"x": "0"}}]),
    "unit": ("panels", [{"type": "stat", "fieldConfig": {"defaults": {"unit": 5}, "overrides": []}}]),
}


@pytest.fixture(scope="session")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What TypeScript says of every dashboard and of every mutant; one run for all, for it is slow to start."""
    for needed in ("node", "npm"):
        if shutil.which(needed) is None:
            pytest.fail(f"{needed} is not installed: apt-get install nodejs npm")
    folder = tmp_path_factory.mktemp("grafana")
    (folder / "package.json").write_text("{}")
    npm = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", *PACKAGES]
    subprocess.run(npm, cwd=folder, check=True, timeout=300)
    whole = DASHBOARDS["sipas-province.json"]
    checked = DASHBOARDS | {name: whole | {key: value} for name, (key, value) in MUTANTS.items()}
    for name, dashboard in checked.items():
        literal = json.dumps(dashboard, ensure_ascii=False)
        (folder / f"{name}.ts").write_text(CHECK.replace("LITERAL", literal), "utf-8")
    tsc = ["node_modules/.bin/tsc", *STRICT.split(), *(f"{name}.ts" for name in checked)]
    return subprocess.run(tsc, cwd=folder, capture_output=True, text=True, check=False, timeout=300).stdout


@pytest.mark.parametrize("file", DASHBOARDS)
def test_a_dashboard_has_the_shape_that_grafana_asks_for(said: str, file: str) -> None:
    assert [line for line in said.splitlines() if line.startswith(f"{file}.ts(")] == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_key_or_type_is_found(said: str, name: str) -> None:
    """The test above could not fail if nothing were checked."""
    assert f"{name}.ts(" in said
