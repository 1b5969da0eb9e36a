"""The contracts as files: `docs/asyncapi.yaml` and the examples beside this module."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ASYNCAPI: Any = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text(encoding="utf-8"))
SCHEMAS = ASYNCAPI["components"]["schemas"]
MESSAGES = ASYNCAPI["components"]["messages"]


@dataclass
class Example:
    """A record as it may stand on a topic; it has what `sipas.broker.Record` has."""

    name: str
    topic: str
    key: bytes | None
    headers: Sequence[tuple[str, bytes]]
    value: bytes | None
    offset: int = 0
    partition: int = 7
    timestamp: int = 1_795_317_300_000

    @property
    def keyed(self) -> str:
        """The key as text."""
        return (self.key or b"").decode()

    @property
    def said(self) -> dict[str, str]:
        """The headers as text."""
        return {name: value.decode() for name, value in self.headers}

    @property
    def document(self) -> Any:
        """The value as plain JSON."""
        return None if self.value is None else json.loads(self.value)


def _read(path: Path) -> Example:
    written = json.loads(path.read_text(encoding="utf-8"))
    if "value_text" in written:
        value = written["value_text"].encode()
    else:
        value = None if written["value"] is None else json.dumps(written["value"]).encode()
    headers = [(name, text.encode()) for name, text in written["headers"].items()]
    return Example(path.stem, written["topic"], written["key"].encode(), headers, value)


EXAMPLES = {
    example.name: example for example in map(_read, sorted(Path(__file__).with_name("examples").glob("*.json")))
}


def of_topic(topic: str) -> list[Example]:
    """The examples of one topic."""
    return [example for example in EXAMPLES.values() if example.topic == topic]
