"""The shapes that go in and out. Money is a decimal number in a string, times are UTC, ids are UUIDs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict, StringConstraints

from apps.conversations.plans import Reading
from apps.conversations.services import LONGEST_QUESTION
from apps.library.git.addresses import LONGEST_URL
from apps.library.ingestion.tree.globs import MAX_GLOB_LENGTH, MAX_GLOBS
from apps.library.passwords import LONGEST_PASSWORD, LONGEST_TOKEN

Item = TypeVar("Item")


class Body(Schema):
    """What is sent: a word we do not know is refused, because it is a typo of one we do."""

    model_config = ConfigDict(extra="forbid")


class ListPage(Schema, Generic[Item]):
    items: list[Item]
    next: str | None = Field(None, description="The `cursor` of the next page; null on the last one.")


class ErrorBody(Schema):
    code: str
    message: str
    details: dict[str, Any] | None = None


class ErrorOut(Schema):
    error: ErrorBody


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
DocumentName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class NameIn(Body):
    name: Name


class WorkspaceOut(Schema):
    id: UUID
    name: str
    role: Literal["viewer", "member", "admin", "owner"]


class CorpusOut(Schema):
    id: UUID
    name: str


class Progress(Schema):
    done: int
    total: int


class Problem(Schema):
    code: str
    message: str


class AttachmentOut(Schema):
    name: str
    size_bytes: int | None = Field(description="Null when the file does not say.")


class ReadAgainOut(Schema):
    """A reading that is to replace the one in use; one that failed stays until it is tried again or dismissed."""

    status: Literal["uploaded", "reading", "ready", "failed", "needs_password"]
    ocr: Literal["scans", "all", "never"] = Field(description="Which pages text recognition reads.")
    error: Problem | None


class GitOut(Schema):
    """Where a repository was fetched from."""

    url: str
    ref: str = Field(description="Branch, tag or commit as resolved; empty for a commit by itself.")
    commit: str = Field(description="What was read; empty until it is known.")


class DocumentOut(Schema):
    id: UUID
    name: str
    kind: str
    ordinal: int | None = Field(description="The number in `[[ordinal:page]]`, within its corpus.")
    status: Literal["uploaded", "reading", "ready", "failed", "needs_password"] = Field(
        description="`ready` once a page is read: others may still be recognised, as `stage` says."
    )
    stage: str = Field(description="What is being done now; empty when nothing is.")
    progress: Progress = Field(description="Pages of the reading under way, else of the last one.")
    seconds_left: int | None = Field(None, description="An estimate; null when nobody knows.")
    pages: int
    tokens: int = Field(description="Of the pages that are read, which are what can be asked about now.")
    pages_not_read: int
    skipped_count: int
    error: Problem | None = None
    read_again: ReadAgainOut | None = None
    attachments: list[AttachmentOut] = Field([], description="Files inside the file. They are not read.")
    remarks: list[str] = Field(
        [], description="Sentences on the file as a whole: mended, protected, with forms …"
    )
    findings: list[dict[str, Any]] = Field([], description="Secrets found: {path, line, kind, masked}.")
    git: GitOut | None = Field(None, description="Of a repository with an address.")


class CorpusDetailOut(CorpusOut):
    tokens: int
    pages: int
    documents: list[DocumentOut]


class DocumentIn(Body):
    name: DocumentName


Globs = Annotated[
    list[Annotated[str, StringConstraints(max_length=MAX_GLOB_LENGTH)]], Field(max_length=MAX_GLOBS)
]
Token = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_TOKEN)]


class GitIn(Body):
    """A repository to be fetched over https."""

    git_url: Annotated[str, StringConstraints(max_length=2 * LONGEST_URL)]
    ref: str = Field("", description="Branch, tag or commit; empty for the default branch.")
    include: Globs = Field([], description="Patterns of paths that alone are read; empty for all.")
    exclude: Globs = Field([], description="Patterns of paths that are left out.")
    token: Token = Field("", description="For a private repository. Kept encrypted, never shown.")


class FetchIn(Body):
    ref: str | None = Field(None, description="Another branch, tag or commit; null for the one kept.")
    token: Token | None = Field(None, description="Another token; null for the one kept, empty for none.")


class PasswordIn(Body):
    password: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PASSWORD)]


class ReadAgainIn(Body):
    ocr: Literal["scans", "all", "never"] = Field(
        "scans", description="Which pages text recognition reads: those without text, every one, none."
    )


class SkippedOut(Schema):
    path: str
    reason: str
    count: int


class TreeEntryOut(Schema):
    name: str
    path: str = Field(description="From the root; a folder's ends in a slash.")
    is_folder: bool
    files: int
    lines: int
    tokens: int
    first_page: int
    flags: list[str] = Field(description="Of a file: what a reader should know, `crlf`, `masked`, `cut` …")


class TreeOut(Schema):
    path: str
    files: int
    lines: int
    tokens: int
    items: list[TreeEntryOut]
    next: str | None


class PageOut(Schema):
    number: int
    label: str
    text: str
    tokens: int
    state: Literal["read", "no_text", "unreadable"]
    source: Literal["text_layer", "ocr", "vision"]
    reason: str = Field("", description="Why it is not `read`.")
    flags: list[str] = Field(
        [],
        description="What a reader should know: `hidden_text`, `annotations`, `form_values`, `pictures`, `blank` …",
    )


class PathsIn(Body):
    """Globs as .gitignore files have them. A folder's holds for all below; the nearest to a file decides; `!` takes back."""

    include: list[Annotated[str, StringConstraints(max_length=1_024)]] = Field([], max_length=1_000)
    exclude: list[Annotated[str, StringConstraints(max_length=1_024)]] = Field([], max_length=1_000)


