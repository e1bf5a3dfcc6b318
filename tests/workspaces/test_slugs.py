import uuid

import pytest

from apps.workspaces.models import Workspace
from apps.workspaces.slugs import free_slug, slug_base


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Data room Northgate", "data-room-northgate"),
        ("  Über & Söhne GmbH  ", "uber-sohne-gmbh"),
        ("契約", "workspace"),
        ("...", "workspace"),
        ("x" * 120, "x" * 48),
        ("a" * 47 + " b", "a" * 47),
        (str(uuid.UUID(int=7)), "workspace"),
        (uuid.UUID(int=7).hex, "workspace"),
    ],
)
def test_slug_is_made_of_plain_letters_and_never_looks_like_an_id(name, slug):
    assert slug_base(name) == slug


@pytest.mark.django_db
def test_second_workspace_of_a_name_gets_digits_behind():
    Workspace.objects.create(name="Leases", slug="leases")
    slug = free_slug("Leases")
    assert slug.startswith("leases-")
    assert len(slug) == len("leases-") + 6
