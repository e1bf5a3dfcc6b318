"""The pages in a real browser: for everybody, at every width, in both themes, by keyboard, without JavaScript."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import brotli
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.staticfiles import finders
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from apps.accounts.models import User
from apps.workspaces.models import Role, Workspace
from apps.workspaces.services import add_member, create_workspace
from tests.accounts.conftest import PASSWORD
from tests.gallery.looks import settle

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "A name that goes on and on, because somebody pasted the full title of a case file into the form"


@pytest.fixture
def browser(chromium: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    # Playwright keeps a loop in this thread; Django takes that for asynchronous code.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def leases(transactional_db) -> Workspace:
    alice = User.objects.create_superuser("alice@example.org", PASSWORD, name="Alice")
    workspace = create_workspace(alice, "Leases")
    create_workspace(alice, LONG)
    long_address = User.objects.create_user(f"{'a' * 60}@{'subdomain.' * 8}example.org")
    add_member(alice, workspace, long_address, Role.VIEWER)
    add_member(alice, workspace, User.objects.create_user("bob@example.org", name=LONG), Role.MEMBER)
    alice.api_tokens.create(name=LONG, digest="0" * 64)
    return workspace


def signed_in(browser: Browser, live_server, **options) -> BrowserContext:
    client = Client()
    client.force_login(User.objects.get(email="alice@example.org"))
    context = browser.new_context(base_url=live_server.url, **options)
    context.add_cookies([{"name": "sessionid", "value": client.session.session_key, "url": live_server.url}])
    return context


def violations(page: Page, **options: object) -> list[str]:
    # Listing what passes takes longer than finding out.
    found = Axe().run(page, options={"resultTypes": ["violations"], **options}).response["violations"]
    return [f"{violation['id']}: {node['target']}" for violation in found for node in violation["nodes"]]


def problems(page: Page, address: str) -> list[str]:
    """What axe-core, the console and the width say about a page, and axe-core of its colours in the dark."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    # The browser itself notes that a page is missing or gone.
    said = [text for text in said if "status of 404" not in text and "status of 410" not in text]
    said += violations(page)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    said += [f"the id {name} is there twice" for name in {name for name in ids if ids.count(name) > 1}]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        said.append("scrolls sideways")
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    settle(page)
    said += [f"dark, {text}" for text in violations(page, runOnly=["color-contrast"])]
    page.close()
    return [f"{address}: {text}" for text in said]


INSIDE = [
    "/",
    "/w/leases/",
    "/w/leases/people/",
    "/profile/",
    "/new-workspace/",
    "/accounts/password/change/",
    "/accounts/logout/",
    "/leave/?to=https://example.com/a/" + "long/" * 60,
    "/no-such-page/",
]
OUTSIDE = [
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/inactive/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/password/reset/key/x-y/",
    "/invitation/never-was/",
]


@pytest.mark.parametrize("width", [320, 1280])
def test_pages_are_accessible_and_fit(browser, live_server, leases, width):
    options = {
        "viewport": {"width": width, "height": 800},
        "color_scheme": "light",
        "reduced_motion": "reduce",
    }
    inside, outside = signed_in(browser, live_server, **options), browser.new_context(
        base_url=live_server.url, **options
    )  # fmt: skip
    found = [text for address in INSIDE for text in problems(inside.new_page(), address)]
    found += [text for address in OUTSIDE for text in problems(outside.new_page(), address)]
    assert found == []


def test_everything_in_the_header_is_reached_by_keyboard(browser, live_server, leases):
    page = signed_in(browser, live_server).new_page()
    page.goto("/w/leases/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    menu = page.locator(".where details.menu")
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    assert menu.get_attribute("open") is not None
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.matches('.menu-list a')")
    page.keyboard.press("Escape")
    assert menu.get_attribute("open") is None
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_theme_changes_at_once_and_stays(browser, live_server, leases):
    page = signed_in(browser, live_server, color_scheme="light").new_page()
    page.goto("/w/leases/")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.locator(".site-nav summary").click()
    with page.expect_response("**/profile/theme/") as saved:
        page.get_by_role("button", name="Dark").click()
    assert saved.value.status == 204
    assert page.evaluate(background) != light
    page.reload()
    assert page.evaluate(background) != light


def test_token_is_copied(browser, live_server, leases):
    context = signed_in(browser, live_server)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server.url)
    page = context.new_page()
    page.goto("/profile/")
    page.get_by_label("What is it for?").fill("Import")
    page.get_by_role("button", name="Create a token").click()
    token = page.get_by_label("New token").input_value()
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == token


def test_without_javascript_everything_still_works(browser, live_server, leases):
    page = browser.new_context(base_url=live_server.url, java_script_enabled=False).new_page()
    page.goto("/w/leases/people/")
    page.get_by_label("E-mail").fill("alice@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    assert page.url.endswith("/w/leases/people/")
    assert page.get_by_role("button", name="Copy").count() == 0
    page.locator(".site-nav summary").click()
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.url.endswith("/w/leases/people/")
    page.locator("details.menu summary").first.click()
    page.get_by_role("link", name="New workspace…").click()
    page.get_by_label("Name").fill("Board")
    page.get_by_role("button", name="Create").click()
    assert page.url.endswith("/w/board/")
    page.locator(".site-nav summary").click()
    page.get_by_role("button", name="Sign out").click()
    assert "/accounts/login/" in page.url


def test_first_load_is_small(browser, live_server, leases):
    """At most 150 kB compressed for any page; this one leaves room for what a workbench adds."""
    page = signed_in(browser, live_server).new_page()
    files: set[str] = set()
    page.on("response", lambda response: files.add(urlsplit(response.url).path))
    page.goto("/w/leases/")
    page.wait_for_load_state("networkidle")
    static = [
        str(finders.find(path.removeprefix("/static/"))) for path in files if path.startswith("/static/")
    ]
    assert len(static) > 10
    total = sum(len(brotli.compress(Path(path).read_bytes())) for path in static)
    total += len(brotli.compress(page.content().encode()))
    assert total < 60_000
