"""A folder as the browser packs it, read back by another program: no installation, the modules alone."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.services import ROOT

pytestmark = pytest.mark.browser

KINDS = {"documents": [".pdf", ".docx"], "pictures": [".png"]}
PACK = """async ([files, name]) => {
    const { pack } = await import("/tar.js");
    const entries = files.map(([path, text]) => ({ path, file: new File([text], path) }));
    const packed = pack(entries, name);
    const bytes = new Uint8Array(await packed.arrayBuffer());
    return [packed.name, btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""))];
}"""
SORT_OUT = """async ([paths, kinds]) => {
    const { sortOut } = await import("/folder.js");
    const files = paths.map((path) => ({ path, file: new File(["x".repeat(path.length)], path.split("/").pop()) }));
    const { archive, documents, heaviest } = sortOut(files, "notes", kinds);
    return { archive: archive?.name, documents: documents.map((one) => one.name), heaviest };
}"""


@pytest.fixture(scope="module")
def modules(browser: Browser) -> Iterator[Page]:
    """A page that can import what packs folders."""
    page = browser.new_page()
    page.route(
        "http://localhost/**",
        lambda route: route.fulfill(
            body=(ROOT / "static" / "js" / route.request.url.rpartition("/")[2]).read_text()
            if route.request.url.endswith(".js")
            else "<!doctype html>",
            content_type="text/javascript" if route.request.url.endswith(".js") else "text/html",
        ),
    )
    page.goto("http://localhost/")
    yield page
    page.close()


def pack(page: Page, files: dict[str, str]) -> bytes:
    name, content = page.evaluate(PACK, [list(files.items()), "notes.tar"])
    assert name == "notes.tar"
    return base64.b64decode(content)


def read_back(content: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        members = archive.getmembers()
        assert all(one.isfile() and one.mtime == 0 and one.mode == 0o644 for one in members)
        return {one.name: archive.extractfile(one).read().decode() for one in members}  # type: ignore[union-attr]


def test_a_packed_folder_reads_back_identically_whatever_its_names(modules: Page) -> None:
    files = {
        "notes/a.py": "print('ä')\n",
        "notes/empty.txt": "",
        "notes/block.txt": "x" * 512,
        "notes/" + "deep/" * 25 + "file.txt": "a prefix",
        "notes/" + "n" * 120 + ".txt": "a name of 120 letters",
        "notes/" + "long folder/" * 30 + "f" * 120 + ".txt": "neither prefix nor name",
        "notes/naïve/日本語.md": "foreign",
        "notes/" + "ü" * 45: "record whose length grows by its own digits",
        "notes/" + "ü" * 44: "and the one before it",
        **{f"notes/é{'x' * length}": str(length) for length in range(84, 92)},
        # A name of 100 bytes fits, as do 155 and 100 with a slash between.
        "notes/" + "m" * 94: "full name",
        "p" * 155 + "/" + "q" * 100: "full prefix",
        "p" * 156 + "/" + "q" * 99: "one too many",
    }
    assert read_back(pack(modules, files)) == files


def test_the_same_files_give_the_same_bytes_in_whatever_order_they_come(modules: Page) -> None:
    files = {"notes/b.py": "two", "notes/a/z.py": "one", "notes/B.py": "three"}
    packed = pack(modules, files)
    assert packed == pack(modules, dict(reversed(files.items())))
    assert list(read_back(packed)) == sorted(files)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        pytest.param(
            ["notes/a.pdf", "notes/.DS_Store", "notes/scans/b.PNG"],
            {"documents": ["a.pdf", "b.PNG"]},
            id="documents and pictures alone are brought singly",
        ),
        pytest.param(
            ["notes/a.pdf", "notes/src/main.py", "notes/logo.png"],
            {"archive": "notes.tar", "documents": ["a.pdf"], "heaviest": {"name": "src", "size": 17}},
            id="anything else makes one repository",
        ),
    ],
)
def test_what_becomes_of_a_folder(modules: Page, paths: list[str], expected: dict[str, Any]) -> None:
    found = modules.evaluate(SORT_OUT, [paths, KINDS])
    assert {name: value for name, value in found.items() if value is not None} == expected
