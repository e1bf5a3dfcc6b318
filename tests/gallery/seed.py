"""Rows for every state of every screen, made in an installation's own database.

Run as `python -m tests.gallery.seed` with an installation's environment. Prints JSON:
{"places": {name: path}, "sessions": {person: session key}}. What runs is held by claims that do not end, so that
no worker moves it on.
"""

from __future__ import annotations

import json
import os
import uuid
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docanalyst.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402

from apps.accounts.models import ApiToken, User  # noqa: E402
from apps.library.models import Corpus, Document  # noqa: E402
from apps.workspaces.access import Right  # noqa: E402
from apps.workspaces.invitations import invite  # noqa: E402
from apps.workspaces.models import Role, Workspace  # noqa: E402
from apps.workspaces.services import create_workspace  # noqa: E402
from tests.factories import add_member, make_corpus, make_user  # noqa: E402
from tests.gallery import seed_answers, seed_documents, seed_money, seed_repositories  # noqa: E402
from tests.gallery.words import LONG_NAME  # noqa: E402

Places = dict[str, str]


def far_away() -> dict[str, object]:
    """The fields of a claim that outlives the gallery."""
    return {"claim": uuid.uuid4(), "claimed_until": timezone.now() + timedelta(days=1)}


def make_people() -> dict[str, User]:
    return {
        "alice": make_user("alice@example.org", is_staff=True),
        "bob": make_user("bob@example.org"),
        "vera": make_user("vera@example.org"),
        "nora": make_user("nora@example.org"),
        "long": make_user(f"{'a' * 60}@{'subdomain.' * 8}example.org", name=LONG_NAME),
    }


def make_house(people: dict[str, User]) -> Workspace:
    """The workspace that most screens show, with everybody in it but nora."""
    workspace = create_workspace(people["alice"], "Tenancy")
    add_member(workspace, people["bob"], Role.MEMBER)
    add_member(workspace, people["vera"], Role.VIEWER)
    add_member(workspace, people["long"], Role.ADMIN)
    workspace.held_right = Right.OWN
    return workspace


def at(name: str, workspace: Workspace, *ids: object) -> str:
    return reverse(name, args=[workspace.slug, *ids])


def workspace_places(workspace: Workspace, people: dict[str, User]) -> Places:
    alice = people["alice"]
    empty = create_workspace(alice, "Fresh start")
    add_member(empty, people["vera"], Role.VIEWER)
    create_workspace(alice, LONG_NAME)
    create_workspace(alice, "مكتب المحاماة")
    Workspace.objects.filter(pk=create_workspace(alice, "Closed hosts").pk).update(allowed_endpoints=[])
    _, token = invite(alice, workspace, "new@example.org", Role.MEMBER)
    invite(alice, workspace, f"{'b' * 50}@{'subdomain.' * 6}example.org", Role.VIEWER)
    ApiToken.issue(alice, "Import from the archive")
    ApiToken.issue(alice, LONG_NAME[:80])
    make_corpus(workspace, LONG_NAME)
    return {
        "home": "/",
        "workspace": at("workspaces:detail", workspace),
        "workspace-empty": at("workspaces:detail", empty),
        "people": at("workspaces:people", workspace),
        "storage": at("library:storage", workspace),
        "storage-empty": at("library:storage", empty),
        "corpus-unfinished": at(
            "library:corpus", workspace, seed_documents.make_unfinished(workspace, alice).pk
        ),
        "usage": at("usage:workspace", workspace),
        "usage-empty": at("usage:workspace", empty),
        "usage-installation": reverse("usage:installation"),
        "invitation": reverse("workspaces:accept-invitation", args=[token]),
        "corpus-empty": at("library:corpus", empty, make_corpus(empty, "Nothing yet").pk),
    }


def document_places(workspace: Workspace, corpora: dict[str, Corpus]) -> Places:
    places = {f"corpus-{name}": at("library:corpus", workspace, one.pk) for name, one in corpora.items()}
    for name in (
        "Lease.pdf", "Broken.pdf", "Half a scan.pdf", "Being read.pdf", "Locked.pdf", "Read twice.pdf",
        "Half recognised.pdf", "Scan of the annex.pdf", "Data room index.pdf", "Brochure.pdf",
    ):  # fmt: skip
        document = Document.objects.get(workspace=workspace, name=name)
        key = name.removesuffix(".pdf").lower().replace(" ", "-")
        places[f"document-{key}"] = at("library:document", workspace, document.pk)
        places[f"about-{key}"] = at("library:document-about", workspace, document.pk)
        places[f"document-{key}-2"] = at("library:page", workspace, document.pk, 2)
    told = Document.objects.get(workspace=workspace, name="Data room index.pdf").pk
    scan = Document.objects.get(workspace=workspace, name="Scan of the annex.pdf").pk
    places["page-with-notes"] = at("library:page", workspace, told, 4)
    places["page-by-recognition"] = at("library:page", workspace, told, 131)
    places["page-being-recognised"] = at("library:page", workspace, scan, 3)
    rents = Document.objects.get(workspace=workspace, name="rents").pk
    places["what-is-read"] = at("library:what-is-read", workspace, rents)
    places["about-more-pages"] = f"{places['about-data-room-index']}?from=150"
    return places


def session_of(person: User) -> str:
    client = Client()
    client.force_login(person)
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def seed() -> dict[str, Places]:
    people = make_people()
    workspace = make_house(people)
    corpora = seed_documents.make_corpora(workspace, people["alice"], far_away)
    corpora["repositories"] = seed_repositories.make_repositories(workspace, people["alice"], far_away)
    places = workspace_places(workspace, people) | document_places(workspace, corpora)
    closed = Workspace.objects.get(name="Closed hosts")
    places["corpus-no-endpoint"] = at(
        "library:corpus", closed, seed_documents.make_small(closed, people["alice"]).pk
    )
    poor = create_workspace(people["alice"], "Short of money")
    seed_money.set_budget(poor, "0.01")
    places["corpus-over-budget"] = at(
        "library:corpus", poor, seed_documents.make_heavy(poor, people["alice"], "Heavy", 90_000).pk
    )
    answers = seed_answers.make_answers(corpora, people, far_away)
    for name, answer in answers.items():
        conversation = answer.question.conversation
        places[f"answer-{name}"] = (
            f"{at('conversations:detail', workspace, conversation.pk)}?answer={answer.pk}"
        )
        places[f"coverage-{name}"] = at("conversations:coverage", workspace, answer.pk)
    seed_money.book_usage(workspace, [people["alice"], people["bob"], people["long"]])
    seed_money.set_budget(workspace, "25.00")
    seed_money.make_connections()
    return {"places": places, "sessions": {name: session_of(person) for name, person in people.items()}}


if __name__ == "__main__":
    print(json.dumps(seed()))
