"""Passwords of protected files and tokens of private repositories at rest: Fernet under settings.FIELD_KEYS.

A password is bound to the bytes it opens, a token to its document and the address it was given for. Both are opened
where they are needed, and travel only in that request. They stand in no task, no log, no error and no answer of the
API.
"""

from __future__ import annotations

import json
import logging

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from apps.library import storage
from apps.library.models import Document, Revision

log = logging.getLogger(__name__)

LONGEST_PASSWORD = 512
LONGEST_TOKEN = 1024


def seal(password: str, revision: Revision) -> bytes:
    """What is kept in Revision.password_box; it opens for this revision and others of the same stored bytes."""
    return _fernet().encrypt(json.dumps({"password": password, "home": storage.home(revision)}).encode())


def opened(revision: Revision) -> str:
    """The password of a revision's file; empty when none is kept, or no key of today opens it."""
    content = _opened(revision)
    # A box that was copied to another file's row must not try its password there.
    return content["password"] if content.get("home") == storage.home(revision) else ""


def seal_token(token: str, document: Document) -> bytes:
    """What is kept in Revision.password_box of a repository; empty for an empty token."""
    if not token:
        return b""
    return _fernet().encrypt(json.dumps({"token": token, **_bound(document)}).encode())


def opened_token(revision: Revision) -> str:
    """The token of a repository; empty when none is kept, or it was given for another document or address."""
    content = _opened(revision)
    bound = _bound(revision.document)
    return content["token"] if bound.items() <= content.items() else ""


def _bound(document: Document) -> dict[str, str]:
    return {"document": str(document.pk), "url": document.source_url}


def _opened(revision: Revision) -> dict[str, str]:
    box = bytes(revision.password_box)
    if not box:
        return {}
    try:
        content: dict[str, str] = json.loads(_fernet().decrypt(box))
    except InvalidToken:
        log.warning("The password of revision %s cannot be opened with the present field keys.", revision.pk)
        return {}
    return content


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key.strip()) for key in settings.FIELD_KEYS])
