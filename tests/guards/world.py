"""Two workspaces with everything in them, and everybody who might knock at them.

alice owns, adam administers, bob is a member, vera a viewer; rita was removed, dora's account is closed; charlie
owns the other workspace, olga runs the installation, and a program holds bob's token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from allauth.account.forms import EmailAwarePasswordResetTokenGenerator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from apps.accounts.models import ApiToken, User
from apps.accounts.services import deactivate
from apps.conversations.models import Answer
from apps.library.models import CorpusEntry, Upload
from apps.workspaces.access import Right
from apps.workspaces.invitations import invite
from apps.workspaces.models import Role, Workspace
from tests.factories import (
    PASSWORD,
    add_member,
    make_answer,
    make_answered,
    make_corpus,
    make_document,
    make_figure,
    make_plan,
    make_question,
    make_user,
    make_workspace,
)
from tests.repositories import make_repository

ANONYMOUS, OUTSIDER, VIEWER, MEMBER, ADMIN, OWNER = (
    "anonymous",
    "outsider",
    "viewer",
    "member",
    "admin",
    "owner",
)
REMOVED, DEACTIVATED, OPERATOR, PROGRAM = "removed", "deactivated", "operator", "program"
ACTORS = frozenset(
    {ANONYMOUS, OUTSIDER, VIEWER, MEMBER, ADMIN, OWNER, REMOVED, DEACTIVATED, OPERATOR, PROGRAM}
)
STRANGERS = frozenset({OUTSIDER, REMOVED, OPERATOR})

Ids = Mapping[str, str]

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
UNKNOWN: Ids = {
    "workspace_slug": "never-heard-of",
    "endpoint_id": "never-heard-of",
    "token": "never-heard-of",
    "key": "never-heard-of",
    "number": "999",
    "digest": "0" * 64,
    "ordinal": "999",
    "extension": "exe",
}
MALFORMED: Ids = {
    "workspace_slug": "no%20slug",
    "endpoint_id": "%00",
    "token": "%00",
    "key": "%00",
    "number": "-1",
    "digest": "%00",
    "ordinal": "x",
    "extension": "%00",
}


@dataclass
class World:
    own: Ids
    """Ids in the workspace of alice; its conversation is bob's and shared."""
    private: Ids
    """The same, but for a conversation that bob did not share."""
    foreign: Ids
    """Ids in the workspace of charlie."""
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)

    def client(self, actor: str, *, check_csrf: bool = False) -> Client:
        """A fresh browser or program of an actor: requests may sign out or set cookies."""
        client = Client(
            headers=self.headers.get(actor, {}), raise_request_exception=False, enforce_csrf_checks=check_csrf
        )
        if actor in self.sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[actor]
        return client

    def knock(
        self,
        actor: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        content_type: str = "",
        check_csrf: bool = False,
    ) -> HttpResponse:
        """One request, with its effects undone and limits forgotten.

        A mapping is sent as a form, or as JSON to the API; bytes go as they are.
        """
        cache.clear()
        options: dict[str, Any] = {}
        if method in {"POST", "PUT", "PATCH", "DELETE"} and body is not None:
            options["data"] = body
            if path.startswith("/api/") and isinstance(body, Mapping) and "file" not in body:
                options["content_type"] = "application/json"
            elif method != "POST" and isinstance(body, Mapping):
                options |= {"data": urlencode(body), "content_type": "application/x-www-form-urlencoded"}
            if content_type:
                options["content_type"] = content_type
        client = self.client(actor, check_csrf=check_csrf)
        with transaction.atomic():
            response: HttpResponse = getattr(client, method.lower())(path, **options)
            if response.streaming:
                # To its end, which closes the file it comes from.
                list(response.streaming_content)  # type: ignore[attr-defined]
            transaction.set_rollback(True)
        return response


