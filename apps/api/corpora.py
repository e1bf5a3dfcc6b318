"""A corpus: its documents, uploads into it, and what asking it would take."""

from __future__ import annotations

from typing import Any

from django.db.models import prefetch_related_objects
from ninja import Query, Router
from ninja.errors import ValidationError as InvalidBody
from ninja.responses import Status
from pydantic import ValidationError

from apps.api.asking import chosen_selection, named_parent
from apps.api.auth import ApiRequest
from apps.api.paging import Paging, page_of
from apps.api.parsing import StrictParser
from apps.api.schemas import (
    AskIn,
    ConversationIn,
    ConversationOut,
    CorpusDetailOut,
    CorpusOut,
    DocumentOut,
    GitIn,
    ListPage,
    NameIn,
    PlanOut,
)
from apps.api.shapes import conversation_shape, corpus_shape, document_shape, prefetch_findings
from apps.common.http import Refused
from apps.conversations.models import Conversation
from apps.conversations.services import plan_question, rename_conversation, start_conversation
from apps.library.access import corpus_for
from apps.library.corpora import CorpusRow, corpus_meter, corpus_rows
from apps.library.git_services import GitRequest, add_repository
from apps.library.models import Corpus, CorpusEntry, Document
from apps.library.services import AddedDocument, add_upload, delete_corpus, rename_corpus
from apps.workspaces.access import Right

router = Router(tags=["Corpora"])


@router.get("/corpora/{corpus_id}", response=CorpusDetailOut, summary="Show a corpus with its documents")
def get_corpus(request: ApiRequest, corpus_id: str) -> dict[str, Any]:
    """`tokens` and `pages` are of what is ready; question and rules come on top (see plan)."""
    corpus = corpus_for(request.user, corpus_id)
    rows = corpus_rows(corpus, request.user)
    meter = corpus_meter(rows)
    prefetch_related_objects(
        [row.revision for row in rows if row.document.kind == Document.Kind.REPOSITORY],
        prefetch_findings(),
    )
    return {
        **corpus_shape(corpus),
        "tokens": meter.all_tokens,
        "pages": meter.pages,
        "documents": [document_shape(row) for row in rows],
    }


@router.patch("/corpora/{corpus_id}", response=CorpusOut, summary="Rename a corpus")
def patch_corpus(request: ApiRequest, corpus_id: str, body: NameIn) -> dict[str, Any]:
    corpus = corpus_for(request.user, corpus_id, Right.CONTRIBUTE)
    rename_corpus(request.user, corpus, body.name)
    return corpus_shape(corpus)


@router.delete("/corpora/{corpus_id}", response={204: None}, summary="Delete a corpus")
def remove_corpus(request: ApiRequest, corpus_id: str) -> Status[None]:
    """Documents that are in no other corpus are deleted with it, so it takes an administrator of the workspace."""
    corpus = corpus_for(request.user, corpus_id, Right.ADMINISTER)
    delete_corpus(request.user, corpus)
    return Status(204, None)


@router.get(
    "/corpora/{corpus_id}/documents", response=ListPage[DocumentOut], summary="List a corpus's documents"
)
def list_documents(request: ApiRequest, corpus_id: str, paging: Query[Paging]) -> dict[str, Any]:
    corpus = corpus_for(request.user, corpus_id)
    entries = (
        CorpusEntry.objects.select_related("document__current_revision", "document__next_revision")
        .prefetch_related(prefetch_findings("document__current_revision__findings"))
        .filter(
            corpus=corpus,
            removed_at=None,
            document__deleted_at=None,
            document__current_revision__isnull=False,
        )
    )

    def shape(entry: CorpusEntry) -> dict[str, Any]:
        revision = entry.document.current_revision
        assert revision is not None  # the query asked for it
        return document_shape(CorpusRow(entry, entry.document, revision))

    return page_of(entries, ("ordinal",), paging, shape, name=f"documents:{corpus.pk}")


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "One file."}
                    },
                }
            },
            "application/json": {"schema": GitIn.model_json_schema()},
        },
    }
}


