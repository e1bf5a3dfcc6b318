"""Asking. An answer keeps its selection, plan and manifest, so that it stays true when its corpus changes."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.common.rows import Row
from apps.library.models import Corpus
from apps.workspaces.models import Workspace

if TYPE_CHECKING:
    from apps.accounts.models import User


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def readable_by(self, user: User) -> ConversationQuerySet:
        """One's own and the shared ones. Whether one belongs to the workspace is asked at its door."""
        return self.filter(models.Q(owner=user) | models.Q(shared_at__isnull=False))


class Conversation(Row):
    """Questions about one corpus; private to its owner until shared with the workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="conversations")
    corpus = models.ForeignKey(Corpus, on_delete=models.CASCADE, related_name="conversations")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="conversations"
    )
    title = models.CharField(max_length=200, blank=True)
    shared_at = models.DateTimeField(null=True)
    touched_at = models.DateTimeField(default=timezone.now)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        ordering = ["-touched_at", "id"]
        indexes = [models.Index(fields=["corpus", "owner", "-touched_at"], name="conversation_list")]

    def __str__(self) -> str:
        return self.title or "New conversation"

    @property
    def is_shared(self) -> bool:
        return self.shared_at is not None


class Question(Row):
    """What was asked, under the answer it follows; asking again or editing makes a sibling."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="questions")
    parent_answer = models.ForeignKey(
        "Answer", on_delete=models.CASCADE, null=True, related_name="follow_ups"
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    text = models.TextField()
    model_choice = models.CharField(max_length=80, default="auto")
    reading_choice = models.CharField(max_length=10, default="auto")
    selection = models.JSONField(default=dict)
    idempotency_key = models.CharField(max_length=80, null=True)  # noqa: DJ001 (null: keyless ones differ)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "idempotency_key"], name="question_asked_once")
        ]

    def __str__(self) -> str:
        return self.text[:60]


