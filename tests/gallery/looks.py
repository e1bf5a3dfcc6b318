"""What is wrong with a page as it stands, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from tests.gallery.house import Gallery
from tests.gallery.states import State

HEIGHT = 800
# Chromium tells of a blocked style in the console without naming it; the event of the document names it.
REPORT_VIOLATIONS = """document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.target?.outerHTML?.slice(0, 200)}`))"""

# A picture that waits to be scrolled to is not under way.
SETTLED = """() => document.readyState === "complete"
    && !document.querySelector(".htmx-request, .htmx-settling, .htmx-swapping")
    && [...document.images].every((image) => {
        const box = image.getBoundingClientRect();
        const isAway = box.top > innerHeight || box.bottom < 0;
        return image.complete || (image.loading === "lazy" && isAway);
    })"""

# Text is clipped when an ancestor that hides its overflow, or the window, ends before it does, and no tooltip
# gives it whole. What scrolls may reach out of its frame's sight; then the frame itself must be in the window.
CLIPPED = """() => {
    const range = document.createRange();
    const hides = new Set(["hidden", "clip"]);
    const scrolls = new Set(["auto", "scroll"]);
    const isTold = (element) => element.closest("[title], [data-title], .visually-hidden, .skip-link, svg, option, select, noscript");
    const found = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode;
        const parent = text.parentElement;
        if (!text.data.trim() || isTold(parent) || !parent.checkVisibility({ visibilityProperty: true })) continue;
        range.selectNodeContents(text);
        let box = range.getBoundingClientRect();
        if (!box.width) continue;
        const words = text.data.trim().slice(0, 60);
        for (let frame = parent; frame && frame !== document.body; frame = frame.parentElement) {
            const style = getComputedStyle(frame);
            const edges = frame.getBoundingClientRect();
            if (scrolls.has(style.overflowX)) box = edges;
            if (!hides.has(style.overflowX)) continue;
            if (box.right > edges.right + 1.5 || box.left < edges.left - 1.5) found.add(words);
            if (hides.has(style.overflowY) && box.bottom > edges.bottom + 3) found.add(`${words} (below)`);
        }
        if (box.right > innerWidth + 1.5 || box.left < -1.5) found.add(words);
    }
    return [...found];
}"""


@contextmanager
def opened(
    gallery: Gallery, browser: Browser, state: State, *, width: int, theme: str
) -> Iterator[tuple[Page, list[str]]]:
    """The page of a state, settled, and the list of what went wrong so far; it grows while the page is open."""
    if state.installation == "demo":
        gallery.begin_demo(browser)
    context = gallery.context(
        browser,
        state.installation,
        state.person,
        viewport={"width": width, "height": HEIGHT},
        color_scheme=theme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    said: list[str] = []
    watch(page, said, allowed_status=state.allowed_status)
    try:
        page.goto(gallery.address(state.installation, state.place), wait_until="load")
        settle(page)
        for step in state.steps:
            step(page)
            settle(page)
        yield page, said
    finally:
        context.close()


def at_widths(
    gallery: Gallery, browser: Browser, state: State, widths: Sequence[int]
) -> Iterator[tuple[int, Page, list[str]]]:
    """A state at each width, narrowest first: (width, page in the light theme, what went wrong so far).

    The window is widened, which is quicker than another visit; what a script has put in its place is looked at
    anew.
    """
    groups = [(width,) for width in widths] if state.is_placed_by_script else [tuple(widths)]
    for group in groups:
        with opened(gallery, browser, state, width=group[0], theme="light") as (page, said):
            for width in group:
                if width != group[0]:
                    page.set_viewport_size({"width": width, "height": HEIGHT})
                    page.emulate_media(color_scheme="light", reduced_motion="reduce")
                    settle(page)
                yield width, page, said


def watch(page: Page, said: list[str], *, allowed_status: int = 0) -> None:
    """Write down script errors, policy violations, and requests to other hosts."""

    def hear(text: str) -> None:
        # htmx calls it an error when a newer request takes the place of an older one.
        if text.startswith(("htmx:sendAbort", "htmx:afterRequest")):
            return
        # The browser itself reports a status; a page that is an error has one.
        if not (allowed_status and f"status of {allowed_status}" in text):
            said.append(f"console: {text[:300]}")

    def see(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname != "localhost":
            said.append(f"request to {parts.hostname}")

    page.add_init_script(REPORT_VIOLATIONS)
    page.on("console", lambda message: hear(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(f"script: {error}"))
    page.on("request", lambda request: see(request.url))


def settle(page: Page) -> None:
    """Wait until nothing is under way; streams and polls go on."""
    page.wait_for_timeout(100)
    page.wait_for_function(SETTLED)


def measure(page: Page) -> list[str]:
    """What runs out of the window or out of its frame, and ids that are there twice."""
    found = []
    if page.evaluate("document.scrollingElement.scrollWidth > innerWidth"):
        found.append("scrolls sideways")
    found += [f"clipped: {text}" for text in page.evaluate(CLIPPED)]
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    found += [f"the id {name} is there twice" for name in sorted({one for one in ids if ids.count(one) > 1})]
    return found
