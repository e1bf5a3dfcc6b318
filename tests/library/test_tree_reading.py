"""Repositories from an uploaded archive to pages, and again."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from apps.common.http import Refused
from apps.library import tree_reading, tree_services, tree_store
from apps.library.claims import Claim, TurnOver
from apps.library.ingestion.sandbox import ChildDied, Sandbox
from apps.library.ingestion.source.labels import page_tokens
from apps.library.ingestion.tree.unpacking import TreeFile
from apps.library.ingestion.tree_files import FileRead, read_files
from apps.library.models import (
    CorpusEntry,
    Document,
    Page,
    Revision,
    SecretFinding,
    SkippedPath,
    SourceFile,
    Untick,
)
from apps.library.quotas import stored_bytes
from apps.library.reading import read_revision
from apps.library.readings import cancel_next
from apps.library.services import delete_document
from apps.library.tree_copies import known_files
from apps.llm.tokens import marker_tokens
from tests.factories import make_corpus, make_workspace
from tests.library.house import House, house_with_lease  # noqa: F401 (fixture)
from tests.library.trees import bring, read, texts

LONG = "".join(f"def number_{line}():\n    return {line}\n\n\n" for line in range(200))
FILES: dict[str, str | bytes] = {
    "top/README.md": "# A tree\r\nWith words.\r\n",
    "top/src/a.py": LONG,
    "top/src/b.py": "\tindented = [[1:2]]\n" * 130,
    "top/src/é.txt": "Grüße".encode("latin-1"),
    "top/src/empty.py": "",
    "top/src/copy.py": LONG,
    "top/.gitignore": "*.log\n",
    "top/noise.log": "left out",
    "top/node_modules/x/index.js": "left out",
    "top/node_modules/y/index.js": "left out",
    "top/logo.png": b"\x89PNG\r\n\x1a\n\x00\x00",
}
TOKEN = "ghp_" + "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4"


@pytest.fixture(name="asked")
def files_that_children_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the files that reach a child to be read."""
    asked: list[str] = []
    real = Sandbox.run

    def run(box: Sandbox, job: str, **given: Any) -> Generator[dict[str, Any], None, None]:
        if job == "tree.read":
            asked.extend(path for path, _, _ in given["args"]["files"])
        return real(box, job, **given)

    monkeypatch.setattr(Sandbox, "run", run)
    return asked


def rows(revision: Revision) -> list[tuple[Any, ...]]:
    """Everything of a reading's pages and files that another one must agree in."""
    pages = Page.objects.filter(revision=revision).order_by("number")
    files = SourceFile.objects.filter(revision=revision).order_by("first_page", "path")
    findings = SecretFinding.objects.filter(revision=revision)
    return [
        *pages.values_list("number", "label", "text", "tokens", "flags", "state", "source"),
        *files.values_list("path", "blob", "first_page", "page_count", "line_count", "tokens", "flags"),
        *findings.values_list("path", "line", "kind", "is_masked"),
    ]


def check_sums(revision: Revision) -> None:
    """Every count is what counting anew gives; every number is where it belongs."""
    pages = list(Page.objects.filter(revision=revision).order_by("number"))
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))
    assert [page.tokens for page in pages] == [page_tokens(page.label, page.text) for page in pages]
    packed = {page.number: page.tokens + marker_tokens(1, page.number) for page in pages if page.tokens}
    assert revision.token_count == sum(packed.values())
    files = list(SourceFile.objects.filter(revision=revision).order_by("first_page", "path"))
    assert [file.path for file in files] == sorted(file.path for file in files) or any(
        file.page_count == 0 for file in files
    )
    for file in files:
        numbers = range(file.first_page, file.first_page + file.page_count)
        assert file.tokens == sum(packed.get(number, 0) for number in numbers), file.path
        assert all(pages[number - 1].label.startswith(f"{file.path}:") for number in numbers)