class Answer(Row):
    """One answer to a question. `raw` is what the model wrote, `text` is raw without its evidence block."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Waiting"
        READING = "reading", "Reading"
        WRITING = "writing", "Writing"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"

    RUNNING = (Status.QUEUED, Status.READING, Status.WRITING)

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="answers")
    status = models.CharField(max_length=8, choices=Status, default=Status.QUEUED)
    stage = models.JSONField(default=dict)
    """The latest `status` event: {stage, sentence, done, total}."""
    plan = models.JSONField(default=dict)
    manifest = models.JSONField(default=list)
    """Every document sent: [{ordinal, document_id, revision_id, name, kind, ranges: [[first, last]]}]."""
    not_sent = models.JSONField(default=list)
    """Pages selected and not sent: [{ordinal, name, first, last, reason}]."""
    raw = models.TextField(blank=True)
    text = models.TextField(blank=True)
    notices = models.JSONField(default=list)
    error_code = models.CharField(max_length=40, blank=True)
    error_sentence = models.CharField(max_length=500, blank=True)
    input_tokens = models.BigIntegerField(default=0)
    cached_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    is_estimated = models.BooleanField(default=False)
    stop_requested_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    queued_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    first_text_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(
                fields=["queued_at"],
                condition=models.Q(status__in=["queued", "reading", "writing"]),
                name="answer_unfinished",
            )
        ]

    def __str__(self) -> str:
        return f"{self.status}: {self.text[:60]}"

    @property
    def is_running(self) -> bool:
        return self.status in self.RUNNING

    def claim_for_answering(self, seconds: int, claim: uuid.UUID | None = None) -> uuid.UUID | None:
        """Take a queued answer for one worker; None when it is taken, stopped or gone. claim: None makes one."""
        claim, now = claim or uuid.uuid4(), timezone.now()
        taken = Answer.objects.filter(pk=self.pk, status=self.Status.QUEUED, claim=None).update(
            claim=claim,
            claimed_until=now + timedelta(seconds=seconds),
            status=self.Status.READING,
            started_at=now,
            attempts=models.F("attempts") + 1,
        )
        return claim if taken else None

    def write_claimed(self, claim: uuid.UUID, /, **fields: object) -> bool:
        """Update fields only while `claim` still holds; False means the reaper or a delete was there first."""
        return bool(Answer.objects.filter(pk=self.pk, claim=claim).update(**fields))


class ReadingPass(Row):
    """One task, one call: the pages it was given and what the host said about it."""

    class Kind(models.TextChoices):
        ONE_PASS = "one_pass", "One pass"
        READ = "read", "Reading"
        WRITE = "write", "Writing"

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        STOPPED = "stopped", "Stopped"

    answer = models.ForeignKey(Answer, on_delete=models.CASCADE, related_name="passes")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.ONE_PASS)
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    pages = models.JSONField(default=list)
    """[{ordinal, first, last}]"""
    endpoint_id = models.CharField(max_length=80)
    model_id = models.CharField(max_length=160)
    attempts = models.PositiveSmallIntegerField(default=0)
    tokens_counted = models.BigIntegerField(default=0)
    tokens_reported = models.BigIntegerField(null=True)
    cached_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    finish_reason = models.CharField(max_length=20, blank=True)
    cost_usd = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    output = models.TextField(blank=True)
    error_code = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["answer", "number"], name="pass_once")]

    def __str__(self) -> str:
        return f"pass {self.number} of {self.answer_id}"


class Verdict(models.TextChoices):
    """“These words are there”, never “the claim is true”."""

    EXACT = "exact", "word for word"
    CLOSE = "close", "close"
    ALTERED = "altered", "altered"
    ELSEWHERE = "elsewhere", "on another page"
    PAGE_ONLY = "page_only", "page only"
    NOT_FOUND = "not_found", "not found"
    INVALID = "invalid", "no such page"


class Evidence(Row):
    """A quoted line with its verdict and place."""

    answer = models.ForeignKey(Answer, on_delete=models.CASCADE, related_name="evidence")
    position = models.PositiveIntegerField()
    marker = models.CharField(max_length=200)
    marker_given = models.CharField(max_length=200)
    """The model's own marker; differs from `marker` when the quote was found elsewhere."""
    ordinal = models.PositiveIntegerField(null=True)
    page_number = models.PositiveIntegerField(null=True)
    document_id = models.UUIDField(null=True)
    revision_id = models.UUIDField(null=True)
    label = models.CharField(max_length=300, blank=True)
    quote = models.TextField()
    why = models.CharField(max_length=500, blank=True)
    verdict = models.CharField(max_length=10, choices=Verdict)
    differences = models.JSONField(default=list)
    boxes = models.JSONField(default=list)
    """[[x0, y0, x1, y1]] as fractions 0–1 of the page picture, origin top left."""
    continued = models.JSONField(null=True)
    """Where words that run over a page's end go on, on the next page: {page, label, boxes, lines}."""
    places = models.JSONField(null=True)
    """Pages on which the words stand, in the order of documents and pages: [{ordinal, page, label, times}]; null where nobody counted."""
    lines = models.JSONField(null=True)
    """[first, last] for files, 1-based."""
    is_hidden = models.BooleanField(default=False, db_default=False)
    """At least one of the quoted words is on the page and cannot be seen by who looks at it."""

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["answer", "position"], name="evidence_once")]

    def __str__(self) -> str:
        return f"{self.marker} {self.verdict}"

    @property
    def page_numbers(self) -> tuple[int, ...]:
        """The pages of its document that it is evidence for: none, one, or two where it runs over a page's end."""
        if self.page_number is None:
            return ()
        return (self.page_number, self.continued["page"]) if self.continued else (self.page_number,)


class Mention(models.Model):
    """A marker at an offset of the text (Unicode code points); a range stays one mention."""

    answer = models.ForeignKey(Answer, on_delete=models.CASCADE, related_name="mentions")
    offset = models.PositiveIntegerField()
    marker = models.CharField(max_length=200)
    ordinal = models.PositiveIntegerField()
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField()
    document_id = models.UUIDField()
    verdict = models.CharField(max_length=10, choices=Verdict)

    class Meta:
        ordering = ["offset"]
        constraints = [models.UniqueConstraint(fields=["answer", "offset"], name="mention_once")]

    def __str__(self) -> str:
        return f"{self.marker} at {self.offset}"
