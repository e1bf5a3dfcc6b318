from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from django.db import transaction

from tests.guards.world import World, build_world


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker) -> Iterator[World]:
    """Built once for a module; each test's own transaction lies within this one. Hosts of models are not called."""
    with django_db_blocker.unblock(), patch("apps.connections.views.probe_host"), transaction.atomic():
        yield build_world()
        transaction.set_rollback(True)