def test_an_archive_becomes_pages_that_joined_are_its_files(house: House) -> None:
    revision = read(bring(house.people["alice"], house.corpus, FILES))
    assert (revision.status, revision.document.kind, revision.document.name) == (
        "ready",
        "repository",
        "code",
    )
    found = texts(revision)
    assert found == {
        ".gitignore": "*.log\n",
        "README.md": "# A tree\nWith words.\n",
        "src/a.py": LONG,
        "src/b.py": "\tindented = [ [1:2]]\n" * 130,
        "src/copy.py": LONG,
        "src/empty.py": "",
        "src/é.txt": "Grüße",
    }
    check_sums(revision)
    skipped = {row.path: (row.reason, row.count) for row in SkippedPath.objects.filter(revision=revision)}
    assert set(skipped) == {"noise.log", "node_modules/", "logo.png"}
    assert skipped["node_modules/"][1] == 2
    assert revision.skipped_count == 4 == sum(revision.facts["skipped"].values())
    assert (revision.facts["files"], revision.facts["lines"]) == (7, 1 + 2 + 800 + 130 + 800 + 0 + 1)
    assert not revision.pages_not_read
    assert revision.figures_at is not None


def test_the_same_content_twice_in_a_tree_is_read_once(house: House, asked: list[str]) -> None:
    read(bring(house.people["alice"], house.corpus, FILES))
    assert sorted(asked) == [".gitignore", "README.md", "src/a.py", "src/b.py", "src/empty.py", "src/é.txt"]


def test_what_the_workspace_has_read_is_never_read_again(house: House, asked: list[str]) -> None:
    alice = house.people["alice"]
    first: dict[str, str | bytes] = {**FILES, "top/key.py": f'token = "{TOKEN}"\n'}
    read(bring(alice, house.corpus, first))
    asked.clear()
    second = {
        **first,
        "top/src/b.py": "changed = 1\n",
        "top/moved/to/a.py": LONG,
        # Labels are sent otherwise than they are written here.
        'top/"say  [[1:2]].py': LONG,
        "top/0.py": "new = 1\n" * 500,
    }
    revision = read(bring(alice, house.corpus, second))
    assert sorted(asked) == ["0.py", "src/b.py"]
    check_sums(revision)
    assert texts(revision)["moved/to/a.py"] == LONG
    assert SecretFinding.objects.filter(revision=revision, path="key.py", is_masked=True).count() == 1
    fresh = make_workspace("Other", owner=alice)
    asked.clear()
    alone = read(bring(alice, make_corpus(fresh), second))
    assert len(asked) == 8, "another workspace knows nothing of it"
    assert rows(alone) == rows(revision)


