"""Two installations to look at: one with models and a row for every state, one as a newcomer finds it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.gallery.addresses import MAVERICK, PASSWORD, SCOUT, UNHEALTHY
from tests.provider_server import ProviderServer
from tests.services import ROOT, LiveStack, run_live_stack

CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-background-networking"]
NEWCOMER = "olga@example.org"


@dataclass
class Gallery:
    """house: holds places and people of seed.py. demo: nobody has come yet, until `begin_demo`."""

    house: LiveStack
    demo: LiveStack
    places: dict[str, str]
    sessions: dict[str, str]
    demo_places: dict[str, str] = field(default_factory=dict)
    demo_cookies: Any = None

    def context(self, browser: Browser, installation: str, person: str, **options: Any) -> BrowserContext:
        """A browser's window on an installation, signed in as a person; "" is nobody."""
        if installation != "house":
            state = self.demo_cookies if person else None
            return browser.new_context(base_url=self.demo.url, storage_state=state, **options)
        context = browser.new_context(base_url=self.house.url, **options)
        if person:
            context.add_cookies(
                [{"name": "sessionid", "value": self.sessions[person], "url": self.house.url}]
            )
        return context

    def address(self, installation: str, place: str) -> str:
        """The address of a place by its name; what begins with a slash is one already."""
        if place.startswith("/"):
            return place
        if place == "first-run":
            return self.demo.first_run_url.removeprefix(self.demo.url)
        return (self.places if installation == "house" else self.demo_places)[place]

    def begin_demo(self, browser: Browser) -> None:
        """Come to the second installation as its first person and ask the question that stands ready. Idempotent."""
        if self.demo_cookies:
            return
        page = browser.new_page(base_url=self.demo.url)
        page.goto(self.demo.first_run_url)
        fill_first_run(page)
        page.keyboard.press("Enter")
        page.wait_for_url("**/corpora/**")
        corpus = page.url
        page.wait_for_function(
            "() => document.querySelectorAll('.document.ready').length === 2", timeout=60_000
        )
        page.click("#ask-button")
        page.wait_for_selector(".answer.done", timeout=60_000)
        self.demo_places = {"demo-corpus": corpus, "demo-answer": page.url}
        self.demo_cookies = page.context.storage_state()
        page.context.close()


def fill_first_run(page: Page) -> None:
    for label, value in (
        ("Your name", "Olga"),
        ("E-mail", NEWCOMER),
        ("Password", PASSWORD),
        ("Name of the first workspace", "Reading room"),
    ):
        page.get_by_label(label, exact=True).fill(value)


@contextmanager
def run_gallery(folder: Path) -> Iterator[Gallery]:
    """Start both installations in a folder and fill the first one."""
    with ProviderServer() as provider:
        environment = house_environment(folder, provider)
        with (
            run_live_stack(folder / "house", environment=environment) as house,
            run_live_stack(folder / "demo") as demo,
        ):
            seeded = json.loads(seed(house).splitlines()[-1])
            yield Gallery(house=house, demo=demo, **seeded)


def house_environment(folder: Path, provider: ProviderServer) -> dict[str, str]:
    """A catalogue with the provider server as two models, one more that will not answer, and prices."""
    catalogue, prices = folder / "catalogue.toml", folder / "prices.toml"
    catalogue.write_text(
        provider.catalogue_entry(SCOUT, country="US", retention="none")
        + provider.catalogue_entry(MAVERICK, context_tokens=131_072, country="US", retention="none")
        + provider.catalogue_entry(
            UNHEALTHY,
            base_url="http://127.0.0.1:9/v1",
            api_key_env="FAR_API_KEY",
            context_tokens=524_288,
            country="FI",
        )
    )
    prices.write_text(
        "".join(
            f'[[prices]]\nendpoint = "{endpoint}"\nfrom = 2026-01-01\ninput = "{price}"\noutput = "0.80"\n'
            for endpoint, price in ((SCOUT, "0.10"), (MAVERICK, "0.20"), (UNHEALTHY, "0.30"))
        )
    )
    return {
        "DOCANALYST_CATALOGUE": str(catalogue),
        "DOCANALYST_PRICES": str(prices),
        "FAR_API_KEY": "a key that is refused",
        # Else what is being recognised would end as switched off.
        "DOCANALYST_OCR": "1",
    }


def seed(house: LiveStack) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.gallery.seed"],
        cwd=ROOT,
        env={**house.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    if done.returncode != 0:
        raise RuntimeError(f"The rows of the gallery could not be made:\n{done.stderr}")
    return done.stdout
