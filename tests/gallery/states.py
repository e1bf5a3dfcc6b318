"""Every state of every screen: where it is, who looks, and what they do there first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Page

Step = Callable[[Page], object]


@dataclass(frozen=True)
class State:
    """place: a name of seed.py, or a path. person: "" is nobody. steps: taken once the page has settled.

    installation: `fresh` is the demo before anybody came. allowed_status: what the browser itself may report as
    an error, because the page is one. is_placed_by_script: the picture depends on where a script put something.
    """

    name: str
    place: str
    person: str = "alice"
    installation: Literal["house", "demo", "fresh"] = "house"
    steps: tuple[Step, ...] = ()
    allowed_status: int = 0
    is_placed_by_script: bool = False


def click(selector: str) -> Step:
    return lambda page: page.locator(selector).first.click()


def show(selector: str) -> Step:
    return lambda page: page.locator(selector).first.wait_for()


def fill(selector: str, text: str) -> Step:
    return lambda page: page.locator(selector).first.fill(text)


def choose(selector: str, value: str) -> Step:
    return lambda page: page.locator(selector).first.select_option(value)


def press(keys: str) -> Step:
    return lambda page: page.keyboard.press(keys)


def scroll_to(selector: str) -> Step:
    return lambda page: page.locator(selector).first.evaluate("(element) => element.scrollIntoView()")


def pane(name: str) -> Step:
    """In a narrow window, turn to a pane; in a wide one all are there."""

    def turn(page: Page) -> None:
        tab = page.locator(f"[data-pane-link={name}]")
        if tab.is_visible():
            tab.click()

    return turn


def hover(selector: str) -> Step:
    def rest_on(page: Page) -> None:
        page.locator(selector).first.hover()
        page.locator("#cite-card").wait_for()

    return rest_on


QUESTION = "How can the lease end, and with how much notice?"
ASKING: tuple[Step, ...] = (
    pane("conversation"),
    fill("#question-text", QUESTION),
    show("#plan .plan-line strong, #plan .plan-refusal"),
)
FIRST_CITATION: tuple[Step, ...] = (click(".answer-blocks a.cite"), show("#viewer[data-opened]"))
DOCUMENTS = (pane("documents"),)
CONVERSATION = (pane("conversation"),)

ENTRANCE = (
    State("first-run", "first-run", "", "fresh"),
    State(
        "first-run-refused",
        "first-run",
        "",
        "fresh",
        (
            fill("[name=name]", "Olga"),
            fill("[name=email]", "olga@example.org"),
            fill("[name=password]", "password"),
            click("button[type=submit]"),
            show(".errors"),
        ),
        allowed_status=422,
    ),
    State("sign-in", "/accounts/login/", ""),
    State(
        "wrong-password",
        "/accounts/login/",
        "",
        steps=(
            fill("[name=login]", "alice@example.org"),
            fill("[name=password]", "not this one"),
            click("button[type=submit]"),
            show(".notice.bad, .errors"),
        ),
        allowed_status=422,
    ),
    State("password-reset", "/accounts/password/reset/", ""),
    State("sign-up-closed", "/accounts/signup/", ""),
    State("account-closed", "/accounts/inactive/", ""),
    State("invitation", "invitation", ""),
    State("invitation-ended", "/invitation/never-was/", "", allowed_status=410),
    State("sign-out", "/accounts/logout/"),
    State("not-found", "/no-such-page/", allowed_status=404),
    State("forbidden", "usage", "vera", allowed_status=403),
    State("leave", "/leave/?to=https://example.com/guides/reading-leases%3Fpage=2"),
)

ACCOUNT = (
    State("profile", "/profile/"),
    State(
        "profile-new-token",
        "/profile/",
        steps=(
            fill("#token_name", "Laptop"),
            click("form[action*=tokens] button.button:not(.small)"),
            show("#new-token"),
        ),
    ),
    State("password-change", "/accounts/password/change/"),
    State("my-menu", "/profile/", steps=(click(".site-nav summary"),)),
    State("api-docs", "/api/v1/docs"),
)

WORKSPACES = (
    State("home", "home"),
    State("home-empty", "home", "nora"),
    State("workspace", "workspace"),
    # Over a list the menu half covers links, and targets under it count as too small.
    State("workspace-menu", "workspace-empty", steps=(click(".where summary"),)),
    State("workspace-as-viewer", "workspace", "vera"),
    State("workspace-empty", "workspace-empty"),
    State("workspace-empty-as-viewer", "workspace-empty", "vera"),
    State("new-workspace", "/new-workspace/"),
    State("people", "people"),
    State("people-as-member", "people", "bob"),
    State(
        "people-invited",
        "people",
        steps=(
            fill("form[action*=invitations] [name=email]", "sam@example.org"),
            click("form[action*='/invitations/#'] button[type=submit]"),
            show("input[readonly]"),
        ),
    ),
    State("storage", "storage"),
    State("storage-as-member", "storage", "bob"),
    State("storage-empty", "storage-empty", "vera"),
    State("usage", "usage"),
    State("usage-empty", "usage-empty"),
    State("usage-all-workspaces", "usage-installation"),
    State("connections", "/connections/"),
    State("connections-demo", "/connections/", installation="demo"),
    State(
        "connections-unhealthy",
        "/connections/",
        steps=(click("#far-maverick form[action$='/test/'] button"), show("#far-maverick .host-fault")),
    ),
)

DOCUMENT_LISTS = (
    State("corpus-empty", "corpus-empty", steps=DOCUMENTS),
    State("corpus-unfinished-upload", "corpus-unfinished", steps=DOCUMENTS),
    State("corpus-empty-conversation", "corpus-empty", steps=CONVERSATION),
    State("corpus-empty-as-viewer", "corpus-empty", "vera", steps=DOCUMENTS),
    State("corpus", "corpus-small", steps=DOCUMENTS),
    State("corpus-conversation", "corpus-small", steps=CONVERSATION),
    State("corpus-menu", "corpus-small", steps=(click(".corpus-more"),)),
    State("documents-every-state", "corpus-states", steps=DOCUMENTS),
    State("documents-recognised", "corpus-scans", steps=DOCUMENTS),
    State("documents-recognised-as-viewer", "corpus-scans", "vera", steps=DOCUMENTS),
    State("documents-many", "corpus-many", steps=DOCUMENTS),
    State("documents-foreign", "corpus-foreign", steps=DOCUMENTS),
    State(
        "documents-tree",
        "corpus-repositories",
        steps=(
            *DOCUMENTS,
            click(".tree-root > summary"),
            show(".tree-folder"),
            click(".tree-folder > summary"),
            click(".tree-folder .tree-folder > summary"),
            show(".tree-entry .tree-entry .tree-entry"),
        ),
    ),
    State(
        "git-form-refused",
        "corpus-repositories",
        steps=(
            *DOCUMENTS,
            click(".bring-more > summary"),
            click("#git-open"),
            fill("#git-form [name=url]", "https://user:secret@code.example.org/rents"),
            click("#git-form button.primary"),
            show("#git-form .errors, #git-form .notice"),
        ),
        allowed_status=422,
    ),
    State("demo-corpus", "demo-corpus", installation="demo", steps=CONVERSATION),
)

PLANS = (
    State("plan-fits", "corpus-small", steps=ASKING),
    State("plan-long-prompt", "corpus-heavy", steps=ASKING),
    State(
        "plan-does-not-fit",
        "corpus-heavy",
        steps=(
            *ASKING,
            choose("#question-model", "maverick"),
            show("#plan .plan-refusal"),
        ),
    ),
    State("plan-too-large", "corpus-too-heavy", steps=ASKING),
    State(
        "plan-over-budget",
        "corpus-over-budget",
        steps=(*ASKING, press("Control+Enter"), show("#plan .plan-refusal")),
        allowed_status=422,
    ),
    State("plan-no-endpoint", "corpus-no-endpoint", steps=ASKING),
)

ANSWERS = (
    State("demo-answer", "demo-answer", installation="demo", steps=CONVERSATION),
    *(
        State(f"answer-{name}", f"answer-{name}", steps=CONVERSATION)
        for name in (
            "queued",
            "reading",
            "writing",
            "done",
            "stopped",
            "failed",
            "failed-midway",
            "noticed",
            "rich",
            "branches",
            "many-citations",
            "long-labels",
            "foreign",
            "right-to-left",
        )
    ),
    State("answer-evidence", "answer-done", steps=(*CONVERSATION, click(".evidence > summary"))),
    State("answer-verdicts", "answer-verdicts", steps=(*CONVERSATION, click(".evidence > summary"))),
    State(
        "answer-many-evidence", "answer-many-citations", steps=(*CONVERSATION, click(".evidence > summary"))
    ),
    State(
        "answer-quote-card",
        "answer-done",
        steps=(*CONVERSATION, hover(".answer-blocks a.cite")),
        is_placed_by_script=True,
    ),
    State(
        "answer-altered-card",
        "answer-verdicts",
        steps=(*CONVERSATION, hover(".answer-blocks a.cite--altered")),
        is_placed_by_script=True,
    ),
    State(
        "answer-sum-followed",
        "answer-verdicts",
        steps=(*CONVERSATION, click(".verdict-sums .verdict--altered")),
    ),
    State(
        "answer-edit",
        "answer-done",
        steps=(*CONVERSATION, click("a:text-is('Edit')"), show(".composer-rewriting")),
    ),
    State("conversations", "answer-done", steps=(*CONVERSATION, click("#conversation-title summary"))),
    State("shared-conversation", "answer-shared", "vera", steps=CONVERSATION),
)

PAGES = (
    State("viewer-boxes", "answer-done", steps=(*CONVERSATION, *FIRST_CITATION, show(".quote-box"))),
    *(
        State(
            f"viewer-{verdict.replace('_', '-')}",
            "answer-verdicts",
            steps=(*CONVERSATION, click(f".answer-blocks a.cite--{verdict}"), show(".cited")),
        )
        for verdict in ("altered", "close", "elsewhere", "page_only", "not_found")
    ),
    State(
        "viewer-quoted-text",
        "answer-done",
        steps=(
            *CONVERSATION,
            *FIRST_CITATION,
            click(".viewer-tabs a:text-is('Text')"),
            show(".page-text mark"),
        ),
    ),
    State("viewer-lines", "answer-of-a-file", steps=(*CONVERSATION, *FIRST_CITATION, show(".cited-line"))),
    *(
        State(
            f"code-{name}",
            f"answer-{answer}",
            steps=(*CONVERSATION, click(f".answer-blocks a.cite >> nth={number}"), show(".code-line")),
        )
        for name, answer, number in (
            ("cited", "of-code", 0),
            ("long-line", "of-code", 1),
            ("secret", "of-code", 3),
            ("old-commit", "of-old-code", 0),
        )
    ),
    State(
        "viewer-picture-failed",
        "answer-many-citations",
        steps=(*CONVERSATION, *FIRST_CITATION, show(".picture-failed:not([hidden])")),
        allowed_status=404,
    ),
    State("viewer-source-removed", "answer-source-removed", steps=(*CONVERSATION, *FIRST_CITATION)),
    State(
        "viewer-page", "corpus-small", steps=(*DOCUMENTS, click(".document-name"), show("#viewer[data-page]"))
    ),
    State(
        "viewer-zoomed",
        "corpus-small",
        steps=(
            *DOCUMENTS,
            click(".document-name"),
            show("#viewer[data-page]"),
            *(click("[data-zoom-step='1']"),) * 3,
            show("#viewer[data-zoom='200']"),
        ),
    ),
    State(
        "viewer-text",
        "corpus-small",
        steps=(
            *DOCUMENTS,
            click(".document-name"),
            show("#viewer[data-page]"),
            click(".viewer-tabs a >> nth=1"),
            show(".page-text"),
        ),
    ),
    State(
        "viewer-menu",
        "corpus-small",
        steps=(
            *DOCUMENTS,
            click(".document-name"),
            show("#viewer[data-page]"),
            click(".viewer-menu summary"),
        ),
    ),
    State(
        "viewer-no-such-page",
        "corpus-small",
        steps=(
            *DOCUMENTS,
            click(".document-name"),
            show("#viewer[data-page]"),
            fill("#viewer-page", "99"),
            press("Enter"),
            show("#viewer-problem"),
        ),
    ),
    State("page-alone", "document-lease-2"),
    State("page-without-text", "document-half-a-scan-2"),
    State("document-broken", "document-broken"),
    State("document-being-read", "document-being-read"),
    State("document-locked", "document-locked"),
    State("document-locked-as-viewer", "document-locked", "vera"),
    State("page-with-notes", "page-with-notes"),
    State("page-by-recognition", "page-by-recognition"),
    State("page-being-recognised", "page-being-recognised"),
    State("about", "about-lease"),
    State("about-much", "about-data-room-index"),
    State("about-much-as-viewer", "about-data-room-index", "vera"),
    State("about-file", "about-data-room-index", steps=(scroll_to("#about-file"),)),
    State("about-figures", "about-data-room-index", steps=(scroll_to("#about-figures"),)),
    State("about-figures-awaited", "about-brochure"),
    State(
        "what-is-read",
        "what-is-read",
        steps=(click("#read-changes ~ ul summary"), fill("#read-exclude", "*.md"), show("#effect strong")),
    ),
    State("what-is-read-skipped", "what-is-read", "vera", steps=(scroll_to("#read-skipped"),)),
    State("about-read-again", "about-data-room-index", steps=(scroll_to("#about-again"),)),
    State("about-pages", "about-data-room-index", steps=(scroll_to("#about-pages-title"),)),
    State("about-more-pages", "about-more-pages", steps=(scroll_to(".thumbs-steps"),)),
    State("about-recognising", "about-half-recognised"),
    State("about-scan-recognising", "about-scan-of-the-annex"),
    State("about-failed-again", "about-read-twice"),
    State("about-broken", "about-broken"),
    State("about-locked", "about-locked"),
    State(
        "viewer-about",
        "corpus-told",
        steps=(
            *DOCUMENTS,
            click(".document-name"),
            show("#viewer[data-page]"),
            click(".viewer-tabs a >> text=About"),
            show("#about-state"),
        ),
    ),
    State(
        "coverage",
        "answer-done",
        steps=(*CONVERSATION, click(".answer-actions a:has-text('Coverage')"), show(".coverage-sum")),
    ),
    State(
        "coverage-large",
        "answer-deep",
        steps=(*CONVERSATION, click(".answer-actions a:has-text('Coverage')"), show(".coverage-sum")),
    ),
    State(
        "coverage-in-passes",
        "answer-in-passes",
        steps=(*CONVERSATION, click(".answer-actions a:has-text('Coverage')"), show(".coverage-band")),
    ),
    State("coverage-alone", "coverage-done"),
    State("coverage-of-code", "coverage-of-code"),
)

STATES: tuple[State, ...] = (
    *ENTRANCE,
    *ACCOUNT,
    *WORKSPACES,
    *DOCUMENT_LISTS,
    *PLANS,
    *ANSWERS,
    *PAGES,
)
