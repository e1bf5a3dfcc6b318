"""What is expected of every address: who succeeds, with which method and body, and what everybody else is told.

A route of the resolver that is missing here fails test_probe_matrix.py. `calls` names the methods that are
known; every other one is refused with 405.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse

from tests.factories import PASSWORD, pdf_bytes
from tests.guards.world import (
    ACTORS,
    ADMIN,
    ANONYMOUS,
    DEACTIVATED,
    MEMBER,
    OPERATOR,
    OUTSIDER,
    OWNER,
    PROGRAM,
    SIGN_IN,
    STRANGERS,
    VIEWER,
    Ids,
)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PLACEHOLDER = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)|<(?:\w+:)?(\w+)>")

Actors = frozenset[str]
Body = Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None

SIGNED_IN: Actors = ACTORS - {ANONYMOUS, DEACTIVATED, PROGRAM}
VIEWERS: Actors = frozenset({VIEWER, MEMBER, ADMIN, OWNER})
MEMBERS: Actors = VIEWERS - {VIEWER}
ADMINS: Actors = frozenset({ADMIN, OWNER})
ASKER: Actors = frozenset({MEMBER})
OPERATORS: Actors = frozenset({OPERATOR})


@dataclass(frozen=True)
class Call:
    """allowed: who succeeds. others: what the other insiders are told. status: of success."""

    allowed: Actors
    body: Body = None
    others: int = 403
    status: frozenset[int] = frozenset({200, 201, 202, 204, 302})
    never: str = ""
    """Why nobody can succeed here, and which test proves that the address works."""

    def make_body(self) -> Mapping[str, Any] | None:
        return self.body() if callable(self.body) else self.body


@dataclass(frozen=True)
class Route:
    calls: Mapping[str, Call]
    needs_sign_in: bool = True
    swaps: Mapping[str, str] = field(default_factory=dict)
    """Placeholders filled with another id of the world."""

    @property
    def is_open(self) -> bool:
        return not self.needs_sign_in


def page(allowed: Actors, **options: Any) -> Route:
    call = Call(allowed, **options)
    return Route({"GET": call, "HEAD": call})


def change(allowed: Actors, body: Body = None, **options: Any) -> Route:
    return Route({"POST": Call(allowed, body if body is not None else {}, **options)})


def form(reading: Actors, changing: Actors, body: Body, **options: Any) -> Route:
    return Route({"GET": Call(reading), "POST": Call(changing, body, **options)})


def open_page(**options: Any) -> Route:
    return replace(page(ACTORS, **options), needs_sign_in=False)


def opened(route: Route) -> Route:
    return replace(route, needs_sign_in=False)


def sign_in_page(allowed: Actors, body: Body = None) -> Route:
    """One of django-allauth's views: classes, some of which send signed-in people on before they look at a method."""
    rest = Call(allowed, status=frozenset({200, 302, 405}))
    reading = Call(allowed)
    posting = rest if body is None else Call(allowed, body)
    calls = dict.fromkeys(("GET", "HEAD"), reading) | {"POST": posting}
    return Route({method: calls.get(method, rest) for method in METHODS}, needs_sign_in=False)


def a_pdf() -> dict[str, Any]:
    return {"file": SimpleUploadedFile("note.pdf", pdf_bytes(["A new note."]), "application/pdf")}


QUESTION = {"text": "How can the lease end?"}
NEW_PASSWORD = {"password1": "six loud green herons", "password2": "six loud green herons"}

REPOSITORY = {"document_id": "repository_id"}
REPOSITORY_ENTRY = {"entry_id": "repository_entry_id"}

_w = "w/<slug:workspace_slug>/"
_corpus = f"{_w}corpora/<uuid:corpus_id>/"
_document = f"{_w}documents/<uuid:document_id>/"
_conversation = f"{_w}conversations/<uuid:conversation_id>/"
_answer = f"{_w}answers/<uuid:answer_id>/"

