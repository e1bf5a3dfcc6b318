"""A browser page that is watched for anything a text might do, and the stream of an answer byte by byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, Route

from apps.conversations.citations import AnswerParser, TextDelta
from apps.conversations.marker_grammar import SentPages
from apps.conversations.rendering import BlockRenderer, Chip
from tests.gallery.looks import settle

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=\.)[0-9a-f]{8,}(?=\.)")
VIOLATIONS = """document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"""

# Tags with the names of their attributes. What an answer's own Markdown may become is judged by IN_ANSWER.
SKELETON = """() => {
    const lines = [];
    const walk = (element, depth) => {
        const names = [...element.attributes].map((one) => one.name).sort().join(" ");
        lines.push(`${" ".repeat(depth)}${element.localName} ${names}`);
        if (element.matches(".answer-blocks")) return;
        // As many lines as the words need.
        if (element.matches(".sheet-text") && [...element.children].every((one) => one.localName === "text")) return;
        for (const child of element.children) walk(child, depth + 1);
    };
    walk(document.documentElement, 0);
    return lines;
}"""

IN_ANSWER = """(root) => {
    const allowed = {
        a: ["href", "rel", "class", "title", "aria-label", "aria-current", "aria-describedby", "data-title", "data-cite"],
        ol: ["start"], span: ["class"], code: ["class"], pre: ["tabindex"], table: ["tabindex"],
        td: ["class"], th: ["class"], div: ["class"],
    };
    const plain = "blockquote br em h3 h4 h5 h6 hr li p s strong tbody thead tr ul".split(" ");
    const found = [];
    for (const element of root.querySelectorAll("*")) {
        const names = allowed[element.localName] ?? (plain.includes(element.localName) ? [] : null);
        if (!names || element.namespaceURI !== "http://www.w3.org/1999/xhtml") {
            found.push(`element ${element.outerHTML.slice(0, 120)}`);
            continue;
        }
        for (const { name } of element.attributes) {
            if (name !== "dir" && !names.includes(name)) found.push(`attribute ${name} of ${element.outerHTML.slice(0, 120)}`);
        }
        if (element.localName === "div" && element.className !== "block") found.push("a div");
        const href = element.getAttribute("href");
        if (href === null) continue;
        const isChip = element.hasAttribute("data-cite") && href.startsWith("/w/") && element.className.startsWith("cite ");
        const isOutward = href.startsWith("/leave/?to=") && !element.hasAttribute("data-cite") && !element.className;
        if (!isChip && !isOutward) found.push(`link ${element.outerHTML.slice(0, 160)}`);
    }
    return found;
}"""

OUTSIDE = """() => {
    const copy = document.documentElement.cloneNode(true);
    for (const place of copy.querySelectorAll("answer-stream")) place.replaceChildren();
    for (const place of copy.querySelectorAll("answer-stream")) for (const { name } of [...place.attributes]) place.removeAttribute(name);
    return copy.outerHTML;
}"""

# Each payload in a fresh element of the page's own; whatever stands in it after any event is judged.
FOLLOW_EACH = f"""async (count) => {{
    const inAnswer = {IN_ANSWER};
    const found = [];
    let states = 0;
    const first = document.querySelector("answer-stream");
    const pristine = first.cloneNode(true);
    let current = first;
    for (let index = 0; index < count; index += 1) {{
        const next = pristine.cloneNode(true);
        next.dataset.src = `/api/v1/answers/hostile-${{index}}/events`;
        const blocks = next.querySelector(".answer-blocks");
        const judge = new MutationObserver(() => {{
            states += 1;
            for (const words of inAnswer(blocks)) if (found.length < 20) found.push(`${{index}}: ${{words}}`);
        }});
        judge.observe(blocks, {{ childList: true, subtree: true, attributes: true, characterData: true }});
        current.replaceWith(next);
        current = next;
        const ends = performance.now() + 20000;
        while (next.querySelector("[data-status]").textContent !== `written ${{index}}`) {{
            if (performance.now() > ends) return {{ found: [`${{index}}: not written`], states }};
            await new Promise((resolve) => setTimeout(resolve, 2));
        }}
        judge.disconnect();
    }}
    current.replaceWith(pristine.cloneNode(true));
    return {{ found, states }};
}}"""


@dataclass
class Watched:
    """A page; said: dialogs, blocked things and script errors. asked: requests by method and path, ids left out."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.add_init_script(VIOLATIONS)
        self.page.on(
            "dialog", lambda dialog: (self.said.append(f"dialog {dialog.message}"), dialog.dismiss())
        )
        self.page.on("pageerror", lambda error: self.said.append(f"script {error}"))
        self.page.on("popup", lambda popup: self.said.append(f"popup {popup.url}"))
        self.page.on("download", lambda one: self.said.append(f"download {one.url}"))
        self.page.on("console", lambda one: self._hear(one.text) if one.type == "error" else None)
        self.page.on("request", self._note)

    def _hear(self, text: str) -> None:
        # htmx calls it an error when a newer request takes the place of an older one.
        if not text.startswith(("htmx:sendAbort", "htmx:afterRequest")):
            self.said.append(text)

    def _note(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.hostname != "localhost":
            self.said.append(f"request to {parts.scheme}:{parts.hostname}")
        self.asked.add(f"{request.method} {_ID.sub('*', parts.path)}")

    def visit(self, path: str) -> list[str]:
        """Open a page and give its skeleton."""
        self.page.goto(path, wait_until="load")
        if self.page.query_selector("#plan"):
            self.page.wait_for_selector("#plan .plan-line strong")
        settle(self.page)
        return list(self.page.evaluate(SKELETON))


def chip(ordinal: int, first: int, last: int, offset: int) -> Chip | None:
    return Chip(f"/w/tenancy/answers/x/cite/{ordinal}/{first}/", f"lease p. {first}", "close", "close")


def events_of(text: str, *, step: int = 1) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a worker sends of an answer that comes in pieces of step characters, joined into no larger ones."""
    parser = AnswerParser(SentPages([(3, 1, 40)]))
    renderer = BlockRenderer(chip)
    pieces = [text[start : start + step] for start in range(0, len(text), step)]
    for number in range(len(pieces) + 1):
        found = parser.feed(pieces[number]) if number < len(pieces) else parser.finish()
        for event in found:
            if isinstance(event, TextDelta):
                for block in renderer.feed(event.text):
                    yield "block", {"index": block.index, "final": block.final, "html": block.html}
    for block in renderer.finish():
        yield "block", {"index": block.index, "final": True, "html": block.html}


def follow_each(watched: Watched, texts: Sequence[str], *, step: int = 1) -> int:
    """Show texts as they are written, through the page's own <answer-stream>. Gives how many states were judged."""

    def answer(route: Route) -> None:
        index = int(route.request.url.split("hostile-")[1].split("/")[0])
        events = [
            *events_of(texts[index], step=step),
            ("status", {"stage": "writing", "sentence": f"written {index}"}),
        ]
        body = "".join(f"event: {name}\ndata: {json.dumps({'v': 1, **data})}\n\n" for name, data in events)
        route.fulfill(status=200, content_type="text/event-stream", body=body)

    watched.page.route("**/api/v1/answers/hostile-*/events", answer)
    before = watched.page.evaluate(OUTSIDE)
    told = watched.page.evaluate(FOLLOW_EACH, len(texts))
    assert told["found"] == []
    assert watched.page.evaluate(OUTSIDE) == before
    watched.page.unroute("**/api/v1/answers/hostile-*/events")
    return int(told["states"])
