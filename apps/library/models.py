"""What was brought and what was read. Revisions and pages never change once ready; ordinals are for ever."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.common.rows import Row
from apps.workspaces.models import Workspace


class Document(Row):
    """What somebody brought. Deleting removes bytes, pages and pictures and leaves this row as a tombstone."""

    class Kind(models.TextChoices):
        PDF = "pdf", "PDF"
        PAGED = "paged", "Paged file"
        REPOSITORY = "repository", "Repository"
        TEXT = "text", "Text"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="documents")
    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=12, choices=Kind)
    source_url = models.CharField(max_length=1024, blank=True)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    current_revision = models.ForeignKey("Revision", on_delete=models.SET_NULL, null=True, related_name="+")
    next_revision = models.ForeignKey("Revision", on_delete=models.SET_NULL, null=True, related_name="+")
    """Being read to replace the current one, which stays in use meanwhile; one that failed stays here."""
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["workspace", "created_at"], name="document_by_workspace")]

    def __str__(self) -> str:
        return self.name


class Revision(Row):
    """One reading of one content of a document. Written while reading, fixed once ready."""

    class Status(models.TextChoices):
        UPLOADED = "uploaded", "Waiting"
        READING = "reading", "Reading"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        NEEDS_PASSWORD = "needs_password", "Needs a password"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="revisions")
    base = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")
    """The reading whose pages this one keeps where it has nothing better; null reads every page by itself."""
    sha256 = models.CharField(max_length=64)
    commit = models.CharField(max_length=64, blank=True)
    size_bytes = models.BigIntegerField()
    storage_name = models.CharField(max_length=200, blank=True)
    """The original; readings of the same bytes share it."""
    repaired_name = models.CharField(max_length=200, blank=True)
    """A copy with a mended page tree, which is read and shown instead of the original."""
    password_box = models.BinaryField(default=bytes)
    """What opens the file, encrypted under FIELD_KEYS; empty when nothing is needed."""
    content_type = models.CharField(max_length=100)
    reader = models.CharField(max_length=40)
    options = models.JSONField(default=dict)
    tokenizer = models.CharField(max_length=20)
    packing_version = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=16, choices=Status, default=Status.UPLOADED)
    stage = models.CharField(max_length=60, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    seconds_left = models.PositiveIntegerField(default=0)
    """Estimate while text is recognised; 0 when nobody knows."""
    page_count = models.PositiveIntegerField(default=0)
    token_count = models.BigIntegerField(default=0)
    """Sum of Page.tokens; what depends on the ordinal is added by `corpora.CorpusRow.tokens`."""
    pages_not_read = models.PositiveIntegerField(default=0)
    skipped_count = models.PositiveIntegerField(default=0)
    facts = models.JSONField(default=dict)
    """Title, author, outline, attachments: as the file states them. `instructed`: numbers of pages that speak to a
    model, once ready."""
    error_code = models.CharField(max_length=40, blank=True)
    error_sentence = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    queued_at = models.DateTimeField(default=timezone.now)
    """Since when it waits for a worker: its place among the documents of its workspace."""
    taken_at = models.DateTimeField(null=True)
    """When a worker last took it: workspaces take turns by this."""
    ready_at = models.DateTimeField(null=True)
    figures_at = models.DateTimeField(null=True)
    """When its figures had been looked for; null while that waits. A reading with a base shows those of its base."""

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(fields=["workspace", "sha256"], name="revision_by_content"),
            models.Index(
                fields=["queued_at"],
                condition=models.Q(status__in=["uploaded", "reading"]),
                name="revision_unfinished",
            ),
            # Of each queue (queueing.py): when a workspace last had its turn.
            models.Index(
                fields=["workspace", "taken_at"], condition=models.Q(base=None), name="revision_turn_text"
            ),
            models.Index(
                fields=["workspace", "taken_at"],
                condition=models.Q(base__isnull=False),
                name="revision_turn_recognition",
            ),
            models.Index(
                fields=["queued_at"],
                condition=models.Q(status="ready", base=None, figures_at=None),
                name="revision_without_figures",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.document_id}@{self.sha256[:12]}"

    @property
    def is_running(self) -> bool:
        return self.status in {self.Status.UPLOADED, self.Status.READING}

    def claim_for_reading(self, seconds: int, claim: uuid.UUID | None = None) -> uuid.UUID | None:
        """Take this revision for one worker, or None when another one holds it or nothing is to be done.

        claim: the token to hold it by, a new one by default.
        """
        running = Revision.objects.filter(status__in=[self.Status.UPLOADED, self.Status.READING])
        return self._claim_of(running, seconds, claim, status=self.Status.READING)

    def claim_for_figures(self, seconds: int, claim: uuid.UUID | None = None) -> uuid.UUID | None:
        """As claim_for_reading, of a reading whose figures wait to be looked for; it stays ready."""
        waiting = Revision.objects.filter(status=self.Status.READY, base=None, figures_at=None)
        return self._claim_of(waiting, seconds, claim)

    def _claim_of(
        self, rows: models.QuerySet[Revision], seconds: int, claim: uuid.UUID | None, **fields: object
    ) -> uuid.UUID | None:
        claim, now = claim or uuid.uuid4(), timezone.now()
        taken = (
            rows.filter(pk=self.pk, document__deleted_at=None)
            .filter(models.Q(claimed_until=None) | models.Q(claimed_until__lt=now))
            .update(
                claim=claim,
                claimed_until=now + timedelta(seconds=seconds),
                attempts=models.F("attempts") + 1,
                taken_at=now,
                **fields,
            )
        )
        return claim if taken else None

    def write_claimed(self, claim: uuid.UUID, /, **fields: object) -> bool:
        """Update fields only while `claim` still holds; False means somebody else took over or it is gone."""
        return bool(Revision.objects.filter(pk=self.pk, claim=claim).update(**fields))

    def delete_pages(self) -> None:
        """Remove what was read: pages with their figures, files, findings, what was left out."""
        PageImage.objects.filter(page__revision=self).delete()
        for rows in (Page, SourceFile, SecretFinding, SkippedPath):
            rows.objects.filter(revision=self).delete()


class Page(models.Model):
    """The unit of reading and citing, immutable. `number` is 1-based by position, `label` is for people."""

    class State(models.TextChoices):
        READ = "read", "Read"
        NO_TEXT = "no_text", "No text"
        UNREADABLE = "unreadable", "Unreadable"

    class Source(models.TextChoices):
        TEXT_LAYER = "text_layer", "Text layer"
        OCR = "ocr", "OCR"
        VISION = "vision", "Vision"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="pages")
    number = models.PositiveIntegerField()
    label = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    tokens = models.PositiveIntegerField(default=0)
    """Of the packed form from `]]` on; marker_tokens(ordinal, number) comes on top."""
    source = models.CharField(max_length=12, choices=Source, default=Source.TEXT_LAYER)
    state = models.CharField(max_length=12, choices=State, default=State.READ)
    reason = models.CharField(max_length=200, blank=True)
    width = models.FloatField(default=0)
    height = models.FloatField(default=0)
    """Size of the page as shown, in points."""
    flags = models.JSONField(default=list)
    """What a reader should know: hidden_text, instructions, annotations, form_values."""

    class Meta:
        ordering = ["revision", "number"]
        constraints = [models.UniqueConstraint(fields=["revision", "number"], name="page_once")]

    def __str__(self) -> str:
        return f"{self.revision_id} p. {self.label}"


class PageImage(Row):
    """A figure, or the rendered page where text is missing."""

    class Kind(models.TextChoices):
        FIGURE = "figure", "Figure"
        RENDERED = "rendered", "Rendered page"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="images")
    kind = models.CharField(max_length=8, choices=Kind)
    digest = models.CharField(max_length=64)
    storage_name = models.CharField(max_length=200, blank=True)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    box = models.JSONField(null=True)
    """Place on the page as fractions 0–1: [x0, y0, x1, y1], origin top left."""
    tokens = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.kind} {self.digest[:12]}"


class SourceFile(models.Model):
    """A file of a repository as it was read: its pages are slices, numbered on from `first_page`."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=280)
    blob = models.CharField(max_length=64)
    """SHA-256 of the bytes as they were brought."""
    cutting = models.PositiveSmallIntegerField()
    """Version of the rules by which text becomes pages (`ingestion.source.CUTTING_VERSION`)."""
    size_bytes = models.BigIntegerField()
    first_page = models.PositiveIntegerField()
    page_count = models.PositiveIntegerField()
    line_count = models.PositiveIntegerField()
    tokens = models.BigIntegerField()
    """Of its pages, packed and behind markers with an ordinal of one to three digits, as Revision.token_count."""
    encoding = models.CharField(max_length=40)
    flags = models.JSONField(default=list)
    """What a reader should know: replacements, crlf, cut, bidi, notebook, masked."""

    class Meta:
        ordering = ["revision", "first_page"]
        constraints = [
            models.UniqueConstraint(fields=["revision", "path"], name="source_file_once"),
        ]
        indexes = [
            models.Index(fields=["workspace", "blob"], name="source_file_by_content"),
            models.Index(fields=["revision", "first_page"], name="source_file_by_page"),
        ]

    def __str__(self) -> str:
        return self.path


