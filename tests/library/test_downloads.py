from __future__ import annotations

import asyncio

import pytest

from apps.library.downloads import StreamedFile, original_response
from apps.library.storage import open_original
from tests.factories import make_corpus, make_document, make_workspace


@pytest.mark.django_db
def test_an_original_leaves_in_pieces_to_an_asynchronous_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StreamedFile, "block_size", 512)
    document = make_document(make_corpus(make_workspace()), with_file=True)
    with open_original(document.current_revision) as stored:
        content = stored.read()
    response = original_response(document)

    async def pieces() -> list[bytes]:
        return [piece async for piece in response]

    received = asyncio.run(pieces())
    response.close()
    assert len(received) == -(-len(content) // 512) > 1
    assert b"".join(received) == content
    assert response.headers["Content-Length"] == str(len(content))
