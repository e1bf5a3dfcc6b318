"""Headers of every kind of response, cross-site requests, and CSRF on whatever changes something."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.http import FileResponse, JsonResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from apps.accounts.models import User
from apps.common.middleware import SecurityHeadersMiddleware

EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
POLICY = [
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
]


@pytest.fixture
def signed_in(db) -> Client:
    client = Client()
    client.force_login(User.objects.create_user("alice@example.org"))
    return client


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/", 200),
        ("/new-workspace/", 200),
        ("/profile/", 200),
        ("/healthz", 200),
        ("/metrics", 200),
        ("/no-such-page/", 404),
        ("/profile/theme/", 405),
        ("/w/nowhere/", 404),
        ("/leave/?to=javascript:alert(1)", 400),
        ("/leave/?to=https://example.com/", 200),
        ("/profile", 301),
    ],
)
def test_every_kind_of_response_carries_the_headers(signed_in, address, status):
    response = signed_in.get(address)
    assert response.status_code == status
    for name, value in EXPECTED.items():
        assert response[name] == value, name
    directives = [part.strip() for part in response["Content-Security-Policy"].split(";")]
    assert sorted(directives) == sorted(POLICY)
    assert "unsafe" not in response["Content-Security-Policy"]
    assert "no-store" in response["Cache-Control"]


def test_unexpected_error_carries_them_too(signed_in, monkeypatch):
    monkeypatch.setattr("apps.accounts.views._profile", lambda *_, **__: 1 / 0)
    signed_in.raise_request_exception = False
    response = signed_in.get("/profile/")
    assert response.status_code == 500
    for name, value in EXPECTED.items():
        assert response[name] == value, name
    assert "Content-Security-Policy" in response


def test_cache_rule_of_a_view_is_kept():
    def answer(request):
        response = FileResponse([b"x"]) if request.path == "/file" else JsonResponse({})
        response["Cache-Control"] = "private, max-age=60"
        return response

    for path in ("/file", "/json"):
        response = SecurityHeadersMiddleware(answer)(RequestFactory().get(path))
        assert response["Cache-Control"] == "private, max-age=60"


def test_pages_hold_no_inline_script_style_or_foreign_address(signed_in):
    import re

    for address in ("/", "/profile/", "/new-workspace/", "/no-such-page/"):
        html = signed_in.get(address).content.decode()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", html)
        assert not re.search(r"<script(?![^>]*\ssrc=)", html)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', html)


# From elsewhere -----------------------------------------------------------------------------------


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_changes_that_come_from_another_site_are_refused(signed_in, site):
    response = signed_in.post("/profile/theme/", {"theme": "dark"}, headers={"Sec-Fetch-Site": site})
    assert response.status_code == 403
    assert User.objects.get().theme == "auto"


@pytest.mark.parametrize("site", ["same-origin", "none", None])
def test_changes_of_our_own_pages_and_of_programs_pass(signed_in, site):
    headers = {"Sec-Fetch-Site": site} if site else {}
    assert signed_in.post("/profile/theme/", {"theme": "dark"}, headers=headers).status_code == 302


def test_links_from_other_sites_still_open(signed_in):
    assert signed_in.get("/profile/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def unsafe_addresses() -> list[str]:
    """Every address that takes arguments of the simple kinds, filled with ones that exist nowhere."""
    fill = {"uuid": "00000000-0000-4000-8000-000000000000", "slug": "nowhere", "int": "1", "str": "x"}
    found = []

    def walk(patterns, prefix):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern) and not set(route) & set("^$("):
                found.append(filled(route))

    def filled(route: str) -> str:
        import re

        return "/" + re.sub(r"<(?:(\w+):)?\w+>", lambda match: fill.get(match[1] or "str", "x"), route)

    walk(get_resolver().url_patterns, "")
    return sorted({address for address in found if not address.startswith("/api/")})


def test_every_page_refuses_changes_without_a_token(db):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("alice@example.org"))
    addresses = unsafe_addresses()
    assert len(addresses) > 15
    passed = {}
    for address in addresses:
        for method in ("post", "put", "patch", "delete"):
            status = getattr(client, method)(address).status_code
            if status != 403:
                passed[f"{method} {address}"] = status
    assert passed == {}


# Cookies ------------------------------------------------------------------------------------------

PROBE = """
import django, json
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.test import Client
call_command("migrate", verbosity=0)
from apps.accounts.models import User
User.objects.create_user("alice@example.org", "four quiet brown owls")
client = Client(headers={"host": "docs.example.org"})
plain = client.get("/accounts/login/")
page = client.get("/accounts/login/", secure=True)
done = client.post("/accounts/login/", {"login": "alice@example.org", "password": "four quiet brown owls"}, secure=True)
cookies = {name: {key: morsel[key] for key in ("secure", "httponly", "samesite", "path", "domain")}
           for name, morsel in client.cookies.items()}
strange = client.get("/accounts/login/", secure=True, headers={"host": "elsewhere.example"}).status_code
print(json.dumps({"plain": [plain.status_code, plain.get("Location")], "hsts": page.get("Strict-Transport-Security"),
                  "done": done.status_code, "cookies": cookies, "strange": strange,
                  "health": client.get("/healthz").status_code}))
"""


def test_under_tls_cookies_are_locked_to_the_host_and_plain_http_is_left(tmp_path):
    import json

    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DOCANALYST_")},
        "DOCANALYST_DATA_DIR": str(tmp_path),
        "DOCANALYST_URL": "https://docs.example.org",
        "DJANGO_SETTINGS_MODULE": "tests.https_settings",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        env=environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["plain"] == [301, "https://docs.example.org/accounts/login/"]
    assert "max-age=31536000" in seen["hsts"]
    assert seen["done"] == 302
    session = seen["cookies"]["__Host-session"]
    assert session == {"secure": True, "httponly": True, "samesite": "Lax", "path": "/", "domain": ""}
    assert seen["cookies"]["__Host-csrf"]["secure"] is True
    assert seen["cookies"]["__Host-csrf"]["samesite"] == "Lax"
    assert seen["strange"] == 400
    assert seen["health"] == 200
