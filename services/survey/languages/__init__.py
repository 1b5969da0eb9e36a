"""The languages of the citizens' pages. A language is one file beside this, or in SIPAS_LANGUAGES_DIR.

A file holds every word of our pages and every reason that a form is refused for. The questions stand in the methods,
in Vietnamese and in English, because their wording is part of what is measured; a further language brings its
translations of all methods in its own file. A file that lacks a word, or has one that nothing shows, is refused with
all its faults at once: half a language would show at the counter, not at the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import chain
from types import MappingProxyType
from typing import Any, Literal

import msgspec
import yaml

from sipas.methods import Method, StrictLoader, load_methods

OF_METHODS = ("vi", "en")
"""The languages that the methods themselves are written in."""
DEFAULT = "vi"


class LanguageError(ValueError):
    """Language files that cannot be used; `problems` holds everything that is wrong, each with its file and place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("languages cannot be used:\n" + "\n".join(f"  {problem}" for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Question:
    """One criterion as it is asked."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class FactorPage:
    """A factor and its questions."""

    code: str
    name: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to tick; level None is "not used / no opinion"."""

    level: int | None
    label: str


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """A method in one language."""

    id: str
    title: str
    about: str
    notice: str
    factors: tuple[FactorPage, ...]
    scale: tuple[Choice, ...]

    @property
    def questions(self) -> tuple[Question, ...]:
        """All of them in the order of the form."""
        return tuple(question for factor in self.factors for question in factor.questions)


@dataclass(frozen=True, slots=True)
class Language:
    """One language. `names`: which of the registry's two languages names offices and counters in it."""

    code: str
    name: str
    names: Literal["vi", "en"]
    words: Mapping[str, str]
    reasons: Mapping[str, str]
    questionnaires: Mapping[str, Questionnaire] = field(repr=False)


class _Translated(msgspec.Struct, forbid_unknown_fields=True):
    """A method in a language file."""

    title: str
    about: str
    notice: str
    factors: dict[str, str]
    questions: dict[str, str]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """A language file."""

    code: str
    name: str
    names: Literal["vi", "en"]
    words: dict[str, str]
    reasons: dict[str, str]
    scale: dict[str, str] = {}
    methods: dict[str, _Translated] = {}


def load_languages(
    further: Traversable | None = None, methods: Mapping[str, Method] | None = None
) -> Mapping[str, Language]:
    """The languages by code, Vietnamese first; `further` is a directory with more files. Raises LanguageError."""
    methods = load_methods() if methods is None else methods
    problems: list[str] = []
    read = dict(_read(chain(_files(files(__name__)), _files(further)), problems))
    if problems:
        raise LanguageError(problems)
    wanted = read[DEFAULT]
    for code, file in read.items():
        problems += [f"{code}.yaml: {problem}" for problem in _faults(file, wanted, methods)]
    if problems:
        raise LanguageError(problems)
    order = sorted(read, key=lambda code: (code not in OF_METHODS, code != DEFAULT, code))
    return MappingProxyType({code: _language(read[code], methods) for code in order})


def _files(directory: Traversable | None) -> Iterable[Traversable]:
    found = [] if directory is None else directory.iterdir()
    return sorted((file for file in found if file.name.endswith(".yaml")), key=lambda file: file.name)


def _read(sources: Iterable[Traversable], problems: list[str]) -> Iterator[tuple[str, _File]]:
    seen: set[str] = set()
    for source in sources:
        try:
            document = yaml.load(source.read_text(encoding="utf-8"), Loader=StrictLoader)  # noqa: S506 - a SafeLoader
            file = msgspec.convert(_with_text_keys(document), _File)
        except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as reason:
            problems.append(f"{source.name}: {' '.join(str(reason).split())}")
            continue
        if source.name != f"{file.code}.yaml":
            problems.append(f"{source.name}: code: the file of {file.code} is called {file.code}.yaml")
        if file.code in seen:
            problems.append(f"{source.name}: code: there is {file.code} already")
        seen.add(file.code)
        yield file.code, file


def _with_text_keys(document: Any) -> Any:
    """YAML reads the keys of the scale as numbers."""
    if isinstance(document, dict):
        return {str(key): _with_text_keys(value) for key, value in document.items()}
    return document


def _faults(file: _File, wanted: _File, methods: Mapping[str, Method]) -> Iterator[str]:
    yield from _differences("words", file.words, wanted.words)
    yield from _differences("reasons", file.reasons, wanted.reasons)
    if file.code in OF_METHODS:
        if file.scale or file.methods:
            yield "scale, methods: stand in the methods themselves in this language"
        return
    levels = {_key(choice.level): "" for method in methods.values() for choice in method.scale}
    yield from _differences("scale", file.scale, levels)
    yield from _differences("methods", {key: method.title for key, method in file.methods.items()}, methods)
    for method_id, translated in file.methods.items():
        if method := methods.get(method_id):
            where = f"methods.{method_id}"
            for name in ("about", "notice"):
                if not getattr(translated, name).strip():
                    yield f"{where}.{name}: is empty"
            yield from _differences(f"{where}.factors", translated.factors, [f.code for f in method.factors])
            yield from _differences(f"{where}.questions", translated.questions, method.codes)


def _differences(where: str, found: Mapping[str, str], wanted: Iterable[str]) -> Iterator[str]:
    names = set(wanted)
    yield from (f"{where}.{name}: is missing" for name in sorted(names - found.keys()))
    yield from (f"{where}.{name}: is not known here" for name in sorted(found.keys() - names))
    yield from (f"{where}.{name}: is empty" for name, text in found.items() if name in names and not text.strip())


def _key(level: int | None) -> str:
    return "none" if level is None else str(level)


def _language(file: _File, methods: Mapping[str, Method]) -> Language:
    def questionnaire(method: Method) -> Questionnaire:
        if file.code in OF_METHODS:
            return _own(method, file.code)
        return _translated(method, file.methods[method.id], file.scale)

    return Language(
        file.code,
        file.name,
        file.names,
        MappingProxyType({key: " ".join(text.split()) for key, text in file.words.items()}),
        MappingProxyType({key: " ".join(text.split()) for key, text in file.reasons.items()}),
        MappingProxyType({method.id: questionnaire(method) for method in methods.values()}),
    )


def _own(method: Method, code: str) -> Questionnaire:
    names = {factor.code: getattr(factor.name, code) for factor in method.factors}
    texts = {criterion.code: getattr(criterion.question, code) for criterion in method.criteria}
    return Questionnaire(
        method.id,
        getattr(method.title, code),
        getattr(method.about, code),
        getattr(method.notice, code),
        _factors(method, names, texts),
        tuple(Choice(choice.level, getattr(choice.label, code)) for choice in method.scale),
    )


def _translated(method: Method, words: _Translated, scale: Mapping[str, str]) -> Questionnaire:
    return Questionnaire(
        method.id,
        words.title,
        words.about,
        words.notice,
        _factors(method, words.factors, words.questions),
        tuple(Choice(choice.level, scale[_key(choice.level)]) for choice in method.scale),
    )


def _factors(method: Method, names: Mapping[str, str], texts: Mapping[str, str]) -> tuple[FactorPage, ...]:
    return tuple(
        FactorPage(
            factor.code,
            names[factor.code],
            tuple(
                Question(criterion.code, texts[criterion.code])
                for criterion in method.criteria
                if criterion.factor == factor.code
            ),
        )
        for factor in method.factors
    )