class SelectionIn(Body):
    documents: list[Annotated[str, StringConstraints(max_length=64)]] | None = Field(
        None, max_length=10_000, description="Ids of documents; null for all."
    )
    paths: dict[str, PathsIn] = Field({}, description="Paths inside a repository, by document id.")


class AskIn(Body):
    text: str = Field(max_length=LONGEST_QUESTION)
    model: str = Field("auto", max_length=80, description="auto, scout, maverick, or the id of an endpoint.")
    reading: Reading = "auto"
    selection: SelectionIn | None = Field(None, description="Omitted or null: every document.")
    parent_answer: UUID | None = Field(
        None, description="The answer this follows. Omitted: the conversation's newest; null: none."
    )
    hosts: list[Annotated[str, Field(max_length=80)]] | None = Field(
        None,
        max_length=10,
        description="Endpoints that a plan named: 409 `plan_changed` when another would answer. Omitted: any.",
    )


class ContinueIn(Body):
    hosts: list[Annotated[str, Field(max_length=80)]] | None = Field(
        None, max_length=10, description="As in asking."
    )


class PageRangeOut(Schema):
    ordinal: int
    first: int
    last: int


class PlannedPassOut(Schema):
    kind: str
    tokens: int
    pages: list[PageRangeOut]


class PriceRange(Schema):
    low: str
    high: str


class PlanChoiceOut(Schema):
    model: str
    endpoint: str
    reading: str
    input_tokens: int
    cost_usd: PriceRange | None


class PlanOut(Schema):
    fits: bool
    over_by: int = Field(description="Tokens too many, when it does not fit.")
    code: str | None = Field(description="Why it cannot be asked so: does_not_fit, no_endpoint …")
    reason: str
    model: str
    model_id: str
    endpoint: str | None
    fallbacks: list[str] = Field(
        description="Endpoints of other hosts that are asked, in this order, when this one cannot answer."
    )
    reading: str
    passes: list[PlannedPassOut]
    input_tokens: int
    answer_allowance: int
    cost_usd: PriceRange | None = Field(description="Null when the endpoint has no known price.")
    choices: list[PlanChoiceOut]


class ConversationOut(Schema):
    id: UUID
    title: str
    corpus_id: UUID
    is_shared: bool
    is_own: bool
    touched_at: datetime


class ConversationIn(Body):
    title: Title | None = None


class ConversationChange(Body):
    title: Title | None = None
    is_shared: bool | None = None


class AnswerState(Schema):
    id: UUID
    status: Literal["queued", "reading", "writing", "done", "stopped", "failed"]


class QuestionOut(Schema):
    id: UUID
    text: str
    parent_answer: UUID | None
    answers: list[AnswerState]
    asked_at: datetime


class AskedOut(Schema):
    question_id: UUID
    answer_id: UUID
    events_url: str


