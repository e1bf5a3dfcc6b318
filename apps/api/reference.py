"""An OpenAPI schema as rows for a page: calls by group, their parameters, bodies and answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Words = list[tuple[str, bool]]
"""Text in pieces, each with whether it is code."""


@dataclass(frozen=True)
class Field:
    name: str
    type: str
    is_required: bool
    description: Words
    place: str = ""
    """query or header, for a parameter."""


@dataclass(frozen=True)
class Shape:
    """An object of the schema and where on the page it stands."""

    name: str
    anchor: str
    description: Words
    fields: list[Field]


@dataclass(frozen=True)
class Answer:
    status: str
    type: str
    anchor: str


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    anchor: str
    summary: str
    description: list[Words]
    """Paragraphs."""
    parameters: list[Field]
    """Those of query and headers; the ids of the path explain themselves."""
    body: str
    body_anchor: str
    answers: list[Answer]


@dataclass(frozen=True)
class Reference:
    title: str
    description: Words
    groups: list[tuple[str, list[Call]]]
    shapes: list[Shape]


def reference_of(schema: Mapping[str, Any]) -> Reference:
    groups: dict[str, list[Call]] = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append(_call(method, path, operation))
    shapes = [
        Shape(name, _anchor(name), _words(shape.get("description", "")), _fields(shape))
        for name, shape in sorted(schema["components"]["schemas"].items())
    ]
    return Reference(
        schema["info"]["title"], _words(schema["info"]["description"]), list(groups.items()), shapes
    )


def _call(method: str, path: str, operation: Mapping[str, Any]) -> Call:
    content = operation.get("requestBody", {}).get("content", {})
    body_type, body_anchor = "", ""
    for media_type, body in content.items():
        words, body_anchor = _type(body.get("schema", {}))
        body_type = f"{words} ({media_type})"
    return Call(
        method=method.upper(),
        path=path,
        anchor=operation["operationId"],
        summary=operation.get("summary", ""),
        description=[_words(part) for part in operation.get("description", "").split("\n\n") if part],
        parameters=[
            Field(
                parameter["name"],
                _type(parameter["schema"])[0],
                parameter.get("required", False),
                _words(parameter.get("description", "")),
                parameter["in"],
            )
            for parameter in operation.get("parameters", [])
            if parameter["in"] != "path"
        ],
        body=body_type,
        body_anchor=body_anchor,
        answers=[
            _answer("any error" if status == "default" else str(status), answer)
            for status, answer in operation["responses"].items()
        ],
    )


def _answer(status: str, answer: Mapping[str, Any]) -> Answer:
    for media_type, content in answer.get("content", {}).items():
        words, anchor = _type(content.get("schema", {}))
        if media_type != "application/json":
            words = media_type
        return Answer(status, words, anchor)
    return Answer(status, "nothing", "")


def _words(text: str) -> Words:
    """Text with `code` between grave accents, taken apart."""
    return [(piece, bool(place % 2)) for place, piece in enumerate(text.split("`")) if piece]


def _fields(shape: Mapping[str, Any]) -> list[Field]:
    required = shape.get("required", [])
    return [
        Field(name, _type(field)[0], name in required, _words(field.get("description", "")))
        for name, field in shape.get("properties", {}).items()
    ]


def _type(schema: Mapping[str, Any]) -> tuple[str, str]:
    """(words for a type, the anchor of the shape it names)."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return name, _anchor(name)
    if "anyOf" in schema:
        parts = [_type(option) for option in schema["anyOf"]]
        anchor = next((anchor for _, anchor in parts if anchor), "")
        return " or ".join(words for words, _ in parts), anchor
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"])), ""
    if schema.get("type") == "array":
        words, anchor = _type(schema.get("items", {}))
        return f"list of {words}", anchor
    words = str(schema.get("format") or schema.get("type") or "anything")
    return words, ""


def _anchor(name: str) -> str:
    return "shape-" + "".join(sign if sign.isalnum() else "-" for sign in name)