class SecretFinding(models.Model):
    """A secret in a file of a repository, found before anything was sent. The secret itself is never kept."""

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="findings")
    path = models.CharField(max_length=280)
    line = models.PositiveIntegerField()
    kind = models.CharField(max_length=120)
    is_masked = models.BooleanField()
    """Masked in the stored text; else doubtful, and only reported."""

    class Meta:
        ordering = ["path", "line", "id"]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class SkippedPath(models.Model):
    """What a reader left out of a revision and why; one row a file, or one for an excluded folder."""

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="skipped")
    path = models.CharField(max_length=1024)
    reason = models.CharField(max_length=60)
    count = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["path"]

    def __str__(self) -> str:
        return self.path


class Upload(Row):
    """A file on its way in, which may be cut and go on; its bytes lie in the upload folder under this id."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    corpus = models.ForeignKey("Corpus", on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=255)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, blank=True)
    """As the sender states it; checked when the last byte is here."""
    document = models.ForeignKey(Document, on_delete=models.CASCADE, null=True, related_name="+")
    """What became of it; until then null. Kept so that a sender whose line broke at the very end hears of it."""
    touched_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.name


class Corpus(Row):
    """A named set of documents that is asked about."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="corpora")
    name = models.CharField(max_length=120)
    next_ordinal = models.PositiveIntegerField(default=1)
    """Only ever grows, so that an ordinal is never given twice."""
    suggested_question = models.CharField(max_length=300, blank=True)
    """Stands ready in the question box while nobody has asked anything here."""
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "corpora"

    def __str__(self) -> str:
        return self.name


class CorpusEntry(Row):
    """Ties a document to its ordinal in a corpus: given on joining, never reused, never shifted."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    corpus = models.ForeignKey(Corpus, on_delete=models.CASCADE, related_name="entries")
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="entries")
    ordinal = models.PositiveIntegerField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["corpus", "ordinal"], name="entry_ordinal_once"),
            models.UniqueConstraint(
                fields=["corpus", "document"], condition=models.Q(removed_at=None), name="entry_document_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ordinal} in {self.corpus_id}"


class Untick(models.Model):
    """One person leaves a document, or paths of a repository, out of their next question."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    entry = models.ForeignKey(CorpusEntry, on_delete=models.CASCADE, related_name="unticks")
    paths = models.JSONField(default=list)
    """Inside a repository, from the root down: `/docs/` is left out, `!/docs/api/` within it is not (path_ticks.py).
    Empty leaves out the whole document."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "entry"], name="untick_once")]

    def __str__(self) -> str:
        return f"{self.entry_id} unticked"
