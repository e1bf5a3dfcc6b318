"""Repositories by address, as people bring them and workers read them; what was read equals what git lists."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from apps.common.http import Refused
from apps.library import storage
from apps.library.claims import Claim, work_on
from apps.library.git import fetching, runner
from apps.library.git.fetching import fetch
from apps.library.git_services import GitRequest, add_repository, fetch_again
from apps.library.models import Document, Revision, SkippedPath, SourceFile
from apps.library.passwords import opened_token, seal_token
from apps.library.reading import read_revision
from apps.library.services import delete_document
from apps.library.tasks import sweep_files
from tests.library.git_server import BareRepository, GitServer, certificate, git, make_bare, run_git_server
from tests.library.house import HTMX, House, house_with_lease  # noqa: F401 (fixture)
from tests.library.test_git_hosts import assert_no_git_is_left, know_host, wait
from tests.library.trees import read, texts

TOKEN = "glpat-canary-of-a-token"
FILES: dict[str, bytes] = {
    "README.md": b"# Notices\r\nOf the lease.\r\n",
    ".gitignore": b"kept.log\n",
    ".gitattributes": b"src/** export-ignore\n",
    "kept.log": b"tracked, whatever .gitignore says\n",
    "src/app.py": b"def end(lease):\n    return lease.notice_days\n" * 100,
    "src/App.py": b"a name that is the same on other machines\n",
    "node_modules/left/index.js": b"left();\n",
    "logo.png": b"\x89PNG\r\n\x1a\n\0\0",
    "link": b"src/app.py",
    "vendored": b"1" * 40,
    "empty": b"",
    "wide.txt": "\ufeffwide\n".encode("utf-32-le"),
}  # fmt: skip
MODES = {"link": "120000", "vendored": "160000"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with run_git_server(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def server(served: GitServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> GitServer:
    settings.GIT_PRIVATE_HOSTS = {served.authority}
    settings.GIT_CA_FILE = certificate()
    know_host(monkeypatch)
    served.answers.clear()
    served.tokens.clear()
    return served


@pytest.fixture
def repository(server: GitServer, request: pytest.FixtureRequest) -> BareRepository:
    made = make_bare(server.folder / f"{abs(hash(request.node.nodeid))}.git")
    made.commit(FILES, modes=MODES)
    return made


def bring(house: House, server: GitServer, repository: BareRepository, **asked: Any) -> Document:
    wanted = GitRequest(server.url(repository.path.name), **asked)
    return add_repository(house.people["alice"], house.corpus, wanted).document


def fetched(document: Document) -> Revision:
    """What comes of fetching alone, without reading what came."""

    def work(claim: Claim) -> None:
        if fetch(claim):
            claim.release(status=Revision.Status.READY, ready_at=timezone.now(), figures_at=timezone.now())

    document.refresh_from_db()
    revision = document.next_revision or document.current_revision
    assert revision is not None
    assert work_on(str(revision.pk), work)
    revision.refresh_from_db()
    return revision


def listed(repository: BareRepository, commit: str) -> dict[str, str]:
    """Path → object of every file and link that git lists, and of submodules with a slash."""
    lines = git(repository.path, "ls-tree", "-r", "-z", commit).strip("\0").split("\0")
    found = {}
    for line in lines:
        facts, path = line.split("\t")
        found[path + "/" * (facts[:6] == "160000")] = facts.split()[2]
    return found


def skipped(revision: Revision) -> dict[str, tuple[str, int]]:
    return {one.path: (one.reason, one.count) for one in SkippedPath.objects.filter(revision=revision)}


def test_what_is_read_is_what_git_lists_without_the_skips(
    house: House, server: GitServer, repository: BareRepository
) -> None:
    commit = git(repository.path, "rev-parse", "main")

    revision = read(document := bring(house, server, repository))

    assert (revision.status, revision.commit, revision.error_sentence) == ("ready", commit, "")
    assert (document.kind, document.name) == ("repository", repository.path.stem)
    assert revision.facts["ref"] == "main"
    of_files = set(SourceFile.objects.filter(revision=revision).values_list("path", flat=True))
    left_out = skipped(revision)
    in_folders = {
        path for path in listed(repository, commit) for folder in left_out if folder != path and folder.endswith("/")
        and path.startswith(folder)
    }  # fmt: skip
    assert of_files.isdisjoint(left_out)
    assert of_files | set(left_out) == (set(listed(repository, commit)) - in_folders) | {"node_modules/"}
    assert {"vendored/", "link", "logo.png", "node_modules/"} < set(left_out)
    assert left_out["vendored/"] == ("submodule", 1)
    assert {"kept.log", ".gitignore", "README.md"} < of_files
    assert len({"src/app.py", "src/App.py"} & of_files) == 1, (
        "two names that collide elsewhere are one too many"
    )
    for path, text in texts(revision).items():
        encoding = "utf-32" if path == "wide.txt" else "utf-8"
        assert text == FILES[path].decode(encoding).replace("\r\n", "\n"), path


def test_the_stored_tar_is_the_same_for_the_same_commit(
    house: House, server: GitServer, repository: BareRepository
) -> None:
    first = fetched(bring(house, server, repository))
    second = fetched(bring(house, server, repository, ref="refs/heads/main"))

    assert first.pk != second.pk
    assert (first.sha256, first.size_bytes) == (second.sha256, second.size_bytes)
    assert first.content_type == "application/x-tar"


def test_fetching_again_makes_a_reading_only_for_another_commit(
    house: House, server: GitServer, repository: BareRepository
) -> None:
    alice = house.people["alice"]
    first = read(document := bring(house, server, repository, exclude=("node_modules/",)))

    fetch_again(alice, document)
    same = read(document)

    assert same.pk == first.pk
    assert (same.facts["looked"]["ref"], same.facts["looked"]["commit"]) == ("main", first.commit)
    assert Revision.objects.filter(document=document).count() == 1
    assert document.next_revision_id is None

    unread = repository.commit({"a.py": b"x = 1\n"}, branch="other")
    changed = {**FILES, "README.md": b"# Anew\n", "new.py": b"x = 1\n"}
    del changed["empty"]
    commit = repository.commit(changed, modes=MODES)
    fetch_again(alice, document)
    second = read(document)

    assert second.pk != first.pk
    assert (second.status, second.commit, second.options) == ("ready", commit, first.options)
    told = second.facts["changed"]
    assert (told["added"], told["changed"], told["removed"]) == (1, 1, 1)
    first.refresh_from_db()
    assert first.status == "ready", "old answers cite it"

    fetch_again(alice, document, ref="other")
    other = fetched(document)
    assert (other.commit, other.facts["ref"], other.options["ref"]) == (unread, "other", "other")


def test_a_private_repository_is_read_with_its_token_which_is_nowhere_to_be_seen(
    house: House, server: GitServer, repository: BareRepository, caplog: pytest.LogCaptureFixture
) -> None:
    import base64

    caplog.set_level(logging.DEBUG)
    server.tokens[repository.path.name] = (
        "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    )
    refused = read(document := bring(house, server, repository))
    assert (refused.status, refused.error_code) == ("failed", "git_not_found")
    assert "token" in refused.error_sentence

    # The same address again, now with a token, is the same document.
    assert bring(house, server, repository, token=TOKEN).pk == document.pk
    revision = read(document)

    assert revision.status == "ready"
    assert opened_token(revision) == TOKEN
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            assert TOKEN not in repr(cursor.fetchall()), table
    assert TOKEN not in caplog.text
    assert TOKEN not in house.client("alice").get(house.url("documents"), headers=HTMX).content.decode()
    fetch_again(house.people["alice"], document, token="")
    assert read(document).error_code == ""
    assert document.next_revision is not None
    assert document.next_revision.error_code == "git_not_found"


def test_a_token_opens_for_its_own_document_and_address_alone(
    house: House, server: GitServer, repository: BareRepository
) -> None:
    document = bring(house, server, repository, token=TOKEN)
    revision = document.current_revision
    assert revision is not None
    assert opened_token(revision) == TOKEN
    document.source_url = server.url("elsewhere.git")
    revision.document = document
    assert opened_token(revision) == ""
    other = Document.objects.create(
        workspace=house.workspace, name="x", kind="repository", source_url=document.source_url
    )
    revision.password_box = seal_token(TOKEN, other)
    assert opened_token(revision) == ""


def test_the_same_request_is_known_and_another_one_is_not(
    house: House, server: GitServer, repository: BareRepository
) -> None:
    alice, url = house.people["alice"], server.url(repository.path.name)
    first = add_repository(alice, house.corpus, GitRequest(url))

    assert add_repository(alice, house.corpus, GitRequest(f"{url}/")).is_known
    assert not add_repository(alice, house.corpus, GitRequest(url, include=("src/",))).is_known
    with pytest.raises(Refused, match="being read already"):
        fetch_again(alice, first.document)
    with pytest.raises(Refused, match="came as a file"):
        fetch_again(alice, house.lease)


def test_deleting_while_it_is_fetched_ends_git(
    house: House, server: GitServer, repository: BareRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = bring(house, server, repository)

    def delete_and_wait(handler: Any) -> None:
        wait(handler)

    server.answers[repository.path.name] = delete_and_wait
    real = runner.GitRunner.run
    revision = document.current_revision
    assert revision is not None
    folder = django_settings.FILE_UPLOAD_TEMP_DIR / f"git-{revision.pk}"
    ticks: list[int] = []

    def deleting(self: runner.GitRunner, *arguments: str, **options: Any) -> Any:
        before = self.on_tick

        def tick() -> None:
            ticks.append(1)
            if len(ticks) == 2:
                delete_document(house.people["alice"], document)
            before()

        self.on_tick = tick
        return real(self, *arguments, **options)

    monkeypatch.setattr(runner.GitRunner, "run", deleting)
    read_revision(str(revision.pk))

    assert 2 <= len(ticks) <= 8, "about a second"
    assert not folder.exists()
    assert_no_git_is_left(folder)
    assert not default_storage.exists(storage.original_name(revision.workspace_id, revision.pk))


def test_a_worker_that_leaves_hands_the_fetching_back(
    house: House, server: GitServer, repository: BareRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = bring(house, server, repository)
    server.answers[repository.path.name] = wait
    leaving = threading.Event()
    threading.Timer(0.3, leaving.set).start()
    monkeypatch.setattr("apps.library.claims.leaving.is_leaving", leaving.is_set)

    revision = read(document)

    assert (revision.status, revision.attempts, revision.claim) == ("reading", 0, None)
    leaving.clear()
    monkeypatch.setattr("apps.library.claims.leaving.is_leaving", lambda: False)
    server.answers.clear()
    assert fetched(document).status == "ready"


def test_an_attempt_that_was_killed_leaves_nothing_that_matters(
    house: House, server: GitServer, repository: BareRepository
) -> None:
    """The folder with half a pack, and a file whose row was never written."""
    document = bring(house, server, repository)
    revision = document.current_revision
    assert revision is not None
    folder = django_settings.FILE_UPLOAD_TEMP_DIR / f"git-{revision.pk}"
    (folder / "repository" / "objects").mkdir(parents=True)
    (folder / "commit.tar").write_bytes(b"half")
    name = storage.original_name(revision.workspace_id, revision.pk)
    default_storage.save(name, ContentFile(b"half"))

    revision = fetched(document)

    assert (revision.status, revision.storage_name) == ("ready", name)
    assert default_storage.size(name) == revision.size_bytes
    assert not folder.exists()


def test_one_fetching_goes_on_and_others_give_way_to_whoever_waits(
    house: House, server: GitServer, repository: BareRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "SLICE_SECONDS", 0)
    monkeypatch.setattr("apps.library.queueing.others_wait", lambda revision: True)
    document = bring(house, server, repository)
    slow = bring(house, server, repository, ref="slow").current_revision
    assert slow is not None
    now = timezone.now()
    Revision.objects.filter(pk=slow.pk).update(status="reading", claim=slow.pk, taken_at=now)

    revision = fetched(document)
    assert (revision.status, revision.claim, revision.attempts) == ("reading", None, 0)

    Revision.objects.filter(pk=slow.pk).update(taken_at=timezone.now() + timedelta(hours=1))
    assert fetched(document).status == "ready"


def test_a_worker_that_lost_its_claim_takes_nothing_from_the_next_one(
    house: House, server: GitServer, repository: BareRepository
) -> None:
    revision = bring(house, server, repository).current_revision
    assert revision is not None
    first, second = Claim(revision, uuid4()), Claim(revision, uuid4())
    late = fetching._private_folder(first)
    late.__enter__()
    with fetching._private_folder(second) as folder:
        late.__exit__(None, None, None)
        assert folder.is_dir()
    assert not folder.parent.exists()


def test_what_a_slow_host_gave_is_stored_and_read_at_another_turn(
    house: House, server: GitServer, repository: BareRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host may take half an hour, and a task three quarters of one in all."""
    document = bring(house, server, repository)
    monkeypatch.setattr("apps.library.claims.LONGEST_SLICE_SECONDS", 0)
    assert read_revision(str(document.current_revision_id))
    revision = Revision.objects.get(document=document)
    assert (revision.status, revision.claim, revision.attempts) == ("reading", None, 0)
    assert revision.storage_name


