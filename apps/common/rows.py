"""What all rows share: a random public id and the time they were made."""

from __future__ import annotations

import uuid

from django.db import models


class Row(models.Model):
    """A row with a random UUID as its only id. The id is an address, never a right."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta:
        abstract = True
