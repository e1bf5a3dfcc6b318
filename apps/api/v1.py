"""The API as a whole: its routers, its errors, its description."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from apps.api import answers, conversations, corpora, documents, figures, uploads, usage, workspaces
from apps.api.auth import SignedIn
from apps.api.errors import register_error_handlers
from apps.api.parsing import StrictParser
from apps.api.schemas import ErrorOut

DESCRIPTION = (
    "Ids are UUIDs; what does not exist and what is not yours give the same 404. Lists take `limit` (1 to 200) "
    "and `cursor` and give `{items, next}`. Money is a decimal number in a string, in USD. Every error is "
    '`{"error": {"code", "message"}}`, some with `details`. Send `Authorization: Bearer <token>`.'
)

EVENTS_DESCRIPTION = (
    "Server-sent events, JSON with `v`: `status` {stage, sentence, done, total}, `evidence`, `delta` {offset, "
    "text}, `block` {index, final, html}, `mention`, `usage`, `end` {status, code, sentence}. `text` is exactly "
    "the deltas joined; offsets count Unicode code points. With `Last-Event-ID` the stream goes on behind that "
    "event; without, or when it is gone, it opens with `snapshot` {text, blocks, evidence}. `end` always comes, "
    "after the answer is final."
)

EVENTS = {
    "get": {
        "tags": ["Answers"],
        "summary": "Watch an answer being written",
        "operationId": "get_events",
        "description": EVENTS_DESCRIPTION,
        "parameters": [
            {"in": "path", "name": "answer_id", "required": True, "schema": {"type": "string"}},
            {"in": "header", "name": "Last-Event-ID", "schema": {"type": "string"}},
        ],
        "responses": {
            200: {"description": "OK", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
        },
        "security": [{"SignedIn": []}],
    }
}

UPLOAD_BYTES = {
    "tags": ["Uploads"],
    "summary": "Send bytes of an upload",
    "operationId": "patch_upload",
    "description": (
        "As tus 1.0.0 says: the bytes from `Upload-Offset` on, as many as you like, as "
        "`application/offset+octet-stream`. What arrived before a line was cut is kept; ask how far it is, and go on. "
        "With the last byte it becomes a document, which `Content-Location` names. `Upload-Checksum` (sha256, sha1) "
        "of the bytes sent is checked."
    ),
    "parameters": [
        {"in": "path", "name": "upload_id", "required": True, "schema": {"type": "string"}},
        {"in": "header", "name": "Upload-Offset", "required": True, "schema": {"type": "integer"}},
        {"in": "header", "name": "Tus-Resumable", "required": True, "schema": {"type": "string"}},
        {"in": "header", "name": "Upload-Checksum", "schema": {"type": "string"}},
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    },
    "responses": {204: {"description": "Kept; `Upload-Offset` says how far it is."}},
    "security": [{"SignedIn": []}],
}


class VersionOne(NinjaAPI):
    """Describes besides what ninja finds by itself: the error of every call, and the events beside Django."""

    def get_openapi_operation_id(self, operation: Any) -> str:
        return str(operation.view_func.__name__)

    def get_openapi_schema(self, **where: Any) -> OpenAPISchema:
        """Parameters are named where they are used, so their models are left out of the shapes."""
        schema = super().get_openapi_schema(**where)
        schema["paths"]["/api/v1/answers/{answer_id}/events"] = EVENTS
        schema["paths"]["/api/v1/uploads/{upload_id}"]["patch"] = UPLOAD_BYTES
        schema["components"]["schemas"] |= _definitions()
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = {
                    "description": "Refused",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorOut"}}},
                }
        named = set(re.findall(r'#/components/schemas/([^"]+)"', json.dumps(schema)))
        shapes = schema["components"]["schemas"]
        schema["components"]["schemas"] = {name: shapes[name] for name in sorted(shapes) if name in named}
        return schema


def _definitions() -> dict[str, Any]:
    schema = ErrorOut.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), "ErrorOut": schema}


api = VersionOne(
    title="DocAnalyst",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    openapi_url=None,
    docs_url=None,
    auth=SignedIn(),
    parser=StrictParser(),
)
register_error_handlers(api)
for room in (workspaces, corpora, documents, figures, uploads, conversations, answers, usage):
    api.add_router("", room.router)


@cache
def openapi_schema() -> OpenAPISchema:
    """The description of version 1. It depends on code alone, so it is made once per process."""
    return api.get_openapi_schema()
