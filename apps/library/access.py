"""The door to documents and corpora."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404

from apps.library.figures import figure_rows
from apps.library.models import Corpus, CorpusEntry, Document, Page, PageImage, Revision
from apps.workspaces.access import Actor, Right, check_right, lookup_id
from apps.workspaces.models import Workspace


def document_for(
    actor: Actor, document_id: object, right: Right = Right.VIEW, workspace: Workspace | None = None
) -> Document:
    """A document that is not deleted; with `workspace`, only if it lies there. Http404 or PermissionDenied.

    CONTRIBUTE on a document means changing it: whoever added it may, and administrators may with any.
    """
    identity = lookup_id(document_id)
    document = (
        Document.objects.select_related("workspace", "current_revision", "next_revision")
        .filter(pk=identity, deleted_at=None)
        .first()
    )
    if document is None or (workspace is not None and document.workspace_id != workspace.pk):
        raise Http404
    held = check_right(actor, document.workspace_id, right, workspace)
    if right == Right.CONTRIBUTE and held < Right.ADMINISTER and document.added_by_id != actor.pk:
        raise PermissionDenied
    document.workspace.held_right = held
    return document


def revision_for(
    actor: Actor, document_id: object, *, revision_id: object = None, workspace: Workspace | None = None
) -> Revision:
    """The current revision, or another one of the same document. Http404 or PermissionDenied."""
    return _revision_of(document_for(actor, document_id, workspace=workspace), revision_id)


def _revision_of(document: Document, revision_id: object) -> Revision:
    revision = document.current_revision
    if revision_id is not None and (revision is None or str(revision.pk) != str(revision_id)):
        revision = Revision.objects.filter(document=document, pk=lookup_id(revision_id)).first()
    if revision is None:
        raise Http404
    revision.document = document
    return revision


def page_for(
    actor: Actor,
    document_id: object,
    number: int,
    *,
    revision_id: object = None,
    workspace: Workspace | None = None,
) -> Page:
    """A page of the current revision, or of another one of the same document. Http404 or PermissionDenied."""
    return page_of(document_for(actor, document_id, workspace=workspace), number, revision_id=revision_id)


def page_of(document: Document, number: int, *, revision_id: object = None) -> Page:
    """page_for of a document that came through the door. Http404. One query for the current revision's pages."""
    revision = _revision_of(document, revision_id)
    page = Page.objects.filter(revision=revision, number=min(number, 2**31 - 1)).first()
    if page is None:
        raise Http404
    page.revision = revision
    return page


def figure_for(
    actor: Actor,
    document_id: object,
    digest: str,
    *,
    revision_id: object = None,
    workspace: Workspace | None = None,
) -> PageImage:
    """A figure of the current revision, or of another one of the document. Http404 or PermissionDenied."""
    revision = revision_for(actor, document_id, revision_id=revision_id, workspace=workspace)
    figure = figure_rows(revision).filter(digest=digest).first()
    if figure is None:
        raise Http404
    return figure


def corpus_for(
    actor: Actor, corpus_id: object, right: Right = Right.VIEW, workspace: Workspace | None = None
) -> Corpus:
    """A corpus that is not deleted; with `workspace`, only if it lies there. Http404 or PermissionDenied."""
    corpus = (
        Corpus.objects.select_related("workspace").filter(pk=lookup_id(corpus_id), deleted_at=None).first()
    )
    if corpus is None or (workspace is not None and corpus.workspace_id != workspace.pk):
        raise Http404
    corpus.workspace.held_right = check_right(actor, corpus.workspace_id, right)
    return corpus


def entry_for(actor: Actor, corpus: Corpus, entry_id: object, right: Right = Right.VIEW) -> CorpusEntry:
    """A document's place in this very corpus. Http404 or PermissionDenied."""
    entry = (
        CorpusEntry.objects.select_related("document")
        .filter(pk=lookup_id(entry_id), corpus=corpus, removed_at=None, document__deleted_at=None)
        .first()
    )
    if entry is None:
        raise Http404
    check_right(actor, corpus.workspace_id, right)
    return entry
