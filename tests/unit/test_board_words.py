"""What the board says, and the one word that it must not use for its figure."""

import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

import services.board
from services.board.alert_page import WORDS
from services.board.formats import NO_BREAK, count_text, minute_text, percent_text
from services.board.wording import PAGES, REASONS
from sipas.alert_book import ENDINGS, STATES
from sipas.alert_decisions import REFUSALS, Act
from sipas.problems import KINDS

BOARD = Path(services.board.__file__).parent
TEMPLATES = sorted((BOARD / "templates").glob("*.html"))
SOURCES = [*TEMPLATES, BOARD / "wording.yaml", BOARD / "alert_wording.yaml", BOARD / "schemas.py", BOARD / "api.py"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_source_of_a_page_or_an_answer_names_the_figure_as_the_ministrys_survey(source: Path) -> None:
    assert "SIPAS" not in source.read_text(encoding="utf-8")


def test_no_wording_is_empty_in_either_language() -> None:
    assert [key for key, text in (PAGES | REASONS).items() if not text.vi.strip() or not text.en.strip()] == []


def test_every_wording_is_used_and_every_word_asked_for_exists() -> None:
    asked = {
        key
        for template in TEMPLATES
        for call in re.findall(r"\bw\(([^)]*)\)", template.read_text(encoding="utf-8"))
        for key in re.findall(r'"([a-z0-9-]+)"', call)
    }
    # looked up by the value of a status or an aggregation, and by pages.py
    by_value = {"merged", "dissolved", "pooled", "mean_of_criteria", "mean_of_factors", "other-block"}
    by_pages = {"last-month", "this-month", "this-quarter", "this-year", "before", "year-before"}
    assert asked | by_value | by_pages == set(PAGES)


def test_the_page_behind_a_link_has_every_word_that_it_asks_for_and_no_other() -> None:
    template = (BOARD / "templates/alert.html").read_text(encoding="utf-8")
    asked = {
        word
        for word in WORDS
        if f'"{word}"' in template or f'"{word}"' in (BOARD / "alert_page.py").read_text(encoding="utf-8")
    }
    acts = get_args(Act)
    by_value = {
        *(f"did-{act}" for act in acts),
        *(f"said-{act}" for act in acts),
        *(f"refused-{code}" for code in REFUSALS),
        *(f"lead-{rule}-{state}" for rule in ("drop", "target") for state in STATES),
        *(f"state-{state}" for state in (*STATES, "closed")),
        *("chance-possible", "chance-confirmed"),
        *(f"confirm-{act}{part}" for act in ENDINGS for part in ("", "-text", "-button")),
    }
    assert set(re.findall(r"""\bs\("([a-z-]+)"[,)]""", template)) | by_value <= set(WORDS)
    assert asked | by_value == set(WORDS)
    assert all(text.vi.strip() and text.en.strip() for text in WORDS.values())
    assert all(unicodedata.is_normalized("NFC", text.vi) for text in WORDS.values())


def test_every_problem_has_words_in_both_languages() -> None:
    assert all(kind.title.vi and kind.title.en for kind in KINDS.values())


@pytest.mark.parametrize(
    ("value", "language", "text"),
    [
        (Decimal("83.94"), "vi", f"83,94{NO_BREAK}%"),
        (Decimal("83.94"), "en", f"83.94{NO_BREAK}%"),
        (Decimal(100), "vi", f"100,00{NO_BREAK}%"),
        (Decimal("4.1"), "vi", f"4,10{NO_BREAK}%"),
    ],
)
def test_a_percentage_is_written_as_the_language_writes_it(value: Decimal, language: str, text: str) -> None:
    assert percent_text(value, language) == text


@pytest.mark.parametrize(("language", "text"), [("vi", "36.525"), ("en", "36,525")])
def test_thousands_are_grouped_as_the_language_groups_them(language: str, text: str) -> None:
    assert count_text(36525, language) == text


def test_a_moment_is_shown_on_the_local_clock() -> None:
    assert minute_text(datetime(2026, 11, 22, 18, 5, tzinfo=UTC), ZoneInfo("Asia/Ho_Chi_Minh")) == "23/11/2026 01:05"
