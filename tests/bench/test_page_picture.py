"""Opening a citation: the page around the picture with the quote boxed, and the picture, over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.bench.figures import Figures, median, percentile
from tests.bench.house import EMAIL, BenchHouse, run_bench_house
from tests.bench.papers import origin, write_long_pdf
from tests.bench.wire import Refused, call, open_wire, request_bytes

PAGES = 600
CITED = 12
PICTURE = re.compile(r'<img class="sheet-picture" src="([^"]+)"')
MAKE_SESSION = f"""
from django.test import Client
from apps.accounts.models import User
client = Client()
client.force_login(User.objects.get(email={EMAIL!r}))
print(client.cookies["sessionid"].value)
"""


@pytest.mark.asyncio
async def test_page_pictures(tmp_path: Path, figures: Figures) -> None:
    content = write_long_pdf(tmp_path / "paper.pdf", PAGES).read_bytes()
    with run_bench_house(tmp_path / "house") as house:
        prepared = await asyncio.to_thread(prepare, house, content)
        wire = await open_wire(house.stack.url)

        async def get(path: str) -> tuple[float, bytes]:
            request = request_bytes("GET", house.stack.url, path, headers=prepared["headers"])
            started_at = time.perf_counter()
            status, body = await call(*wire, request)
            if status != 200:
                raise Refused(f"{path}: {status}")
            return 1000 * (time.perf_counter() - started_at), body

        # A page nobody cites: code, connections and the parser are warm, the cited pages' pictures are not there.
        await get(f"/api/v1/documents/{prepared['document']}/pages/1/image")
        pages_cold, pictures_cold = await visit(get, prepared["citations"])
        pages_warm, pictures_warm = await visit(get, prepared["citations"])
        wire[1].close()
    for name, pages, pictures, reach in (
        ("cold", pages_cold, pictures_cold, 150),
        ("warm", pages_warm, pictures_warm, 30),
    ):
        together = [page + picture for page, picture in zip(pages, pictures, strict=True)]
        figures.at_most(
            f"citation opened, {name}: page with boxes and picture (p50), {len(pages)} of {PAGES} {origin()}",
            median(together),
            reach,
            "ms",
            f"p95 {percentile(together, 0.95):.0f}; page {median(pages):.0f}, picture {median(pictures):.0f}",
        )


async def visit(get: Any, citations: list[str]) -> tuple[list[float], list[float]]:
    """Milliseconds for each citation's page, and for the picture that it names."""
    pages, pictures = [], []
    for path in citations:
        took, body = await get(path)
        html = body.decode()
        assert "quote-box" in html
        pages.append(took)
        picture = PICTURE.search(html)
        assert picture is not None
        took, body = await get(picture[1].replace("&amp;", "&"))
        assert body[:4] == b"RIFF"
        pictures.append(took)
    return pages, pictures


def prepare(house: BenchHouse, content: bytes) -> dict[str, Any]:
    """A document and an answer that quotes a dozen of its pages word for word; a browser's session."""
    corpus = house.api.new_corpus("Papers")
    document = house.api.upload(corpus, "paper.pdf", content)["id"]
    [read] = house.api.wait_until_read([document], seconds=90)
    assert read["status"] == "ready", read
    quotes: dict[int, str] = {}
    for number in range(10, PAGES, 7):
        text = house.api.get(f"/documents/{document}/pages/{number}")["text"]
        lines = [line for line in text.splitlines() if len(line.split()) >= 7 and '"' not in line]
        if lines:
            quotes[number] = " ".join(lines[0].split()[:12])
        if len(quotes) == CITED:
            break
    evidence = "".join(f'[[1:{number}]] "{quote}"\n' for number, quote in quotes.items())
    house.provider.settings(sink=True, text=f"<evidence>\n{evidence}</evidence>\nAs quoted [[1:10]].")
    answer = house.api.wait_for_answer(house.api.ask(corpus, "What do the pages say?"))
    assert answer["status"] == "done", answer
    boxed = [one["page"] for one in answer["evidence"] if one["boxes"]]
    assert len(boxed) >= CITED // 2, json.dumps(answer["evidence"])[:1000]
    session = house.stack.manage("shell", "-c", MAKE_SESSION).strip().splitlines()[-1]
    slug = re.search(r"/w/([^/]+)/", answer["html"])
    assert slug is not None, answer["html"]
    return {
        "document": document,
        "citations": [f"/w/{slug[1]}/answers/{answer['id']}/cite/1/{number}/" for number in boxed],
        # As htmx asks when a citation is clicked.
        "headers": f"Cookie: sessionid={session}\r\nHX-Request: true\r\n",
    }