OPEN: dict[str, Route] = {
    "healthz": open_page(),
    "readyz": open_page(status=frozenset({200, 503})),
    "metrics": open_page(),
    "first-run/<str:token>/": opened(
        Route(
            {
                method: Call(
                    frozenset(),
                    {},
                    others=404,
                    never="there are people already; tests/accounts/test_first_run.py",
                )
                for method in ("GET", "POST")
            }
        )
    ),
    "invitation/<str:token>/": opened(
        Route(
            {
                "GET": Call(ACTORS),
                "POST": Call(ACTORS - SIGNED_IN, {"name": "New", "password": PASSWORD}),
            }
        )
    ),
    "accounts/login/": sign_in_page(ACTORS, SIGN_IN),
    "accounts/logout/": sign_in_page(ACTORS, {}),
    "accounts/inactive/": sign_in_page(ACTORS),
    "accounts/signup/": sign_in_page(ACTORS, {"email": "new@example.org", "password1": PASSWORD}),
    "accounts/password/reset/": sign_in_page(ACTORS, {"email": "bob@example.org"}),
    "accounts/password/reset/done/": sign_in_page(ACTORS),
    "accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/": sign_in_page(ACTORS, NEW_PASSWORD),
    "accounts/password/reset/key/done/": sign_in_page(ACTORS),
    "accounts/password/change/": replace(
        sign_in_page(SIGNED_IN, {"oldpassword": PASSWORD, **NEW_PASSWORD}), needs_sign_in=True
    ),
}

ACCOUNTS: dict[str, Route] = {
    "": page(SIGNED_IN),
    "leave/": page(SIGNED_IN, status=frozenset({400})),
    "profile/": form(SIGNED_IN, SIGNED_IN, {"name": "New", "theme": "dark"}),
    "profile/theme/": change(SIGNED_IN, {"theme": "dark"}),
    "profile/tokens/": change(SIGNED_IN, {"name": "laptop"}),
    "profile/tokens/<uuid:token_id>/revoke/": change(ASKER, others=404),
    "new-workspace/": form(SIGNED_IN, SIGNED_IN, {"name": "Initech"}),
    "usage/": page(OPERATORS),
    "usage.csv": page(OPERATORS),
    "connections/": page(OPERATORS),
    "connections/<str:endpoint_id>/key/": change(OPERATORS, {"key": "abc123"}),
    "connections/<str:endpoint_id>/key/remove/": change(OPERATORS),
    "connections/<str:endpoint_id>/enabled/": change(OPERATORS, {"is_enabled": "1"}),
    "connections/<str:endpoint_id>/test/": change(OPERATORS),
}

WORKSPACE: dict[str, Route] = {
    _w: form(VIEWERS, MEMBERS, {"name": "Contracts"}),
    f"{_w}rename/": change(ADMINS, {"name": "Acme Ltd"}),
    f"{_w}people/": page(VIEWERS),
    f"{_w}people/<uuid:membership_id>/role/": change(ADMINS, {"role": "member"}),
    f"{_w}people/<uuid:membership_id>/remove/": change(ADMINS),
    f"{_w}people/invitations/": change(ADMINS, {"email": "other@example.org", "role": "viewer"}),
    f"{_w}people/invitations/<uuid:invitation_id>/revoke/": change(ADMINS),
    f"{_w}usage/": page(ADMINS),
    f"{_w}usage.csv": page(ADMINS),
    f"{_w}usage/budget/": change(ADMINS, {"monthly_limit": "25.00"}),
    f"{_w}storage/": page(VIEWERS),
    f"{_w}uploads/<uuid:upload_id>/discard/": change(ASKER | ADMINS, others=404),
    _corpus: page(VIEWERS),
    f"{_corpus}documents/": Route(
        {"GET": Call(VIEWERS), "HEAD": Call(VIEWERS), "POST": Call(MEMBERS, a_pdf)}
    ),
    f"{_corpus}git/": form(MEMBERS, MEMBERS, {"url": "https://forge.example/lib"}),
    f"{_corpus}rename/": change(MEMBERS, {"name": "Contracts"}),
    f"{_corpus}delete/": change(ADMINS),
    f"{_corpus}entries/tick/": change(VIEWERS, {"is_ticked": "on"}),
    f"{_corpus}entries/<uuid:entry_id>/tick/": change(VIEWERS),
    f"{_corpus}entries/<uuid:entry_id>/tree/": replace(page(VIEWERS), swaps=REPOSITORY_ENTRY),
    f"{_corpus}entries/<uuid:entry_id>/tree/tick/": replace(
        change(VIEWERS, {"path": "src/"}), swaps=REPOSITORY_ENTRY
    ),
    f"{_corpus}plan/": change(MEMBERS, QUESTION),
    f"{_corpus}questions/": change(MEMBERS, QUESTION),
    _document: page(VIEWERS),
    f"{_document}pages/<int:number>/": page(VIEWERS),
    f"{_document}pages/<int:number>/file/": replace(page(VIEWERS), swaps=REPOSITORY),
    f"{_document}pages/<int:number>/picture/": page(VIEWERS),
    f"{_document}pages/<int:number>/picture/again/": change(VIEWERS),
    f"{_document}pages/<int:number>/thumbnail/": page(VIEWERS),
    f"{_document}figures/<slug:digest>/": page(VIEWERS),
    f"{_document}original/": page(VIEWERS),
    f"{_document}about/": page(VIEWERS),
    f"{_document}what-is-read/": replace(
        Route({**page(VIEWERS).calls, "POST": Call(MEMBERS, {"exclude": "docs/"})}), swaps=REPOSITORY
    ),
    f"{_document}what-is-read/preview/": replace(change(VIEWERS, {"exclude": "docs/"}), swaps=REPOSITORY),
    f"{_document}what-is-read/restore/": replace(change(MEMBERS, {"path": "vendor/"}), swaps=REPOSITORY),
    f"{_document}retry/": change(MEMBERS),
    f"{_document}password/": change(MEMBERS, {"password": "secret"}),
    f"{_document}read-again/": change(MEMBERS, {"ocr": "never"}),
    f"{_document}read-again/cancel/": change(MEMBERS),
    f"{_document}fetch-again/": change(MEMBERS, {"ref": "main"}, status=frozenset({409})),
    f"{_document}rename/": change(MEMBERS, {"name": "Lease.pdf"}),
    f"{_document}delete/": change(MEMBERS),
    _conversation: page(VIEWERS),
    f"{_conversation}questions/": change(ASKER, QUESTION),
    f"{_conversation}share/": change(ASKER, {"is_shared": "on"}),
    f"{_conversation}rename/": change(ASKER, {"title": "The lease"}),
    f"{_conversation}delete/": change(ASKER),
    _answer: page(VIEWERS),
    f"{_answer}stop/": change(ASKER),
    f"{_answer}retry/": replace(change(ASKER), swaps={"answer_id": "failed_answer_id"}),
    f"{_answer}continue/": replace(change(ASKER), swaps={"answer_id": "cut_answer_id"}),
    f"{_answer}coverage/": page(VIEWERS),
    f"{_answer}coverage.json": page(VIEWERS),
    f"{_answer}cite/<int:ordinal>/<int:number>/": page(VIEWERS),
    f"{_answer}export.<str:extension>": page(VIEWERS),
    f"{_answer}copy/": page(VIEWERS),
}

