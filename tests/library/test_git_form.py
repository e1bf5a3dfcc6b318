"""The form that brings a repository by address: what it takes, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from apps.common.http import Refused
from apps.library.git import runner
from apps.library.git_services import GitRequest, add_repository
from apps.library.models import Document
from tests.library.house import HTMX, House, house_with_lease  # noqa: F401 (fixture)

TOKEN = "glpat-canary-of-a-token"


def test_the_form_brings_a_repository_and_shows_it_in_the_list(house: House) -> None:
    client = house.client("bob")
    url = house.url("add-git")
    assert "https://forge.example/lib" in client.get(f"{url}?url=https://forge.example/lib").content.decode()

    sent = {"url": "https://forge.example/ada/lib", "token": TOKEN, "exclude": "docs/\n\n*.md\n"}
    assert client.post(url, sent).status_code == 302

    document = Document.objects.get(source_url="https://forge.example/ada/lib")
    assert document.current_revision is not None
    assert document.current_revision.options["exclude"] == ["docs/", "*.md"]
    response = client.post(url, {**sent, "ref": "v1"}, headers=HTMX)
    assert (response.status_code, response["HX-Trigger"]) == (200, "documents-changed, git-added")
    assert TOKEN not in response.content.decode()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"url": "http://forge.example/lib"}, "only https is fetched"),
        ({"url": "https://ada:hush@forge.example/lib"}, "a token has a field of its own"),
        ({"url": "https://forge.example/lib", "ref": "a..b"}, "no name of a branch"),
        ({"url": "https://forge.example/lib", "include": "a["}, "can match nothing"),
        ({}, "required"),
    ],
)
def test_the_form_tells_what_is_wrong_in_place(house: House, sent: dict[str, str], words: str) -> None:
    for headers in ({}, HTMX):
        response = house.client("alice").post(house.url("add-git"), {**sent, "token": TOKEN}, headers=headers)
        body = response.content.decode()
        assert response.status_code == 422
        assert words in body
        assert TOKEN not in body
    assert not Document.objects.exclude(source_url="").exists()


def test_a_machine_without_git_says_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_missing", lambda: "git is not installed on this machine.")

    page = house.client("alice").get(house.url("add-git")).content.decode()
    assert "git is not installed" in page
    with pytest.raises(Refused) as caught:
        add_repository(house.people["alice"], house.corpus, GitRequest("https://forge.example/lib"))
    assert (caught.value.code, caught.value.status) == ("git_missing", 503)


def test_one_person_cannot_fill_the_queue(house: House, settings: Any) -> None:
    settings.UPLOADS_PER_MEMBER = 2
    for number in range(2):
        url = f"https://forge.example/lib{number}"
        add_repository(house.people["alice"], house.corpus, GitRequest(url))

    with pytest.raises(Refused) as caught:
        add_repository(house.people["alice"], house.corpus, GitRequest("https://forge.example/lib9"))
    assert caught.value.code == "too_many_fetches"
