"""How often something may be tried: counters in the cache that say when to come back."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac


def seconds_until_free(name: str, subject: str, *, limit: int, window_seconds: int) -> int:
    """Count one try of `subject` at `name`; 0 while it is within the limit, else whole seconds to wait.

    The window is fixed: it begins with the first try and every try inside it counts. One or two calls to the
    cache. What it cannot catch: twice the limit in a moment around the turn of a window.
    """
    key, ends = _keys(name, subject)
    now = time.time()
    if cache.add(key, 1, timeout=window_seconds):
        cache.set(ends, now + window_seconds, timeout=window_seconds)
        return 0
    try:
        count = cache.incr(key)
    except ValueError:
        # It expired between the two calls; the next try begins a window.
        return 0
    if count <= limit:
        return 0
    end: float = cache.get(ends, now + window_seconds)
    return max(1, round(end - now))


def give_back(name: str, subject: str) -> None:
    """Uncount one try that turned out to be none, such as a sign-in with the right password."""
    with suppress(ValueError):
        cache.decr(_keys(name, subject)[0])


def _keys(name: str, subject: str) -> tuple[str, str]:
    key = f"limit:{name}:{hashlib.sha256(subject.encode()).hexdigest()[:32]}"
    return key, f"{key}:ends"


def client_address(request: HttpRequest) -> str:
    """The caller's address; forwarding headers count only behind configured proxies (PROXY_COUNT)."""
    from allauth.account.adapter import get_adapter
    from allauth.core.internal.ratelimit import truncate_ip

    return str(truncate_ip(get_adapter().get_client_ip(request)))


def address_digest(address: str) -> str:
    """An address for keys and logs that cannot be turned back without the installation's secret."""
    return salted_hmac("client-address", address).hexdigest()[:16]
