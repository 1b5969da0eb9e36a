"""What stands on one counter's poster. Pure, apart from the words, which are data.

The address in the QR picture is the public address, a slash and the code, and nothing else: what a phone shows
before it opens the page can be compared with what is printed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from types import MappingProxyType

import yaml

from sipas.codes import printed
from sipas.problems import Text
from sipas.registry import Counter, Names, Registry

MOST_AGENCIES = 3
"""A counter that serves more is named by its place alone."""

_DOCUMENT = yaml.safe_load((files("services.board.posters") / "wording.yaml").read_text(encoding="utf-8"))
WORDS: Mapping[str, Text] = MappingProxyType({key: Text(**words) for key, words in _DOCUMENT.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """One counter's poster. `site` is the public address as people type it, without https://."""

    code: str
    url: str
    site: str
    place: Text
    counter: Text
    agencies: tuple[Text, ...]
    printed_on: date
    demo: bool

    @property
    def title(self) -> str:
        """What the poster is called where files and pages are listed."""
        return f"{self.place.vi} – {self.counter.vi} – {printed(self.code)}"

    def texts(self) -> Iterable[str]:
        """All that comes from the registry and the settings, not from our own words."""
        return (self.site, *(part for name in (self.place, self.counter, *self.agencies) for part in name))


def poster_of(counter: Counter, registry: Registry, *, public_url: str, printed_on: date) -> Poster:
    """The poster of a counter whose place and agencies are in the registry."""
    agencies = counter.agencies if len(counter.agencies) <= MOST_AGENCIES else ()
    return Poster(
        code=counter.code,
        url=f"{public_url}/{counter.code}",
        site=public_url.partition("://")[2],
        place=_text(registry.places[counter.place].name),
        counter=_text(counter.label),
        agencies=tuple(_text(registry.agencies[agency].name) for agency in agencies),
        printed_on=printed_on,
        demo=registry.facts is not None and registry.facts.demo,
    )


def _text(names: Names) -> Text:
    # a font has a letter with its marks as one glyph; and what wraps lines must not meet a line break
    return Text(*(" ".join(unicodedata.normalize("NFC", name).split()) for name in (names.vi, names.en)))
