"""The door to documents, behind the door to their workspace."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from apps.library.access import document_for, page_for
from apps.workspaces.access import Right, workspace_for
from tests.factories import make_corpus, make_document, make_user, make_workspace

pytestmark = pytest.mark.django_db


def test_who_came_through_the_door_of_the_workspace_is_not_asked_for_again(
    django_assert_num_queries: Any,
) -> None:
    owner = make_user()
    made = make_document(make_corpus(make_workspace("Tenancy", owner=owner)))
    workspace = workspace_for(owner, made.workspace_id)
    with django_assert_num_queries(2):
        page = page_for(owner, made.pk, 1, workspace=workspace)
    assert page.revision.document.workspace.held_right == Right.OWN

    workspace.held_right = Right.VIEW
    with pytest.raises(PermissionDenied):
        document_for(owner, made.pk, Right.CONTRIBUTE, workspace)
