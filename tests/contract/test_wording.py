"""Our figure is never called by the name of the Ministry's yearly survey without saying that it is another one.

Read are: pages and mails (HTML, YAML, CSS, SVG), every text in Python (names are no texts), Markdown, and the
project's own description. Where the name stands, the same sentence says that the figure is not it, or is only like it.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.documents import ROOT

NAME = re.compile(r"\bSIPAS\b")
QUALIFIED = re.compile(
    r"SIPAS-style"
    r"|\bSIPAS \(Bộ Nội vụ công bố\)"
    r"|\bnot (?:be )?(?:called |named |published as |the |national |yearly |Ministry's |MoHA's |itself )*[\"“]?SIPAS\b"
    r"|\b(?:modelled on|unlike|other than|differs? from) (?:the )?(?:national |yearly |Ministry's )*SIPAS\b"
    r"|(?:khác với|khác|không phải là|không phải|phỏng theo) (?:chỉ số )?SIPAS\b"
)
SENTENCE = re.compile(r"(?<=[.!?:;|])\s+|\n\s*\n|\n[-#*] ?")

TEXTS = (
    "*.md",
    "docs/**/*.md",
    "docs/*.yaml",
    "examples/**/*.md",
    "sipas/**/*.yaml",
    "services/**/*.yaml",
    "services/**/*.html",
    "services/**/*.css",
    "services/**/*.svg",
    "deploy/**/*.html",
    "deploy/**/*.json",
    "deploy/**/*.yaml",
)
PROGRAMS = ("sipas/**/*.py", "services/**/*.py", "deploy/**/*.py", "bench/**/*.py")

ALLOWED: dict[str, str] = {"sipas/official/__init__.py": "reads the Ministry's own results, for beside ours"}
"""Path -> why the bare name may stand there. Empty is best."""


def unqualified(text: str) -> list[str]:
    """The sentences that hold the bare name."""
    return [
        " ".join(sentence.split())
        for sentence in SENTENCE.split(text)
        if NAME.search(QUALIFIED.sub("", " ".join(sentence.split())))
    ]


def sources() -> Iterator[tuple[str, str]]:
    """(path, what it says)."""
    for pattern in TEXTS:
        for path in sorted(ROOT.glob(pattern)):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for pattern in PROGRAMS:
        for path in sorted(ROOT.glob(pattern)):
            yield str(path.relative_to(ROOT)), "\n\n".join(texts_in(path))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    yield "pyproject.toml", project["description"]


def texts_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_no_text_calls_our_figure_by_the_ministrys_name() -> None:
    found = {path: wrong for path, text in sources() if path not in ALLOWED and (wrong := unqualified(text))}
    assert found == {}


def test_what_is_read_are_pages_mails_answers_and_the_readme() -> None:
    """A rule that reads nothing cannot fail."""
    read = {path for path, _ in sources()}
    assert {
        "README.md",
        "CHANGELOG.md",
        "docs/method.md",
        "docs/asyncapi.yaml",
        "services/survey/languages/vi.yaml",
        "services/survey/languages/en.yaml",
        "services/survey/templates/form.html",
        "services/board/wording.yaml",
        "services/board/templates/board.html",
        "services/board/schemas.py",
        "services/notifier/messages.yaml",
        "sipas/methods/quick-5@1.yaml",
        "sipas/problems.py",
        "pyproject.toml",
    } <= read


def test_every_exception_still_stands_where_it_is_allowed() -> None:
    texts = dict(sources())
    assert all(unqualified(texts.get(path, "")) for path in ALLOWED)


@pytest.mark.parametrize(
    "text",
    [
        "SIPAS",
        "The SIPAS of Sở Nội vụ is 81.01.",
        "Chỉ số SIPAS theo ngày",
        "It is not bad: SIPAS 90.",
        "A SIPAS-style index. The SIPAS of today:",
        '<h1 title="SIPAS">',
    ],
)
def test_the_bare_name_is_noticed(text: str) -> None:
    assert unqualified(text)


@pytest.mark.parametrize(
    "text",
    [
        "A SIPAS-style index.",
        "This is not the national SIPAS.",
        "It is not\n  the Ministry's yearly SIPAS.",
        "It must not be published as SIPAS.",
        "Chỉ số này khác với SIPAS.",
        "Đây không phải là chỉ số SIPAS.",
        "sipas verify reads SIPAS_NAMESPACE",
        "SIPAS (Bộ Nội vụ công bố) năm 2024",
    ],
)
def test_a_name_that_says_what_it_is_not_is_let_pass(text: str) -> None:
    assert unqualified(text) == []


@pytest.mark.parametrize(
    "path",
    [
        "sipas/methods/overall-1@1.yaml",
        "sipas/methods/quick-5@1.yaml",
        "services/notifier/messages.yaml",
    ],
)
def test_who_shows_the_figure_has_the_words_for_what_it_is_in_both_languages(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8").lower()
    assert "phỏng theo" in text
    assert "modelled on" in text
