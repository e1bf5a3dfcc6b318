"""A workspace with a lease in a corpus, seen by everybody who may and may not see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.library.models import Corpus, CorpusEntry, Document
from apps.workspaces.models import Role, Workspace
from tests.factories import add_member, make_corpus, make_document, make_user, make_workspace, pdf_bytes

HTMX = {"HX-Request": "true"}
JSON = {"Accept": "application/json"}


@dataclass
class House:
    """alice owns and added the lease, bob is a member, vera a viewer, charlie is outside."""

    people: dict[str, User]
    workspace: Workspace
    corpus: Corpus
    lease: Document

    def client(self, name: str) -> Client:
        client = Client()
        client.force_login(self.people[name])
        return client

    def url(self, name: str, *args: Any) -> str:
        """An address of the workspace; by default of its corpus or its lease."""
        on_document = {
            "document", "document-about", "page", "page-picture", "original", "retry", "password", "read-again",
            "cancel-reading", "rename", "delete",
        }  # fmt: skip
        subject = self.lease.pk if name in on_document else self.corpus.pk
        return reverse(f"library:{name}", args=[self.workspace.slug, subject, *args])

    @property
    def entry(self) -> CorpusEntry:
        return CorpusEntry.objects.get(document=self.lease)


@pytest.fixture(name="house")
def house_with_lease(db: None) -> House:
    people = {name: make_user(f"{name}@example.org") for name in ("alice", "bob", "vera", "charlie")}
    workspace = make_workspace("Tenancy", owner=people["alice"])
    add_member(workspace, people["bob"], Role.MEMBER)
    add_member(workspace, people["vera"], Role.VIEWER)
    make_workspace("Elsewhere", owner=people["charlie"])
    corpus = make_corpus(workspace)
    return House(people, workspace, corpus, make_document(corpus, added_by=people["alice"], with_file=True))


@cache
def one_pdf() -> bytes:
    return pdf_bytes(["One page of words."])


def pdf(name: str = "deed.pdf", content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, one_pdf() if content is None else content, content_type="application/pdf")


def body(response: Any) -> str:
    return response.content.decode()


def arguments(name: str) -> list[int]:
    return [1] if name in {"page", "page-picture"} else []
