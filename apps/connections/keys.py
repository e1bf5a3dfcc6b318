"""Keys at rest: Fernet under settings.FIELD_KEYS, each bound to the endpoint and address it was given for."""

from __future__ import annotations

import json
import logging

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from apps.llm.catalogue import Endpoint

logger = logging.getLogger(__name__)

LONGEST_KEY = 4096


def encrypt_key(key: str, endpoint: Endpoint) -> bytes:
    """The key, readable again only for the same endpoint at the same address."""
    content = {"key": key, "endpoint": endpoint.id, "base_url": endpoint.base_url}
    return _fernet().encrypt(json.dumps(content).encode())


def decrypt_key(token: bytes, endpoint: Endpoint) -> str | None:
    """The key, or None when it was given for another address or no FIELD_KEY opens it.

    A key must never travel to an address its owner did not see when entering it, so the address is part of what
    is encrypted: neither an edited catalogue nor an edited row can send it elsewhere.
    """
    try:
        content = json.loads(_fernet().decrypt(token))
    except InvalidToken:
        logger.warning("The stored key of %s cannot be opened with the present field keys.", endpoint.id)
        return None
    if content["endpoint"] != endpoint.id or content["base_url"] != endpoint.base_url:
        return None
    return str(content["key"])


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key.strip()) for key in settings.FIELD_KEYS])