@router.post(
    "/corpora/{corpus_id}/documents",
    response={200: DocumentOut, 202: DocumentOut},
    summary="Upload a document, or name a repository",
    openapi_extra=_BODY,
)
def post_document(request: ApiRequest, corpus_id: str) -> Status[dict[str, Any]]:
    """202 with the document, which is then read; 200 when this corpus has its content already.

    What is wrong with the file itself is refused at once (400 empty, 413 too large, 415 of a kind that is not
    read) or shows later as `failed`. A repository is named as JSON: its address and ref are checked at once (422),
    the host is asked later.
    """
    corpus = corpus_for(request.user, corpus_id, Right.CONTRIBUTE)
    if request.content_type == "application/json":
        return _added(_add_git(request, corpus))
    if request.content_type != "multipart/form-data":
        raise Refused("unsupported_media_type", "Send the file as multipart/form-data.", status=415)
    files = request.FILES.getlist("file")
    if len(files) != 1:
        raise Refused(
            "one_file", f"Send one part named `file`; {len(files)} came with this request.", status=422
        )
    return _added(add_upload(request.user, corpus, files[0]))


def _added(added: AddedDocument) -> Status[dict[str, Any]]:
    revision = added.document.current_revision
    assert revision is not None  # a document is made together with its first revision
    row = CorpusRow(added.entry, added.document, revision)
    return Status(200 if added.is_known else 202, document_shape(row))


def _add_git(request: ApiRequest, corpus: Corpus) -> AddedDocument:
    body = StrictParser().parse_body(request)
    if "git_url" not in body:
        raise Refused("no_file", "Send the file as multipart/form-data with the part `file`.", status=415)
    try:
        asked = GitIn.model_validate(body)
    except ValidationError as error:
        # As ninja tells those that it finds itself.
        raise InvalidBody(
            [{**one, "loc": ("body", "body", *one["loc"])} for one in error.errors()]
        ) from error
    chosen = GitRequest(asked.git_url, asked.ref, asked.token, tuple(asked.include), tuple(asked.exclude))
    return add_repository(request.user, corpus, chosen)


@router.post("/corpora/{corpus_id}/plan", response=PlanOut, summary="What asking would take")
def post_plan(request: ApiRequest, corpus_id: str, body: AskIn) -> dict[str, Any]:
    """Nothing is stored and nobody is called. A refusal is a plan too: `fits` is false and says by how much."""
    corpus = corpus_for(request.user, corpus_id, Right.CONTRIBUTE)
    parent = named_parent(request, body)
    if parent is not None and parent.question.conversation.corpus_id != corpus.pk:
        raise Refused("unknown_answer", "This answer belongs to another corpus.", status=404)
    plan = plan_question(
        request.user, corpus, body.text, body.model, body.reading, chosen_selection(body), parent
    )
    return plan.to_json()


@router.get(
    "/corpora/{corpus_id}/conversations",
    response=ListPage[ConversationOut],
    summary="List your conversations and shared ones",
)
def list_conversations(request: ApiRequest, corpus_id: str, paging: Query[Paging]) -> dict[str, Any]:
    """Newest first."""
    corpus = corpus_for(request.user, corpus_id)
    return page_of(
        Conversation.objects.readable_by(request.user).filter(corpus=corpus),
        ("-touched_at", "id"),
        paging,
        lambda conversation: conversation_shape(conversation, request.user),
        name=f"conversations:{corpus.pk}",
    )


@router.post(
    "/corpora/{corpus_id}/conversations", response={201: ConversationOut}, summary="Begin a conversation"
)
def post_conversation(
    request: ApiRequest, corpus_id: str, body: ConversationIn | None = None
) -> Status[dict[str, Any]]:
    """Without a title the first question gives it one."""
    corpus = corpus_for(request.user, corpus_id, Right.CONTRIBUTE)
    conversation = start_conversation(request.user, corpus)
    if body is not None and body.title:
        rename_conversation(request.user, conversation, body.title)
    return Status(201, conversation_shape(conversation, request.user))
