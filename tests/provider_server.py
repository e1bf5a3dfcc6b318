"""A model endpoint for tests and benchmarks: a process of its own that speaks the OpenAI protocol over HTTP.

    with ProviderServer() as server:
        server.script({"status": 503}, {"text": "[[1:1]] …", "tokens_per_second": 20})
        … requests to server.base_url …
        server.requests()

By hand: `python -m tests.provider_server --port 8100`. What a behaviour may say stands in provider_app.py.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]


class ProviderServer:
    """Starts the server on a free port of 127.0.0.1 and talks to its control paths. Ends with its parent."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self.address = ""

    @property
    def base_url(self) -> str:
        return f"{self.address}/v1"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.provider_server", "--port", "0", "--until-stdin-closes"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        if not port:
            raise RuntimeError("The provider server did not start.")
        self.address = f"http://127.0.0.1:{port}"
        if self._settings:
            self.settings(**self._settings)
        return self

    def stop(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def script(self, *behaviours: dict[str, Any]) -> None:
        """Queue behaviours, one for each of the next chat requests; afterwards it answers as set again."""
        self._call("/_/script", list(behaviours))

    def settings(self, **settings: Any) -> None:
        """What holds for every request that has no behaviour of its own; keys as in a behaviour."""
        self._call("/_/settings", settings)

    def release(self) -> None:
        """Let go of every request that is held now."""
        self._call("/_/release", {})

    def reset(self) -> None:
        """Forget requests, script and settings."""
        self._call("/_/reset", {})

    def requests(self) -> list[dict[str, Any]]:
        """The chat requests so far, in order: id, headers, bytes, sha256, model, times, `usage`, `finished`."""
        return list(json.loads(self._call("/_/requests")))

    def body(self, request_id: int = -1) -> bytes:
        """The bytes of one request as received; by default of the last one."""
        return self._call(f"/_/requests/{request_id}/body")

    def messages(self, request_id: int = -1) -> list[dict[str, Any]]:
        return list(json.loads(self.body(request_id))["messages"])

    def wait_for(self, condition: Callable[[dict[str, Any]], Any], *, seconds: float = 5) -> dict[str, Any]:
        """The last request as soon as it meets a condition. Raises TimeoutError with what is there instead."""
        ends = time.monotonic() + seconds
        while True:
            requests = self.requests()
            if requests and condition(requests[-1]):
                return requests[-1]
            if time.monotonic() > ends:
                raise TimeoutError(f"The provider server saw {requests[-1:]!r}.")
            time.sleep(0.02)

    def catalogue_entry(self, endpoint_id: str = "test-scout", **fields: Any) -> str:
        """An entry for the file that DOCANALYST_CATALOGUE names, so that the application calls this server."""
        entry = {
            "provider": "custom",
            "base_url": self.base_url,
            "model_id": endpoint_id,
            "family": "maverick" if "maverick" in endpoint_id else "scout",
            "context_tokens": 327_680,
            "max_output_tokens": 8192,
            **fields,
        }
        # A JSON string, number or boolean is also one of TOML.
        return f"[endpoints.{endpoint_id}]\n" + "".join(
            f"{key} = {json.dumps(entry[key])}\n" for key in entry
        )

    def _call(self, path: str, content: object = None) -> bytes:
        data = None if content is None else json.dumps(content).encode()
        # Proxies of the environment are not meant for this machine itself.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self.address + path, data=data), timeout=10) as response:
            return bytes(response.read())


def main() -> None:
    parser = argparse.ArgumentParser(description="A model endpoint for tests; prints its port.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when the parent does")
    arguments = parser.parse_args()

    import uvicorn

    from tests.provider_app import ProviderApp

    listening = socket.create_server(("127.0.0.1", arguments.port), backlog=1024)
    print(listening.getsockname()[1], flush=True)
    if arguments.until_stdin_closes:
        threading.Thread(target=_exit_with_parent, daemon=True).start()
    config = uvicorn.Config(ProviderApp(), log_level="critical", lifespan="off", access_log=False)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


def _exit_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
