"""A host of models, and a catalogue without any key in the environment."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apps.llm.catalogue import load_catalogue
from tests.people import alice, bob, operator, workspace  # noqa: F401 (fixtures)

CANARY = "sk-canary-5f0c1d9e7b"


@pytest.fixture(autouse=True)
def _no_keys_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for endpoint in load_catalogue().values():
        for name in (endpoint.api_key_env, endpoint.base_url_env):
            if name:
                monkeypatch.delenv(name, raising=False)


class ModelsHost:
    """A host on loopback that lists models. status and ids say how it answers; seen_keys what it was sent."""

    def __init__(self) -> None:
        self.status = 200
        self.ids = ["meta-llama/Llama-4-Scout-17B-16E-Instruct", "another"]
        self.seen_keys: list[str | None] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.seen_keys.append(self.headers.get("Authorization"))
                body = json.dumps({"object": "list", "data": [{"id": each} for each in host.ids]})
                if host.status != 200:
                    body = json.dumps({"error": {"message": f"no: {self.headers.get('Authorization')}"}})
                self.send_response(host.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture
def models_host(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelsHost]:
    """The endpoint `vllm-scout` at a host of ours."""
    host = ModelsHost()
    thread = threading.Thread(target=host.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    monkeypatch.setenv("VLLM_BASE_URL", host.base_url)
    yield host
    host.server.shutdown()
    host.server.server_close()
    thread.join()
