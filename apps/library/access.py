"""The door to documents and corpora."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404

from apps.library.models import Corpus, CorpusEntry, Document, Page, Revision
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
    held = check_right(actor, document.workspace_id, right)
    if right == Right.CONTRIBUTE and held < Right.ADMINISTER and document.added_by_id != actor.pk:
        raise PermissionDenied
    document.workspace.held_right = held
    return document


def page_for(
    actor: Actor,
    document_id: object,
    number: int,
    *,
    revision_id: object = None,
    workspace: Workspace | None = None,
) -> Page:
    """A page of the current revision, or of another one of the same document. Http404 or PermissionDenied."""
    document = document_for(actor, document_id, workspace=workspace)
    revisions = Revision.objects.filter(document=document)
    if revision_id is not None:
        revisions = revisions.filter(pk=lookup_id(revision_id))
    else:
        revisions = revisions.filter(pk=lookup_id(document.current_revision_id))
    page = (
        Page.objects.select_related("revision__document")
        .filter(revision__in=revisions, number=min(number, 2**31 - 1))
        .first()
    )
    if page is None:
        raise Http404
    return page


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
