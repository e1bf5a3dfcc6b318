"""Bodies are counted while they arrive, and a large one is kept only for somebody who is known."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts.models import ApiToken
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)

MIB = 1024**2
CORPUS = "/api/v1/corpora/0190aaaa-0000-7000-8000-000000000000/documents"


def post(path: str, mebibytes: int, **headers: str) -> tuple[int, int]:
    """The status, and how many MiB of the body were taken."""
    from docanalyst.asgi import application

    taken = 0
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        if taken == mebibytes:
            await asyncio.Event().wait()
        taken += 1
        return {"type": "http.request", "body": bytes(MIB), "more_body": taken < mebibytes}

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"host": "localhost", "content-type": "multipart/form-data; boundary=b", **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    asyncio.run(application(scope, receive, send))
    return sent[0]["status"], taken


@pytest.mark.parametrize(
    "headers",
    [{}, {"cookie": "a=b"}, {"authorization": "Bearer no"}, {"cookie": f"{settings.SESSION_COOKIE_NAME}=no"}],
    ids=["nothing", "a cookie", "a dead token", "a dead session"],
)
@pytest.mark.parametrize("declared", [{}, {"content-length": str(20 * MIB)}], ids=["undeclared", "declared"])
def test_whoever_only_claims_to_be_known_cannot_fill_the_disk(
    headers: dict[str, str], declared: dict[str, str]
) -> None:
    assert post(CORPUS, 20, **headers, **declared) == (401, 5)


def test_somebody_known_may_send_a_large_body() -> None:
    alice = make_user("alice@example.org")
    client = Client()
    client.force_login(alice)
    session = {
        "cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    }
    _, token = ApiToken.issue(alice, "script")
    # Refused for what it says, and not before it was heard.
    assert post(CORPUS, 20, **session) == (403, 20)
    assert post(CORPUS, 20, authorization=f"Bearer {token}") == (404, 20)


def test_elsewhere_nobody_needs_a_large_body() -> None:
    assert post("/api/v1/corpora", 20, cookie="a=b") == (413, 5)