_GET = ("GET", "HEAD")


def api(**calls: Call) -> Route:
    """get also answers HEAD; a member's token opens what the member may."""
    found = {}
    for method, call in calls.items():
        if MEMBER in call.allowed:
            call = replace(call, allowed=call.allowed | {PROGRAM})
        found |= dict.fromkeys(_GET if method == "get" else (method.upper(),), call)
    return Route(found)


_v1 = "api/v1/"
NAME = {"name": "New"}

API: dict[str, Route] = {
    f"{_v1}docs": page(SIGNED_IN),
    f"{_v1}openapi.json": api(get=Call(SIGNED_IN)),
    f"{_v1}workspaces": api(get=Call(SIGNED_IN), post=Call(SIGNED_IN, NAME)),
    f"{_v1}workspaces/<workspace_id>/corpora": api(get=Call(VIEWERS), post=Call(MEMBERS, NAME)),
    f"{_v1}workspaces/<workspace_id>/storage": api(get=Call(VIEWERS)),
    f"{_v1}corpora/<corpus_id>": api(get=Call(VIEWERS), patch=Call(MEMBERS, NAME), delete=Call(ADMINS)),
    f"{_v1}corpora/<corpus_id>/documents": api(get=Call(VIEWERS), post=Call(MEMBERS, a_pdf)),
    f"{_v1}corpora/<corpus_id>/uploads": api(
        get=Call(MEMBERS), post=Call(MEMBERS, {"name": "note.pdf", "size": 1000})
    ),
    f"{_v1}uploads/<upload_id>": api(
        # Nobody learns of another's unfinished uploads; administrators may discard them.
        get=Call(ASKER, others=404),
        delete=Call(ASKER | ADMINS, others=404),
    ),
    f"{_v1}corpora/<corpus_id>/plan": api(post=Call(MEMBERS, QUESTION)),
    f"{_v1}corpora/<corpus_id>/conversations": api(get=Call(VIEWERS), post=Call(MEMBERS, {"title": "New"})),
    f"{_v1}documents/<document_id>": api(get=Call(VIEWERS), patch=Call(MEMBERS, NAME), delete=Call(MEMBERS)),
    f"{_v1}documents/<document_id>/retry": api(post=Call(MEMBERS, {})),
    f"{_v1}documents/<document_id>/password": api(
        # The document of this world needs none: 409 is as far as anybody comes.
        post=Call(MEMBERS, {"password": "secret"}, status=frozenset({409}))
    ),
    f"{_v1}documents/<document_id>/read-again": api(
        post=Call(MEMBERS, {"ocr": "never"}), delete=Call(MEMBERS)
    ),
    f"{_v1}documents/<document_id>/fetch": api(
        # A PDF has no git address: 409 is as far as anybody comes.
        post=Call(MEMBERS, {"ref": "main"}, status=frozenset({409}))
    ),
    f"{_v1}documents/<document_id>/skipped": api(get=Call(VIEWERS)),
    f"{_v1}documents/<document_id>/tree": api(get=Call(VIEWERS)),
    f"{_v1}documents/<document_id>/pages/<int:number>": api(get=Call(VIEWERS)),
    f"{_v1}documents/<document_id>/pages/<int:number>/image": api(get=Call(VIEWERS)),
    f"{_v1}documents/<document_id>/pages/<int:number>/thumbnail": api(get=Call(VIEWERS)),
    f"{_v1}documents/<document_id>/figures": api(get=Call(VIEWERS)),
    f"{_v1}documents/<document_id>/figures/<slug:digest>": api(get=Call(VIEWERS)),
    f"{_v1}documents/<document_id>/original": api(get=Call(VIEWERS)),
    f"{_v1}conversations/<conversation_id>": api(
        get=Call(VIEWERS), patch=Call(ASKER, {"title": "New"}), delete=Call(ASKER)
    ),
    f"{_v1}conversations/<conversation_id>/questions": api(get=Call(VIEWERS), post=Call(ASKER, QUESTION)),
    f"{_v1}answers/<answer_id>": api(get=Call(VIEWERS)),
    f"{_v1}answers/<answer_id>/coverage": api(get=Call(VIEWERS)),
    f"{_v1}answers/<answer_id>/export": api(get=Call(VIEWERS)),
    f"{_v1}answers/<answer_id>/stop": api(post=Call(ASKER, {})),
    f"{_v1}answers/<answer_id>/retry": replace(
        api(post=Call(ASKER, {})), swaps={"answer_id": "failed_answer_id"}
    ),
    f"{_v1}answers/<answer_id>/continue": replace(
        api(get=Call(ASKER), post=Call(ASKER, {})), swaps={"answer_id": "cut_answer_id"}
    ),
    f"{_v1}usage": api(get=Call(ADMINS | {OPERATOR, OUTSIDER})),
    _v1: Route(
        {
            method: Call(frozenset(), others=404, never="there is nothing at the root; the page is docs")
            for method in METHODS
        },
        needs_sign_in=False,
    ),
}

