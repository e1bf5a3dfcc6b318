"""The token tree under a repository: what it shows, and what a tick in it does."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.library.corpora import corpus_meter, corpus_rows
from apps.library.models import CorpusEntry, Document
from apps.library.tree_pane import ENTRIES_SHOWN
from tests.library.house import HTMX, House, body, house_with_lease  # noqa: F401 (fixture)
from tests.repositories import make_repository

FILES = {
    "README.md": "How the rent is counted.\n",
    "src/app.py": "def rent():\n    return 1850\n" * 40,
    "src/deep/notes.md": "Notice is given in writing.\n",
    "docs/guide & more.md": "Keys are returned on the last day.\n" * 10,
}


@pytest.fixture
def repository(house: House) -> Document:
    return make_repository(house.corpus, FILES, "rents", added_by=house.people["alice"])


def address(house: House, document: Document, name: str = "tree") -> str:
    entry = CorpusEntry.objects.get(document=document, corpus=house.corpus)
    return reverse(f"library:{name}", args=[house.workspace.slug, house.corpus.pk, entry.pk])


def folder(client: Client, url: str, path: str = "", **query: Any) -> str:
    response = client.get(url, {"path": path, **query}, headers=HTMX)
    assert response.status_code == 200
    return body(response)


def boxes(fragment: str) -> dict[str, bool]:
    """Path → whether its box is ticked, in the order of the list."""
    inputs = re.findall(r"<input[^>]*tree-tick[^>]*>", fragment)
    return {
        html.unescape(found[1]): " checked" in one
        for one in inputs
        if (found := re.search(r'data-path="([^"]*)"', one))
    }


def tick(house: House, document: Document, path: str, is_ticked: bool, name: str = "vera") -> str:
    data = {"path": path} | ({"is_ticked": "on"} if is_ticked else {})
    response = house.client(name).post(address(house, document, "tick-path"), data, headers=HTMX)
    assert response.status_code == 200
    assert response["HX-Trigger-After-Swap"] == "selection-changed"
    return body(response)


def test_a_folder_lists_what_it_holds_heaviest_first(house: House, repository: Document) -> None:
    client, url = house.client("vera"), address(house, repository)
    assert list(boxes(folder(client, url))) == ["src/", "docs/", "README.md"]
    assert list(boxes(folder(client, url, "src/"))) == ["src/app.py", "src/deep/"]
    assert "10 lines" in folder(client, url, "docs/")


def test_a_tick_in_the_tree_moves_the_meter_for_this_person_alone(house: House, repository: Document) -> None:
    fragment = tick(house, repository, "src/", False)
    rows = corpus_rows(house.corpus, house.people["vera"])
    row = next(one for one in rows if one.document == repository)
    assert 0 < row.selected_tokens < row.tokens
    assert f'data-tokens="{row.selected_tokens}"' in fragment
    decisions = re.search(r'data-decisions="([^"]*)"', fragment)
    assert decisions
    assert json.loads(html.unescape(decisions[1])) == {"src/": False}
    meter, whole = corpus_meter(rows), corpus_meter(corpus_rows(house.corpus, house.people["bob"]))
    assert meter.selected_tokens == meter.all_tokens - row.tokens + row.selected_tokens
    assert whole.selected_tokens == whole.all_tokens

    shown = boxes(folder(house.client("vera"), address(house, repository)))
    assert shown == {"src/": False, "docs/": True, "README.md": True}
    assert not any(boxes(folder(house.client("vera"), address(house, repository), "src/")).values())
    assert all(boxes(folder(house.client("bob"), address(house, repository))).values())


def test_a_folder_ticked_in_part_is_neither_on_nor_off(house: House, repository: Document) -> None:
    tick(house, repository, "src/deep/", False)
    root = folder(house.client("vera"), address(house, repository))
    assert 'data-path="src/" data-state="mixed"' in root
    pane = body(house.client("vera").get(house.url("documents"), headers=HTMX))
    assert re.search(r'class="document ready partly"', pane)
    tick(house, repository, "src/", True)
    assert boxes(folder(house.client("vera"), address(house, repository), "src/")) == {
        "src/app.py": True,
        "src/deep/": True,
    }


def test_without_scripts_the_tree_is_a_page_of_links_and_buttons(house: House, repository: Document) -> None:
    client, url = house.client("bob"), address(house, repository)
    page = body(client.get(url, {"path": "docs/"}))
    assert 'value="docs/guide &amp; more.md"' in page
    response = client.post(address(house, repository, "tick-path"), {"path": "docs/guide & more.md"})
    assert (response.status_code, response["Location"]) == (302, f"{url}?path=docs%2F")
    assert "Take in" in body(client.get(response["Location"]))


def test_a_long_folder_comes_in_pieces(house: House) -> None:
    files = {f"part/{number:04}.txt": "word\n" for number in range(ENTRIES_SHOWN + 30)}
    long, client = make_repository(house.corpus, files), house.client("vera")
    first = folder(client, address(house, long), "part/")
    rest = folder(client, address(house, long), "part/", first=ENTRIES_SHOWN)
    assert (len(boxes(first)), len(boxes(rest))) == (ENTRIES_SHOWN, 30)
    assert "30 left" in first
    assert "left" not in rest
    assert [*boxes(first), *boxes(rest)] == list(files)


def test_a_folder_takes_the_same_queries_however_many_files_there_are(
    house: House, repository: Document
) -> None:
    files = {f"{number % 7}/{number}.txt": "word\n" for number in range(300)}
    many = make_repository(house.corpus, {"README.md": "One more.\n", **files})
    client = house.client("vera")
    folder(client, address(house, repository))
    counted = set()
    for document in (repository, many):
        with CaptureQueriesContext(connection) as queries:
            folder(client, address(house, document))
        counted.add(len(queries))
    assert len(counted) == 1


@pytest.mark.parametrize(
    "query", [{"path": "src"}, {"path": "lib/"}, {"path": "SRC/"}, {"first": "x"}, {"path": "a" * 281}]
)
def test_what_is_no_folder_is_not_found(house: House, repository: Document, query: dict[str, str]) -> None:
    assert house.client("vera").get(address(house, repository), query).status_code == 404


@pytest.mark.parametrize(("path", "status"), [("", 422), ("lib/", 404), ("src", 404)])
def test_a_tick_on_what_is_not_there_says_so(
    house: House, repository: Document, path: str, status: int
) -> None:
    url = address(house, repository, "tick-path")
    response = house.client("vera").post(url, {"path": path}, headers=HTMX)
    assert response.status_code == status


def test_a_document_without_files_has_no_tree(house: House) -> None:
    assert house.client("vera").get(address(house, house.lease), headers=HTMX).status_code == 404