class EvidenceOut(Schema):
    marker: str
    marker_given: str
    document_id: UUID | None
    page: int | None
    label: str
    quote: str
    why: str
    verdict: str
    differences: list[Any]
    boxes: list[list[float]] = Field(
        description="[x0, y0, x1, y1] as fractions of the page, origin top left."
    )
    lines: list[int] | None
    continued: dict[str, Any] | None = Field(
        description="Where words that run over a page's end go on: page, label, boxes, lines."
    )
    places: list[dict[str, Any]] | None = Field(
        description="Pages on which the words stand: ordinal, page, label, times; null where nobody counted."
    )
    is_hidden: bool = Field(
        description="At least one of the words is on the page and cannot be seen by who looks at it."
    )


class MentionOut(Schema):
    marker: str
    offset: int = Field(description="In `text`, in Unicode code points.")
    ordinal: int
    first: int
    last: int
    document_id: UUID
    verdict: str


class UsageOut(Schema):
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: str | None
    estimated: bool


class NoticePageOut(Schema):
    ordinal: int
    page: int
    label: str
    name: str
    words: str


class NoticeOut(Schema):
    code: str
    sentence: str
    pages: list[NoticePageOut] = Field([], description="of `instructions_in_document`, at most 50")


class StageOut(Schema):
    stage: str = ""
    sentence: str = ""
    done: int = 0
    total: int = 0


class AnswerOut(AnswerState):
    question_id: UUID
    conversation_id: UUID
    stage: StageOut
    plan: dict[str, Any]
    text: str
    html: str
    evidence: list[EvidenceOut]
    mentions: list[MentionOut]
    notices: list[NoticeOut]
    usage: UsageOut
    error: Problem | None
    events_url: str
    created_at: datetime
    ended_at: datetime | None


class NotSentOut(Schema):
    ordinal: int
    name: str
    first: int | None
    last: int | None
    reason: str


class AttemptOut(Schema):
    attempt: int
    endpoint: str
    code: str = Field(description="Why it failed; empty for the one that answered, or was stopped.")
    reached_host: bool = Field(description="Only these are billed.")


class PassOut(Schema):
    number: int
    kind: str
    endpoint: str
    model_id: str
    pages: list[PageRangeOut]
    tokens_counted: int
    tokens_reported: int | None
    cached_tokens: int
    output_tokens: int
    cost_usd: str | None
    status: str
    finish_reason: str
    attempts: int
    asked: list[AttemptOut] = Field(description="Every attempt, in order.")


class ImagesLeftOutOut(Schema):
    """Figures on pages of a document whose text was sent."""

    ordinal: int
    document_id: str
    name: str
    images: int = Field(description="Places on its pages.")
    tokens: int = Field(description="What Llama 4 would count for them, each different one once.")
    pages: list[tuple[int, int]] = Field(description="[first, last], by position, from 1.")


class SkippedFilesOut(Schema):
    reason: str
    count: int
    paths: list[str] = Field(description="The first of them.")


class FindingOut(Schema):
    path: str
    line: int
    kind: str


class RepositoryCoveredOut(Schema):
    """What of a repository was chosen, what of it was never read, and the secrets found in it."""

    ordinal: int
    document_id: str
    name: str
    commit: str
    files: int = Field(description="Chosen for this question.")
    files_left_out: int = Field(description="Read, and not chosen.")
    include: list[str]
    exclude: list[str]
    skipped_count: int
    skipped: list[SkippedFilesOut]
    masked_count: int
    masked: list[FindingOut] = Field(description="Replaced before anything was sent.")
    doubtful_count: int
    doubtful: list[FindingOut] = Field(description="May be a secret; sent if its file was.")


class CoverageOut(Schema):
    pages_selected: int
    pages_sent: int
    not_sent: list[NotSentOut]
    images_left_out: list[ImagesLeftOutOut] = []
    repositories: list[RepositoryCoveredOut] = []
    passes: list[PassOut]


class UsageRowOut(Schema):
    """The keys that were grouped by, and no others, then the figures."""

    day: str | None = None
    user: str | None = Field(None, description="The person's id.")
    workspace: str | None = Field(None, description="The workspace's id.")
    model: str | None = Field(None, description="The family: scout, maverick …")
    endpoint: str | None = None
    answers: int
    entries: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: str | None