ROUTES: dict[str, Route] = {**OPEN, **ACCOUNTS, **WORKSPACE, **API}

EVENTS = "api/v1/answers/<answer_id>/events"
"""Served beside Django (docanalyst/asgi.py); test_probe_matrix.py knocks there with its own requests."""


def expected(pattern: str, route: Route, method: str, actor: str) -> str:
    """What an actor is told about an address of their own workspace: ok, login, or a status."""
    is_api = pattern.startswith(_v1) and pattern != f"{_v1}docs"
    call = route.calls.get(method)
    if call is not None and actor in call.allowed:
        return "ok"
    is_unknown = actor in ({ANONYMOUS, DEACTIVATED} if is_api else {ANONYMOUS, DEACTIVATED, PROGRAM})
    if is_unknown and route.needs_sign_in and not is_api:
        return "login"
    if call is None:
        return "405"
    if is_unknown and route.needs_sign_in:
        return "401"
    if "_id>" in pattern or "_slug>" in pattern:
        return "404" if actor in STRANGERS and "endpoint_id" not in pattern else str(call.others)
    return str(call.others)


def placeholders(pattern: str) -> list[str]:
    return [name or other for name, other in PLACEHOLDER.findall(pattern)]


def is_shared(pattern: str) -> bool:
    """Whether an address names something of a workspace or a person."""
    return any(name.endswith("_id") or name == "workspace_slug" for name in placeholders(pattern)) and (
        "endpoint_id" not in pattern
    )


def address(pattern: str, route: Route, ids: Ids, **changed: str) -> str:
    values = {**ids, **{name: ids[other] for name, other in route.swaps.items()}, **changed}
    return "/" + PLACEHOLDER.sub(lambda match: values[match[1] or match[2]], pattern)


def outcome(response: HttpResponse, call: Call | None) -> str:
    if response.status_code == 302 and "next=" in response.headers["Location"]:
        return "login"
    return "ok" if call and response.status_code in call.status else str(response.status_code)