def test_a_copy_whose_source_is_deleted_meanwhile_is_read_at_the_next_turn(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = house.people["alice"]
    first = bring(alice, house.corpus, FILES)
    read(first)
    second = bring(alice, house.corpus, {**FILES, "top/new.py": "x = 1\n"})
    real = tree_reading._plan

    def plan(*given: Any) -> Any:
        found = real(*given)
        if Document.objects.filter(pk=first.pk, deleted_at=None).exists():
            delete_document(alice, first)
        return found

    monkeypatch.setattr(tree_reading, "_plan", plan)
    waiting = read(second)
    assert (waiting.status, waiting.claim, waiting.attempts) == ("reading", None, 0)
    revision = read(second)
    assert revision.status == "ready"
    check_sums(revision)


def test_an_interrupted_reading_goes_on_behind_what_is_stored(
    house: House, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    alice = house.people["alice"]
    whole = read(bring(alice, make_corpus(make_workspace("Whole", owner=alice)), FILES))
    monkeypatch.setattr(tree_store, "_FILES_AT_ONCE", 3)
    real = Claim.give_way
    turns: list[int] = []

    def give_way(claim: Claim) -> None:
        turns.append(SourceFile.objects.filter(revision=claim.revision).count())
        raise TurnOver

    monkeypatch.setattr(Claim, "give_way", give_way)
    document = bring(alice, house.corpus, FILES)
    assert read(document).claim is None
    revision = read(document)
    assert (revision.status, revision.claim, revision.attempts) == ("reading", None, 0)
    assert turns == [3, 6]
    monkeypatch.setattr(Claim, "give_way", real)
    asked.clear()
    revision = read(document)
    assert revision.status == "ready"
    assert asked == ["src/é.txt"]
    assert rows(revision) == rows(whole)
    assert SkippedPath.objects.filter(revision=revision).count() == 3


def test_a_deleted_document_stops_its_reading(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = house.people["alice"]
    document = bring(alice, house.corpus, FILES)
    revision = document.current_revision
    assert revision is not None
    real = tree_reading._plan

    def plan(*given: Any) -> Any:
        delete_document(alice, document)
        return real(*given)

    monkeypatch.setattr(tree_reading, "_plan", plan)
    read_revision(str(revision.pk))
    for model in (Page, SourceFile, SecretFinding, SkippedPath):
        assert not model.objects.filter(revision=revision).exists()


def test_a_document_deleted_while_it_is_unpacked_keeps_no_names(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = house.people["alice"]
    document = bring(alice, house.corpus, FILES)
    real = tree_reading._keep_skipped

    def keep(*given: Any) -> None:
        delete_document(alice, document)
        real(*given)

    monkeypatch.setattr(tree_reading, "_keep_skipped", keep)
    read_revision(str(document.current_revision_id))
    assert not SkippedPath.objects.exists()


def test_an_archive_is_not_unpacked_onto_a_full_disk(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_reading, "free_bytes", lambda: 1)
    revision = read(bring(house.people["alice"], house.corpus, FILES))
    assert (revision.status, revision.error_code) == ("failed", "no_room")


def test_what_many_readings_know_is_not_gathered(house: House) -> None:
    """The newest reading of a content counts, before it one that has it under the same path."""
    alice = house.people["alice"]
    text = "the same everywhere\n"
    for names in (["a.py", "b.py"], ["a.py", "c.py"], ["d.py"]):
        revision = read(bring(alice, house.corpus, {f"top/{name}": text for name in names}))
    [blob] = set(SourceFile.objects.values_list("blob", flat=True))
    wanted = dict.fromkeys(("a.py", "b.py", "d.py", "e.py"), (blob, ".py"))
    found = known_files(revision, {**wanted, "f.txt": (blob, ".txt")})
    assert {path: known.path for path, known in found.items()} == {
        **{name: name for name in wanted},
        "e.py": "d.py",
    }


def test_deleting_takes_files_findings_and_what_was_left_out(house: House) -> None:
    document = bring(house.people["alice"], house.corpus, {**FILES, "top/key.py": f'token = "{TOKEN}"\n'})
    revision = read(document)
    assert SecretFinding.objects.filter(revision=revision).exists()
    assert TOKEN not in texts(revision)["key.py"]
    Revision.objects.filter(pk=revision.pk).update(options={"restored": ["src/a.py"]})
    entry = CorpusEntry.objects.get(document=document)
    Untick.objects.create(user=house.people["bob"], entry=entry, paths=["/src/"])
    delete_document(house.people["alice"], document)
    assert Revision.objects.get(pk=revision.pk).options == {}
    assert not Untick.objects.exists()
    for model in (Page, SourceFile, SecretFinding, SkippedPath):
        assert not model.objects.filter(revision=revision).exists()


def test_other_globs_make_a_next_reading_of_the_same_bytes(house: House, asked: list[str]) -> None:
    alice = house.people["alice"]
    document = bring(alice, house.corpus, FILES)
    first = read(document)
    room = stored_bytes(house.workspace)
    asked.clear()
    tree_services.read_again(
        alice, document, include=["src/", "*.js"], exclude=["copy.py"], restored=["node_modules/x/index.js"]
    )
    document.refresh_from_db()
    assert document.current_revision == first
    with pytest.raises(Refused) as refused:
        tree_services.read_again(alice, document, include=[], exclude=["*"], restored=[])
    assert refused.value.code == "already_reading"
    second = read(document)
    assert second.pk != first.pk
    assert second.status == "ready"
    assert set(texts(second)) == {
        "node_modules/x/index.js",
        "src/a.py",
        "src/b.py",
        "src/empty.py",
        "src/é.txt",
    }
    assert asked == ["node_modules/x/index.js"]
    check_sums(second)
    changed = second.facts["changed"]
    assert (changed["added"], changed["changed"], changed["removed"]) == (1, 0, 3)
    assert changed["names"]["removed"] == [".gitignore", "README.md", "src/copy.py"]
    assert stored_bytes(house.workspace) == room
    with pytest.raises(Refused) as refused:
        tree_services.read_again(
            alice,
            document,
            include=["src/", "*.js"],
            exclude=["copy.py"],
            restored=["node_modules/x/index.js"],
        )
    assert refused.value.code == "nothing_changes"


def test_a_next_reading_can_be_given_up(house: House) -> None:
    alice = house.people["alice"]
    document = bring(alice, house.corpus, FILES)
    first = read(document)
    tree_services.read_again(alice, document, include=["src/"], exclude=[], restored=[])
    document.refresh_from_db()
    assert cancel_next(alice, document)
    document.refresh_from_db()
    assert (document.current_revision, document.next_revision) == (first, None)
    assert Revision.objects.filter(document=document).count() == 1


def test_a_malformed_glob_is_refused(house: House) -> None:
    document = bring(house.people["alice"], house.corpus, FILES)
    with pytest.raises(Refused) as refused:
        tree_services.read_again(house.people["alice"], document, include=["../x"], exclude=[], restored=[])
    assert (refused.value.code, refused.value.status) == ("bad_glob", 422)


def test_a_tree_without_a_file_to_read_fails_with_the_reason_and_can_be_read_otherwise(house: House) -> None:
    alice = house.people["alice"]
    document = bring(alice, house.corpus, {"x/logo.png": b"\x89PNG\r\n\x1a\n\x00", "x/dist/a.js": "a = 1;\n"})
    revision = read(document)
    assert (revision.status, revision.error_code) == ("failed", "nothing_to_read")
    assert SkippedPath.objects.filter(revision=revision).count() == 2
    left_out = SkippedPath.objects.get(revision=revision, path__startswith="dist/")
    tree_services.read_again(alice, document, include=[], exclude=[], restored=[left_out.path, "dist/a.js"])
    revision = read(document)
    assert revision.status == "ready", revision.error_sentence
    assert set(texts(revision)) == {"dist/a.js"}


# Files that break their child -----------------------------------------------------------------------


class _Box:
    """A sandbox whose children die at some files, as often as is said; values are made up."""

    def __init__(self, deaths: dict[str, list[BaseException]]) -> None:
        self.deaths = deaths
        self.asked: list[list[str]] = []

    def run(self, job: str, *, args: dict[str, Any], **_: Any) -> Iterator[dict[str, Any]]:
        paths = [path for path, _, _ in args["files"]]
        self.asked.append(paths)
        for path in paths:
            if waiting := self.deaths.get(path):
                raise waiting.pop(0)
            yield {"path": path, "encoding": "utf-8", "flags": [], "lines": 0, "pages": [], "findings": []}


def outcomes(box: _Box, paths: list[str]) -> list[str]:
    files = [TreeFile(path, 0, 10, "") for path in paths]
    found = read_files(box, 0, files, workers=2)  # type: ignore[arg-type]
    return [one.path if isinstance(one, FileRead) else f"{one.path}: {one.reason}" for one in found]


def died(limit: Any) -> ChildDied:
    return ChildDied(limit, "")


def test_a_file_that_breaks_its_child_twice_costs_itself_alone() -> None:
    box = _Box({"b": [died("memory"), died("memory")]})
    assert outcomes(box, list("abcd")) == ["a", "b: needed too much memory to read", "c", "d"]
    assert box.asked == [list("abcd"), ["b"], ["c", "d"]]


def test_a_file_that_breaks_its_child_once_is_read_after_all() -> None:
    assert outcomes(_Box({"a": [died("crash")], "c": [died("time")]}), list("abc")) == list("abc")


def test_the_last_file_alone_gets_a_second_try_too() -> None:
    assert outcomes(_Box({"a": [died("crash"), died("crash")]}), ["a"]) == ["a: crashed the reader"]


def test_a_child_that_the_system_took_is_no_fault_of_its_file() -> None:
    assert outcomes(_Box({"a": [died("killed"), died("lost"), died("killed")]}), list("ab")) == list("ab")


def test_many_files_come_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.library.ingestion.tree_files.BATCH_FILES", 7)
    paths = [f"{number:04}" for number in range(500)]
    box = _Box({"0003": [died("time"), died("time")], "0400": [died("cpu")]})
    found = outcomes(box, paths)
    assert [line.partition(":")[0] for line in found] == paths
    assert len(box.asked) > 70
