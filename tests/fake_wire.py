"""The provider server's application without a socket: what it sends is read as it comes, on the loop's own clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2

from tests.provider_app import ProviderApp

CONNECT_FAULTS = ("refused", "unanswered")


class FakeWire(httpx2.AsyncBaseTransport):
    """Carries requests to one application per host name. broken: hosts that cannot be reached, and how."""

    def __init__(self) -> None:
        self.apps: dict[str, ProviderApp] = {}
        self.broken: dict[str, str] = {}
        self.dials: list[str] = []

    def host(self, name: str) -> ProviderApp:
        return self.apps.setdefault(name, ProviderApp())

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host
        self.dials.append(host)
        if self.broken.get(host) == "refused":
            raise httpx2.ConnectError("refused", request=request)
        if self.broken.get(host) == "unanswered":
            await asyncio.sleep(request.extensions["timeout"]["connect"])
            raise httpx2.ConnectTimeout("unanswered", request=request)
        exchange = _Exchange(self.host(host), request)
        try:
            status, headers = await exchange.start()
        except BaseException:
            await exchange.aclose()
            raise
        return httpx2.Response(status, headers=headers, stream=exchange, request=request)


class _Exchange(httpx2.AsyncByteStream):
    def __init__(self, app: ProviderApp, request: httpx2.Request) -> None:
        self._request = request
        self._sent: asyncio.Queue[Any] = asyncio.Queue(maxsize=8)
        self._gone = asyncio.Event()
        self._is_sent = False
        self._body = aiter(request.stream)
        scope = {
            "type": "http",
            "path": request.url.path,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
        }
        self._task = asyncio.ensure_future(self._serve(app, scope))

    async def _serve(self, app: ProviderApp, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._sent.put)
            end = None
        except Exception:  # the application tears the connection
            end = httpx2.ReadError("torn", request=self._request)
        if not self._gone.is_set():
            await self._sent.put(end)

    async def _receive(self) -> dict[str, Any]:
        body = await anext(self._body, None)
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": True}
        if not self._is_sent:
            self._is_sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def start(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        message = await self._sent.get()
        if isinstance(message, Exception):
            raise message
        return message["status"], message["headers"]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self._sent.get()) is not None:
            if isinstance(message, Exception):
                raise message
            yield message["body"]

    async def aclose(self) -> None:
        # The application sees that its caller left, and ends by itself.
        self._gone.set()
        await asyncio.wait([self._task])
