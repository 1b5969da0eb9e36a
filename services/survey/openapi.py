"""`GET /v1/openapi.json`: what machine clients may ask, from `openapi.yaml`. Rendered once."""

from __future__ import annotations

import json
from importlib.resources import files

import yaml

DESCRIPTION: bytes = json.dumps(
    yaml.safe_load((files("services.survey") / "openapi.yaml").read_text(encoding="utf-8")), ensure_ascii=False
).encode()
