"""Pages about a repository take as many queries for thousands of files as for two hundred."""

from __future__ import annotations

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.library.models import Document, Page, Revision, SourceFile
from tests.library.house import HTMX, House, house_with_lease  # noqa: F401 (fixture)
from tests.library.test_trees import keep_files

FEW, MANY = 50, 1_000


def make_tree(revision: Revision, files: int) -> None:
    """files: so many, in 20 folders, each with one page."""
    revision.delete_pages()
    keep_files(revision, {f"area_{number % 20}/file_{number}.py": number for number in range(files)})
    paths = SourceFile.objects.filter(revision=revision).order_by("first_page").values_list("path", flat=True)
    Page.objects.bulk_create(
        Page(
            workspace_id=revision.workspace_id,
            revision=revision,
            number=number,
            label=f"{path}:1–10",
            text="x = 1\n" * 10,
            tokens=70,
        )
        for number, path in enumerate(paths, start=1)
    )
    Revision.objects.filter(pk=revision.pk).update(
        reader="repository", page_count=files, facts={"files": files, "lines": 10 * files}
    )


def counted(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        response = client.get(address, headers=HTMX)
    assert response.status_code == 200, address
    return len(queries)


def test_queries_do_not_grow_with_the_files(house: House) -> None:
    Document.objects.filter(pk=house.lease.pk).update(kind=Document.Kind.REPOSITORY)
    revision = house.lease.current_revision
    assert revision is not None
    client, slug = house.client("alice"), house.workspace.slug
    addresses = {
        "documents": house.url("corpus"),
        "document": house.url("document"),
        "about": house.url("document-about"),
        "page": house.url("page", FEW),
        "what is read": reverse("library:what-is-read", args=[slug, house.lease.pk]),
        "tree": reverse("library:tree", args=[slug, house.corpus.pk, house.entry.pk]),
        "folder": reverse("library:tree", args=[slug, house.corpus.pk, house.entry.pk]) + "?path=area_3/",
    }
    taken = []
    for files in (FEW, MANY):
        make_tree(revision, files)
        for address in addresses.values():
            client.get(address, headers=HTMX)
        taken.append({name: counted(client, address) for name, address in addresses.items()})
    assert taken[0] == taken[1]
