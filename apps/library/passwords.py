"""Passwords of protected files at rest: Fernet under settings.FIELD_KEYS, each bound to the bytes it opens.

A password is opened where a child is asked to read, and travels only in that request. It stands in no task, no
log, no error and no answer of the API.
"""

from __future__ import annotations

import json
import logging

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from apps.library import storage
from apps.library.models import Revision

log = logging.getLogger(__name__)

LONGEST_PASSWORD = 512


def seal(password: str, revision: Revision) -> bytes:
    """What is kept in Revision.password_box; it opens for this revision and others of the same stored bytes."""
    return _fernet().encrypt(json.dumps({"password": password, "home": storage.home(revision)}).encode())


def opened(revision: Revision) -> str:
    """The password of a revision's file; empty when none is kept, or no key of today opens it."""
    box = bytes(revision.password_box)
    if not box:
        return ""
    try:
        content = json.loads(_fernet().decrypt(box))
    except InvalidToken:
        log.warning("The password of revision %s cannot be opened with the present field keys.", revision.pk)
        return ""
    # A box that was copied to another file's row must not try its password there.
    return str(content["password"]) if content["home"] == storage.home(revision) else ""


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key.strip()) for key in settings.FIELD_KEYS])
