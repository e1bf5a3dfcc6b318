"""A small client of the HTTP API, for tests against a running installation."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

# Proxies of the environment are not meant for this machine itself.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Event:
    """One server-sent event. data: parsed JSON."""

    id: str
    name: str
    data: dict[str, Any]


class ApiError(Exception):
    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class ApiClient:
    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token

    def call(
        self,
        method: str,
        path: str,
        body: bytes | dict[str, Any] | None = None,
        content_type: str = "application/json",
        **headers: str,
    ) -> Any:
        """Parsed JSON, or bytes for another type. Raises ApiError."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data=data, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        if data is not None:
            request.add_header("Content-Type", content_type)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with closing(_OPENER.open(request, timeout=30)) as response:
                content = response.read()
                is_json = "json" in response.headers.get("Content-Type", "")
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(error.code, error.read().decode(errors="replace")) from None
        return json.loads(content) if content and is_json else content

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.call("POST", path, body or {}, **headers)

    def all(self, path: str) -> list[Any]:
        """Every item of a paged list."""
        items: list[Any] = []
        cursor = ""
        while True:
            joiner = "&" if "?" in path else "?"
            page = self.get(f"{path}{joiner}limit=200" + (f"&cursor={cursor}" if cursor else ""))
            items += page["items"]
            cursor = page["next"]
            if not cursor:
                return items

    def new_corpus(self, name: str = "Corpus") -> str:
        workspace = self.all("/workspaces")[0]["id"]
        return str(self.post(f"/workspaces/{workspace}/corpora", {"name": name})["id"])

    def upload(self, corpus_id: str, name: str, content: bytes) -> dict[str, Any]:
        boundary = uuid.uuid4().hex
        body = (
            (
                f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
                "Content-Type: application/pdf\r\n\r\n"
            ).encode()
            + content
            + f"\r\n--{boundary}--\r\n".encode()
        )
        kind = f"multipart/form-data; boundary={boundary}"
        return dict(self.call("POST", f"/corpora/{corpus_id}/documents", body, kind))

    def wait_until_read(self, document_ids: list[str], seconds: float = 60) -> list[dict[str, Any]]:
        """The documents once each is in an end state."""
        ends = time.monotonic() + seconds
        while True:
            documents = [self.get(f"/documents/{document_id}") for document_id in document_ids]
            running = [one for one in documents if one["status"] in {"uploaded", "reading"}]
            if not running:
                return documents
            if time.monotonic() > ends:
                raise TimeoutError(f"still running: {running}")
            time.sleep(0.1)

    def ask(self, corpus_id: str, text: str, conversation_id: str = "", **choices: Any) -> str:
        """Ask and give the answer's id; in a new conversation unless one is named."""
        conversation_id = conversation_id or self.post(f"/corpora/{corpus_id}/conversations")["id"]
        asked = self.post(f"/conversations/{conversation_id}/questions", {"text": text, **choices})
        return str(asked["answer_id"])

    def events(self, answer_id: str, last_id: str = "", seconds: float = 60) -> Iterator[Event]:
        """The events of an answer, up to and with `end`, or as long as the connection lasts."""
        request = urllib.request.Request(f"{self.url}/api/v1/answers/{answer_id}/events")
        request.add_header("Authorization", f"Bearer {self.token}")
        if last_id:
            request.add_header("Last-Event-ID", last_id)
        with closing(_OPENER.open(request, timeout=seconds)) as response:
            fields: dict[str, str] = {}
            for raw in response:
                line = raw.decode().rstrip("\n")
                if line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif not line and "data" in fields:
                    event = Event(fields.get("id", ""), fields["event"], json.loads(fields["data"]))
                    yield event
                    if event.name == "end":
                        return
                    fields = {}

    def wait_for_answer(self, answer_id: str, seconds: float = 60) -> dict[str, Any]:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            answer = dict(self.get(f"/answers/{answer_id}"))
            if answer["status"] in {"done", "stopped", "failed"}:
                return answer
            time.sleep(0.1)
        raise TimeoutError(f"answer {answer_id} did not end")


@dataclass
class Screen:
    """What somebody sees who follows a stream: text and blocks, as a browser puts them together."""

    text: str = ""
    last_id: str = ""
    end: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.blocks: dict[int, str] = {}

    def show(self, event: Event) -> None:
        self.last_id = event.id or self.last_id
        if event.name == "snapshot":
            self.text = event.data["text"]
            self.blocks = dict(enumerate(event.data["blocks"]))
        elif event.name == "delta":
            assert event.data["offset"] == len(self.text), "a gap or a double in the text"
            self.text += event.data["text"]
        elif event.name == "block":
            self.blocks[event.data["index"]] = event.data["html"]
        elif event.name == "end":
            self.end = event.data

    @property
    def html(self) -> str:
        return "".join(self.blocks[index] for index in sorted(self.blocks))
