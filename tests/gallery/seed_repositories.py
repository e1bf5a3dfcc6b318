"""A corpus of repositories: ticked in part, fetched again, on its way, refused."""

from __future__ import annotations

from collections.abc import Callable

from apps.accounts.models import User
from apps.library.models import Corpus, CorpusEntry, Document, Revision
from apps.library.selecting import set_path_ticked
from apps.workspaces.models import Workspace
from tests.factories import make_corpus, make_document, make_next_revision
from tests.gallery.words import FOREIGN_NAMES, UNBROKEN_NAME
from tests.repositories import make_repository

Claim = Callable[[], dict[str, object]]

COMMIT = "9f31c07be4d25a6810f7a3c95d1e0b8842f6c7aa"
_FUNCTION = (
    "def notice(days: int, kind: str) -> int:\n    return days if kind == 'registered' else days + 3\n\n\n"
)
FILES: dict[str, str | bytes] = {
    "README.md": "# Rents\n\nCounts what is due, and until when notice can be given.\n" * 3,
    **{f"src/rents/{name}.py": _FUNCTION * size for name, size in (("due", 60), ("index", 25), ("notice", 90))},
    "src/rents/export/table.py": _FUNCTION * 20,
    "src/rents/export/formats/spreadsheet.py": _FUNCTION * 30,
    **{f"tests/test_{name}.py": _FUNCTION * 35 for name in ("due", "index", "notice")},
    "tests/data/leases.json": '{"rent": 1850, "due": 3}\n' * 200,
    "docs/guide.md": "Notice is given by registered letter, before the third working day.\n" * 40,
    "docs/translated/naïve.md": "Kündigung per Einschreiben, spätestens am dritten Werktag.\n".encode("latin-1") * 12,
    f"docs/{FOREIGN_NAMES[0]}": "Rent.\n" * 3,
    f"docs/{UNBROKEN_NAME[:120]}.md": "A name without a place to break.\n" * 4,
}  # fmt: skip
SKIPPED = [
    ("node_modules/", "dependencies", 18_204),
    ("static/vendor/", "vendored", 61),
    ("package-lock.json", "lock file", 1),
    ("poetry.lock", "lock file", 1),
    ("static/app.min.js", "minified", 1),
    *((f"static/icons/{number:03}.png", "image", 1) for number in range(140)),
    (f"static/{UNBROKEN_NAME}.woff2", "font", 1),
]
FINDINGS = [
    ("src/rents/due.py", 41, "AWS access key", True),
    ("tests/data/leases.json", 7, "Private key", True),
    ("docs/guide.md", 12, "Generic password", False),
]
CHANGED = {
    "added": 2,
    "changed": 3,
    "removed": 1,
    "names": {
        "added": ["src/rents/export/formats/spreadsheet.py", "tests/test_index.py"],
        "changed": ["README.md", "src/rents/due.py", "src/rents/notice.py"],
        "removed": ["src/rents/old.py"],
    },
}


def make_repositories(workspace: Workspace, owner: User, claim: Claim) -> Corpus:
    corpus = make_corpus(workspace, "Rents, the program")
    rents = make_repository(
        corpus,
        FILES,
        "rents",
        added_by=owner,
        source_url="https://code.example.org/tenancy/rents.git",
        commit=COMMIT,
        skipped=SKIPPED,
        findings=FINDINGS,
    )
    _set(
        rents,
        facts={"changed": CHANGED, "looked": {"at": "2026-11-21T16:05:00+00:00"}},
        options={"exclude": ["*.csv"], "restored": ["static/site.css"]},
    )
    entry = CorpusEntry.objects.get(document=rents)
    set_path_ticked(owner, entry, "tests/", False)
    set_path_ticked(owner, entry, "src/rents/export/", False)
    make_repository(corpus, {"notes/leases.md": "Rent is due on the third.\n" * 30}, "notes", added_by=owner)
    again = make_repository(
        corpus, {"main.go": "package main\n" * 20}, "meters", added_by=owner, commit="4" * 40,
        source_url="https://code.example.org/tenancy/meters",
    )  # fmt: skip
    following = make_next_revision(again, status=Revision.Status.READING, stage="Fetching 43 %", **claim())
    # Read by itself, not on top of the reading in use.
    Revision.objects.filter(pk=following.pk).update(base=None)
    refused = make_document(
        corpus, "private", (), added_by=owner, status=Revision.Status.FAILED, error_code="git_not_found",
        error_sentence="The host has no such repository, or it is private: look at the address, or give a token.",
    )  # fmt: skip
    Document.objects.filter(pk=refused.pk).update(
        kind=Document.Kind.REPOSITORY, source_url="https://code.example.org/tenancy/private"
    )
    Revision.objects.filter(document=refused).update(reader="repository")
    return corpus


def _set(document: Document, *, facts: dict[str, object], options: dict[str, object]) -> None:
    revision = document.current_revision
    assert revision is not None
    revision.facts |= facts
    revision.options |= options
    revision.save(update_fields=["facts", "options"])