def build_world() -> World:
    people = {
        VIEWER: make_user("vera@example.org"),
        MEMBER: make_user("bob@example.org"),
        ADMIN: make_user("adam@example.org"),
        OWNER: make_user("alice@example.org"),
        REMOVED: make_user("rita@example.org"),
        DEACTIVATED: make_user("dora@example.org"),
        OUTSIDER: make_user("charlie@example.org"),
        OPERATOR: make_user("olga@example.org", is_staff=True),
    }
    workspace = make_workspace("Acme", owner=people[OWNER])
    for actor, role in {
        VIEWER: Role.VIEWER,
        MEMBER: Role.MEMBER,
        ADMIN: Role.ADMIN,
        DEACTIVATED: Role.OWNER,
    }.items():
        add_member(workspace, people[actor], role)
    add_member(workspace, people[REMOVED], Role.OWNER).delete()
    shared = _contents(workspace, people[MEMBER], people[OWNER], is_shared=True)
    world = World(
        own=shared,
        private=shared | _asked(shared["corpus_id"], people[MEMBER], is_shared=False),
        foreign=_contents(
            make_workspace("Globex", owner=people[OUTSIDER]),
            people[OUTSIDER],
            people[OUTSIDER],
            is_shared=False,
        ),
    )
    for actor, person in people.items():
        client = Client()
        client.force_login(person)
        world.sessions[actor] = client.cookies[settings.SESSION_COOKIE_NAME].value
    deactivate(people[OPERATOR], people[DEACTIVATED])
    world.headers[PROGRAM] = {"Authorization": f"Bearer {ApiToken.issue(people[MEMBER], 'program')[1]}"}
    return world


def _contents(workspace: Workspace, asker: User, owner: User, *, is_shared: bool) -> dict[str, str]:
    """Ids of one of everything in a workspace."""
    corpus = make_corpus(workspace)
    document = make_document(corpus, added_by=asker, with_file=True)
    repository = make_repository(
        corpus,
        {"src/app.py": "print('the lease')\n", "src/end.py": "print('its end')\n"},
        added_by=asker,
        skipped=[("vendor/", "vendored", 3)],
    )
    figure = make_figure(document.current_revision, number=2)
    workspace.held_right = Right.OWN
    invitation, token = invite(owner, workspace, f"new-at-{workspace.slug}@example.org", Role.VIEWER)
    guest = add_member(workspace, make_user(), Role.VIEWER)
    upload = Upload.objects.create(
        workspace=workspace, corpus=corpus, owner=asker, name="deed.pdf", size_bytes=1000
    )
    return {
        "workspace_slug": workspace.slug,
        "workspace_id": str(workspace.pk),
        "membership_id": str(guest.pk),
        "invitation_id": str(invitation.pk),
        "token": token,
        "token_id": str(ApiToken.issue(asker, "old")[0].pk),
        "corpus_id": str(corpus.pk),
        "entry_id": str(CorpusEntry.objects.get(document=document).pk),
        "document_id": str(document.pk),
        "repository_id": str(repository.pk),
        "repository_entry_id": str(CorpusEntry.objects.get(document=repository).pk),
        "upload_id": str(upload.pk),
        "number": "2",
        "digest": figure.digest,
        "ordinal": "1",
        "extension": "md",
        "endpoint_id": "deepinfra-scout",
        "uidb36": user_pk_to_url_str(asker),
        "key": EmailAwarePasswordResetTokenGenerator().make_token(asker),
        **_asked(str(corpus.pk), asker, is_shared=is_shared),
    }


def _asked(corpus_id: str, asker: User, *, is_shared: bool) -> dict[str, str]:
    """Ids of a conversation with an answer that cites, of one that failed, and of one that was cut."""
    corpus = CorpusEntry.objects.filter(corpus_id=corpus_id).select_related("corpus__workspace")[0].corpus
    answer = make_answered(corpus, asker)
    conversation = answer.question.conversation
    plan = make_plan("quote-finder", "quotes")
    failed = make_answer(make_question(conversation), status=Answer.Status.FAILED, plan=plan)
    notices = [{"code": "cut", "sentence": "Cut."}]
    cut = make_answer(make_question(conversation), "Half of", notices=notices, plan=plan)
    if is_shared:
        conversation.shared_at = conversation.created_at
        conversation.save(update_fields=["shared_at"])
    return {
        "conversation_id": str(conversation.pk),
        "answer_id": str(answer.pk),
        "failed_answer_id": str(failed.pk),
        "cut_answer_id": str(cut.pk),
    }


SIGN_IN = {"login": "bob@example.org", "password": PASSWORD}
