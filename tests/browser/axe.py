"""What axe-core finds wrong on a page, in words."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
"""Named, because axe's own choice leaves the target size of WCAG 2.2 out."""


def violations(page: Page) -> list[str]:
    """Rule and element of each violation."""
    options = {"runOnly": list(TAGS), "resultTypes": ["violations", "incomplete"]}
    return _told(Axe().run(page, options=options).response["violations"])


def _told(rules: list[dict[str, Any]]) -> list[str]:
    return [f"{rule['id']}: {node['html'][:160]}" for rule in rules for node in rule["nodes"]]
