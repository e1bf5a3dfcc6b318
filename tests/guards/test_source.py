"""Habits that the code must keep: one door to workspace data, and few places that turn strings into HTML."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from apps.api import answers, conversations, corpora, documents, uploads, usage, workspaces
from tests.guards.routes import ROUTES

ROOT = Path(__file__).resolve().parents[2]

TRUSTED_HTML = {
    # Rendered and sanitised by apps/conversations/rendering.py, or by a template from escaped values.
    "templates/conversations/_answer_running.html": 2,
    "templates/conversations/_answer_ended.html": 2,
    # Lines of a file, each piece escaped by apps/library/code_lines.py.
    "templates/library/_viewer.html": 1,
    # The one reviewed function for HTML that the server sends to a running page.
    "static/js/trusted-html.js": 1,
    # Mails in plain text.
    "templates/account/email/password_reset_key_message.txt": 1,
    "templates/account/email/unknown_account_message.txt": 1,
}

WAYS_AROUND_ESCAPING = re.compile(
    r"mark_safe|SafeString|SafeData|html_safe|__html__"
    r"|\|\s*safe(?:seq)?\b|autoescape\s+off"
    r"|innerHTML|(?:\.|\[['\"])outerHTML|insertAdjacentHTML|document\.write|srcdoc|createContextualFragment|DOMParser"
    r"|\beval\(|new Function\("
)


def views(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    """(route, view) of every address, without decorators."""
    for part in (resolver or get_resolver()).url_patterns:
        path = prefix + str(part.pattern)
        if isinstance(part, URLPattern):
            yield path, inspect.unwrap(part.callback)
        else:
            yield from views(part, path)


def body_of(function: Callable[..., Any]) -> ast.AST:
    return ast.parse(inspect.getsource(function).lstrip())


def asks_the_door(function: Callable[..., Any]) -> bool:
    """Whether a view calls `workspace_for(request.user, workspace_slug…)`, itself or in the view it hands on to."""
    for call in (node for node in ast.walk(body_of(function)) if isinstance(node, ast.Call)):
        words = [ast.unparse(argument) for argument in call.args]
        if not isinstance(call.func, ast.Name):
            continue
        if call.func.id == "workspace_for" and words[:2] == ["request.user", "workspace_slug"]:
            return True
        if words[:2] == ["request", "workspace_slug"] and asks_the_door(function.__globals__[call.func.id]):
            return True
    return False


def test_every_page_of_a_workspace_asks_the_door_first() -> None:
    pages = {path: view for path, view in views() if path.startswith("w/")}
    assert len(pages) > 30
    assert {path for path, view in pages.items() if not asks_the_door(view)} == set()


def view_modules() -> set[ModuleType]:
    modules = {inspect.getmodule(view) for _, view in views()}
    ours = {module for module in modules if module is not None and module.__name__.startswith("apps.")}
    return ours | {answers, conversations, corpora, documents, uploads, usage, workspaces}


def test_views_fetch_single_rows_through_doors_alone() -> None:
    wrong = []
    for module in view_modules():
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            chain = ast.unparse(node.func)
            if re.search(r"\.objects\b.*\.(get|first|last|latest|earliest|in_bulk)$", chain):
                wrong.append(f"{module.__name__}:{node.lineno} {chain}")
    assert wrong == []


def test_workspace_rows_are_not_got_by_id_alone() -> None:
    """`get_object_or_404` is for rows of something that came through a door: never for a model."""
    for module in view_modules():
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "get_object_or_404":
                where = ast.unparse(node.args[0])
                assert where.startswith(("workspace.", "request.user.")), f"{module.__name__}: {where}"


def test_strings_become_html_in_the_reviewed_places_alone() -> None:
    found: Counter[str] = Counter()
    for folder in ("apps", "docanalyst", "templates", "static/js"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".html", ".txt", ".js"} and path.is_file():
                count = len(WAYS_AROUND_ESCAPING.findall(path.read_text(encoding="utf-8")))
                if count:
                    found[path.relative_to(ROOT).as_posix()] = count
    assert dict(found) == TRUSTED_HTML


def test_templates_hold_no_script_style_or_address_elsewhere() -> None:
    forbidden = {
        "a style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
        "a style element": re.compile(r"<style\b", re.IGNORECASE),
        "an inline script": re.compile(r"<script(?![^>]*\ssrc=)[^>]*>", re.IGNORECASE),
        "an event attribute": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
        "an htmx script attribute": re.compile(r"hx-on|hx-vals=['\"]js:|hx-vars"),
        "something loaded from elsewhere": re.compile(
            r"(?:src|srcset|action|hx-get|hx-post)=['\"](?:https?:)?//|<link[^>]*href=['\"](?:https?:)?//",
            re.IGNORECASE,
        ),
    }
    wrong = [
        f"{path.relative_to(ROOT)}: {what}"
        for path in (ROOT / "templates").rglob("*.html")
        for what, pattern in forbidden.items()
        if pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


def test_state_changing_pages_know_no_get() -> None:
    """Addresses that are named after a change refuse GET; the probe matrix tries it, this names the rule."""
    changes = re.compile(r"/(?:rename|delete|retry|stop|share|remove|revoke|tick|role|enabled|test)/?$")
    for pattern, route in ROUTES.items():
        if changes.search(pattern):
            assert "GET" not in route.calls, pattern
