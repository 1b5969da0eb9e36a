"""The words of `wording.yaml`, by key."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

import yaml

from sipas.problems import FieldError, Text

_DOCUMENT = yaml.safe_load((files("services.board") / "wording.yaml").read_text(encoding="utf-8"))


def _part(name: str) -> Mapping[str, Text]:
    return MappingProxyType({key: Text(**words) for key, words in _DOCUMENT[name].items()})


REASONS = _part("reasons")
PAGES = _part("pages")


def wrong(field: str, code: str, **values: str) -> FieldError:
    """A field error in the words of its code, with `values` in their places."""
    words = REASONS[code]
    return FieldError(field, code, Text(words.vi.format(**values), words.en.format(**values)))
