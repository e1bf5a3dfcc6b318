"""The page of what is read of a repository: what it lists, what other choices would do, and reading with them."""

from __future__ import annotations

import html
import re

import pytest
from django.urls import reverse

from apps.library.models import Document, Revision
from apps.library.what_is_read import MOST_RESTORED, Choice, effect_of
from tests.factories import make_next_revision
from tests.library.house import HTMX, House, body, house_with_lease  # noqa: F401 (fixture)
from tests.repositories import make_repository

FILES: dict[str, str | bytes] = {
    "src/app.py": "def rent():\n    return 1850\n" * 40,
    "src/deep/notes.md": "Notice is given in writing.\n",
    "docs/guide.md": "Keys are returned on the last day.\n" * 10,
    "docs/brief.txt": "Schöne Grüße aus dem zweiten Stock, gezeichnet: die Verwaltung\n".encode("utf-16"),
}
SKIPPED = [
    ("node_modules/", "dependencies", 1_204),
    ("package-lock.json", "lock file", 1),
    ("poetry.lock", "lock file", 1),
    ("logo.png", "image", 1),
]
FINDINGS = [("src/app.py", 7, "AWS key", True), ("docs/guide.md", 2, "Generic password", False)]


@pytest.fixture
def repository(house: House) -> Document:
    return make_repository(
        house.corpus,
        FILES,
        "rents",
        added_by=house.people["bob"],
        source_url="https://code.example.org/rents",
        commit="1f2e3d4" * 5,
        skipped=SKIPPED,
        findings=FINDINGS,
    )


def url(house: House, document: Document, name: str = "what-is-read") -> str:
    return reverse(f"library:{name}", args=[house.workspace.slug, document.pk])


def paths(fragment: str) -> list[str]:
    found = re.findall(r'<li class="skipped-row">\s*<span[^>]*>([^<]*)', fragment)
    return [html.unescape(one) for one in found]


def current(document: Document) -> Revision:
    document.refresh_from_db()
    assert document.current_revision is not None
    return document.current_revision


def test_the_page_tells_what_was_skipped_found_and_decoded(house: House, repository: Document) -> None:
    page = body(house.client("vera").get(url(house, repository)))
    assert "4 files" in page
    assert paths(page) == ["logo.png", "node_modules/", "package-lock.json", "poetry.lock"]
    assert "1 masked before anything is sent, 1 doubtful" in page
    assert "src/app.py:7" in page
    assert "Decoded from UTF-16" in page
    assert "commit <code" in page
    assert "nothing has changed since" not in page


def test_the_page_tells_when_the_host_was_asked_in_vain(house: House, repository: Document) -> None:
    revision = current(repository)
    revision.facts |= {
        "looked": {"at": "2026-11-21T16:05:00+00:00", "ref": "main", "commit": revision.commit}
    }
    revision.save(update_fields=["facts"])
    page = body(house.client("vera").get(url(house, repository)))
    assert "21 Nov 2026, 16:05 UTC</time>: nothing has changed since" in page


def test_a_viewer_sees_and_cannot_change(house: House, repository: Document) -> None:
    page = body(house.client("vera").get(url(house, repository)))
    for word in ("Read with these", "Take in", "Fetch again"):
        assert word not in page
        assert word in body(house.client("bob").get(url(house, repository)))
    for name in ("what-is-read", "restore"):
        assert house.client("vera").post(url(house, repository, name), {"path": "x"}).status_code == 403


def test_skipped_paths_are_found_by_reason_and_by_part_of_their_path(
    house: House, repository: Document
) -> None:
    client = house.client("vera")
    by_reason = client.get(url(house, repository), {"part": "skipped", "reason": "lock file"}, headers=HTMX)
    assert paths(body(by_reason)) == ["package-lock.json", "poetry.lock"]
    by_path = client.get(url(house, repository), {"q": "MODULES"})
    assert paths(body(by_path)) == ["node_modules/"]
    nothing = body(client.get(url(house, repository), {"part": "skipped", "q": "nowhere"}, headers=HTMX))
    assert "No skipped path holds “nowhere”" in nothing


@pytest.mark.parametrize(
    ("choice", "files", "files_out", "files_in"),
    [
        pytest.param(Choice(), 4, 0, 0, id="as it is"),
        pytest.param(Choice(include=("src/",)), 2, 2, 0, id="one folder alone"),
        pytest.param(Choice(exclude=("*.md",)), 2, 2, 0, id="without a kind"),
        pytest.param(Choice(exclude=("*.md", "!src/**/*.md")), 3, 1, 0, id="taken back"),
        pytest.param(Choice(restored=("node_modules/", "logo.png")), 4, 0, 1_204, id="a folder taken in"),
    ],
)
def test_the_effect_of_a_choice_is_told_before_it_is_saved(
    house: House, repository: Document, choice: Choice, files: int, files_out: int, files_in: int
) -> None:
    effect = effect_of(current(repository), choice)
    assert (effect.files, effect.files_out, effect.files_in) == (files, files_out, files_in)
    assert effect.tokens + effect.tokens_out == current(repository).token_count
    data = {name: "\n".join(getattr(choice, name)) for name in ("include", "exclude", "restored")}
    response = house.client("bob").post(url(house, repository, "preview-reading"), data, headers=HTMX)
    assert f">{files} files<" in body(response)


