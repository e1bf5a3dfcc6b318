from __future__ import annotations

from typing import Any

from django.db import models

from apps.common.rows import Row
from apps.workspaces.models import Workspace


class LedgerQuerySet(models.QuerySet["LedgerEntry"]):
    """Reads and appends; whole sets cannot be changed either."""

    def update(self, **kwargs: Any) -> int:
        raise TypeError("Ledger entries are never changed; append corrections.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError("Ledger entries are never deleted; append corrections.")

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        raise TypeError("Ledger entries are never changed; append corrections.")


class LedgerEntry(Row):
    """What one attempt that reached a host cost. Appended once, never changed; ids only.

    No foreign keys: entries outlive what they mention. A correction is a new entry with `corrects`.
    """

    class Kind(models.TextChoices):
        ONE_PASS = "one_pass", "One pass"
        READ = "read", "Reading pass"
        WRITE = "write", "Writing pass"
        MODERATION = "moderation", "Moderation"
        CORRECTION = "correction", "Correction"

    workspace_id = models.UUIDField()
    user_id = models.UUIDField(null=True)
    conversation_id = models.UUIDField(null=True)
    answer_id = models.UUIDField(null=True)
    reading_pass_id = models.UUIDField(null=True)
    attempt = models.PositiveSmallIntegerField(default=1)
    kind = models.CharField(max_length=12, choices=Kind)
    endpoint_id = models.CharField(max_length=80)
    model_id = models.CharField(max_length=160)
    family = models.CharField(max_length=20)
    input_tokens = models.BigIntegerField()
    cached_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField()
    is_estimated = models.BooleanField(default=False)
    price_input = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    price_cached_input = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    price_output = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    currency = models.CharField(max_length=3, default="USD")
    amount = models.DecimalField(max_digits=20, decimal_places=10, null=True)
    """Null when the endpoint has no price; never a guessed 0."""
    corrects = models.UUIDField(null=True)

    objects = LedgerQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(fields=["workspace_id", "created_at"], name="ledger_by_workspace"),
            models.Index(fields=["answer_id"], name="ledger_by_answer"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["reading_pass_id", "attempt"],
                condition=models.Q(corrects=None),
                name="ledger_attempt_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A ledger entry is never changed; append a correction.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("A ledger entry is never deleted; append a correction.")


class Budget(Row):
    """What a workspace may spend in a calendar month (UTC)."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="budget")
    monthly_limit = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default="USD")

    def __str__(self) -> str:
        return f"{self.monthly_limit} {self.currency} a month"


class Reservation(Row):
    """Money set aside for one answer until it is settled; `settled_at` closes it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="reservations")
    answer_id = models.UUIDField(unique=True)
    amount = models.DecimalField(max_digits=20, decimal_places=10)
    currency = models.CharField(max_length=3, default="USD")
    settled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace"], condition=models.Q(settled_at=None), name="reservation_open")
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} for {self.answer_id}"
