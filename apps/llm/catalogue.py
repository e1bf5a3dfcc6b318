"""Which endpoints there are: facts from catalogue.toml, an operator's file merged over them."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

SHIPPED_FILE = Path(__file__).with_name("catalogue.toml")
QUOTE_FINDER_ID = "quote-finder"

_ID = re.compile(r"[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?")
_PROTOCOLS = ("openai", "quote_finder", "scripted")
_ROLES = ("user", "system")


class CatalogueError(ValueError):
    """The catalogue holds nonsense; the sentence names file and key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One model at one host. Tokens are Llama 4's; 0 in a limit means that none is known."""

    id: str
    provider: str
    protocol: str = "openai"
    base_url: str
    base_url_env: str = ""  # opt-in: used only when this variable holds the address
    model_id: str
    family: str  # scout, maverick, guard, quotes, or another word
    context_tokens: int  # input and output together
    max_output_tokens: int
    max_images: int = 5
    max_image_pixels: int = 0
    max_body_bytes: int = 0
    image_urls_allowed: bool = True
    supports_tools: bool = False
    supports_json_schema: bool = False
    supports_stream_usage: bool = True
    reports_cached_tokens: bool = False
    output_counts_against_rate: bool = False
    corpus_role: Literal["user", "system"] = "user"  # the message that holds the documents
    extra_body: Mapping[str, Any] = field(default_factory=dict, hash=False)
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    concurrency: int = 20
    api_key_env: str = ""  # "": no key needed
    api_key_optional: bool = False
    country: str = ""  # "": not known
    retention: str = ""
    speed: int = 3  # 1 is fastest
    retired_on: date | None = None
    checked_on: date | None = None
    source_url: str = ""


def load_catalogue() -> dict[str, Endpoint]:
    """All endpoints by id, retired ones included, in the order of the files.

    The shipped file, then the one named by DOCANALYST_CATALOGUE; both are read once per process. Addresses that
    the environment gives (`base_url_env`) are applied at each call. Raises CatalogueError.
    """
    catalogue = _load(os.environ.get("DOCANALYST_CATALOGUE", ""))
    return {
        endpoint.id: replace(endpoint, base_url=_check_url(address, endpoint.base_url_env, endpoint.id))
        if endpoint.base_url_env and (address := os.environ.get(endpoint.base_url_env, ""))
        else endpoint
        for endpoint in catalogue.values()
    }


def is_quote_finder(endpoint: Endpoint) -> bool:
    """Whether it is the built-in search for quotes, which stands in for no model."""
    return endpoint.protocol == "quote_finder"


@cache
def _load(operators_file: str) -> dict[str, Endpoint]:
    entries = _read(SHIPPED_FILE)
    origin = dict.fromkeys(entries, SHIPPED_FILE)
    if operators_file:
        path = Path(operators_file)
        for endpoint_id, entry in _read(path).items():
            entries[endpoint_id] = {**entries.get(endpoint_id, {}), **entry}
            origin[endpoint_id] = path
    return {
        endpoint_id: _endpoint(endpoint_id, entry, origin[endpoint_id])
        for endpoint_id, entry in entries.items()
    }


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogueError(f"The catalogue {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogueError(f"The catalogue {path} is not TOML: {error}.") from error
    for key in content:
        if key != "endpoints":
            raise CatalogueError(f"{path}: {key} is not known; entries are written as [endpoints.<id>].")
    endpoints = content.get("endpoints", {})
    if not isinstance(endpoints, dict):
        raise CatalogueError(f"{path}: endpoints must be a table of entries.")
    for endpoint_id, entry in endpoints.items():
        if not isinstance(entry, dict):
            raise CatalogueError(f"{path}: endpoints.{endpoint_id} must be a table.")
    return endpoints


def _endpoint(endpoint_id: str, entry: dict[str, Any], path: Path) -> Endpoint:
    where = f"{path}: endpoints.{endpoint_id}"
    if not _ID.fullmatch(endpoint_id):
        raise CatalogueError(f"{where}: an id is made of lower-case letters, digits, dots and hyphens.")
    known = {field_.name: field_ for field_ in fields(Endpoint) if field_.name != "id"}
    for key in entry:
        if key not in known:
            raise CatalogueError(f"{where}.{key} is not known.")
    values: dict[str, Any] = {}
    for name, field_ in known.items():
        if name in entry:
            values[name] = _check_value(f"{where}.{name}", str(field_.type), entry[name])
        elif field_.default is MISSING and field_.default_factory is MISSING:
            raise CatalogueError(f"{where}.{name} is missing.")
    endpoint = Endpoint(id=endpoint_id, **values)
    _check_whole(endpoint, where)
    return replace(endpoint, base_url=endpoint.base_url.rstrip("/"))


def _check_value(key: str, type_name: str, value: object) -> object:
    if "date" in type_name:
        return _check_date(key, value)
    if "int" in type_name:
        if type(value) is not int or value < 0:
            raise CatalogueError(f"{key} is {value!r}; write a whole number, 0 or more.")
    elif "bool" in type_name:
        if type(value) is not bool:
            raise CatalogueError(f"{key} is {value!r}; write true or false.")
    elif "Mapping" in type_name:
        if not isinstance(value, dict):
            raise CatalogueError(f"{key} is {value!r}; write a table.")
    elif not isinstance(value, str):
        raise CatalogueError(f"{key} is {value!r}; write a text in quotes.")
    return value


def _check_date(key: str, value: object) -> date | None:
    if value == "":
        return None
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            value = f"{value}"
    if type(value) is not date:
        raise CatalogueError(f'{key} is {value!r}; write a date such as 2026-11-21, or "".')
    return value


def _check_whole(endpoint: Endpoint, where: str) -> None:
    for key, allowed in (("protocol", _PROTOCOLS), ("corpus_role", _ROLES)):
        if getattr(endpoint, key) not in allowed:
            raise CatalogueError(
                f"{where}.{key} is {getattr(endpoint, key)!r}; write one of {', '.join(allowed)}."
            )
    for key in ("context_tokens", "max_output_tokens", "concurrency", "speed"):
        if getattr(endpoint, key) < 1:
            raise CatalogueError(f"{where}.{key} is 0; the least is 1.")
    if endpoint.max_output_tokens >= endpoint.context_tokens:
        raise CatalogueError(f"{where}.max_output_tokens leaves no room for a prompt in context_tokens.")
    if endpoint.protocol == "openai":
        _check_url(endpoint.base_url, f"{where}.base_url", endpoint.id)
        if not endpoint.model_id:
            raise CatalogueError(f"{where}.model_id is empty.")
        reserved = {"model", "messages", "stream"} & set(endpoint.extra_body)
        if reserved:
            raise CatalogueError(f"{where}.extra_body.{min(reserved)} is set by the program itself.")


def _check_url(url: str, key: str, endpoint_id: str) -> str:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    # A key belongs into api_key_env: addresses are shown and logged, so what is wrong is not repeated either.
    if not is_address or parts.username or parts.password or parts.query or parts.fragment:
        raise CatalogueError(
            f"{key} (endpoint {endpoint_id}) is not an address such as https://host/v1, without user name and query."
        )
    return url.rstrip("/")
