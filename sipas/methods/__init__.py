"""Methods: which questions are asked, in which words, and how the answers become an index. They are data, beside this.

A method is named and versioned (`quick-5@1`). A version that has been used is never edited: another wording or formula
is another version, so that a changed number is never only a changed formula. All files are checked when they are read.
"""

import re
import unicodedata
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args

import yaml

from sipas.index import AGGREGATIONS, Aggregation
from sipas.tally import CRITERION_CODE

Source = Literal["quoted", "recalled", "own"]
"""Of the official wording behind a criterion: seen in a source, from memory and to be confirmed, or none (ours)."""

LEVELS = (1, 2, 3, 4, 5, None)
"""The answer scale; None is "not used / no opinion", which leaves the denominator."""

_Word = TypeVar("_Word", bound=str)

_ID = re.compile(r"(?P<name>[a-z][a-z0-9]*(?:-[a-z0-9]+)*)@(?P<version>[1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class Text:
    """A text for citizens, in both languages."""

    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class Factor:
    """A group of criteria, by its official name where it has one."""

    code: str
    name: Text


@dataclass(frozen=True, slots=True)
class Criterion:
    """One question."""

    code: str
    factor: str
    source: Source
    question: Text


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to tick; level None is "not used / no opinion"."""

    level: int | None
    label: Text


@dataclass(frozen=True, slots=True)
class Method:
    """One version of a questionnaire and its formula; `about` says what the figure is and what it is not."""

    id: str
    name: str
    version: int
    aggregation: Aggregation
    title: Text
    about: Text
    notice: Text
    factors: tuple[Factor, ...]
    criteria: tuple[Criterion, ...]
    scale: tuple[Choice, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """Criterion codes in the order of the form."""
        return tuple(criterion.code for criterion in self.criteria)

    @property
    def factor_of(self) -> Mapping[str, str]:
        """Criterion code → factor code."""
        return {criterion.code: criterion.factor for criterion in self.criteria}


class MethodError(ValueError):
    """Method files that cannot be used; `problems` holds everything that is wrong, each with its file and place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("methods cannot be used:\n" + "\n".join(f"  {problem}" for problem in problems))
        self.problems = tuple(problems)


def load_methods(directory: Traversable | None = None) -> Mapping[str, Method]:
    """Read the methods of the package (or of `directory`) by id; raises MethodError with all faults of all files."""
    methods: dict[str, Method] = {}
    problems: list[str] = []
    for file in sorted((directory or files(__name__)).iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".yaml"):
            continue
        try:
            method = parse_method(file.read_text(encoding="utf-8"), file.name)
        except MethodError as error:
            problems += error.problems
        else:
            methods[method.id] = method
    if problems:
        raise MethodError(problems)
    return MappingProxyType(methods)


def parse_method(content: str, file_name: str) -> Method:
    """Read one method; raises MethodError with every fault found."""
    try:
        document = yaml.load(content, Loader=StrictLoader)  # noqa: S506 - derives from SafeLoader
    except yaml.YAMLError as error:
        raise MethodError([f"{file_name}: {' '.join(str(error).split())}"]) from error
    reader = _Reader(file_name)
    method = reader.method(document)
    if reader.problems:
        raise MethodError(reader.problems)
    return method


class StrictLoader(yaml.SafeLoader):
    """YAML's own loader lets the second of two equal keys win, so a lost translation would go unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise yaml.constructor.ConstructorError(
                problem=f"written twice: {', '.join(twice)}", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


class _Reader:
    """Reads one document and goes on after a fault, so that all faults are told at once."""

    def __init__(self, file_name: str) -> None:
        self.file_name = file_name
        self.problems: list[str] = []

    def method(self, document: object) -> Method:
        top = self._mapping(
            document, "", {"id", "aggregation", "title", "about", "notice", "factors", "criteria", "scale"}
        )
        method_id = self._text(top, "id")
        named = _ID.fullmatch(method_id)
        if method_id and not named:
            self._fault("id", f"{method_id!r} is not name@version, as in quick-5@1")
        if method_id and self.file_name != f"{method_id}.yaml":
            self._fault("id", f"the file of {method_id} is called {method_id}.yaml")
        factors = tuple(self._factor(entry, place) for entry, place in self._entries(top, "factors"))
        criteria = tuple(self._criterion(entry, place) for entry, place in self._entries(top, "criteria"))
        scale = tuple(self._choice(entry, place) for entry, place in self._entries(top, "scale"))
        self._check_codes(factors, criteria)
        self._check_scale(scale)
        return Method(
            id=method_id,
            name=named["name"] if named else "",
            version=int(named["version"]) if named else 0,
            aggregation=self._one_of(top, "aggregation", "", AGGREGATIONS, "pooled"),
            title=self._both_languages(top, "title"),
            about=self._both_languages(top, "about"),
            notice=self._both_languages(top, "notice"),
            factors=factors,
            criteria=criteria,
            scale=scale,
        )

    def _factor(self, entry: object, place: str) -> Factor:
        fields = self._mapping(entry, place, {"code", "name"})
        return Factor(self._code(fields, "code", place), self._both_languages(fields, "name", place))

    def _criterion(self, entry: object, place: str) -> Criterion:
        fields = self._mapping(entry, place, {"code", "factor", "source", "question"})
        return Criterion(
            code=self._code(fields, "code", place),
            factor=self._code(fields, "factor", place),
            source=self._one_of(fields, "source", place, get_args(Source), "own"),
            question=self._both_languages(fields, "question", place),
        )

    def _choice(self, entry: object, place: str) -> Choice:
        fields = self._mapping(entry, place, {"level", "label"})
        level = fields.get("level")
        if level is not None and type(level) is not int:  # True is an int to isinstance
            self._fault(_join(place, "level"), "is a number or null")
            level = None
        return Choice(level, self._both_languages(fields, "label", place))

    def _check_codes(self, factors: tuple[Factor, ...], criteria: tuple[Criterion, ...]) -> None:
        known = [factor.code for factor in factors]
        used = {criterion.factor for criterion in criteria}
        for what, codes in (("factors", known), ("criteria", [criterion.code for criterion in criteria])):
            for code in sorted({code for code in codes if code and codes.count(code) > 1}):
                self._fault(what, f"{code} stands there twice")
        for code in sorted(used - set(known) - {""}):
            self._fault("criteria", f"factor {code} is not among the factors")
        for code in sorted(set(known) - used - {""}):
            self._fault("factors", f"{code} has no criterion")

    def _check_scale(self, scale: tuple[Choice, ...]) -> None:
        if scale and tuple(choice.level for choice in scale) != LEVELS:
            self._fault("scale", "has the levels 1, 2, 3, 4, 5 and null, once each and in this order")

    def _mapping(self, value: object, place: str, names: set[str]) -> dict[str, object]:
        if not isinstance(value, dict):
            self._fault(place, f"is a mapping with {', '.join(sorted(names))}")
            return {}
        for name in sorted(names - value.keys()):
            self._fault(_join(place, name), "is missing")
        for name in sorted(str(key) for key in value.keys() - names):
            self._fault(_join(place, name), "is not known here")
        return value

    def _entries(self, fields: dict[str, object], name: str) -> list[tuple[object, str]]:
        value = fields.get(name)
        if isinstance(value, list) and value:
            return [(entry, f"{name}[{number}]") for number, entry in enumerate(value, start=1)]
        if name in fields:
            self._fault(name, "is a list with at least one entry")
        return []

    def _text(self, fields: dict[str, object], name: str, place: str = "") -> str:
        value = fields.get(name)
        if isinstance(value, str) and value.strip():
            return unicodedata.normalize("NFC", " ".join(value.split()))
        if name in fields:
            self._fault(_join(place, name), "is a text that is not empty")
        return ""

    def _both_languages(self, fields: dict[str, object], name: str, place: str = "") -> Text:
        if name not in fields:  # told already
            return Text("", "")
        here = _join(place, name)
        languages = self._mapping(fields[name], here, {"vi", "en"})
        return Text(self._text(languages, "vi", here), self._text(languages, "en", here))

    def _code(self, fields: dict[str, object], name: str, place: str) -> str:
        code = self._text(fields, name, place)
        if code and not CRITERION_CODE.fullmatch(code):
            self._fault(_join(place, name), f"{code!r} is not a code of capital letters, digits and _")
        return code

    def _one_of(
        self, fields: dict[str, object], name: str, place: str, allowed: tuple[_Word, ...], otherwise: _Word
    ) -> _Word:
        value = fields.get(name)
        for one in allowed:
            if value == one:
                return one
        if name in fields:
            self._fault(_join(place, name), f"{value!r} is none of {', '.join(allowed)}")
        return otherwise

    def _fault(self, place: str, fault: str) -> None:
        self.problems.append(f"{self.file_name}: {place or 'the file'} {fault}")


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
