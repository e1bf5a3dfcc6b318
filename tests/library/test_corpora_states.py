"""Every PDF of the corpora reaches the state, code and page count that a second library settled."""

from __future__ import annotations

import json
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.common.http import Refused
from apps.library import reading, services
from apps.library.ingestion.limits import Limits
from apps.library.ingestion.pipeline import PipelineOptions
from apps.library.models import Page, Revision
from tests.factories import make_corpus, make_user, make_workspace
from tests.library.ingestion.odd_pdfs import every_case

TABLE = tomllib.loads((Path(__file__).parent / "corpora_states.toml").read_text(encoding="utf-8"))
ROWS: list[dict[str, Any]] = TABLE["file"]
MADE: list[dict[str, Any]] = TABLE["made"]


@pytest.fixture(scope="module")
def cases() -> dict[str, bytes]:
    return every_case()


def outcome(name: str, content: bytes, password: str = "") -> tuple[Revision | None, str]:
    """(the revision at its end, its code); no revision for what is refused at the door."""
    alice = make_user("alice@example.org")
    corpus = make_corpus(make_workspace("Tenancy", owner=alice))
    try:
        document = services.add_upload(alice, corpus, SimpleUploadedFile(name, content)).document
    except Refused as refused:
        return None, refused.code
    reading.read_revision(str(document.current_revision_id))
    revision = Revision.objects.get(document=document, base=None)
    code = revision.error_code
    if code == "needs_password" and password:
        services.give_password(alice, document, password)
        reading.read_revision(str(revision.pk))
        revision.refresh_from_db()
    return revision, code


@pytest.mark.django_db
@pytest.mark.parametrize("row", ROWS, ids=[row["path"] for row in ROWS])
def test_file_ends_as_settled(corpora: Path, row: dict[str, Any]) -> None:
    content = (corpora / row["path"]).read_bytes()
    revision, code = outcome(Path(row["path"]).name, content, row.get("password", ""))
    assert code == row.get("code", "")
    if revision is None:
        assert row["state"] == "refused"
        return
    assert row["state"] == ("needs_password" if code else revision.status)
    # With its password, a protected file is read as well.
    assert revision.status == "ready", revision.error_sentence
    assert revision.page_count == row["pages"]
    pages = Page.objects.filter(revision=revision)
    assert list(pages.values_list("number", flat=True)) == list(range(1, row["pages"] + 1))
    assert pages.filter(state=Page.State.UNREADABLE).count() == row.get("missing", 0)
    assert revision.facts["encrypted"] == row.get("encrypted", False)


@pytest.mark.django_db
@pytest.mark.parametrize("row", MADE, ids=[row["name"] for row in MADE])
def test_odd_file_ends_as_settled(
    cases: dict[str, bytes], row: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The limits of a day would take minutes to be met.
    monkeypatch.setattr(
        reading, "PipelineOptions", partial(PipelineOptions, limits=Limits(wall_seconds=6, cpu_seconds=3))
    )
    revision, code = outcome("odd.pdf", cases[row["name"]])
    assert revision is not None
    assert (revision.status, code, revision.page_count) == (row["state"], row.get("code", ""), row["pages"])
    states = Page.objects.filter(revision=revision).values_list("state", flat=True)
    assert list(states) == row["page_states"]


def test_every_odd_file_is_in_the_table(cases: dict[str, bytes]) -> None:
    assert [row["name"] for row in MADE] == list(cases)


def test_every_file_of_the_corpora_is_in_the_table(corpora: Path) -> None:
    found = {path.relative_to(corpora).as_posix() for path in corpora.rglob("*.pdf")}
    assert {row["path"] for row in ROWS} == found


def test_table_agrees_with_what_the_collection_states_of_itself(corpora: Path) -> None:
    stated = json.loads((corpora / "sample-files/files.json").read_text(encoding="utf-8"))["data"]
    rows = {row["path"].removeprefix("sample-files/"): row for row in ROWS}
    # Stated, and not in the collection as it was published: of this book there is a smaller copy.
    copies = {"009-pdflatex-geotopo/GeoTopo.pdf": "009-pdflatex-geotopo/GeoTopo-komprimiert.pdf"}
    assert len({entry["path"].split("/")[0] for entry in stated}) == 26
    for entry in stated:
        row = rows[copies.get(entry["path"], entry["path"])]
        assert (row["pages"], row.get("encrypted", False)) == (entry["pages"], entry["encrypted"]), entry[
            "path"
        ]
