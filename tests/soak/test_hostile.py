"""Every hostile text at each character, bare and in each surrounding, through the browser's own stream."""

from __future__ import annotations

import time

from tests.browser.conftest import Desk, browser, desk, signed_in
from tests.browser.hostile import follow_each
from tests.browser.hostile_seed import PAYLOADS
from tests.browser.test_hostile import lease, waiting_page
from tests.live.conftest import house

__all__ = ["browser", "desk", "house", "lease", "signed_in"]

SURROUNDINGS = (
    "{}",
    "- {}\n- x",
    "> {}\n\nx",
    "| a |\n|---|\n| {} |\n\nx",
    "**[[3:12]] {}** `{}`",
    "```html\n{}\n```\n\n{}",
)


def test_every_hostile_text_stays_text_at_each_character(desk: Desk, lease: str) -> None:
    seen = waiting_page(desk, lease)
    started, states = time.monotonic(), 0
    for surrounding in SURROUNDINGS:
        texts = [surrounding.replace("{}", text) for text in PAYLOADS]
        states += follow_each(seen, texts)
        print(
            f"{surrounding!r}: {len(texts)} texts, {states:,} states so far, {time.monotonic() - started:.0f} s"
        )
    assert seen.said == []
    assert states > 30_000
