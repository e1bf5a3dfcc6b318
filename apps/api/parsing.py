"""JSON bodies as they may come: UTF-8, numbers that are numbers, text that a database can hold."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser

from apps.common.http import Refused


class StrictParser(Parser):
    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """The body's JSON object. Raises Refused (400 `bad_json`, 422 `bad_text`)."""
        try:
            body = json.loads(request.body.decode("utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise Refused("bad_json", "The body is no valid JSON in UTF-8.", status=400) from error
        if not isinstance(body, dict):
            raise Refused("bad_json", "The body must be a JSON object.", status=400)
        _check_text(body)
        return body


def is_storable(text: str) -> bool:
    """Whether a database can hold it: JSON can spell NUL and lone surrogates, PostgreSQL keeps neither."""
    return "\x00" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def _check_text(value: Any) -> None:
    if isinstance(value, str):
        if not is_storable(value):
            raise Refused("bad_text", "Text must be valid Unicode without NUL characters.", status=422)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check_text(item)
    elif isinstance(value, list):
        for item in value:
            _check_text(item)


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")
