"""Files and folders dropped on a page as a desktop drops them."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page


def drop(page: Page, *paths: Path) -> None:
    """Drag these over the middle of the page and let go."""
    session = page.context.new_cdp_session(page)
    place = {"x": 200, "y": 300}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    session.detach()