def test_folders_that_nobody_fetches_into_are_swept(house: House) -> None:
    import os

    old = Path(django_settings.FILE_UPLOAD_TEMP_DIR) / "git-of-nobody"
    (old / "repository").mkdir(parents=True)
    os.utime(old, (1, 1))

    sweep_files()

    assert not old.exists()


def test_a_repository_over_the_quota_is_refused_and_leaves_nothing(
    house: House, server: GitServer, repository: BareRepository, settings: Any
) -> None:
    document = bring(house, server, repository)
    settings.WORKSPACE_QUOTA_BYTES = 10_000

    revision = read(document)

    assert (revision.status, revision.error_code, revision.storage_name) == ("failed", "over_quota", "")
    assert not default_storage.exists(storage.original_name(revision.workspace_id, revision.pk))


def test_a_host_that_may_not_be_asked_any_more_is_not(
    house: House, server: GitServer, repository: BareRepository, settings: Any
) -> None:
    document = bring(house, server, repository)
    settings.GIT_PRIVATE_HOSTS = frozenset()
    server.asked.clear()

    assert read(document).error_code == "git_bad_address"
    assert server.asked == []


def test_a_name_that_leads_inside_is_refused_by_the_worker(house: House, settings: Any) -> None:
    document = add_repository(
        house.people["alice"], house.corpus, GitRequest("https://localhost/lib")
    ).document

    revision = read(document)

    assert revision.error_code == "git_private_address"
    assert "loopback" in revision.error_sentence
