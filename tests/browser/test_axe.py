"""axe-core over every state of the gallery, at two widths and in both themes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.gallery.house import Gallery, run_gallery
from tests.gallery.looks import at_widths, measure, settle
from tests.gallery.states import STATES, State

pytestmark = [pytest.mark.services, pytest.mark.browser]

# Everything that axe-core checks is on, best practices too, and nothing is excused.
RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
    # Listing what passes takes longer than finding out.
    "resultTypes": ["violations"],
}
# A theme changes colours alone.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]}
WIDTHS = (320, 1280)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Gallery]:
    with run_gallery(tmp_path_factory.mktemp("gallery")) as gallery:
        yield gallery


def violations(page: Page, rules: dict[str, Any]) -> list[str]:
    found = Axe().run(page, options=rules).response["violations"]
    return [f"{one['id']}: {node['target']}" for one in found for node in one["nodes"]]


def of_state(gallery: Gallery, browser: Browser, state: State) -> list[str]:
    """What is wrong with a state, at each width and in each theme."""
    found = []
    for width, page, said in at_widths(gallery, browser, state, WIDTHS):
        found += [f"{width}: {text}" for text in [*measure(page), *violations(page, RULES)]]
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        settle(page)
        found += [f"{width}, dark: {text}" for text in violations(page, COLOURS)]
        found += [f"{width}: {text}" for text in said]
        said.clear()
    return found


# The entrance of a fresh installation is seen before anybody has an account, whatever the order of the tests.
FRESH = [state for state in STATES if state.installation == "fresh"]
INHABITED = [state for state in STATES if state.installation != "fresh"]


@pytest.fixture(scope="module")
def fresh_findings(gallery: Gallery, browser: Browser) -> dict[str, list[str]]:
    return {state.name: of_state(gallery, browser, state) for state in FRESH}


@pytest.mark.parametrize("state", FRESH, ids=lambda state: state.name)
def test_the_first_page_is_accessible_and_whole(fresh_findings: dict[str, list[str]], state: State) -> None:
    assert fresh_findings[state.name] == []


@pytest.mark.parametrize("state", INHABITED, ids=lambda state: state.name)
def test_every_state_is_accessible_and_whole(
    gallery: Gallery, browser: Browser, fresh_findings: dict[str, list[str]], state: State
) -> None:
    assert of_state(gallery, browser, state) == []
