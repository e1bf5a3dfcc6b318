from __future__ import annotations

from django.db import models

from apps.common.rows import Row
from apps.workspaces.models import Workspace


class Connection(Row):
    """An endpoint of the catalogue that may be called, for the installation or for one workspace.

    `encrypted_key` is Fernet under FIELD_KEYS; without one the key comes from the endpoint's environment
    variable. What a probe saw is kept for display and decides whether the endpoint counts as healthy.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, null=True, blank=True, related_name="connections"
    )
    endpoint_id = models.CharField(max_length=80)
    base_url = models.URLField(max_length=500, blank=True)
    encrypted_key = models.BinaryField(null=True, editable=False)
    is_enabled = models.BooleanField(default=True)
    probed_at = models.DateTimeField(null=True)
    is_healthy = models.BooleanField(null=True)
    unhealthy_since = models.DateTimeField(null=True)
    probe_sentence = models.CharField(max_length=300, blank=True)
    probe_facts = models.JSONField(default=dict)
    """Ids served, window, latency_ms, streaming, usage, images, tools: as far as the probe saw them."""
    country = models.CharField(max_length=60, blank=True)
    retention = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "endpoint_id"], name="connection_once"),
            models.UniqueConstraint(
                fields=["endpoint_id"],
                condition=models.Q(workspace=None),
                name="connection_of_installation_once",
            ),
        ]

    def __str__(self) -> str:
        return self.endpoint_id