def test_the_form_holds_what_is_chosen_now(house: House, repository: Document) -> None:
    revision = current(repository)
    revision.options = {**revision.options, "include": ["src/", "docs/"], "restored": ["a & b.lock"]}
    revision.save(update_fields=["options"])
    page = body(house.client("bob").get(url(house, repository)))
    found = {
        name: html.unescape(text)
        for name, text in re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>([^<]*)<', page)
    }
    assert found == {"include": "src/\ndocs/", "exclude": "", "restored": "a & b.lock"}


def test_what_failed_is_tried_again_with_its_own_choice(house: House, repository: Document) -> None:
    make_next_revision(
        repository, status=Revision.Status.FAILED, storage_name="kept", options={"include": ["src/", "docs/"]}
    )
    page = body(house.client("bob").get(url(house, repository)))
    assert '<textarea name="include" hidden>src/\ndocs/</textarea>' in page
    assert "Retry" in page


def test_a_first_fetch_that_failed_takes_a_token_where_it_says_so(house: House, repository: Document) -> None:
    Revision.objects.filter(document=repository).update(
        status=Revision.Status.FAILED, page_count=0, error_sentence="It is private: give a token."
    )
    page = body(house.client("bob").get(url(house, repository)))
    assert "It is private: give a token." in page
    assert 'name="token"' in page
    assert 'name="token"' not in body(house.client("vera").get(url(house, repository)))


def test_what_is_restored_no_longer_is_left_out_again(house: House, repository: Document) -> None:
    revision = current(repository)
    revision.options = {**revision.options, "restored": ["docs/", "src/app.py"]}
    effect = effect_of(revision, Choice(restored=("src/app.py",)))
    assert (effect.files, effect.files_out) == (2, 2)


def test_what_was_restored_in_hundreds_can_still_be_chosen_otherwise(
    house: House, repository: Document
) -> None:
    """The page sends all restored paths back with whatever is changed."""
    taken_in = [f"generated/{number:04}/{'n' * 80}.py" for number in range(MOST_RESTORED)]
    choice = {"exclude": "docs/", "restored": "\n".join(taken_in)}

    bob = house.client("bob")
    page = body(bob.post(url(house, repository, "preview-reading"), choice, **HTMX))
    assert "2 files" in page
    choice["restored"] += "\none/more.py"
    refused = bob.post(url(house, repository, "preview-reading"), choice, **HTMX)
    assert refused.status_code == 422
    assert f"More than {MOST_RESTORED:,} paths" in body(refused)


def test_a_pattern_that_matches_nothing_is_refused_with_its_name(house: House, repository: Document) -> None:
    client = house.client("bob")
    response = client.post(url(house, repository, "preview-reading"), {"exclude": "src/["}, headers=HTMX)
    assert response.status_code == 422
    assert "“src/[”" in body(response)
    response = client.post(url(house, repository), {"exclude": "src/["}, headers=HTMX)
    assert "“src/[”" in body(response)
    assert response["HX-Retarget"] == "#viewer"


@pytest.mark.parametrize(
    ("name", "data", "chosen"),
    [
        ("what-is-read", {"include": "src/\r\n\r\n docs/ ", "exclude": "*.md"}, (["src/", "docs/"], ["*.md"], [])),
        ("restore", {"path": "node_modules/"}, ([], [], ["node_modules/"])),
        ("restore", {"reason": "lock file"}, ([], [], ["package-lock.json", "poetry.lock"])),
    ],
    ids=["patterns", "a path", "a reason"],
)  # fmt: skip
def test_other_choices_start_a_reading_that_is_to_replace_this_one(
    house: House, repository: Document, name: str, data: dict[str, str], chosen: tuple[list[str], ...]
) -> None:
    headers = HTMX | {"HX-Target": "viewer"}
    response = house.client("bob").post(url(house, repository, name), data, headers=headers)
    assert response.status_code == 200
    assert response["HX-Trigger"] == "documents-changed"
    assert "What is read already stays in use" in body(response)
    before = current(repository)
    following = repository.next_revision
    assert following is not None
    assert before.status == "ready"
    options = following.options
    assert (options["include"], options["exclude"], options["restored"]) == chosen
    assert following.commit == before.commit

    again = house.client("bob").post(url(house, repository, name), data, headers=headers)
    assert "being read again already" in body(again)


def test_a_lone_restore_names_a_path_or_a_reason(house: House, repository: Document) -> None:
    for data in ({}, {"path": "a", "reason": "b"}):
        response = house.client("bob").post(url(house, repository, "restore"), data, headers=HTMX)
        assert response.status_code == 422


def test_what_is_no_text_is_not_taken_in(house: House, repository: Document) -> None:
    for data in ({"path": "logo.png"}, {"reason": "image"}, {"path": "nowhere"}):
        assert house.client("bob").post(url(house, repository, "restore"), data).status_code == 404


def test_a_document_that_is_no_repository_has_no_such_page(house: House) -> None:
    assert house.client("alice").get(url(house, house.lease)).status_code == 404
