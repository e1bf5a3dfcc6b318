"""Home, the workspace's page, and making and renaming workspaces."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.library.models import Corpus
from apps.workspaces.models import AuditEntry, Membership, Role, Workspace
from apps.workspaces.services import add_member, create_workspace


def test_home_of_a_stranger_is_the_sign_in_page(client, db):
    assert client.get("/").url == "/accounts/login/?next=/"


def test_home_lists_my_workspaces_and_no_others(workspace, client_of, people):
    create_workspace(people["alice"], "Second")
    create_workspace(people["charlie"], "Foreign")
    page = client_of("alice").get("/").content.decode()
    assert "Leases" in page
    assert "Second" in page
    assert "Foreign" not in page


def test_home_leads_to_the_only_workspace(workspace, client_of):
    assert client_of("bob").get("/").url == "/w/leases/"


def test_home_leads_on_to_the_only_corpus(workspace, client_of):
    corpus = Corpus.objects.create(workspace=workspace, name="Only")
    assert client_of("bob").get("/").url == f"/w/leases/corpora/{corpus.pk}/"
    Corpus.objects.create(workspace=workspace, name="Second")
    assert client_of("bob").get("/").url == "/w/leases/"


def test_home_of_somebody_without_a_workspace_says_what_to_do(people, client_of):
    page = client_of("charlie").get("/")
    assert page.status_code == 200
    assert "in no workspace yet" in page.content.decode()


def test_page_lists_corpora_and_hides_deleted_ones(workspace, client_of):
    from django.utils import timezone

    Corpus.objects.create(workspace=workspace, name="Shown <b>")
    Corpus.objects.create(workspace=workspace, name="Hidden", deleted_at=timezone.now())
    page = client_of("vera").get("/w/leases/").content.decode()
    assert "Shown &lt;b&gt;" in page
    assert "Hidden" not in page


def test_outsider_gets_404(workspace, client_of):
    outside = client_of("charlie")
    assert outside.get("/w/leases/").status_code == 404
    assert outside.post("/w/leases/", {"name": "Mine"}).status_code == 404
    assert outside.post("/w/leases/rename/", {"name": "Mine"}).status_code == 404


@pytest.mark.parametrize(("name", "status"), [("alice", 302), ("bob", 302), ("vera", 403)])
def test_members_make_corpora_and_viewers_do_not(workspace, client_of, name, status):
    response = client_of(name).post("/w/leases/", {"name": "New"})
    assert response.status_code == status
    assert Corpus.objects.filter(workspace=workspace).count() == (1 if status == 302 else 0)
    if status == 302:
        assert response.url == f"/w/leases/corpora/{Corpus.objects.get().pk}/"


@pytest.mark.parametrize("name", ["", " ", "x" * 121])
def test_corpus_without_a_fit_name_is_asked_again(workspace, client_of, name):
    response = client_of("bob").post("/w/leases/", {"name": name})
    assert response.status_code == 422
    assert not Corpus.objects.exists()


@pytest.mark.parametrize(("name", "status"), [("alice", 302), ("ann", 302), ("bob", 403), ("vera", 403)])
def test_administrators_rename_and_the_address_stays(workspace, client_of, name, status):
    assert client_of(name).post("/w/leases/rename/", {"name": "Contracts"}).status_code == status
    workspace.refresh_from_db()
    assert workspace.name == ("Contracts" if status == 302 else "Leases")
    assert workspace.slug == "leases"


def test_anybody_signed_in_makes_a_workspace_and_owns_it(people, client_of):
    charlie = client_of("charlie")
    assert charlie.get("/new-workspace/").status_code == 200
    response = charlie.post("/new-workspace/", {"name": "Über & Söhne", "slug": "admin", "id": "1"})
    assert response.url == "/w/uber-sohne/"
    workspace = Workspace.objects.get()
    assert workspace.memberships.get().role == Role.OWNER
    assert AuditEntry.objects.filter(action="workspace.create", workspace_id=workspace.pk).exists()
    assert charlie.post("/new-workspace/", {"name": ""}).status_code == 422


def test_header_offers_only_what_opens(workspace, client_of, people):
    page = client_of("bob").get("/w/leases/").content.decode()
    assert "/w/leases/people/" in page
    assert "/w/leases/usage/" not in page
    assert "/connections/" not in page
    people["alice"].is_staff = True
    people["alice"].save()
    page = client_of("alice").get("/w/leases/").content.decode()
    assert "/w/leases/usage/" in page
    assert "/connections/" in page


def test_queries_do_not_grow_with_corpora(workspace, client_of, django_assert_num_queries):
    bob = client_of("bob")
    with django_assert_num_queries(6):
        bob.get("/w/leases/")
    Corpus.objects.bulk_create(Corpus(workspace=workspace, name=f"Corpus {n}") for n in range(20))
    with django_assert_num_queries(6):
        bob.get("/w/leases/")


def test_counts_are_of_what_is_in_the_corpus_now(workspace, people):
    from apps.library.models import CorpusEntry, Document, Revision
    from apps.library.shelf import corpora_of

    corpus = Corpus.objects.create(workspace=workspace, name="Counted")
    for ordinal, is_removed in ((1, False), (2, False), (3, True)):
        document = Document.objects.create(workspace=workspace, name=f"{ordinal}.pdf", kind=Document.Kind.PDF)
        document.current_revision = Revision.objects.create(
            workspace=workspace,
            document=document,
            sha256=f"{ordinal}" * 64,
            size_bytes=1,
            content_type="application/pdf",
            reader="pdf",
            tokenizer="llama4",
            packing_version=1,
            status="ready" if ordinal == 1 else "reading",
            page_count=10,
            token_count=1000,
        )
        document.save()
        removed_at = document.created_at if is_removed else None
        CorpusEntry.objects.create(
            workspace=workspace, corpus=corpus, document=document, ordinal=ordinal, removed_at=removed_at
        )
    (shelved,) = corpora_of(workspace)
    assert (shelved.documents, shelved.pages, shelved.tokens, shelved.running) == (2, 20, 2000, 1)


def test_switcher_lists_all_my_workspaces(workspace, client_of, people):
    second = create_workspace(people["charlie"], "Second")
    add_member(None, second, people["bob"], Role.VIEWER)
    page = client_of("bob").get("/w/leases/").content.decode()
    assert 'href="/w/second/"' in page


def test_workspaces_cannot_be_made_without_end(people, client_of, settings):
    settings.WORKSPACES_PER_MEMBER_PER_DAY = 2
    charlie = client_of("charlie")
    assert [charlie.post("/new-workspace/", {"name": name}).status_code for name in ("One", "Two")] == [
        302,
        302,
    ]
    refused = charlie.post("/new-workspace/", {"name": "Three"})
    assert refused.status_code == 422
    assert "2 workspaces within a day" in refused.content.decode()
    Membership.objects.filter(user=people["charlie"]).update(created_at=timezone.now() - timedelta(days=2))
    assert charlie.post("/new-workspace/", {"name": "Three"}).status_code == 302
