"""The words citizens and clients read."""

from pathlib import Path

import pytest

from services.survey import wording
from sipas.problems import Text

SURVEY = Path(wording.__file__).parent


@pytest.mark.parametrize("text", [*wording.REASONS.values(), *wording.PAGES.values()], ids=lambda text: text.en[:30])
def test_every_text_is_in_both_languages(text: Text) -> None:
    assert text.vi.strip()
    assert text.en.strip()


@pytest.mark.parametrize("path", [*SURVEY.glob("templates/*"), SURVEY / "wording.yaml"], ids=lambda path: path.name)
def test_no_page_calls_our_figure_by_the_ministrys_name(path: Path) -> None:
    assert "SIPAS" not in path.read_text(encoding="utf-8")
