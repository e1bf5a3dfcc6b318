"""Files of a repository in the viewer: whole or by slices, at their lines, with what is to be known of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.library import highlighting
from apps.library.models import Document, Page, SourceFile
from apps.library.viewer import PIECE_CHARACTERS, ViewerPage
from apps.workspaces.models import Workspace
from tests.factories import add_member, make_corpus, make_document, make_user, make_workspace
from tests.library.house import HTMX, body
from tests.repositories import make_repository

COMMIT = "1f2e3d4c5b6a79880123456789abcdef01234567"
APP = "".join(f"def step_{number}(x):\n    return x + {number}\n\n\n" for number in range(1, 101))
LONG = "".join(f"row_{number} = {number}\n" for number in range(1, 2_502))


@dataclass
class Shelf:
    """vera may look at a repository of alice."""

    workspace: Workspace
    document: Document
    client: Client

    def page(self, path: str, line: int = 1, *, whole_page: bool = False, **query: Any) -> str:
        return self.get(f"{path}:{line}" if line > 1 else path, whole_page=whole_page, **query)

    def get(self, wanted: str, *, whole_page: bool = False, **query: Any) -> str:
        url = reverse("library:document", args=[self.workspace.slug, self.document.pk])
        return body(
            self.client.get(
                url, {"page": wanted, **query}, headers={} if whole_page else HTMX, follow=whole_page
            )
        )

    def file(self, path: str) -> SourceFile:
        return SourceFile.objects.get(revision__document=self.document, path=path)


@pytest.fixture
def shelf(db: None, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setattr(highlighting, "PATIENCE_SECONDS", 30)
    alice, vera = make_user("alice@example.org"), make_user("vera@example.org")
    workspace = make_workspace("Code", owner=alice)
    add_member(workspace, vera, "viewer")
    document = make_repository(
        make_corpus(workspace, "Code"),
        {
            "README.md": "# Steps\n\nשלום\n",
            "src/app.py": APP,
            "src/data/rows.py": LONG,
            "src/latin.c": "/* gr\xfc\xdfe */\r\nint main;\r\n".encode("latin-1"),
            "src/odd.js": "let a = '\u202e';\n",
            "src/web/app.js": "export const a = 1;\n",
            "src/wide.json": "[" + "1, " * 100_000 + "1]\n",
            "tests/secret.env": "one\nKEY=AKIA••••••••\nP=hunter2\n",
        },
        "notices",
        added_by=alice,
        source_url="https://github.com/o/notices.git",
        commit=COMMIT,
        findings=[
            ("tests/secret.env", 2, "AWS access key", True),
            ("tests/secret.env", 3, "Password", False),
        ],
    )
    client = Client()
    client.force_login(vera)
    return Shelf(workspace, document, client)


def numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'class="code-number" id="L(\d+)"', page)]


def marked(page: str) -> list[int]:
    return [
        int(number)
        for number in re.findall(r'class="code-line cited-line"><a class="code-number" id="L(\d+)"', page)
    ]


def shown_number(page: str) -> int:
    return int(re.findall(r'data-page="(\d+)"', page)[0])


def test_a_file_that_can_be_taken_in_is_shown_whole(shelf: Shelf) -> None:
    assert shelf.file("src/app.py").page_count > 3
    page = shelf.page("src/app.py", 250)
    assert numbers(page) == list(range(1, 401))
    assert marked(page) == [250]
    assert "400 lines" in page
    assert 'hl-k">def</span> <span class="hl-nf">step_1</span>' in page
    assert f'<code title="{COMMIT}">{COMMIT[:10]}</code>' in page
    assert f"https://github.com/o/notices/blob/{COMMIT}/src/app.py#L250" in page
    assert " style=" not in page


def test_of_a_long_file_the_slice_that_was_asked_for(shelf: Shelf) -> None:
    source = shelf.file("src/data/rows.py")
    page = shelf.page("src/data/rows.py", 1_000)
    shown = numbers(page)
    assert 1_000 in shown
    assert len(shown) <= 120
    assert f"Lines {shown[0]:,}–{shown[-1]:,} of 2,501" in page
    number = shown_number(page)
    assert source.first_page < number < source.first_page + source.page_count
    for step in (number - 1, number + 1):
        assert reverse("library:page", args=[shelf.workspace.slug, shelf.document.pk, step]) in page
    assert 'aria-label="Part before"' in page


def test_steps_lead_from_file_to_file(shelf: Shelf) -> None:
    page = shelf.page("src/app.py")
    latin, readme = shelf.file("src/latin.c"), shelf.file("README.md")
    after = reverse("library:page", args=[shelf.workspace.slug, shelf.document.pk, latin.first_page])
    assert (
        shelf.file("src/data/rows.py").first_page
        == shelf.file("src/app.py").first_page + shelf.file("src/app.py").page_count
    )
    before = reverse("library:page", args=[shelf.workspace.slug, shelf.document.pk, readme.first_page])
    assert f'href="{before}"' in page
    assert 'aria-label="File before"' in page
    assert 'id="viewer-before"' not in shelf.page("README.md")
    assert 'id="viewer-after"' not in shelf.page("tests/secret.env")
    assert f'href="{after}"' in shelf.page("src/data/rows.py", 2_501)


JUMPS: dict[str, tuple[str, list[int]]] = {
    "src/app.py:42": ("src/app.py", [42]),
    "src/app.py:42-45": ("src/app.py", [42, 43, 44, 45]),
    "src/app.py:45–42": ("src/app.py", [42, 43, 44, 45]),
    "src/app.py#L42-L43": ("src/app.py", [42, 43]),
    "./src/app.py": ("src/app.py", []),
    "rows.py:7": ("src/data/rows.py", [7]),
    "web/app.js": ("src/web/app.js", []),
    "src/app.py:999999": ("src/app.py", [400]),
    "2": ("README.md", [2]),
    ":3": ("README.md", [3]),
    "L3": ("README.md", [3]),
}
NO_FILES = ("nothing.py", "pp.py", "app", "src/", "src/data", "SRC/APP.PY", "x:y", ":", "%", "_pp.py")


def test_jumping_to_a_file_and_its_lines(shelf: Shelf) -> None:
    for wanted, (path, lines) in JUMPS.items():
        for page in (shelf.get(wanted), shelf.get(wanted, whole_page=True)):
            assert path in re.sub("<[^>]+>", "", page[page.index('id="code-path"') - 10 :][:300]), wanted
            assert marked(page) == lines, wanted


def test_what_is_no_file_is_said(shelf: Shelf) -> None:
    for wanted in NO_FILES:
        assert "There is no file or line" in shelf.get(wanted), wanted


def test_a_name_that_two_files_have_means_neither(shelf: Shelf) -> None:
    SourceFile.objects.filter(path="src/web/app.js").update(path="src/web/app.py")
    assert "There is no file or line" in shelf.get("app.py")
    assert marked(shelf.get("web/app.py:1")) == [1]


def test_a_jump_without_scripts_is_an_address_that_names_the_lines(shelf: Shelf) -> None:
    url = reverse("library:document", args=[shelf.workspace.slug, shelf.document.pk])
    revision = str(shelf.document.current_revision_id)
    response = shelf.client.get(url, {"page": "src/app.py:250-251", "revision": revision})
    number = Page.objects.get(
        label__startswith="src/app.py:", revision_id=revision, text__contains="step_63("
    ).number
    assert response.url == (  # type: ignore[attr-defined]
        reverse("library:page", args=[shelf.workspace.slug, shelf.document.pk, number])
        + f"?revision={revision}&lines=250-251#L250-L251"
    )
    assert marked(body(shelf.client.get(response.url))) == [250, 251]  # type: ignore[attr-defined]


def test_what_is_to_be_known_of_a_file_is_said(shelf: Shelf) -> None:
    SourceFile.objects.filter(path="src/odd.js").update(flags=["bidi", "replacements:12"])
    assert "Decoded from" in shelf.page("src/latin.c")
    assert "western European" in shelf.page("src/latin.c")
    odd = shelf.page("src/odd.js")
    assert "change the direction of text" in odd
    assert "12 bytes are no text" in odd
    assert ">U+202E</span>" in odd
    secret = shelf.page("tests/secret.env")
    assert "A secret was found, masked before anything is sent: AWS access key." in secret
    assert "A secret was found, perhaps, and sent as it stands: Password." in secret
    assert re.search(r'id="L2"(?s:.*?)secret masked</span></span>', secret)
    assert re.search(r'id="L3"(?s:.*?)perhaps a secret</span></span>', secret)


def test_a_line_of_three_hundred_thousand_characters_is_cut_and_whole_in_its_text(shelf: Shelf) -> None:
    page = shelf.page("src/wide.json")
    assert len(page) < 60_000
    url = re.search(r'class="code-cut" href="([^"]+)"', page)[1].replace("&amp;", "&")  # type: ignore[index]
    whole = body(shelf.client.get(url, headers=HTMX))
    # In pieces: laid out as one, it would hold the browser for seconds.
    pieces = re.findall(r'<span class="text-piece">([^<]*)</span>', whole)
    assert "".join(pieces) == "[" + "1, " * 100_000 + "1]\n"
    assert max(map(len, pieces)) <= PIECE_CHARACTERS


def test_pieces_of_a_text_keep_its_marks(shelf: Shelf) -> None:
    text = "a" * 25_000 + "\n" + "b\n" * 3
    page = Page(text=text, revision=shelf.document.current_revision)
    viewer = ViewerPage(shelf.workspace, shelf.document, page, marks=((9_990, 10_010), (25_001, 25_002)))
    parts = [part for piece in viewer.text_pieces for part in piece]
    assert "".join(part.text for part in parts) == text
    assert "".join(part.text for part in parts if part.is_marked) == "a" * 20 + "b"
    assert [len("".join(part.text for part in piece)) for piece in viewer.text_pieces] == [
        10_000,
        10_000,
        5_007,
    ]


def test_the_text_of_a_file_can_be_taken_along(shelf: Shelf) -> None:
    page = shelf.page("src/app.py", 250)
    url = reverse("library:file-text", args=[shelf.workspace.slug, shelf.document.pk, shown_number(page)])
    assert url in page
    response = shelf.client.get(url)
    assert response.content.decode() == APP
    assert response["Content-Disposition"] == 'attachment; filename="app.py"'
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_a_document_of_pages_has_no_text_of_a_file(shelf: Shelf) -> None:
    lease = make_document(make_corpus(shelf.workspace, "Leases"))
    url = reverse("library:file-text", args=[shelf.workspace.slug, lease.pk, 1])
    assert shelf.client.get(url).status_code == 404


def test_a_text_that_is_one_file_is_shown_by_lines_too(shelf: Shelf) -> None:
    minutes = make_document(make_corpus(shelf.workspace, "Texts"), "minutes.txt", ["one\ntwo\n", "three\n"])
    Document.objects.filter(pk=minutes.pk).update(kind=Document.Kind.TEXT)
    for number, label in ((1, "lines 1–2"), (2, "line 3")):
        Page.objects.filter(revision__document=minutes, number=number).update(label=label, width=0, height=0)
    shelf.document = minutes
    page = shelf.get("3")
    assert numbers(page) == [1, 2, 3]
    assert marked(page) == [3]
    assert "3 lines" in page


def test_a_text_whose_pages_have_other_labels_is_shown_by_pages(shelf: Shelf) -> None:
    talk = make_document(
        make_corpus(shelf.workspace, "Talks"), "talk.vtt", ["Good morning.", "Good evening."]
    )
    Document.objects.filter(pk=talk.pk).update(kind=Document.Kind.TEXT)
    for number, label in ((1, "00:00:01"), (2, "00:01:02")):
        Page.objects.filter(revision__document=talk, number=number).update(label=label, width=0, height=0)
    shelf.document = talk
    assert "Good evening." in shelf.get("00:01:02")
    page = shelf.get("2")
    assert "Good evening." in page
    assert numbers(page) == []


def test_looking_at_a_file_takes_as_many_queries_whatever_its_size(shelf: Shelf) -> None:
    counts = []
    for path, line in (("src/web/app.js", 1), ("src/app.py", 250), ("src/data/rows.py", 1_000)):
        with CaptureQueriesContext(connection) as queries:
            shelf.get(f"{path}:{line}")
        counts.append(len(queries))
    assert max(counts) - min(counts) <= 2
    assert max(counts) <= 14
