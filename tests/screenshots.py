"""`make screenshots`: draw every state of every screen into screenshots/<theme>/<width>/, with an index.

    python -m tests.screenshots [--only NAME]

Looks, too: what scrolls sideways, is clipped, fails in a script, is blocked by the policy or asks another host is
listed at the end, and makes it exit 1.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from html import escape
from pathlib import Path

from playwright.sync_api import Browser, Error, sync_playwright

from tests.gallery.house import CHROMIUM_ARGUMENTS, Gallery, run_gallery
from tests.gallery.looks import at_widths, measure, settle
from tests.gallery.states import STATES, State
from tests.services import ROOT, find_chromium

FOLDER = ROOT / "screenshots"
WIDTHS = (360, 1280, 1920)
THEMES = ("light", "dark")
TALLEST = 6_000
"""Pixels; the page of the HTTP API is longer, and no taller picture shows more."""


def draw(gallery: Gallery, browser: Browser, state: State) -> list[str]:
    """A state at every width in both themes; gives what was wrong, in sentences."""
    found: list[str] = []
    try:
        for width, page, said in at_widths(gallery, browser, state, WIDTHS):
            found += [f"{state.name} at {width}: {text}" for text in [*measure(page), *said]]
            said.clear()
            for theme in THEMES:
                page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                settle(page)
                height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
                page.screenshot(
                    path=FOLDER / theme / str(width) / f"{state.name}.png",
                    full_page=True,
                    clip={"x": 0, "y": 0, "width": width, "height": height},
                    caret="initial",
                )
    except Error as error:
        found.append(f"{state.name} could not be drawn: {error.message.splitlines()[0]}")
    return list(dict.fromkeys(found))


def write_index(states: tuple[State, ...]) -> Path:
    """A page with every picture, for looking through them by hand."""
    rows = []
    for state in states:
        figures = "".join(
            f'<a href="{theme}/{width}/{escape(state.name)}.png"><img loading="lazy" height="260" '
            f'src="{theme}/{width}/{escape(state.name)}.png" alt="{escape(state.name)}, {theme}, {width} px"></a>'
            for theme in THEMES
            for width in WIDTHS
        )
        rows.append(f'<section id="{escape(state.name)}"><h2>{escape(state.name)}</h2>{figures}</section>')
    links = " · ".join(f'<a href="#{escape(state.name)}">{escape(state.name)}</a>' for state in states)
    path = FOLDER / "index.html"
    path.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>DocAnalyst: every screen</title>'
        "<style>body{font:14px system-ui;margin:2rem;background:#888}img{margin:0 8px 8px 0;vertical-align:top}"
        "a{color:#000}h2{margin:2rem 0 .5rem}</style>"
        f"<h1>Every screen</h1><p>{links}</p>{''.join(rows)}</html>",
        encoding="utf-8",
    )
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description="Draw every screen into screenshots/.")
    parser.add_argument("--only", default="", help="states whose name contains this")
    only = parser.parse_args().only
    chosen = tuple(state for state in STATES if only in state.name)
    chromium = find_chromium()
    if not chromium or not chosen:
        print(
            "No Chromium on this machine: apt install chromium" if chosen else f"No state is called {only}."
        )
        return 1
    if not only:
        shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(exist_ok=True)
    started_at = time.monotonic()
    found: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="docanalyst-gallery-", ignore_cleanup_errors=True) as folder,
        run_gallery(Path(folder)) as gallery,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        for state in chosen:
            wrong = draw(gallery, browser, state)
            sign = "✕" if wrong else " "
            print(f"{time.monotonic() - started_at:5.0f} s {sign} {state.name}", flush=True)
            found += wrong
        browser.close()
    index = write_index(chosen)
    print(f"{len(chosen) * len(WIDTHS) * len(THEMES)} pictures: {index}")
    for text in found:
        print(f"✕ {text}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
