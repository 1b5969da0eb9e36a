"""The words of `wording.yaml`, and of the pages that have a file of their own, by key."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

import yaml

from sipas.problems import FieldError, Text


def words_of(file: str, part: str | None = None) -> Mapping[str, Text]:
    """The words of a file beside this one, or of a part of it, by key."""
    document = yaml.safe_load((files("services.board") / file).read_text(encoding="utf-8"))
    return MappingProxyType(
        {key: Text(**words) for key, words in (document if part is None else document[part]).items()}
    )


REASONS = words_of("wording.yaml", "reasons")
PAGES = words_of("wording.yaml", "pages")


def wrong(field: str, code: str, **values: str) -> FieldError:
    """A field error in the words of its code, with `values` in their places."""
    words = REASONS[code]
    return FieldError(field, code, Text(words.vi.format(**values), words.en.format(**values)))
